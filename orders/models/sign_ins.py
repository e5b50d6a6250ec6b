"""Sign-ins that failed, counted where all hosts see them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import connection, models
from django.db.models import F, Max
from django.db.models.functions import Greatest, Now

# Counts one more failure, less those that time has forgiven, unless there is a pause: then nothing is returned. One
# statement, so that of any number at once no more get through than may. Whoever waited for another's row compares with
# the clock: their statement began before the other's, and so before a pause of no length at all.
_COUNT: Final = """
insert into orders_failedsignins as known (key, counted_by, username, address, failures, counted_at, paused_until)
values (
    %(key)s, %(counted_by)s, %(username)s, %(address)s, 1, statement_timestamp(),
    statement_timestamp() + case when %(allowed)s::int > 1 then interval '0' else %(first_pause)s::interval end
)
on conflict (key) do update set (failures, counted_at, paused_until) = (
    select
        counted.failures,
        statement_timestamp(),
        statement_timestamp() + case
            when counted.failures < %(allowed)s::int then interval '0'
            else least(%(longest_pause)s::interval,
                       %(first_pause)s::interval * 2 ^ least(counted.failures - %(allowed)s::int, 16))
        end
    from (
        select 1 + greatest(0, known.failures - floor(
            greatest(0, extract(epoch from statement_timestamp() - known.counted_at))
            / extract(epoch from %(forgiven_every)s::interval)
        )::int) as failures
    ) as counted
)
where known.paused_until <= clock_timestamp()
returning key
"""

_FORGOTTEN_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Allowance:
    """After `failures` there are pauses, each twice as long as the last; one failure is forgiven every so often."""

    failures: int
    first_pause: timedelta
    longest_pause: timedelta
    forgiven_every: timedelta


class FailedSignInsQuerySet(models.QuerySet["FailedSignIns"]):
    def count_one(self, counter: FailedSignIns, allowance: Allowance) -> bool:
        """Count an attempt as failed, before it is known; False during a pause, and then nothing is counted."""
        asked: dict[str, Any] = {
            "key": counter.key,
            "counted_by": counter.counted_by,
            "username": counter.username,
            "address": counter.address,
            "allowed": allowance.failures,
            "first_pause": allowance.first_pause,
            "longest_pause": allowance.longest_pause,
            "forgiven_every": allowance.forgiven_every,
        }
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, asked)
            return cursor.fetchone() is not None

    def take_back_one(self, keys: Collection[str]) -> None:
        """An attempt that was counted has not failed. While there was a pause it was not, so there was none."""
        self.filter(key__in=keys).update(failures=Greatest(F("failures") - 1, 0), paused_until=Now())

    def pause_left(self, keys: Collection[str]) -> timedelta:
        """How long the longest pause still is."""
        left = self.filter(key__in=keys).aggregate(left=Max(F("paused_until") - Now()))["left"]
        return max(left or timedelta(0), timedelta(0))

    def forget_older_than(self, age: timedelta) -> None:
        """Some of them: whoever signs in is not to wait for what others have left behind."""
        oldest = self.filter(counted_at__lt=Now() - age).order_by("counted_at")[:_FORGOTTEN_AT_ONCE]
        self.filter(pk__in=oldest.values("pk")).delete()


class FailedSignIns(models.Model):
    """How many sign-ins have failed lately, by one way of counting, and until when no more are looked at."""

    class CountedBy(models.TextChoices):
        USER_AT_ADDRESS = "user_at_address", "User and address"
        USER = "user", "User"
        ADDRESS = "address", "Address"
        DEVICE = "device", "Known device"
        CODE = "code", "Second factor of a user"

    key = models.CharField(max_length=64, primary_key=True, help_text="A digest of whom it counts: always as long.")
    counted_by = models.CharField(max_length=20, choices=CountedBy.choices)
    username = models.CharField(max_length=150, help_text="As it was typed, or its beginning.")
    address = models.CharField(max_length=50)
    failures = models.PositiveIntegerField()
    counted_at = models.DateTimeField()
    paused_until = models.DateTimeField()

    objects = FailedSignInsQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "failed sign-ins"
        indexes = [models.Index(fields=["counted_at"], name="failed_sign_ins_by_age")]

    def __str__(self) -> str:
        who = " from ".join(part for part in (self.username, self.address) if part)
        return f"{self.failures} failed sign-ins: {who}"
