"""Lists: keyset pages that neither repeat nor skip, filters, and no counting."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orders.models import Order, OrderItem, Storefront
from orders.rules.ids import new_id_at

START = timezone.now() - timedelta(days=30)


def make_orders(storefront: Storefront, count: int) -> list[str]:
    """Rows as an import makes them, three at each moment, the oldest first; their ids as the API shows them."""
    moments = [START + timedelta(seconds=position // 3) for position in range(count)]
    taken = Order.all_objects.count()
    orders = [
        Order(
            id=order_id,
            storefront=storefront,
            number=f"{storefront.number_prefix}-{taken + position}",
            placed_at=moments[position],
            updated_at=moments[position],
            customer_id=f"c{position % 5}",
        )
        for position, order_id in enumerate(sorted(new_id_at(moment) for moment in moments))
    ]
    Order.objects.bulk_create(orders)
    OrderItem.objects.bulk_create(
        [OrderItem(order=o, storefront=storefront, position=0, product_id="cup", quantity=1) for o in orders]
    )
    return [str(order.pk) for order in orders]


def found(client: Client, **parameters: Any) -> list[str]:
    response = client.get("/api/v1/orders?" + urlencode(parameters))
    assert response.status_code == 200, response.content
    return [order["id"] for order in response.json()["results"]]


def walk(client: Client, url: str | None, direction: str) -> list[list[str]]:
    pages = []
    while url is not None:
        body = client.get(url).json()
        pages.append([order["id"] for order in body["results"]])
        url = body[direction]
    return pages


@pytest.mark.parametrize("ordering", ["-placed_at", "placed_at"])
@pytest.mark.parametrize(("limit", "sizes"), [(10, [10, 10, 5]), (5, [5] * 5), (24, [24, 1]), (25, [25]), (200, [25])])
def test_pages_forwards_and_backwards_show_every_order_once(api, storefront, ordering, limit, sizes):
    ids = make_orders(storefront, 25)
    expected = ids if ordering == "placed_at" else ids[::-1]

    pages = walk(api, f"/api/v1/orders?limit={limit}&ordering={ordering}", "next")

    assert [len(page) for page in pages] == sizes
    assert list(chain.from_iterable(pages)) == expected
    last = api.get(f"/api/v1/orders?limit={limit}&ordering={ordering}").json()
    while last["next"]:
        last = api.get(last["next"]).json()
    before = walk(api, last["previous"], "previous")
    assert list(chain.from_iterable(reversed(before))) == expected[: len(expected) - sizes[-1]]


def test_the_first_page_has_nothing_before_it_and_the_last_nothing_after(api, storefront):
    make_orders(storefront, 4)

    first = api.get("/api/v1/orders?limit=2").json()
    last = api.get(first["next"]).json()

    assert first["previous"] is None
    assert first["next"].startswith("http://testserver/api/v1/orders?")
    assert last["next"] is None
    assert api.get(last["previous"]).json()["previous"] is None


def test_an_empty_list_is_a_page_too(api):
    assert api.get("/api/v1/orders").json() == {"next": None, "previous": None, "results": []}


def test_orders_placed_while_somebody_pages_are_neither_repeated_nor_make_others_be_skipped(api, storefront, stock):
    ids = make_orders(storefront, 12)
    first = api.get("/api/v1/orders?limit=5").json()
    stock(cup=10)
    api.post(
        "/api/v1/orders",
        {"customer_id": "new", "items": [{"product_id": "cup", "quantity": 1}]},
        content_type="application/json",
    )
    Order.objects.filter(pk=ids[-5]).update(deleted_at=timezone.now())

    rest = walk(api, first["next"], "next")

    assert [order["id"] for order in first["results"]] + list(chain.from_iterable(rest)) == ids[::-1]


def test_a_page_holds_50_orders_unless_it_is_told_otherwise(api, storefront):
    make_orders(storefront, 51)

    assert len(found(api)) == 50


def test_each_filter_finds_its_orders_and_they_combine(api, storefront):
    ids = make_orders(storefront, 10)
    Order.objects.filter(pk=ids[0]).update(external_reference="ref 1&2", customer_id="zoë", number="AU-X")
    Order.objects.filter(pk=ids[1]).update(status="confirmed")
    moment = Order.objects.get(pk=ids[3]).placed_at

    assert found(api, external_reference="ref 1&2") == [ids[0]]
    assert found(api, customer_id="zoë") == [ids[0]]
    assert found(api, number="AU-X") == [ids[0]]
    assert found(api, status="confirmed") == [ids[1]]
    assert found(api, placed_after=moment.isoformat()) == ids[3:][::-1]
    assert found(api, placed_before=moment.isoformat()) == ids[:3][::-1]
    assert found(api, customer_id="c1", status="confirmed") == [ids[1]]
    assert found(api, customer_id="c2", status="confirmed") == []
    assert found(api, customer_id="c1", ordering="placed_at", placed_after=START.isoformat()) == [ids[1], ids[6]]


@pytest.mark.parametrize("ordering", ["-placed_at", "placed_at"])
def test_a_page_ends_before_it_has_more_than_4_megabytes(api, storefront, ordering):
    ids = make_orders(storefront, 100)
    Order.objects.update(note="漢" * 25_000)  # 75 kB each in UTF-8: 52 of them are almost 4 MB
    here = f"/api/v1/orders?limit=200&ordering={ordering}"
    expected = ids if ordering == "placed_at" else ids[::-1]

    first = api.get(here)
    pages = walk(api, here, "next")
    last = api.get(first.json()["next"]).json()

    assert 3_900_000 < len(first.content) < 4_001_000
    assert [len(page) for page in pages] == [52, 48]
    assert list(chain.from_iterable(pages)) == expected
    assert [order["id"] for order in api.get(last["previous"]).json()["results"]] == pages[0]


def test_an_order_larger_than_a_page_may_be_is_a_page_of_its_own(api, storefront):
    small, large, newest = make_orders(storefront, 3)
    Order.objects.filter(pk=large).update(note="x" * 5_000_000)

    assert walk(api, "/api/v1/orders", "next") == [[newest], [large], [small]]


def test_filters_stay_in_the_links_to_other_pages(api, storefront):
    ids = make_orders(storefront, 25)

    pages = walk(api, "/api/v1/orders?customer_id=c1&limit=2", "next")

    assert pages == [[ids[21], ids[16]], [ids[11], ids[6]], [ids[1]]]


def test_a_list_shows_each_order_as_it_is_read_alone(api, place_order):
    order = place_order(cup=1, plate=2)

    assert api.get("/api/v1/orders").json()["results"] == [order]


def test_a_cursor_of_another_storefront_shows_only_ones_own_orders(api, client_of, storefront, other_storefront):
    make_orders(other_storefront, 3)
    ids = make_orders(storefront, 2)
    foreign = client_of(other_storefront).get("/api/v1/orders?limit=1&ordering=placed_at").json()["next"]

    results = api.get(foreign).json()["results"]

    assert {order["id"] for order in results} <= set(ids)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "status=pending",
        "customer_id=c1",
        "number=AU-1",
        "external_reference=r",
        "placed_after=2026-01-01",
        "limit=200",
    ],
)
def test_a_list_is_one_query_without_a_count(api, storefront, query):
    make_orders(storefront, 10)
    api.get("/api/v1/orders")  # the key is known now

    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = api.get(f"/api/v1/orders?{query}")

    assert response.status_code == 200
    assert len(captured) == 1
    assert "count(" not in captured[0]["sql"].lower()


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({}, "order_list"),
        ({"status": "confirmed"}, "order_list_of_status"),
        ({"customer_id": "c7"}, "order_list_of_customer"),
        ({"external_reference": "r7"}, "order_reference_once"),
        ({"number": "AU-7"}, "order_number_once"),
    ],
)
def test_each_filter_is_answered_from_its_index(api, storefront, other_storefront, filters, index):
    with connection.cursor() as cursor:
        cursor.execute(
            """
            insert into orders_order (id, storefront_id, number, external_reference, version, status, payment_status,
                fulfillment_status, customer_id, shipping_amount, tax_amount, discount_amount, note, metadata,
                placed_at, updated_at)
            select gen_random_uuid(), case when n %% 2 = 0 then %s else %s end, 'AU-' || n, 'r' || n, 1,
                case when n %% 100 = 0 then 'confirmed' else 'pending' end, 'unpaid', 'unfulfilled', 'c' || n %% 1000,
                0, 0, 0, '', '{}', now(), now()
            from generate_series(1, 5000) n
            """,
            [storefront.pk, other_storefront.pk],
        )
        cursor.execute("analyze orders_order")
    api.get("/api/v1/orders?limit=1")  # the key is known now

    with CaptureQueriesContext(connection) as captured:
        found(api, **filters)
    with connection.cursor() as cursor:
        cursor.execute("explain " + captured[0]["sql"])
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert f" {index} " in plan
    assert "Seq Scan on orders_order " not in plan  # the parts of the few documents are another matter
