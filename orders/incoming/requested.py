"""Orders asked for by an event: taken in as the API takes those that are asked for with `Prefer: respond-async`."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta, Struct

from events.inbox.envelope import Incoming
from events.inbox.handlers import Refused, handles
from orders import operations
from orders.announcing.changes import Origin
from orders.incoming.doing import CONSUMER, told
from orders.models import Storefront
from orders.operations import KEY_PATTERN, Idempotency, Replay, fingerprint_of, receipt_of_one
from orders.requests.parsing import parse
from orders.requests.placing import NewOrder, checked
from orders.rules import errors

# The address at which the API takes the same, so that a key stands for one order whichever way it comes.
_PLACED_AT: Final = ("POST", "/api/v1/orders")

_Key = Annotated[str, Meta(pattern=KEY_PATTERN)]


class Requested(Struct, frozen=True, kw_only=True):
    """`order` as `POST /api/v1/orders` takes it. Without an `idempotency_key` the event's id is the key."""

    storefront: Annotated[str, Meta(max_length=100)]
    order: msgspec.Raw
    idempotency_key: _Key | None = None


class _Named(NamedTuple):
    """Whose an order was to be that cannot be read."""

    customer_id: str
    external_reference: str | None


@handles("order.requested", in_any_order=True)
def take_requested_order(event: Incoming) -> None:
    """The order is taken in, and placed in a moment; `order.created` or `order.rejected` tells what became of it.

    What is not as the API takes it is rejected, which the storefront is told. What names no storefront that there is
    nobody can be told: it is a dead letter.
    """
    asked = told(event, Requested)
    storefront = Storefront.objects.filter(code=asked.storefront).first()
    if storefront is None:
        raise Refused(f"There is no storefront {asked.storefront!r}.")
    origin = Origin(CONSUMER.actor, request_id=event.id, trace=event.trace)
    body = bytes(asked.order)
    try:
        order = checked(parse(body, NewOrder))
        operations.take_orders(
            [order],
            storefront=storefront,
            origin=origin,
            render=receipt_of_one,
            idempotency=Idempotency(asked.idempotency_key or _key_of(event.id), fingerprint_of(*_PLACED_AT, order)),
        )
    except Replay:
        return  # asked for before, by an event or otherwise
    except errors.TemporarilyUnavailable:
        raise  # the event is tried again
    except errors.OrderError as refusal:
        named = _named(body)
        operations.reject_at_once(
            refusal,
            storefront=storefront,
            origin=origin,
            customer_id=named.customer_id,
            external_reference=named.external_reference,
        )


def _key_of(event_id: str) -> str:
    """An id that no key can be is told by its digest; the space keeps it apart from all keys."""
    return event_id if re.match(KEY_PATTERN, event_id) else f"event {hashlib.sha256(event_id.encode()).hexdigest()}"


def _named(body: bytes) -> _Named:
    """Each on its own, whatever is wrong with the other or with the rest: by its customer a rejected one is erased."""
    order = msgspec.json.decode(body)
    fields = order if isinstance(order, dict) else {}
    reference = _readable(fields.get("external_reference"), most=100)
    return _Named(_readable(fields.get("customer_id"), most=200), reference or None)


def _readable(value: Any, *, most: int) -> str:
    """A number too, without what no identifier has; empty when there is nothing to tell anybody by."""
    return str(value).replace("\0", "").strip()[:most] if isinstance(value, str | int) else ""
