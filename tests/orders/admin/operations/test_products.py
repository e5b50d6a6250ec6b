"""Products that are offered for a new row, while somebody types."""

import re

from django.contrib.auth.models import User
from django.db import connection
from django.urls import reverse

from orders.reading import sold_products
from orders.rules.ids import new_id
from tests.orders.asking import sell


def products(client, order, text):
    answer = client.get(reverse("admin:orders_order_products", args=[order.pk]), {"q": text})
    return [tuple(product.values()) for product in answer.json()["products"]]


def test_products_are_found_by_id_and_by_a_piece_of_their_name_with_their_last_price(admin, api, sold):
    for price in (1290, 1390):
        sell(api, {"product_id": "mug-oak", "name": "Mug, oak lid", "quantity": 1, "unit_amount": price})
    sell(api, {"product_id": "Teapot1", "name": "Pot for tea (oak)", "quantity": 1, "unit_amount": 4950})
    order = sold()

    assert products(admin, order, "MUG") == [("mug-oak", "Mug, oak lid", "13.90")]
    assert [product[0] for product in products(admin, order, "oak")] == ["mug-oak", "Teapot1"]
    assert products(admin, order, " teapot") == [("Teapot1", "Pot for tea (oak)", "49.50")]
    assert products(admin, order, "%") == products(admin, order, "o") == products(admin, order, "100%_") == []


def test_products_sold_long_ago_are_found_by_how_their_id_begins(admin, api, sold, monkeypatch):
    for number in range(3):
        sell(api, {"product_id": f"old-{number}", "name": "Old", "quantity": 1, "unit_amount": 100})
    order = sold()
    monkeypatch.setattr(sold_products, "_RECENT", sold_products._RECENT.replace("limit 3000", "limit 1"))

    assert [product[0] for product in products(admin, order, "old-")] == ["old-0", "old-1", "old-2"]
    assert [product[0] for product in products(admin, order, "cu")] == ["cup"]


def test_products_of_other_storefronts_are_not_offered(admin, client_of, other_storefront, sold):
    sell(client_of(other_storefront), {"product_id": "mug-nz", "name": "Mug", "quantity": 1, "unit_amount": 100})
    order = sold()

    assert products(admin, order, "mug") == []


def test_prices_in_another_currency_are_left_out(admin, api, sold):
    sell(api, {"product_id": "mug-oak", "name": "Mug", "quantity": 1, "unit_amount": 100}, currency="JPY")
    order = sold()

    assert products(admin, order, "mug") == [("mug-oak", "Mug", "")]


def test_products_are_for_whoever_may_amend_and_sees_the_order(admin, staff, sold, storefront, other_storefront):
    order = sold()
    route = reverse("admin:orders_order_products", args=[order.pk])
    warehouse, support = staff("warehouse"), staff("support")
    User.objects.get(username="support").storefronts.add(other_storefront)

    assert warehouse.get(route, {"q": "cup"}).status_code == 403
    assert support.get(route, {"q": "cup"}).status_code == 404
    assert admin.get(route.replace(str(order.pk), str(new_id())), {"q": "cup"}).status_code == 404


def plan_of(statement):
    """As if there were many rows."""
    asked: dict[str, int | str] = {"storefront": 1, "currency": "AUD", "limit": 8, "text": "cu"}
    with connection.cursor() as cursor:
        cursor.execute("set enable_seqscan = off; set enable_sort = off; set enable_hashjoin = off")
        try:
            cursor.execute(f"explain {statement}", asked)
            return "\n".join(row for (row,) in cursor.fetchall())
        finally:
            cursor.execute("reset enable_seqscan; reset enable_sort; reset enable_hashjoin")


def test_products_are_read_by_indexes_and_no_further_than_their_limits(admin, sold):
    sold()

    recent, by_id = plan_of(sold_products._RECENT), plan_of(sold_products._BY_ID)

    assert "using order_list on orders_order" in recent
    assert "on orders_orderitem" in recent
    assert "using order_item_product on orders_orderitem" in by_id
    scans = re.findall(r"(\w+(?: Only)?) Scan [^\n]*on orders_orderitem", by_id)
    assert set(scans) <= {"Index", "Index Only"}
    assert "Seq Scan" not in recent + by_id


def test_products_take_as_many_queries_however_many_there_are(admin, api, sold, django_assert_max_num_queries):
    for number in range(12):
        sell(api, {"product_id": f"mug-{number}", "quantity": 1, "unit_amount": 100})
    order = sold()

    with django_assert_max_num_queries(6):
        found = products(admin, order, "mug")

    assert len(found) == 8
