"""A shop to try things on: two storefronts with keys, stock, and a login for each staff group."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import Group, User

from inventory_client.models import Stock
from inventory_client.stock import set_stock_levels
from orders.api.authentication import KeyPrincipal, find_key
from orders.api.keys import make_key
from orders.models import Storefront
from orders.rules.scopes import Scope
from orders.rules.staff_groups import GROUPS

_STOREFRONTS: Final = (("au", "Australia", "AU", "AUD"), ("de", "Germany", "DE", "EUR"))
_PRODUCTS: Final = {
    "abc123": 100_000,
    "cup": 500,
    "plate": 500,
    "bowl": 250,
    "teapot": 80,
    "kettle": 60,
    "spoon": 2_000,
    "fork": 2_000,
    "knife": 2_000,
    "tray": 120,
    "vase": 40,
    "lamp": 25,
    "lastOne": 1,
    "outOfStock": 0,
}


def make_demo(known: Mapping[str, Any], *, base_url: str) -> dict[str, Any]:
    """Make what is missing of the demo, and return its facts.

    `known` are the facts of an earlier start: keys and passwords that still work are kept, because
    neither can be read back from the database. Orders and stock levels that exist are not touched.
    """
    return {
        "base_url": base_url,
        "storefronts": [_storefront(*spec, known=known) for spec in _STOREFRONTS],
        "staff": [_login(name, name, known) for name in GROUPS] + [_login("admin", None, known)],
        "products": _products(),
    }


def read_facts(path: Path) -> dict[str, Any]:
    """Facts written by an earlier start; none when there was no start or the file is unreadable."""
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def write_facts(path: Path, facts: Mapping[str, Any]) -> None:
    """Only the owner may read them: they hold keys and passwords."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(json.dumps(facts, indent=2) + "\n")


def _storefront(code: str, name: str, prefix: str, currency: str, *, known: Mapping[str, Any]) -> dict[str, Any]:
    storefront, _ = Storefront.objects.get_or_create(
        code=code, defaults={"name": name, "number_prefix": prefix, "currency": currency}
    )
    key = next((entry["api_key"] for entry in known.get("storefronts", []) if entry.get("code") == code), "")
    found = find_key(key)
    if (
        not isinstance(found, KeyPrincipal)
        or found.storefront.pk != storefront.pk
        or not found.scopes.issuperset(Scope.values)
    ):
        _, key = make_key(storefront, name="Demo", scopes=Scope.values)
    return {"code": code, "api_key": key, "scopes": sorted(Scope.values)}


def _login(username: str, group: str | None, known: Mapping[str, Any]) -> dict[str, Any]:
    password = next((e["password"] for e in known.get("staff", []) if e.get("username") == username), "")
    user, _ = User.objects.get_or_create(username=username, defaults={"is_staff": True, "is_superuser": group is None})
    if not password or not user.check_password(password):
        password = secrets.token_urlsafe(12)
        user.set_password(password)
        user.save(update_fields=["password"])
    if group is not None:
        user.groups.add(Group.objects.get(name=group))
    return {"username": username, "password": password, "group": group or "superuser"}


def _products() -> list[dict[str, Any]]:
    if settings.INVENTORY_URL:
        return []  # the stock is kept by the InventoryService, not here
    there = set(Stock.objects.filter(pk__in=_PRODUCTS).values_list("pk", flat=True))
    if missing := {product_id: units for product_id, units in _PRODUCTS.items() if product_id not in there}:
        set_stock_levels(missing, by="system:seed_demo")
    return [
        {"product_id": stock.pk, "available": max(0, stock.on_hand - stock.reserved)}
        for stock in Stock.objects.filter(pk__in=_PRODUCTS).order_by("pk")
    ]
