"""What else happens when an order changes."""

from typing import Any

from orders.announcing.changes import Change
from orders.announcing.payloads import event_of
from orders.announcing.signals import order_changed
from orders.models import Order


def record_event(sender: type[Order], *, change: Change, **kwargs: Any) -> None:
    """Publish: the event row and its queue rows are written with the change itself."""
    change.events.append(event_of(change))


def connect() -> None:
    """Every receiver of the domain's signal, in the order they run."""
    order_changed.connect(record_event, dispatch_uid="orders.record_event")
