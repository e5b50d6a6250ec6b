"""Who may do what, written out: through HTTP, for every group and every operation."""

import pytest
from django.urls import reverse

from orders.admin.operations.table import BULK_OPERATIONS, STAFF_OPERATIONS
from orders.models import Order
from orders.rules.lifecycle import OPERATIONS
from orders.rules.staff_groups import GROUPS
from tests.orders.admin.conftest import buttons_on, operation_page, page_of
from tests.orders.asking import done

SUPPORT = {
    "confirm", "extend", "amend", "change_details", "change_customer", "track", "cancel", "reinstate", "request_refund",
    "request_return",
    "approve_return", "reject_return", "close_return", "comment", "hold", "release_hold",
}  # fmt: skip
PARCELS = {"pack", "ship", "track", "deliver", "complete", "undo_shipment", "undo_delivery", "undo_completion"}
MAY = {
    "support": SUPPORT,
    "lead": SUPPORT | PARCELS | {"approve_refund", "reject_refund", "receive_return", "delete", "restore"},
    "warehouse": PARCELS | {"receive_return", "comment"},
    "finance": {
        "record_payment", "correct_payment", "request_refund", "approve_refund", "reject_refund", "fail_refund",
        "comment", "hold", "release_hold",
    },
    "auditor": set(),
}  # fmt: skip
TOGETHER = {
    "comment", "confirm", "ship", "deliver", "complete", "hold", "extend", "pack", "approve_refund", "reject_refund",
    "approve_return", "reject_return", "release_hold", "cancel", "delete", "restore", "reinstate", "undo_completion",
}  # fmt: skip
PAGES = {
    "support": {"order", "bulkrun", "paymentrecord", "requestedorder", "storefront", "event", "stock", "reservation"},
    "lead": {
        "order", "bulkrun", "paymentrecord", "requestedorder", "storefront", "apikey", "event", "outboxentry",
        "skippedevent", "incomingevent",
        "stock",
        "reservation",
    },
    "warehouse": {"order", "bulkrun", "paymentrecord", "requestedorder", "storefront", "event", "stock", "reservation"},
    "finance": {"order", "bulkrun", "paymentrecord", "requestedorder", "storefront", "event"},
    "auditor": {
        "order", "bulkrun", "paymentrecord", "requestedorder", "storefront", "apikey", "event", "outboxentry",
        "skippedevent", "incomingevent",
        "stock",
        "reservation", "logentry", "entry",
    },
}  # fmt: skip
EVERY_PAGE = {
    "order": "orders_order",
    "bulkrun": "orders_bulkrun",
    "requestedorder": "orders_requestedorder",
    "paymentrecord": "orders_paymentrecord",
    "storefront": "orders_storefront",
    "apikey": "orders_apikey",
    "event": "events_event",
    "outboxentry": "events_outboxentry",
    "skippedevent": "events_skippedevent",
    "incomingevent": "events_incomingevent",
    "stock": "inventory_client_stock",
    "reservation": "inventory_client_reservation",
    "logentry": "admin_logentry",
    "entry": "audit_entry",
    "user": "auth_user",
    "group": "auth_group",
}


@pytest.fixture
def ready(api, sold, storefront):
    """For each operation, by its name, an order with which it is possible."""
    storefront.refund_approval_above = 50
    storefront.save()
    pending, shipped, deleted = sold(), sold("confirm", "ship"), sold("delete")
    busy = sold("confirm")
    cup = {"items": [{"item_id": str(busy.items.get(product_id="cup").pk), "quantity": 1}]}
    for operation, body in (
        ("ship", cup),
        ("request_return", {"cause": "other"} | cup),
        ("approve_return", {}),
        ("ship", cup),
        ("request_return", {"cause": "other"} | cup),
        ("ship", {}),
        ("record_payment", {"kind": "capture", "amount": 3000, "psp_reference": "ch_1"}),
        ("request_refund", {"amount": 50}),
        ("request_refund", {"amount": 60}),
        ("hold", {"kind": "manual", "blocks": ["complete"]}),
    ):
        done(api, str(busy.pk), operation, **body)
    with_busy = MAY["finance"] | {
        "deliver",
        "request_return",
        "approve_return",
        "reject_return",
        "receive_return",
        "close_return",
    }
    with_busy -= {"hold"}
    with_confirmed = sold("confirm")
    orders = dict.fromkeys(STAFF_OPERATIONS, pending) | dict.fromkeys(with_busy, busy)
    orders |= {"ship": with_confirmed, "complete": shipped, "restore": deleted}
    orders |= {"undo_shipment": shipped, "undo_delivery": sold("confirm", "ship", "deliver")}
    orders |= {"undo_completion": sold("confirm", "ship", "complete"), "reinstate": sold("cancel")}
    return {slug: Order.all_objects.get(pk=order.pk) for slug, order in orders.items()}


def test_the_tables_here_are_complete():
    staff_may = {operation.value for operation, rules in OPERATIONS.items() if rules.permission is not None}

    assert set(MAY) == set(PAGES) == set(GROUPS)
    # Contact and addresses are changed with the details.
    assert set(STAFF_OPERATIONS) == staff_may - {"change_contact", "change_address"}
    assert {operation.slug for operation in BULK_OPERATIONS} == TOGETHER


def test_every_group_sees_the_buttons_it_may_use_and_no_others(staff, ready):
    clients = {group: staff(group) for group in MAY}

    seen: dict[str, set[str]] = {group: set() for group in MAY}
    for order in {order.pk: order for order in ready.values()}.values():
        for group, client in clients.items():
            seen[group] |= buttons_on(client.get(page_of(order)), order)

    assert seen == MAY


def test_the_address_of_a_button_answers_403_to_who_may_not_use_it(staff, ready):
    clients = {group: staff(group) for group in MAY}

    opened: dict[str, set[str]] = {group: set() for group in MAY}
    refused: dict[str, set[str]] = {group: set() for group in MAY}
    for slug, order in ready.items():
        url = operation_page(order, slug)
        for group, client in clients.items():
            if client.get(url).status_code == 200:
                opened[group].add(slug)
            elif client.post(url, {"version": order.version}).status_code == 403:
                refused[group].add(slug)

    assert opened == MAY
    assert refused == {group: set(STAFF_OPERATIONS) - MAY[group] for group in MAY}


def test_the_lists_actions_are_those_of_the_group(staff, order_in):
    order = order_in("pending")

    offered, refused = {}, {}
    for group in MAY:
        client = staff(group)
        offered[group] = {slug for slug, _ in client.get("/admin/orders/order/").context["actions"]}
        refused[group] = {
            slug
            for slug in TOGETHER
            if client.post(reverse(f"admin:orders_order_together_{slug}"), {"orders": f"{order.pk}:9"}).status_code
            == 403
        }

    assert offered == {group: MAY[group] & TOGETHER for group in MAY}
    assert refused == {group: TOGETHER - MAY[group] for group in MAY}
    order.refresh_from_db()
    assert order.version == 1


@pytest.mark.parametrize("group", MAY)
def test_the_side_bar_shows_the_pages_a_group_may_open_and_no_others(staff, group):
    client = staff(group)

    html = client.get("/admin/").content.decode()
    urls = {page: reverse(f"admin:{name}_changelist") for page, name in EVERY_PAGE.items()}

    assert {page for page, url in urls.items() if f'href="{url}"' in html.split('id="main"')[0]} == PAGES[group]
    assert {page for page, url in urls.items() if client.get(url).status_code == 200} == PAGES[group]


def test_staff_without_any_permission_see_no_order(staff, order_in):
    client = staff(permissions=[])
    order = order_in("pending")

    assert client.get("/admin/").status_code == 200
    assert client.get(page_of(order)).status_code == 403
    assert client.get("/admin/orders/order/").status_code == 403


def test_a_permission_to_act_is_nothing_without_the_one_to_see(staff, order_in):
    client = staff(permissions=["cancel_order"])

    assert client.get(operation_page(order_in("pending"), "cancel")).status_code == 403
