"""Who looks at an order now: told by the page that is open, once a minute at most, and forgotten soon after."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, Final

from django.db import DatabaseError, connection
from django.db.models.functions import Now

from inventory_client.outages import outage_of
from orders.models import Looking, Order

logger = logging.getLogger(__name__)

# Whoever has not been heard of for so long looks at it no more.
LOOKS_FOR: Final = timedelta(minutes=2)
_FORGOTTEN_AFTER: Final = timedelta(hours=1)
_AT_ONCE: Final = 1000
_OTHERS: Final = """
select username from orders_looking join auth_user on auth_user.id = orders_looking.user_id
 where order_id = %(order_id)s and user_id <> %(user_id)s and seen_at >= now() - %(looks_for)s order by username
"""
# A page that is loaded again and again writes once in a while.
_LOOK: Final = f"""
with told as (
    insert into orders_looking (order_id, user_id, storefront_id, seen_at)
    values (%(order_id)s, %(user_id)s, %(storefront_id)s, now())
    on conflict (order_id, user_id) do update set seen_at = now()
    where orders_looking.seen_at < now() - interval '30 seconds'
)
{_OTHERS}
"""  # noqa: S608 - made of constants of this project


def look_at(order: Order, user_id: int) -> list[str]:
    """Tell others, and return the usernames of those who look at it too.

    Where that cannot be written, as on a standby, they are not told, and the page is shown all the same.
    """
    values: dict[str, Any] = {
        "order_id": order.pk,
        "user_id": user_id,
        "storefront_id": order.storefront_id,
        "looks_for": LOOKS_FOR,
    }
    for statement in (_LOOK, _OTHERS):
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return [name for (name,) in cursor.fetchall()]
        except DatabaseError as error:
            if outage_of(error) and statement == _OTHERS:
                raise
            logger.info("nobody is told who looks at an order", extra={"why": str(error)})
    return []


def look_away(order: Order, user_id: int) -> None:
    Looking.objects.filter(order_id=order.pk, user_id=user_id).delete()


def forget_who_looked() -> None:
    old = Looking.objects.filter(seen_at__lt=Now() - _FORGOTTEN_AFTER).order_by("seen_at").values("order_id", "user_id")
    for row in old[:_AT_ONCE]:
        Looking.objects.filter(order_id=row["order_id"], user_id=row["user_id"]).delete()
