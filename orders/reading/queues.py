"""What waits for somebody: each queue with who works on it, how many there are, and which orders come first.

Every count stops early, and every queue is answered by an index that holds hardly more than it: none costs more the
more orders there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from events.inbox.models import IncomingEvent
from events.models import OutboxEntry, WebhookDelivery, WebhookEndpoint
from orders.models import Order, PaymentRecord, Refund, RequestedOrder, Return, Storefront
from orders.models.querysets import OrderQuerySet, lates
from orders.rules.statuses import HoldKind, OrderStatus, RefundState, ReturnState

MOST_COUNTED: Final = 500
# So many orders that are held up, or whose reservation ends, are looked through; hardly ever are there more.
_LOOKED_THROUGH: Final = 10_000
# An order has hardly ever more than one open refund or return.
_PARTS_COUNTED: Final = 2 * (MOST_COUNTED + 1)
_CANDIDATES: Final = 100
# Where the clocks go back. Nobody's today ends later.
_LONGEST_DAY: Final = timedelta(hours=25)

_HELD: Final = """
select kind, count(distinct id), bool_or(last >= %(most)s) from (
    select id, storefront_id, holds, row_number() over (order by id desc) as place, count(*) over () as last from (
        select id, storefront_id, holds from orders_order where holds <> '[]'::jsonb and deleted_at is null
        order by id desc limit %(most)s
    ) newest
) held cross join lateral jsonb_path_query(holds, '$[*].kind') as kinds (value)
cross join lateral (select kinds.value #>> '{}' as kind) named
where storefront_id = any(%(storefronts)s)
group by kind
"""


class Counted(NamedTuple):
    """With `more` there are more than so many."""

    number: int
    more: bool = False

    def __str__(self) -> str:
        return f"{self.number:,}+" if self.more else f"{self.number:,}"


@dataclass(frozen=True)
class View:
    """Whose queues they are. `storefronts` are those whose orders count; `limited`, whether there are others.

    `person` is who looks at them: what somebody else has to do is not theirs.
    """

    storefronts: tuple[Storefront, ...]
    limited: bool = False
    person: str = ""
    now: datetime = field(default_factory=timezone.now)

    @cached_property
    def ids(self) -> list[int]:
        return [storefront.pk for storefront in self.storefronts]

    @cached_property
    def end_of_today(self) -> datetime:
        """In the time zone in which times are shown."""
        return end_of_today(self.now)

    @property
    def orders(self) -> OrderQuerySet:
        """All that are not deleted. Every storefront is named, because the indexes begin with it."""
        orders: OrderQuerySet = Order.objects.filter(storefront_id__in=self.ids)
        return orders

    def of(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(storefront_id__in=self.ids) if self.limited else rows

    @cached_property
    def held(self) -> dict[str, Counted]:
        """By kind of hold; all kinds are counted at once."""
        with connection.cursor() as cursor:
            cursor.execute(_HELD, {"most": _LOOKED_THROUGH, "storefronts": self.ids})
            rows = cursor.fetchall()
        return {
            kind: Counted(min(count, MOST_COUNTED), count > MOST_COUNTED or looked_through_all)
            for kind, count, looked_through_all in rows
        }


def end_of_today(now: datetime) -> datetime:
    local = timezone.localtime(now)
    return datetime.combine(local.date(), time.min, local.tzinfo) + timedelta(days=1)


def refunds_of_others(person: str) -> QuerySet[Refund]:
    """Those that wait for approval, and that this person may approve: they have asked for none of them, by no key."""
    waiting = Refund.objects.filter(state=RefundState.REQUESTED)
    return waiting.exclude(Q(requested_by=person) | Q(requester=person)) if person else waiting


Counting = Callable[[View], Counted]
# The orders that come first, most urgent first and not claimed by anybody: list after list.
Urgent = Callable[[View], list[OrderQuerySet]]


@dataclass(frozen=True)
class Queue:
    """`query` narrows the list on the admin's `page`. Whoever has the permission `work` empties it; `see` shows it.

    An `alert` is nothing ordinary; a `quiet` queue is shown only while there is something in it. Of a queue of orders
    `holds` leaves those that are in it, and `urgent` are those that come first.
    """

    key: str
    title: str
    work: str
    query: str = ""
    page: str = "orders_order"
    see: str = "orders.view_order"
    alert: bool = False
    quiet: bool = False
    everybodys: bool = True  # also of whoever is limited to storefronts
    counts: Counting = lambda view: Counted(0)
    holds: Callable[[OrderQuerySet, View], OrderQuerySet] | None = None
    urgent: Urgent | None = None


def counted(rows: QuerySet[Any]) -> Counted:
    """No further than it takes to say "many"."""
    count = rows.order_by()[: MOST_COUNTED + 1].count()
    return Counted(min(count, MOST_COUNTED), count > MOST_COUNTED)


def queues_for(has_permission: Callable[[str], bool], *, limited: bool) -> list[Queue]:
    """Those that somebody with these permissions works on; all that they may see, where they only look."""
    seen = [queue for queue in QUEUES if has_permission(queue.see) and (queue.everybodys or not limited)]
    return [queue for queue in seen if has_permission(queue.work)] or seen


def queue_named(key: str) -> Queue | None:
    return next((queue for queue in QUEUES if queue.key == key), None)


# --- in which order they are worked on, and how they are counted ---


def _in_status(key: str, title: str, status: OrderStatus, *, work: str) -> Queue:
    return Queue(
        key,
        title,
        work,
        f"status={status.value}",
        counts=lambda view: counted(view.orders.in_status(status)),
        holds=lambda orders, view: orders.in_status(status).not_deleted(),
        urgent=lambda view: [view.orders.oldest_unclaimed(view.ids, status, _CANDIDATES)],
    )


def _late_parts(view: View) -> list[OrderQuerySet]:
    return [view.orders.in_status(OrderStatus.CONFIRMED).filter(part) for part in lates(view.storefronts, view.now)]


def _count_late(view: View) -> Counted:
    parts = _late_parts(view)
    if not parts[1:]:
        return counted(parts[0])
    some = [part.order_by().values("pk")[: MOST_COUNTED + 1] for part in parts]
    return counted(some[0].union(*some[1:], all=True))


def _urgent_late(view: View) -> list[OrderQuerySet]:
    return view.orders.late_unclaimed(view.storefronts, view.now, _CANDIDATES)


def _ending(view: View) -> OrderQuerySet:
    """Those whose time comes first."""
    orders: OrderQuerySet = Order.objects.reserved_before(view.end_of_today).order_by("reserved_until")
    if not view.limited:
        return orders
    return view.orders.filter(pk__in=orders.values("pk")[:_LOOKED_THROUGH]).order_by("reserved_until")


def _of_parts(
    key: str, title: str, work: str, query: str, parts: Callable[[View], QuerySet[Any]], **options: Any
) -> Queue:
    """Orders with such refunds or returns, of which an index has few; the oldest of these come first."""

    def orders_of(view: View, *order: str) -> OrderQuerySet:
        some = parts(view).filter(storefront_id__in=view.ids).order_by(*order).values("order_id")[:_PARTS_COUNTED]
        orders: OrderQuerySet = Order.objects.filter(pk__in=some)
        return orders

    return Queue(
        key,
        title,
        work,
        query,
        counts=lambda view: counted(orders_of(view)),
        holds=lambda orders, view: orders.not_deleted().filter(pk__in=parts(view).values("order_id")),
        urgent=lambda view: [orders_of(view, "pk").unclaimed().order_by("placed_at", "pk")],
        **options,
    )


def _held_for(kind: HoldKind) -> Queue:
    def urgent(view: View) -> list[OrderQuerySet]:
        oldest = Order.objects.held_up().order_by("pk").values("pk")[:_LOOKED_THROUGH]
        return [view.orders.filter(pk__in=oldest).held_for([kind]).unclaimed().order_by("placed_at", "pk")]

    return Queue(
        f"held_{kind.value}",
        f"On hold: {kind.label}",
        "orders.hold_order",
        f"held_up={kind.value}",
        quiet=True,
        counts=lambda view: view.held.get(kind.value, Counted(0)),
        holds=lambda orders, view: orders.not_deleted().held_for([kind]),
        urgent=urgent,
    )


def _of_rows(key: str, title: str, work: str, rows: Callable[[], QuerySet[Any]], **options: Any) -> Queue:
    """No orders: what is worked on is done on a page of its own."""
    return Queue(key, title, work, counts=lambda view: counted(view.of(rows())), alert=True, **options)


_TO_SHIP: Final = _in_status("to_ship", "To ship", OrderStatus.CONFIRMED, work="orders.ship_order")

QUEUES: Final = (
    _in_status("to_confirm", "To confirm", OrderStatus.PENDING, work="orders.confirm_order"),
    Queue(
        "reserved_today",
        "Reservations that end today",
        "orders.confirm_order",
        "reserved=today",
        counts=lambda view: counted(_ending(view)),
        holds=lambda orders, view: orders.reserved_before(view.now + _LONGEST_DAY),
        urgent=lambda view: [_ending(view).unclaimed()],
    ),
    Queue(
        "late",
        "Late to be shipped",
        "orders.ship_order",
        "late=yes",
        alert=True,
        counts=_count_late,
        holds=lambda orders, view: orders.not_deleted().late(view.storefronts, view.now),
        urgent=_urgent_late,
    ),
    # Late ones first.
    replace(_TO_SHIP, urgent=lambda view: [*_urgent_late(view), *(_TO_SHIP.urgent(view) if _TO_SHIP.urgent else [])]),
    *map(_held_for, HoldKind),
    _of_parts(
        "refunds_to_approve",
        "Refunds to approve",
        "orders.approve_refund",
        "refund=for_me",
        lambda view: refunds_of_others(view.person),
    ),
    _of_parts(
        "refunds_to_pay_out",
        "Refunds to pay out",
        "orders.record_payment",
        "refund=approved",
        lambda view: Refund.objects.filter(state=RefundState.APPROVED),
    ),
    _of_parts(
        "returns_to_approve",
        "Returns to approve",
        "orders.handle_return",
        "return=requested",
        lambda view: Return.objects.filter(state=ReturnState.REQUESTED),
    ),
    _of_parts(
        "returns_to_receive",
        "Returns to receive",
        "orders.receive_return",
        "return=approved",
        lambda view: Return.objects.filter(state=ReturnState.APPROVED),
    ),
    _of_rows(
        "payments_flagged",
        "Refunds nobody approved",
        "orders.approve_refund",
        lambda: PaymentRecord.objects.refunds_nobody_approved(),
        page="orders_paymentrecord",
        quiet=True,
    ),
    _of_rows(
        "requests_parked",
        "Requested orders parked",
        "orders.change_requestedorder",
        lambda: RequestedOrder.objects.parked(),
        page="orders_requestedorder",
        query="state=parked",
        see="orders.view_requestedorder",
        quiet=True,
    ),
    _of_rows(
        "inventory_untold",
        "Inventory to be told",
        "events.change_outboxentry",
        lambda: Order.all_objects.awaiting_inventory(),
        query="inventory=waiting&deleted=shown",
        quiet=True,
    ),
    _of_rows(
        "events_parked",
        "Events parked",
        "events.change_outboxentry",
        lambda: OutboxEntry.objects.parked(),
        page="events_outboxentry",
        query="state=parked",
        see="events.view_outboxentry",
        quiet=True,
    ),
    _of_rows(
        "webhooks_disabled",
        "Webhooks disabled by failures",
        "events.change_webhookendpoint",
        lambda: WebhookEndpoint.objects.stopped_by_failures(),
        page="events_webhookendpoint",
        query="stopped=yes",
        see="events.view_webhookendpoint",
        quiet=True,
    ),
    _of_rows(
        "webhooks_failed",
        "Webhook deliveries failed",
        "events.change_webhookendpoint",
        lambda: WebhookDelivery.objects.failed(),
        page="events_webhookdelivery",
        see="events.view_webhookendpoint",
        quiet=True,
    ),
    # Of which storefront an event that came in is, nobody knows.
    _of_rows(
        "dead_letters",
        "Dead letters",
        "events.change_incomingevent",
        lambda: IncomingEvent.objects.dead(),
        page="events_incomingevent",
        query="state=dead",
        see="events.view_incomingevent",
        everybodys=False,
        quiet=True,
    ),
)


def are_in(queue: Queue, orders: OrderQuerySet, view: View) -> QuerySet[Model]:
    """Those of the orders that are in the queue still, in whatever time zone somebody looks at it."""
    return orders if queue.holds is None else queue.holds(orders, view)
