"""Products that a storefront has sold before, by how their id begins or by a piece of their name.

There is no catalogue here: what is known of a product stands on the lines of orders. Two lists are read, each by an
index and as far as its limit: the newest orders of the storefront, for names and the latest prices, and the ids that
begin with the text, however long ago one was sold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from django.db import connection

_NEWEST_ORDERS: Final = 3_000
_MOST_IDS: Final = 20
_NEWEST_LINES: Final = 200  # of a product, among which the storefront's are looked for

# What is looked for stands in the name or at the beginning of the id, in capital letters or not. Of each product the
# latest line that the storefront sold tells name and price; the price only where it is in the wanted currency.
_RECENT: Final = f"""
with newest as materialized (
    select id, currency from orders_order where storefront_id = %(storefront)s
     order by placed_at desc, id desc limit {_NEWEST_ORDERS}
)
select line.product_id,
       (array_agg(line.name order by line.order_id desc) filter (where line.name is not null))[1],
       (array_agg(line.unit_amount order by line.order_id desc)
           filter (where newest.currency = %(currency)s and line.unit_amount is not null))[1],
       count(*)
  from newest join orders_orderitem line on line.order_id = newest.id
 where starts_with(lower(line.product_id), lower(%(text)s)) or strpos(lower(line.name), lower(%(text)s)) > 0
 group by line.product_id
 order by starts_with(lower(line.product_id), lower(%(text)s)) desc, count(*) desc, line.product_id
 limit %(limit)s
"""  # noqa: S608 - our own numbers
# From one id to the next greater one: so many steps as ids are wanted, however many lines each of them has.
_BY_ID: Final = f"""
with recursive known (product_id) as (
    (select product_id from orders_orderitem where product_id >= %(text)s order by product_id limit 1)
    union all
    select (select product_id from orders_orderitem where product_id > known.product_id order by product_id limit 1)
      from known where starts_with(known.product_id, %(text)s)
), found as (
    select product_id from known where starts_with(product_id, %(text)s) limit {_MOST_IDS}
)
select found.product_id, latest.name,
       case when orders_order.currency = %(currency)s then latest.unit_amount end, 0
  from found
 cross join lateral (
    select * from (
        select order_id, storefront_id, name, unit_amount from orders_orderitem
         where product_id = found.product_id order by order_id desc limit {_NEWEST_LINES}
    ) newest where storefront_id = %(storefront)s order by order_id desc limit 1
 ) latest
  left join orders_order on orders_order.id = latest.order_id
"""  # noqa: S608 - our own numbers


class SoldProduct(NamedTuple):
    """`unit_amount` is what a unit cost the last time, in minor units of the currency that was asked for."""

    product_id: str
    name: str | None
    unit_amount: int | None


def sold_products(text: str, *, storefront_id: int, currency: str | None, limit: int) -> list[SoldProduct]:
    """Those that are sold most come first; what is found by its id before what is found by its name."""
    found: dict[str, SoldProduct] = {}
    asked: dict[str, int | str | None] = {"storefront": storefront_id, "currency": currency, "limit": limit}
    for product in _rows(_RECENT, {**asked, "text": text}):
        found.setdefault(product.product_id, product)
    for spelling in dict.fromkeys((text, text.lower(), text.upper(), text.capitalize())):
        if len(found) >= limit:
            break
        for product in _rows(_BY_ID, {**asked, "text": spelling}):
            found.setdefault(product.product_id, product)
    return list(found.values())[:limit]


def _rows(statement: str, parameters: dict[str, int | str | None]) -> Iterator[SoldProduct]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        for product_id, name, unit_amount, _ in cursor.fetchall():
            yield SoldProduct(product_id, name, unit_amount)
