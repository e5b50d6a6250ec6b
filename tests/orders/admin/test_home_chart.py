"""Orders and revenue on the first page: seven days against the seven before, drawn on the server."""

from __future__ import annotations

import re
from datetime import UTC, date, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orders.models import SalesDay, SalesProgress, Storefront
from tests.plans import cost_of


def day(back: int) -> date:
    return timezone.now().astimezone(UTC).date() - timedelta(days=back)


def sold(storefront: Storefront, back: int, placed: int, revenue: int, currency: str = "AUD") -> None:
    SalesDay.objects.create(storefront=storefront, day=day(back), currency=currency, placed=placed, revenue=revenue)


def rows(client: Client) -> dict[str, tuple[int, int, str]]:
    drawn = client.get("/admin/").context["sales"].rows
    return {row.name: (row.placed, row.placed_before, row.change) for row in drawn}


@pytest.fixture
def two_weeks(storefront: Storefront, other_storefront: Storefront) -> None:
    sold(storefront, 0, 6, 60_00)
    sold(storefront, 6, 4, 40_00)
    sold(storefront, 7, 3, 30_00)
    sold(storefront, 13, 5, 50_00)
    sold(storefront, 14, 90, 900_00)  # too long ago
    sold(storefront, 0, 1, 5_00, "EUR")
    sold(other_storefront, 1, 2, 20_00, "NZD")


def test_a_week_stands_against_the_week_before(admin, two_weeks):
    assert rows(admin) == {
        "All storefronts": (13, 8, "+62 %"),
        "Australia": (11, 8, "+38 %"),
        "New Zealand": (2, 0, "new"),
    }


def test_currencies_are_never_added_up(admin, two_weeks):
    money = {row.name: row.money for row in admin.get("/admin/").context["sales"].rows}

    assert money["Australia"] == [
        ("100.00 AUD (before 80.00 AUD)", "+25 %"),
        ("5.00 EUR (before 0.00 EUR)", "new"),
    ]
    assert [amount for amount, _ in money["All storefronts"]] == [
        "100.00 AUD (before 80.00 AUD)", "5.00 EUR (before 0.00 EUR)", "20.00 NZD (before 0.00 NZD)",
    ]  # fmt: skip


def test_what_is_drawn_is_said_in_words_and_stands_in_a_table(admin, two_weeks):
    html = admin.get("/admin/").content.decode()
    australia = html.split('<th scope="row">Australia</th>')[1].split('<th scope="row">New Zealand</th>')[0]

    assert 'role="img" aria-label="Australia: 11 orders in seven days, 8 in the seven before"' in australia
    assert australia.count("<rect") == 14
    assert re.findall(r'<rect class="bar-now" x="125" y="([^"]+)" width="10" height="([^"]+)"/>', australia) == [
        ("0.0", "40.0")
    ]
    today = f'<th scope="row">{day(0)}</th><td class="number">7</td><td class="number">3</td>'
    assert f'{today}<td class="number">60.00 AUD, 5.00 EUR</td><td class="number">30.00 AUD</td>' in australia
    assert " style=" not in australia


def test_staff_who_are_limited_see_their_storefronts_alone(staff, two_weeks, other_storefront):
    support = staff("support")
    User.objects.get(username="support").storefronts.set([other_storefront])

    assert rows(support) == {"New Zealand": (2, 0, "new")}
    assert staff(permissions=["view_stock"]).get("/admin/").context["sales"] is None


def test_the_busiest_storefronts_stand_on_their_own_and_the_others_together(admin, two_weeks, monkeypatch):
    monkeypatch.setattr("orders.admin.sales_chart._MOST_ROWS", 1)

    assert list(rows(admin)) == ["All storefronts", "Australia", "1 others"]


def test_days_that_are_still_to_be_counted_are_told(admin, two_weeks, storefront):
    SalesProgress.objects.create(storefront=storefront, position=0, counted_from=day(3))

    assert f"Days before {day(3)} are still being counted." in admin.get("/admin/").content.decode()


def test_a_shop_without_orders_has_no_chart(admin, storefront):
    uncounted = admin.get("/admin/").content.decode()
    SalesProgress.objects.create(storefront=storefront, position=0, counted_from=date.min)

    assert "Nothing has been counted yet" in uncounted
    assert "Nothing was sold in these two weeks." in admin.get("/admin/").content.decode()


def test_years_of_days_cost_no_more_than_two_weeks_of_them(admin, storefront, other_storefront):
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into orders_sales_day (storefront_id, day, currency, placed, revenue) "
            "select storefront.id, current_date - back, money.currency, 10, 1000 from orders_storefront storefront, "
            "generate_series(0, 3650) back, unnest(array['AUD', 'EUR', 'NZD']) money (currency)"
        )
        cursor.execute("analyze orders_sales_day")

    cost = cost_of(lambda: admin.get("/admin/"), naming="orders_sales_day")
    with CaptureQueriesContext(connection) as captured:
        admin.get("/admin/")

    assert cost.indexes == {"orders_sales_day_pkey"}
    assert cost.pages < 20
    assert sum("orders_sales_" in query["sql"] for query in captured.captured_queries) == 2
