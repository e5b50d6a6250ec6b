"""Who may do what, written out: through HTTP, for every group and every step."""

import pytest
from django.urls import reverse

from orders.admin.steps import STEPS
from orders.staff_groups import GROUPS
from tests.orders.admin.conftest import page_of, step_of

# In which status each step is possible; then the groups that may take it.
STATUS = {
    "confirm": "pending",
    "ship": "confirmed",
    "complete": "shipped",
    "details": "pending",
    "tracking": "confirmed",
    "cancel": "pending",
    "delete": "completed",
    "restore": "deleted",
}
MAY = {
    "support": {"confirm", "details", "tracking", "cancel"},
    "lead": {"confirm", "ship", "complete", "details", "tracking", "cancel", "delete", "restore"},
    "warehouse": {"ship", "complete", "tracking"},
    "finance": set(),
    "auditor": set(),
}
PAGES = {
    "support": {"order", "storefront", "event", "stock", "reservation"},
    "lead": {"order", "storefront", "apikey", "event", "outboxentry", "skippedevent", "stock", "reservation"},
    "warehouse": {"order", "storefront", "event", "stock", "reservation"},
    "finance": {"order", "storefront", "event"},
    "auditor": {
        "order", "storefront", "apikey", "event", "outboxentry", "skippedevent", "stock", "reservation", "logentry",
    },
}  # fmt: skip
EVERY_PAGE = {
    "order": "orders_order",
    "storefront": "orders_storefront",
    "apikey": "orders_apikey",
    "event": "events_event",
    "outboxentry": "events_outboxentry",
    "skippedevent": "events_skippedevent",
    "stock": "inventory_client_stock",
    "reservation": "inventory_client_reservation",
    "logentry": "admin_logentry",
    "user": "auth_user",
    "group": "auth_group",
}


def test_the_tables_here_are_complete():
    assert set(MAY) == set(PAGES) == set(GROUPS)
    assert set(STATUS) == set(STEPS)


@pytest.mark.parametrize("group", MAY)
def test_a_group_sees_the_buttons_it_may_use_and_no_others(staff, order_in, group):
    client = staff(group)

    seen = set()
    for status in sorted(set(STATUS.values())):
        page = client.get(page_of(order_in(status)))
        seen |= {button["path"].rstrip("/").rsplit("/", 1)[1] for button in page.context["actions_detail"]}

    assert seen == MAY[group]


@pytest.mark.parametrize("group", MAY)
def test_the_address_of_a_button_answers_403_to_who_may_not_use_it(staff, order_in, group):
    client = staff(group)

    answers = {}
    for slug, status in STATUS.items():
        order = order_in(status)
        url = step_of(order, slug)
        answers[slug] = (client.get(url).status_code, client.post(url, {"version": order.version}).status_code)

    refused = {slug for slug, codes in answers.items() if codes == (403, 403)}
    assert refused == set(STEPS) - MAY[group]
    assert {codes[0] for slug, codes in answers.items() if slug in MAY[group]} <= {200}


@pytest.mark.parametrize("group", MAY)
def test_the_lists_actions_are_those_of_the_group(staff, order_in, group):
    client = staff(group)
    order = order_in("pending")

    form = client.get("/admin/orders/order/").context["action_form"]
    offered = {value for value, _ in form.fields["action"].choices if value} if form else set()
    refused = {
        slug
        for slug in ("confirm", "cancel", "delete", "restore")
        if client.post(reverse(f"admin:orders_order_together_{slug}"), {"order": [f"{order.pk}:9"]}).status_code == 403
    }

    assert offered == MAY[group] & {"confirm", "cancel", "delete", "restore"}
    assert refused == {"confirm", "cancel", "delete", "restore"} - offered


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

    assert client.get(step_of(order_in("pending"), "cancel")).status_code == 403
