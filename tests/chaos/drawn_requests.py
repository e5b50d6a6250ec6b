"""Requests at random that mostly make sense: what they name is mostly there, and mostly enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.chaos.model.order import ModelOrder
from tests.chaos.model.parcels import CARRIERS
from tests.chaos.model.rules import BLOCKED_BY, HOLDABLE
from tests.chaos.model.storefront import ModelStorefront

Draw = Callable[[SearchStrategy[Any]], Any]
Body = dict[str, Any]

NOBODYS_ID: Final = "0192f0c1-0000-7000-8000-000000000000"
UNKNOWN_PRODUCT: Final = "unicorn"
_LONG_AGO: Final = "2026-01-02T03:04:05.000000Z"

_coins = st.booleans()
_one_in_four = st.integers(0, 3).map(lambda number: number == 3)
_one_in_twelve = st.integers(0, 11).map(lambda number: number == 11)
_quantities = st.integers(1, 3)
_unit_amounts = st.sampled_from([500, 1299, 20])
_discounts = st.sampled_from([100, 333, 620, 1500])
_prices = st.one_of(
    st.fixed_dictionaries({"unit_amount": _unit_amounts}),
    st.fixed_dictionaries(
        {"unit_amount": _unit_amounts},
        optional={"discount_amount": st.sampled_from([0, 7, 100]), "tax_amount": st.sampled_from([0, 19, 101])},
    ),
    st.fixed_dictionaries({"amount": st.sampled_from([0, 1000, 1999])}),
)
_notes = st.sampled_from(["", "ring twice", "leave at the door"])
_reasons = st.sampled_from(["the customer asked", "a mistake"])
_tags = st.lists(st.sampled_from(["gift", "b2b"]), max_size=3)
_metadata = st.sampled_from([{}, {"channel": "web"}, {"channel": "shop", "till": "3"}])
_contacts = st.sampled_from(
    [{}, {"email": "ann@example.com"}, {"email": "bob@example.com", "phone": "+61 2 9999 0000"}]
)
_addresses = st.sampled_from([{}, {"city": "Perth", "country": "AU"}, {"name": "Ann", "city": "Lima", "country": "PE"}])
_minutes = st.sampled_from([1, 60, 2000, 43_200])
_references = st.integers(0, 30).map(lambda number: f"psp-{number}")
_MOSTLY: Final = ("capture", "capture", "capture", "authorization", "authorization", "refund", "refund")
_payment_kinds = st.sampled_from([*_MOSTLY, "void", "chargeback", "chargeback_won", "refund_failed"])
_hold_kinds = st.sampled_from(sorted(BLOCKED_BY))
_blocks = st.lists(st.sampled_from(sorted(HOLDABLE)), min_size=1, max_size=3)
_companies = st.sampled_from([*CARRIERS, "Pigeon", None])
_numbers = st.sampled_from(["JD1", "JD2", None])
_links = st.sampled_from(["https://pigeon.example/1", None])
_conditions = st.sampled_from(["new", "opened", "damaged"])
_return_causes = st.sampled_from(["unwanted", "damaged"])
_cancel_causes = st.sampled_from(["customer", "staff", "out_of_stock", "fraud"])


@dataclass(frozen=True)
class Request:
    """One operation asked for by somebody; `body` is what it takes."""

    order: ModelOrder
    operation: str
    by: str
    body: Body


@st.composite
def new_orders(draw: Draw, storefront: ModelStorefront, priced: SearchStrategy[bool]) -> Body:
    """The body of `POST /orders`: mostly one to three items, mostly of products there are."""
    prices = draw(priced)
    products = sorted(storefront.on_hand)
    items = []
    for _ in range(draw(_quantities)):
        product = UNKNOWN_PRODUCT if draw(_one_in_twelve) and draw(_coins) else draw(st.sampled_from(products))
        items.append({"product_id": product, "quantity": draw(_quantities)})
        if prices:
            items[-1] |= draw(_prices)
    body: Body = {"customer_id": "cus123", "items": items}
    if draw(_coins):
        body |= {"note": draw(_notes), "tags": draw(_tags), "contact": draw(_contacts)}
        body["shipping_address"] = draw(_addresses)
    if draw(_one_in_four):
        body |= {"shipping_amount": 700, "tax_amount": 300, "discount_amount": draw(_discounts)}
    if draw(_one_in_four):
        body["tax_included"] = True
    if draw(_one_in_twelve):
        body["external_reference"] = f"web-{draw(_quantities)}"
    if draw(_one_in_twelve):
        body[draw(st.sampled_from(["items_amount", "total_amount"]))] = 5000  # seldom the sum
    if draw(_one_in_twelve) and draw(_coins):
        items.append({"product_id": products[0], "quantity": 1} | ({} if prices else {"unit_amount": 500}))
    return body


@st.composite
def requests(
    draw: Draw,
    storefront: ModelStorefront,
    choices: Mapping[str, int],
    actors: Mapping[str, str],
    *,
    fit: bool = True,
    near: ModelOrder | None = None,
) -> Request:
    """An operation of the choices (by their weights), mostly one that some order allows; else one that it does not.

    Mostly of the order `near`, when there is one.
    """
    by = draw(st.sampled_from(["ann", "bob"]))
    candidates = storefront.orders if near is None or draw(_one_in_four) else [near]
    orders = {name: [order for order in candidates if order.allows(name, actors[by]) == fit] for name in choices}
    names = [name for name, weight in choices.items() if orders[name] for _ in range(weight if fit else 1)]
    name = draw(st.sampled_from(names or list(choices)))
    order = draw(st.sampled_from(orders[name] or candidates))
    return Request(order, name, by, _body(draw, storefront, order, name))


@st.composite
def requests_of_first_version(draw: Draw, order: ModelOrder) -> Body:
    """The body of `PUT /order/update/{id}`: mostly the status that comes next."""
    following = {"pending": "shipped", "confirmed": "shipped", "shipped": "completed"}.get(order.status, "completed")
    anything = ["pending", "confirmed", "shipped", "completed", "canceled"]
    body: Body = {}
    if not draw(_one_in_four):
        body["status"] = draw(st.sampled_from(anything)) if draw(_one_in_four) else following
    if draw(_one_in_four):
        body["customerId"] = draw(st.sampled_from(["cus123", "cus456"]))
    if draw(_one_in_four) or not body:
        names = {"trackingCompany": _companies, "trackingNumber": _numbers, "trackingLink": _links}
        body |= {name: draw(values) for name, values in names.items() if draw(_coins)}
    return body


def _body(draw: Draw, storefront: ModelStorefront, order: ModelOrder, operation: str) -> Body:
    make = _BODIES.get(operation)
    body: Body = make(draw, storefront, order) if make else {}
    if operation not in ("change_details", "delete") and draw(_one_in_twelve):
        body["reason"] = draw(_reasons)
    return body


# --- parts of bodies ---------------------------------------------------------------------------------


def _id_of(draw: Draw, parts: Sequence[Any], *, always: bool = False) -> str | None:
    """The id of one of the parts; none, where that is possible; and seldom one that nobody has."""
    if draw(_one_in_twelve):
        return NOBODYS_ID
    if parts and (always or draw(_coins)):
        part_id: str = draw(st.sampled_from(parts)).id
        return part_id
    return NOBODYS_ID if always else None


def _given(**values: Any) -> Body:
    return {name: value for name, value in values.items() if value is not None}


def _some_units(draw: Draw, available: Mapping[str, int]) -> list[Body] | None:
    """All there are by saying nothing, or some of them, and seldom more than there are."""
    if draw(_coins):
        return None
    there = [item_id for item_id, units in available.items() if units > 0] or [NOBODYS_ID]
    chosen = draw(st.lists(st.sampled_from(there), min_size=1, max_size=2, unique=True))
    lines = []
    for item_id in chosen:
        most = max(1, available.get(item_id, 0)) + draw(_one_in_twelve)
        lines.append({"item_id": item_id, "quantity": draw(st.integers(1, most))})
    return lines


def _tracking(draw: Draw) -> Body:
    names = {"tracking_company": _companies, "tracking_number": _numbers, "tracking_link": _links}
    return {name: draw(values) for name, values in names.items() if draw(_coins)}


# --- one function for each operation that takes something ---------------------------------------------


def _extend(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    return {"minutes": draw(_minutes)}


def _amend(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    priced = any(item.unit_amount is not None for item in order.items)
    amendable = [item for item in order.items if not item.shipped]
    lines: list[Body] = []
    if amendable and draw(_coins):
        for item in draw(st.lists(st.sampled_from(amendable), min_size=1, max_size=2, unique_by=lambda item: item.id)):
            lines.append({"item_id": item.id, "quantity": draw(st.integers(0, 5))})
            if priced and draw(_one_in_four):
                lines[-1]["unit_amount"] = draw(_unit_amounts)
    if not lines or draw(_one_in_four):
        product = UNKNOWN_PRODUCT if draw(_one_in_twelve) else draw(st.sampled_from(sorted(storefront.on_hand)))
        lines.append({"product_id": product, "quantity": draw(_quantities), "name": "One more"})
        if priced != draw(_one_in_twelve):
            lines[-1]["unit_amount"] = draw(_unit_amounts)
    if draw(_one_in_twelve):
        lines.append({"item_id": _id_of(draw, order.items, always=True), "quantity": 1})
    amounts = {"shipping_amount": 900, "discount_amount": 600, "total_amount": 5000}
    return {"items": lines, **{name: amount for name, amount in amounts.items() if draw(_one_in_twelve)}}


def _change_details(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    names = {
        "note": _notes,
        "metadata": _metadata,
        "tags": _tags,
        "contact": _contacts,
        "shipping_address": _addresses,
        "billing_address": st.none() | _addresses,
    }
    chosen = draw(st.lists(st.sampled_from(sorted(names)), min_size=1, max_size=2, unique=True))
    return {name: draw(names[name]) for name in chosen}


def _pack(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    prepared = [parcel for parcel in order.shipments if not parcel.shipped_at or draw(_one_in_twelve)]
    shipment_id = _id_of(draw, prepared) if prepared else None
    items = _some_units(draw, {item.id: item.open for item in order.items})
    packed_at = _LONG_AGO if draw(_one_in_twelve) else None
    return _given(shipment_id=shipment_id, items=items, packed_at=packed_at) | _tracking(draw)


def _ship(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    body = _pack(draw, storefront, order)
    return body | ({"shipped_at": _LONG_AGO} if draw(_one_in_twelve) else {})


def _track(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    return _given(shipment_id=_id_of(draw, order.shipments) if order.shipments else None) | _tracking(draw)


def _deliver(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    delivered_at = _LONG_AGO if draw(_one_in_four) else None
    parcels = order.shipments if draw(_one_in_twelve) else order.on_their_way()
    return _given(shipment_id=_id_of(draw, parcels) if parcels else None, delivered_at=delivered_at)


def _change_customer(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    return {"customer_id": draw(st.sampled_from(["cus123", "cus456"]))}


def _undo(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    return {} if draw(_one_in_twelve) else {"reason": "a mistake"}


def _undo_parcel(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    parcels = order.shipments if draw(_one_in_four) else [*order.on_their_way(), *order.arrived()]
    return _given(shipment_id=_id_of(draw, parcels) if parcels else None) | _undo(draw, storefront, order)


def _cancel(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    cause = "expired" if draw(_one_in_twelve) else draw(_cancel_causes)
    items = _some_units(draw, {item.id: item.open for item in order.items})
    return _given(items=items, cause=cause, amount=_other_amount(draw, order))


def _other_amount(draw: Draw, order: ModelOrder) -> int | None:
    """Seldom less than the units are worth, or more."""
    return draw(st.integers(0, (order.due or 0) + draw(_one_in_twelve))) if draw(_one_in_four) else None


def _record_payment(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    """Mostly a new fact about what is due; sometimes one that some order knows already, as it was or not."""
    if draw(_one_in_twelve):
        known = [payment for other in storefront.orders for payment in other.payments]
        if known:
            fact = draw(st.sampled_from(known))
            amount = fact.amount + draw(_one_in_four)
            return {"kind": fact.kind, "amount": amount, "psp": fact.psp, "psp_reference": fact.psp_reference}
    kind = draw(_payment_kinds)
    body: Body = {"kind": kind, "psp_reference": draw(_references), "psp": "stripe"}
    due = order.due or 1000
    amounts = [due, due, max(1, due // 2), due + 100]
    refunds = [refund for refund in order.refunds if refund.pending or draw(_one_in_four)]
    if kind == "refund" and refunds and draw(_coins):
        refund = draw(st.sampled_from(refunds))
        body["refund_id"] = NOBODYS_ID if draw(_one_in_twelve) else refund.id
        amounts = [refund.amount]
    elif refunds and draw(_one_in_twelve):
        body["refund_id"] = refunds[0].id
    body["amount"] = draw(st.sampled_from(amounts))
    if draw(_one_in_four):
        body["parent_reference"] = draw(_references)
    if draw(_one_in_twelve):
        body["currency"] = draw(st.sampled_from([storefront.currency, "JPY"]))
    if draw(_one_in_twelve):
        body["occurred_at"] = _LONG_AGO
    return body


def _request_refund(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    body: Body = {}
    if draw(_one_in_four):
        ended = {item.id: item.quantity - item.canceled - item.returned for item in order.items}
        body = _given(items=_some_units(draw, ended))
    elif order.returns and draw(_one_in_four):
        body = _given(return_id=_id_of(draw, order.returns, always=True))
    elif order.credits and draw(_one_in_four):
        body = _given(credit_id=_id_of(draw, order.credits, always=True))
    if draw(_one_in_twelve):
        body = body | {"shipping_amount": draw(st.integers(1, 600))}
    if draw(_coins):
        return body
    return body | {"amount": draw(st.integers(1, max(1, order.refundable) + draw(_one_in_twelve)))}


def _correct_payment(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    payments = order.payments if draw(_one_in_twelve) else order.facts()
    return _given(payment_id=_id_of(draw, payments) if payments else None) | (
        {} if draw(_one_in_twelve) else {"reason": "a mistake"}
    )


def _decide_refund(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    return _given(refund_id=_id_of(draw, order.refunds) if order.refunds else None)


def _request_return(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    return _given(cause=draw(_return_causes), items=_some_units(draw, order.units_to_return()))


def _decide_return(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    return _given(return_id=_id_of(draw, order.returns) if order.returns else None)


def _receive_return(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    approved = [announced for announced in order.returns if announced.state == "approved"]
    if not approved:
        return _decide_return(draw, storefront, order)
    announced = draw(st.sampled_from(approved))
    items = _some_units(draw, {line["item_id"]: line["quantity"] for line in announced.items})
    for line in items or ():
        line |= {"condition": draw(_conditions)} if draw(_coins) else {}
        line |= {"restock": draw(_coins)} if draw(_coins) else {}
    if items and draw(_one_in_twelve):
        items.append(items[0])
    named = len(approved) > 1 or draw(_coins)
    amount = _other_amount(draw, order)
    rest_follows = True if draw(_one_in_four) else None
    return _given(return_id=announced.id if named else None, items=items, amount=amount, rest_follows=rest_follows)


def _comment(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    return {"text": draw(_reasons)}


def _hold(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    blocks = draw(_blocks) if draw(_one_in_four) else None
    if draw(_one_in_twelve):
        blocks = ["delete"]
    return _given(kind=draw(_hold_kinds), blocks=blocks)


def _release_hold(draw: Draw, storefront: ModelStorefront, order: ModelOrder) -> Body:
    return _given(hold_id=_id_of(draw, order.holds) if order.holds else None)


_BODIES: Final[Mapping[str, Callable[[Draw, ModelStorefront, ModelOrder], Body]]] = {
    "extend": _extend,
    "amend": _amend,
    "change_details": _change_details,
    "change_customer": _change_customer,
    "pack": _pack,
    "ship": _ship,
    "track": _track,
    "deliver": _deliver,
    "undo_shipment": _undo_parcel,
    "undo_delivery": _undo_parcel,
    "undo_completion": _undo,
    "cancel": _cancel,
    "reinstate": _undo,
    "record_payment": _record_payment,
    "correct_payment": _correct_payment,
    "request_refund": _request_refund,
    "approve_refund": _decide_refund,
    "reject_refund": _decide_refund,
    "fail_refund": _decide_refund,
    "request_return": _request_return,
    "approve_return": _decide_return,
    "reject_return": _decide_return,
    "receive_return": _receive_return,
    "close_return": _decide_return,
    "comment": _comment,
    "hold": _hold,
    "release_hold": _release_hold,
}
