"""What many tests stand on. Every test commits for real, on PostgreSQL, and leaves empty tables behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import hypothesis
import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection, transaction
from django.test import Client
from django.test.utils import setup_databases, teardown_databases

from audit.models import Entry
from events.models import Event
from inventory_client.stock import set_stock_levels
from orders.api.authentication import remembered_keys
from orders.api.keys import make_key
from orders.models import PaymentRecord, Storefront
from orders.rules.scopes import Scope

# Locally each run tries other examples; a change is judged by the same ones every time.
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")

# As on one's own machine: plain HTTP, and static files where they lie. What production sets is tried in processes
# of their own.
settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
settings.SECURE_HSTS_SECONDS = 0
settings.STORAGES = settings.STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}
# What a hash costs, and whom it keeps waiting, is tried in a server of its own.
PBKDF2PasswordHasher.iterations = 1
settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = True

# Crashes, races, drawn histories and whole processes: minutes, which `script/test` leaves to `script/test -m long`.
_LONG = (
    "chaos",
    "clients",
    "events/inbox/test_commands.py",
    "events/test_relay_command.py",
    "orders/importing/test_memory.py",
    "orders/importing/test_placing.py",
    "orders/importing/test_real_orders.py",
    "orders/importing/test_repeats.py",
    "orders/management/test_customer_export.py",
    "orders/operations/lifecycle",
    "orders/requested/test_placing.py",
    "orders_project/test_checks.py",
    "orders_project/test_command_line.py",
    "orders_project/test_docker_files.py",
    "orders_project/test_embedded_pg.py",
    "orders_project/test_metrics.py",
    "orders_project/test_run.py",
    "orders_project/test_run_reload.py",
    "papers/test_examples.py",
    "papers/test_tables.py",
    "test_openapi.py",
)
_APART = ("brokers", "browser", "clients")

_OURS = ("orders", "events", "inventory_client", "audit")
# Foreign keys point from these to the others.
_REFERRING = (
    "orders_apikey",
    "orders_storefront_staff",
    "orders_carrier",
    "orders_shipmentitem",
    "orders_shipment",
    "orders_returnitem",
    "orders_return",
    "orders_paymentrecord",
    "orders_refund",
    "django_admin_log",
    "otp_static_statictoken",
    "otp_static_staticdevice",
    "otp_totp_totpdevice",
    "auth_user_groups",
    "auth_user_user_permissions",
)
_APPEND_ONLY = (Event, PaymentRecord, Entry)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    long = [here / name for name in _LONG]
    for item in items:
        if any(item.path.is_relative_to(path) for path in long) and not any(map(item.get_closest_marker, _APART)):
            item.add_marker("long")


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_modify_db_settings: None,
    django_db_keepdb: bool,
    django_db_createdb: bool,
    django_db_blocker: Any,
) -> Iterator[None]:
    """The test database. pytest-django's own fixture makes none when all tests of a run use `database` below."""
    with django_db_blocker.unblock():
        made = setup_databases(
            verbosity=0, interactive=False, keepdb=django_db_keepdb and not django_db_createdb, serialized_aliases=[]
        )
        with connection.cursor() as cursor:  # nothing here tests a power cut
            cursor.execute(f'alter database "{connection.settings_dict["NAME"]}" set synchronous_commit = off')
        connection.close()
    yield
    if not django_db_keepdb:
        with django_db_blocker.unblock():
            teardown_databases(made, verbosity=0)


@pytest.fixture
def database(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A database where transactions really commit; what was written is removed afterwards.

    pytest-django's own transactional fixture removes permissions and groups too and builds them anew, which
    takes longer than most tests.
    """
    with django_db_blocker.unblock():
        yield
        _empty_tables()
        remembered_keys.clear()
        connection.close_if_unusable_or_obsolete()


def _empty_tables() -> None:
    """All in one round trip. Few rows are faster deleted than truncated; only what is append-only refuses DELETE."""
    tables = [model._meta.db_table for name in _OURS for model in apps.get_app_config(name).get_models()]
    append_only = {model._meta.db_table for model in _APPEND_ONLY}
    statements = [
        f"do 'begin if exists (select from {table}) then truncate {table}; end if; end'"
        if table in append_only
        else f"delete from {table}"
        for table in dict.fromkeys((*_REFERRING, *tables, "auth_user"))
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("; ".join(statements))


@pytest.fixture
def storefront(database: None) -> Storefront:
    return Storefront.objects.create(code="au", name="Australia", number_prefix="AU", currency="AUD")


@pytest.fixture
def other_storefront(database: None) -> Storefront:
    return Storefront.objects.create(code="nz", name="New Zealand", number_prefix="NZ", currency="NZD")


@pytest.fixture
def stock(database: None) -> Callable[..., None]:
    """Set stock levels: `stock(cup=10, plate=0)`."""

    def set_levels(**levels: int) -> None:
        set_stock_levels(levels)

    return set_levels


@pytest.fixture
def client_of(database: None) -> Callable[..., Client]:
    """An HTTP client with a key of the storefront: `client_of(storefront, Scope.ORDERS_READ)`."""

    def make(storefront: Storefront, *scopes: Scope) -> Client:
        _, key = make_key(storefront, name="test", scopes=scopes or list(Scope))
        return Client(headers={"X-API-Key": key})

    return make


@pytest.fixture
def api(storefront: Storefront, client_of: Callable[..., Client]) -> Client:
    """An HTTP client of the storefront `au` with all scopes."""
    return client_of(storefront)


@pytest.fixture
def place_order(api: Client, stock: Callable[..., None]) -> Callable[..., dict[str, Any]]:
    """Place an order through the API and return it: `place_order(cup=1, plate=2)`; there is stock enough."""

    def place(customer_id: str = "cus123", **quantities: int) -> dict[str, Any]:
        stock(**dict.fromkeys(quantities, 1000))
        items = [{"product_id": product_id, "quantity": quantity} for product_id, quantity in quantities.items()]
        response = api.post(
            "/api/v1/orders", {"customer_id": customer_id, "items": items}, content_type="application/json"
        )
        assert response.status_code == 201, response.content
        order: dict[str, Any] = response.json()
        return order

    return place


@pytest.fixture
def command_environment(database: None) -> dict[str, str]:
    """Environment in which `manage.py` runs as a process of its own on the test's database."""
    connection.ensure_connection()
    server = connection.connection.info
    login = quote(server.user, safe="")
    if server.password:
        login += ":" + quote(server.password, safe="")
    url = f"postgres://{login}@{quote(server.host, safe='')}:{server.port}/{server.dbname}"
    return os.environ | {"DATABASE_URL": url, "DEBUG": "1"}


@pytest.fixture
def manage_py() -> Path:
    return Path(__file__).parents[1] / "manage.py"
