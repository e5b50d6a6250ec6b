"""Filters that staff keep under a name, for themselves or for everybody."""

from orders.models import SavedView
from tests.orders.admin.conftest import listed, messages_of

LIST = "/admin/orders/order/"


def save(client, query, **typed):
    return client.post(f"{LIST}views/?{query}", typed, follow=True)


def views_of(client, query=""):
    return [(row["view"].name, row["by"], row["current"]) for row in client.get(f"{LIST}?{query}").context["views"]]


def test_keeps_filters_for_whoever_saves_them_and_shares_them_if_they_like(admin, colleague, order_in):
    order = order_in("confirmed")
    order_in("pending")

    saved = save(admin, "status=confirmed&storefront=au", name="To ship")
    save(admin, "held_up=fraud", name="Fraud", shared="on")

    assert messages_of(saved) == ["The view “To ship” has been saved."]
    assert listed(saved) == [order.number]
    assert views_of(admin, "storefront=au&status=confirmed") == [("Fraud", "", False), ("To ship", "", True)]
    assert views_of(colleague) == [("Fraud", "ann", False)]


def test_a_view_of_the_same_name_is_saved_anew(admin, database):
    save(admin, "status=confirmed", name="Mine")
    save(admin, "status=pending", name="Mine", shared="on")

    assert list(SavedView.objects.values_list("name", "query", "shared")) == [("Mine", "status=pending", True)]


def test_neither_who_was_searched_for_nor_the_page_is_kept(admin, order_in):
    order_in("pending")
    older = "AAAGYrVJYZsAAaJ8O77gft-AAAAAAAQO3w"

    save(admin, f"q=ada%40example.com&cursor={older}&carrier=DHL&tag=vip&customer=cus1", name="Very important")

    assert SavedView.objects.get().query == "carrier=DHL"


def test_nothing_is_saved_without_a_name_or_a_filter_or_with_too_many_or_one_that_cannot_be_used(admin, order_in):
    order_in("pending")

    too_long = "&".join(f"carrier={'x' * 150}{place}" for place in range(20))
    for query, name in (
        (too_long, "Long"),
        ("status=pending", ""),
        ("", "All"),
        ("q=x", "Search"),
        ("status=lost", "Lost"),
    ):
        told = messages_of(save(admin, query, name=name))
        assert told == ["A view is a few filters and a name of at most 60 characters."], query

    assert not SavedView.objects.exists()


def test_is_deleted_by_its_owner_and_a_shared_one_by_superusers_too(admin, staff, order_in):
    order_in("pending")
    support = staff("support")
    save(support, "status=pending", name="Own")
    save(support, "status=shipped", name="Shared", shared="on")
    save(admin, "status=confirmed", name="Of ann", shared="on")
    ids = dict(SavedView.objects.values_list("name", "pk"))

    support.post(f"{LIST}views/{ids['Of ann']}/delete/")
    support.get(f"{LIST}views/{ids['Own']}/delete/")
    admin.post(f"{LIST}views/{ids['Own']}/delete/")
    admin.post(f"{LIST}views/{ids['Shared']}/delete/")

    assert set(SavedView.objects.values_list("name", flat=True)) == {"Own", "Of ann"}
    support.post(f"{LIST}views/{ids['Own']}/delete/?status=pending")
    assert set(SavedView.objects.values_list("name", flat=True)) == {"Of ann"}


def test_whoever_may_see_no_orders_has_no_views_and_no_columns(staff):
    client = staff(permissions=["view_stock"])

    for page in ("views/?status=pending", "views/1/delete/", "columns/", "export.csv", "export.xlsx"):
        assert client.post(f"{LIST}{page}", {"name": "x"}).status_code == 403, page
