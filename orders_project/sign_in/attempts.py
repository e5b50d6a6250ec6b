"""Who may try to sign in, and when: wrong passwords make pauses that grow, for whoever causes them.

Counted are failures of a user from an address, of a user from wherever, and of an address whatever the user; those from
a known device apart from all these. The limits lie so far apart that nobody locks a user out everywhere from one
address: there the user's pause comes long before there are too many failures of the user everywhere.

Wrong codes of a second factor count by user alone, wherever they come from: who gets so far has the password.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final, Self

import structlog
from django.conf import settings

from orders.models import FailedSignIns
from orders.models.sign_ins import Allowance
from orders_project.client_address import network_of
from orders_project.sign_in.known_devices import Device

CountedBy = FailedSignIns.CountedBy

# Nothing of it is left to count after a day without attempts.
_KEPT_FOR: Final = timedelta(days=1)

logger = structlog.stdlib.get_logger(__name__)


class SignInPaused(Exception):
    """Too many have failed; the next is looked at after `left`."""

    def __init__(self, left: timedelta) -> None:
        super().__init__(f"No sign-in is looked at for {left}.")
        self.left = left


def allowances() -> Mapping[str, Allowance]:
    """How many may fail, by each way of counting, and how long the pauses are then."""
    few = settings.LOGIN_FAILURE_LIMIT
    minute = timedelta(minutes=1)
    own = Allowance(few, first_pause=minute, longest_pause=15 * minute, forgiven_every=15 * minute)
    return {
        CountedBy.DEVICE: own,
        CountedBy.CODE: own,
        CountedBy.USER_AT_ADDRESS: own,
        # More than one address can make fail before it is paused, and forgiven faster than it may go on.
        CountedBy.USER: Allowance(6 * few, first_pause=minute, longest_pause=15 * minute, forgiven_every=2 * minute),
        # Slows who tries many users; short, because others may be behind the same address.
        CountedBy.ADDRESS: Allowance(4 * few, first_pause=minute / 12, longest_pause=minute, forgiven_every=minute / 2),
    }


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a password or a code. It counts as failed from `begin` on, until `succeed` or `take_back`."""

    counters: Sequence[FailedSignIns]  # the narrowest first

    @classmethod
    def at_password(cls, username: str, *, address: str, device: Device) -> Self:
        if device.knows(username):
            return cls([_counter(CountedBy.DEVICE, device.id, username=username)])
        network = network_of(address)
        return cls(
            [
                _counter(CountedBy.USER_AT_ADDRESS, username=username, address=network),
                _counter(CountedBy.ADDRESS, address=network),
                _counter(CountedBy.USER, username=username),
            ]
        )

    @classmethod
    def at_code(cls, username: str) -> Self:
        return cls([_counter(CountedBy.CODE, username=username)])

    def begin(self) -> None:
        """Raises SignInPaused."""
        allowed = allowances()
        counted: list[str] = []
        for counter in self.counters:
            if FailedSignIns.objects.count_one(counter, allowed[counter.counted_by]):
                counted.append(counter.key)
                continue
            FailedSignIns.objects.take_back_one(counted)
            left = FailedSignIns.objects.pause_left([counter.key])
            logger.warning("sign-in paused", counted_by=counter.counted_by, seconds=round(left.total_seconds()))
            raise SignInPaused(left)

    def take_back(self) -> None:
        """It has not been looked at."""
        FailedSignIns.objects.take_back_one([counter.key for counter in self.counters])

    def succeed(self) -> None:
        """Forgive the user's earlier failures from here; those of others with the user, or from the address, stay."""
        self.take_back()
        FailedSignIns.objects.filter(key=self.counters[0].key).delete()
        FailedSignIns.objects.forget_older_than(_KEPT_FOR)


def _counter(counted_by: str, *more: str, username: str = "", address: str = "") -> FailedSignIns:
    whom = "\0".join((counted_by, address, *more, username))
    return FailedSignIns(
        key=sha256(whom.encode()).hexdigest(), counted_by=counted_by, username=username[:150], address=address[:50]
    )
