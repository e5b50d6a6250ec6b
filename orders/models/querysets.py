"""Which orders: each method is named for the answer it gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Final, Never, Self
from uuid import UUID

from django.contrib.postgres.search import SearchQuery, SearchVectorField
from django.db import models
from django.db.models import Exists, Expression, ExpressionWrapper, F, Func, OuterRef, Q, Subquery, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Lower, Now, Reverse
from django.db.models.lookups import Exact, GreaterThan, LessThan

from orders.models.claims import Claim
from orders.models.items import OrderItem
from orders.models.returns import OPEN_RETURNS, Return
from orders.models.storefronts import Storefront
from orders.models.upkeep import UpkeepFailure
from orders.rules.erased import ERASED
from orders.rules.ids import time_ceiling, time_floor
from orders.rules.lifecycle import OPERATIONS, Operation
from orders.rules.statuses import OrderStatus
from orders.rules.time_zones import zone_called

if TYPE_CHECKING:
    from orders.models import Order  # noqa: F401 - named by the queryset's type


# Has it left, or does nobody send it any more?
_HAS_LEFT: Final = Q(status__in=sorted(OPERATIONS[Operation.ERASE].statuses)) | Q(deleted_at__isnull=False)
_KEPT_BY_A_HOLD: Final = Q(holds__contains=[{"blocks": [Operation.ERASE.value]}])
# As `Order.overpaid_amount` of one without a refund to come: nobody knows what is due where there are no prices.
_GIVEN_BACK: Final = F("refunded_amount") + F("charged_back_amount")
_NOTHING_OVERPAID: Final = (
    Q(captured_amount__lte=_GIVEN_BACK)
    | Q(captured_amount__lte=_GIVEN_BACK + F("total_amount") - F("credited_amount"))
    | (Q(total_amount=None) & ~Q(status=OrderStatus.CANCELED))
)
# Both are the condition of an index.
ENDED: Final = Q(status__in=[OrderStatus.COMPLETED, OrderStatus.CANCELED]) | Q(deleted_at__isnull=False)
KNOWN_CUSTOMER: Final = ~Q(customer_id=ERASED)
ADDRESSED: Final = Q(Q(shipping_address__isnull=False) | Q(billing_address__isnull=False))
# Of names, companies and postal codes; the function stands in the migrations.
ADDRESS_WORDS: Final = Func(F("shipping_address"), F("billing_address"), function="orders_address_words")
# The day that was promised in `metadata` as `estimated_delivery_at`, as text; '' where there is none.
PROMISED_DAY: Final = Func(F("metadata"), function="orders_promised_day", output_field=models.TextField())
# As many orders with the same words, or of the same product, are found; a list that goes on for longer finds nothing.
_MOST_ALIKE: Final = 10_000

_OLDEST_UNCLAIMED: Final = """
select found.id from unnest(%s::bigint[]) as storefront (id) cross join lateral (
    select o.id, o.placed_at from orders_order o
    where o.storefront_id = storefront.id and o.status = '{status}' and o.deleted_at is null
      and not exists (select from orders_claim claim where claim.order_id = o.id and claim.ended_at is null)
    order by o.placed_at, o.id limit %s
) found order by found.placed_at, found.id limit %s
"""
# The first of what is late, of each storefront and then of all: each is read by `order_to_ship`, from its beginning.
_LATE_BY_PROMISE: Final = """
select found.id from unnest(%s::bigint[], %s::text[]) as storefront (id, today) cross join lateral (
    select o.id, orders_promised_day(o.metadata) as day, o.placed_at from orders_order o
    where o.storefront_id = storefront.id and o.status = 'confirmed' and o.deleted_at is null
      and orders_promised_day(o.metadata) > '' and orders_promised_day(o.metadata) < storefront.today
      and not exists (select from orders_claim claim where claim.order_id = o.id and claim.ended_at is null)
    order by orders_promised_day(o.metadata), o.placed_at limit %s
) found order by found.day, found.placed_at, found.id limit %s
"""
_LATE_BY_AGE: Final = """
select found.id from unnest(%s::bigint[], %s::timestamptz[]) as storefront (id, usual) cross join lateral (
    select o.id, o.placed_at from orders_order o
    where o.storefront_id = storefront.id and o.status = 'confirmed' and o.deleted_at is null
      and orders_promised_day(o.metadata) = '' and o.placed_at < storefront.usual
      and not exists (select from orders_claim claim where claim.order_id = o.id and claim.ended_at is null)
    order by o.placed_at limit %s
) found order by found.placed_at, found.id limit %s
"""


def late(storefronts: Iterable[Storefront], now: datetime) -> Q:
    """The day that was promised is over where the storefront is; where none was, its usual time to ship has passed
    since the order was placed.
    """
    return reduce(or_, lates(storefronts, now))


def lates(storefronts: Iterable[Storefront], now: datetime) -> list[Q]:
    """The same in parts that have no order in common; each names its storefronts, and is one stretch of an index."""
    by_day: dict[str, list[int]] = {}
    by_hours: dict[int, list[int]] = {}
    for storefront in storefronts:
        by_day.setdefault(f"{now.astimezone(zone_called(storefront.time_zone)):%Y-%m-%d}", []).append(storefront.pk)
        if storefront.ship_within_hours is not None:
            by_hours.setdefault(storefront.ship_within_hours, []).append(storefront.pk)
    promised = GreaterThan(PROMISED_DAY, Value(""))
    return [
        *(
            Q(promised, LessThan(PROMISED_DAY, Value(today)), storefront_id__in=ids)
            for today, ids in sorted(by_day.items())
        ),
        *(
            Q(Exact(PROMISED_DAY, Value("")), storefront_id__in=ids, placed_at__lt=now - timedelta(hours=hours))
            for hours, ids in sorted(by_hours.items())
        ),
    ] or [Q(storefront_id__in=[])]


class OrderQuerySet(models.QuerySet["Order"]):
    def delete(self) -> Never:
        raise TypeError("Orders are never removed; call operations.delete_order().")

    def not_deleted(self) -> Self:
        return self.filter(deleted_at=None)

    def of_storefront(self, storefront_id: int) -> Self:
        return self.filter(storefront_id=storefront_id)

    def placed_since(self, moment: datetime) -> Self:
        """Placed at or after the moment. The id carries the time too, so whichever index is at hand answers."""
        return self.filter(pk__gte=time_floor(moment), placed_at__gte=moment)

    def placed_before(self, moment: datetime) -> Self:
        return self.filter(pk__lt=time_ceiling(moment), placed_at__lt=moment)

    def awaiting_inventory(self) -> Self:
        """Of whose reservation the inventory has still to be told something."""
        return self.exclude(stock_action=None)

    def in_any_storefront(self) -> Self:
        """The same orders. Naming every storefront lets the indexes answer that begin with it."""
        return self.filter(storefront_id__in=list(Storefront.objects.values_list("pk", flat=True)))

    # The two conditions below are written out, not sent as parameters. A statement that is sent again and again
    # gets a plan for any value, and that would walk through all orders for a status which hardly any has.

    def in_status(self, status: OrderStatus) -> Self:
        return self.filter(status=RawSQL(f"'{status.value}'", ()))  # noqa: S611 - one of our own words

    def with_phone(self, number: str) -> Self:
        """With this whole number in E.164, or one that ends with these digits."""
        reversed_phones = self.alias(reversed_phone=Reverse("contact_phone_e164"))
        if number.startswith("+"):
            return reversed_phones.filter(reversed_phone=number[::-1])
        return reversed_phones.filter(reversed_phone__startswith=number[::-1])

    def with_email(self, address: str) -> Self:
        """In capital letters or not."""
        return self.alias(email_in_lower_case=Lower("contact_email")).filter(email_in_lower_case=address.lower())

    def with_address_words(self, query: str) -> Self:
        """Those in whose names and postal codes the query (a `tsquery`) finds its words.

        The matches are a query of their own with a limit, so that the planner has no reason to go through all orders,
        newest first, until it has met a page of them: there may be fewer.
        """
        words = ExpressionWrapper(ADDRESS_WORDS, output_field=SearchVectorField())
        matches = self.model._base_manager.alias(words=words).filter(
            ADDRESSED, words=SearchQuery(query, config="simple", search_type="raw")
        )
        return self.filter(pk__in=matches.values("pk")[:_MOST_ALIKE])

    def with_product(self, product_id: str) -> Self:
        """The newest with an item of the product."""
        items = OrderItem.objects.filter(product_id=product_id).order_by("-order_id")
        return self.filter(pk__in=items.values("order_id")[:_MOST_ALIKE])

    def held_up(self) -> Self:
        return self.exclude(holds=RawSQL("'[]'::jsonb", ()))

    def held_for(self, kinds: Iterable[str]) -> Self:
        """For one of these reasons."""
        of_kinds = Q()
        for kind in kinds:
            of_kinds |= Q(holds__contains=[{"kind": kind}])
        return self.held_up().filter(of_kinds)

    def late(self, storefronts: Iterable[Storefront], now: datetime) -> Self:
        """Of those that are to be shipped; see `late`."""
        return self.in_status(OrderStatus.CONFIRMED).filter(late(storefronts, now))

    def reserved_before(self, moment: datetime) -> Self:
        """Pending orders whose stock is held until then, or was."""
        return self.in_status(OrderStatus.PENDING).filter(deleted_at=None, reserved_until__lt=moment)

    def unclaimed(self) -> Self:
        return self.exclude(Exists(Claim.objects.in_force().filter(order_id=OuterRef("pk"))))

    def with_claims(self, *, named: Expression) -> Self:
        """Each has its `claimed_by`: what whoever has it is called, or None. `named` says it of a claim."""
        of_order = Claim.objects.in_force().filter(order_id=OuterRef("pk"))
        return self.annotate(claimed_by=Subquery(of_order.values(name=named)[:1]))

    def oldest_unclaimed(self, storefront_ids: Sequence[int], status: OrderStatus, count: int) -> Self:
        """The oldest in the status that nobody has claimed, of each storefront and then of all.

        Each storefront's list is read by its own index, from its end.
        """
        oldest = RawSQL(_OLDEST_UNCLAIMED.format(status=status.value), [list(storefront_ids), count, count])  # noqa: S611
        return self.filter(pk__in=oldest).order_by("placed_at", "pk")

    def late_unclaimed(self, storefronts: Sequence[Storefront], now: datetime, count: int) -> list[Self]:
        """The first that are late and nobody has claimed: what was promised for the earliest day, then the oldest."""
        hours = {each.pk: each.ship_within_hours for each in storefronts if each.ship_within_hours is not None}
        today = {each.pk: f"{now.astimezone(zone_called(each.time_zone)):%Y-%m-%d}" for each in storefronts}
        usual = {pk: now - timedelta(hours=most) for pk, most in hours.items()}
        by_promise = RawSQL(_LATE_BY_PROMISE, [list(today), list(today.values()), count, count])  # noqa: S611 - a constant
        by_age = RawSQL(_LATE_BY_AGE, [list(usual), list(usual.values()), count, count])  # noqa: S611 - a constant
        return [
            self.filter(pk__in=by_promise).order_by(PROMISED_DAY, "placed_at", "pk"),
            self.filter(pk__in=by_age).order_by("placed_at", "pk"),
        ]

    def not_put_off(self, upkeep: str) -> Self:
        """Leave out those for which this upkeep has failed lately; see `UpkeepFailure`."""
        failing = UpkeepFailure.objects.filter(order_id=OuterRef("pk"), upkeep=upkeep, retry_at__gt=Now())
        return self.exclude(Exists(failing))

    def expired(self, now: datetime) -> Self:
        """Pending orders whose stock was held only until now, and on which there is no money, or none any more.

        Those a hold keeps from expiring are left out, so that they do not stand in the others' way.
        """
        return self.filter(
            status=OrderStatus.PENDING,
            deleted_at=None,
            reserved_until__lt=now,
            authorized_amount__lte=F("captured_amount"),
            captured_amount__lte=F("refunded_amount") + F("charged_back_amount"),
        ).exclude(holds__contains=[{"blocks": ["expire"]}])

    def delivered(self, storefront_id: int, *, before: datetime) -> Self:
        """Shipped orders of the storefront whose last parcel arrived before then, unless they are held up."""
        return self.filter(
            storefront_id=storefront_id, status=OrderStatus.SHIPPED, deleted_at=None, delivered_at__lt=before
        ).exclude(holds__contains=[{"blocks": ["complete"]}])

    def erasable(self) -> Self:
        """Those that neither their status nor a hold keeps from being erased."""
        return self.filter(_HAS_LEFT).exclude(_KEPT_BY_A_HOLD)

    def not_erasable(self) -> Self:
        return self.filter(~_HAS_LEFT | _KEPT_BY_A_HOLD)

    def ended(self, storefront_id: int, *, before: datetime) -> Self:
        """Completed, canceled or deleted before then, with their customer still in them.

        Where nobody has written down when, their last change counts; they stand in the index by when they were placed.
        """
        return (
            self.alias(since=Coalesce("ended_at", "placed_at"), since_when=Coalesce("ended_at", "updated_at"))
            .filter(ENDED, KNOWN_CUSTOMER, storefront_id=storefront_id, since__lt=before, since_when__lt=before)
            .order_by("since")
        )

    def with_nothing_open(self) -> Self:
        """No money is to be given back, nothing is on its way back, or has still to be told the inventory."""
        on_its_way = Return.objects.filter(order_id=OuterRef("pk"), state__in=OPEN_RETURNS)
        return self.filter(_NOTHING_OVERPAID, refund_pending_amount=0, stock_action=None).exclude(Exists(on_its_way))

    def with_what_obstacles_ask_for(self) -> Self:
        """With the parts that decide what can be done with an order now."""
        return self.prefetch_related("items", "shipments", "refunds", "returns__items")

    def with_parts(self) -> Self:
        """With all that belongs to an order."""
        return self.with_what_obstacles_ask_for().prefetch_related("shipments__items", "payments", "credits")

    def newest_of_each(self, storefront_ids: Iterable[int], count: int) -> Self:
        """The newest of these in each storefront: as many of each as could be wanted of all.

        Each storefront's list is read by its own index; one list of several would be read through everybody's orders.
        """
        newest = [
            self.of_storefront(storefront_id).order_by("-placed_at", "-id").values("pk")[:count]
            for storefront_id in sorted(storefront_ids)
        ]
        ids = newest[0].union(*newest[1:], all=True) if newest[1:] else newest[0]
        return type(self)(self.model, using=self.db).filter(pk__in=ids)

    def sorted_few(self, few: Self, *, backwards: bool, count: int) -> Self:
        """The newest, or backwards the oldest, of orders that are few enough to be sorted.

        They are found first, whatever the planner thinks of their number: who sorts and limits in one query with a
        condition that hardly any order meets may be led through all orders, newest first. OFFSET keeps the two apart.
        """
        sql, parameters = few.order_by().values("pk").query.sql_with_params()
        direction = "asc" if backwards else "desc"
        ids = f"select few.id from ({sql} offset 0) few (id) order by few.id {direction} limit {count:d}"  # noqa: S608
        return self.filter(pk__in=RawSQL(ids, parameters))  # noqa: S611 - the ORM's own statement

    def standing_on(self, reservation_ids: list[UUID]) -> Self:
        return self.filter(reservation_id__in=reservation_ids)


class OrderManager(models.Manager.from_queryset(OrderQuerySet)):  # type: ignore[misc]
    """Orders as the API sees them: deleted ones do not exist."""

    def get_queryset(self) -> OrderQuerySet:
        queryset: OrderQuerySet = super().get_queryset()
        return queryset.not_deleted()


class AllOrdersManager(models.Manager.from_queryset(OrderQuerySet)):  # type: ignore[misc]
    """Deleted orders too: for the back office, audits and sweeps."""
