"""Forms that staff filled in while their session ended: kept for half an hour, and not one moment beyond an erasure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models.functions import Now

from orders.models import KeptForm
from orders.rules.erased import ERASED

_KEPT_FOR: Final = timedelta(minutes=30)
_AT_ONCE: Final = 1000
# The lock lets an erasure that is under way end first: then nothing is kept of whom it has erased.
_KEEP: Final = """
insert into orders_keptform (user_id, order_id, path, fields, kept_at)
select auth_user.id, orders_order.id, %(path)s, %(fields)s, clock_timestamp()
  from orders_order, auth_user
 where orders_order.id = %(order_id)s and orders_order.customer_id <> %(erased)s
   and auth_user.id = %(user_id)s and auth_user.is_active and auth_user.is_staff
   for share of orders_order
on conflict (user_id) do update set
    order_id = excluded.order_id, path = excluded.path, fields = excluded.fields, kept_at = excluded.kept_at
"""


def keep_form(order_id: UUID, user_id: int, path: str, fields: str) -> bool:
    """In the place of what was kept for them before. False where they are no staff any more, or the order is erased."""
    values: dict[str, Any] = {
        "order_id": order_id, "user_id": user_id, "path": path, "fields": fields, "erased": ERASED,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, values)
        return bool(cursor.rowcount)


def take_form(user_id: int, path: str) -> str | None:
    """What was kept for them of this page; it is there once."""
    kept = KeptForm.objects.filter(user_id=user_id, path=path, kept_at__gte=Now() - _KEPT_FOR)
    form = kept.first()
    if form is None:
        return None
    form.delete()
    return form.fields


def forget_forms() -> int:
    """Remove those that nobody has come back for, and sessions that have ended; return how many forms they were."""
    old = KeptForm.objects.filter(kept_at__lt=Now() - _KEPT_FOR)
    forgotten, _ = old.delete()
    ended = Session.objects.filter(expire_date__lt=Now()).order_by("expire_date")
    Session.objects.filter(pk__in=list(ended.values_list("pk", flat=True)[:_AT_ONCE])).delete()
    return forgotten
