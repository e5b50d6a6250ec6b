"""Hosts, URLs, tokens and directories of the settings that cannot be what they are for."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

# Names, IPv4 addresses, IPv6 ones in brackets; a dot before a name, and `*`, have their meaning for Django.
_HOST: Final = re.compile(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\]")
# What stands for itself in a header (RFC 9110 §5.5).
_IN_HEADERS: Final = re.compile(r"[\x21-\x7e]*")


@checks.register()
def check_inventory_url(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Empty means the embedded ledger; anything else has to be an address that can be called."""
    url = settings.INVENTORY_URL
    if not url or _can_be_called(url):
        return []
    return [
        checks.Error(
            f"INVENTORY_URL is {url!r}; expected http:// or https:// and a host, perhaps with a port.",
            hint="Correct INVENTORY_URL, or remove it to hold stock in the service's own database.",
            id="orders_project.E006",
        )
    ]


@checks.register()
def check_customer_url(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Empty means that nobody is asked; anything else has to be an address that can be called."""
    url = settings.CUSTOMER_URL
    if not url or _can_be_called(url):
        return []
    return [
        checks.Error(
            f"CUSTOMER_URL is {url!r}; expected http:// or https:// and a host, perhaps with a port.",
            hint="Correct CUSTOMER_URL, or remove it to have no CustomerService asked.",
            id="orders_project.E012",
        )
    ]


@checks.register()
def check_metrics_directory(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Each worker counts in a file of its own there; where it cannot, its requests fail."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if directory is None or (directory and Path(directory).is_dir() and os.access(directory, os.W_OK | os.X_OK)):
        return []
    return [
        checks.Error(
            f"PROMETHEUS_MULTIPROC_DIR is {directory!r}; expected a directory this user can write to.",
            hint="Make the directory, or remove the variable to have each worker count by itself.",
            id="orders_project.E007",
        )
    ]


@checks.register()
def check_static_root(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """It need not be there yet: `collectstatic` makes it."""
    root: Path = settings.STATIC_ROOT
    if root.is_dir() or not root.exists():
        return []
    return [
        checks.Error(
            f"STATIC_ROOT is {str(root)!r}, which is a file; expected a directory, or a path where one can be made.",
            hint="Correct STATIC_ROOT, or remove it to get the default.",
            id="orders_project.E008",
        )
    ]


@checks.register()
def check_allowed_hosts(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """What is no host name never equals one, and every request would be refused."""
    return [
        checks.Error(
            f"ALLOWED_HOSTS names {host!r}; expected a host name, without scheme, port or path.",
            hint="For example ALLOWED_HOSTS=orders.example.com,10.0.0.7",
            id="orders_project.E009",
        )
        for host in settings.ALLOWED_HOSTS
        if not _HOST.fullmatch(host)
    ]


@checks.register()
def check_schema_base_url(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Every event carries an address made of it."""
    url = settings.EVENT_SCHEMA_BASE_URL
    if url.startswith("/") or _can_be_called(url):
        return []
    return [
        checks.Error(
            f"EVENT_SCHEMA_BASE_URL is {url!r}; expected http:// or https:// and a host, or a path that begins with /.",
            hint="For example EVENT_SCHEMA_BASE_URL=https://orders.example.com/api/events/schemas",
            id="orders_project.E010",
        )
    ]


@checks.register()
def check_tokens(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """They travel in a header."""
    return [
        checks.Error(
            f"{name} holds a space, a line break or a letter beyond ASCII, which no Authorization header can carry.",
            hint="Make it of letters and digits: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
            id="orders_project.E011",
        )
        for name in ("CUSTOMER_TOKEN", "INVENTORY_TOKEN", "METRICS_TOKEN")
        if not _IN_HEADERS.fullmatch(getattr(settings, name))
    ]


def _can_be_called(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number up to 65535, brackets that do not match
        return False
