"""A site that answers over HTTP, and a browser with somebody signed in."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.db import connections
from django.test import Client
from django.test.testcases import LiveServerThread
from playwright.sync_api import sync_playwright

from orders.models import Storefront
from tests.browser.desk import PASSWORD, Desk


@pytest.fixture
def site(database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the service answers. No thread of it keeps a connection: the database could not be dropped."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    server = LiveServerThread("127.0.0.1", StaticFilesHandler)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    if server.error:
        raise server.error
    yield f"http://127.0.0.1:{server.port}"
    server.terminate()


@pytest.fixture
def chromium(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("There is no Chromium: apt-get install chromium")
    # Playwright has a loop of its own in this thread; the tests go on using the database beside it.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(site: str, chromium: Any) -> Iterator[Callable[..., Any]]:
    """`open_page("/admin/", width=820, dark=True)`: a page that a superuser sees; its scripts raise nothing."""
    wrong: list[str] = []
    client = Client()
    client.force_login(User.objects.create_superuser("ann"), backend="django.contrib.auth.backends.ModelBackend")
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value

    def opened(path: str, *, width: int = 1400, height: int = 900, dark: bool = False, signed_in: bool = True) -> Any:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", base_url=site
        )
        if signed_in:
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": site}])
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(path)
        return page

    yield opened
    connections.close_all()  # beside Playwright's loop, Django takes this for a context of its own, and connects anew
    assert wrong == []


@pytest.fixture
def desk(site: str, chromium: Any) -> Iterator[Callable[..., Desk]]:
    """`desk("sue", "support")`: a browser of their own, in which somebody of the group has signed in by the form.

    `sees` are the storefronts that they were chosen for; without a group they may do everything.
    """
    wrong: list[str] = []

    def opened(name: str, group: str = "", *, sees: Sequence[Storefront] = (), **look: Any) -> Desk:
        user = User.objects.create_user(name, password=PASSWORD, is_staff=True, is_superuser=not group)
        if group:
            user.groups.add(Group.objects.get(name=group))
        for storefront in sees:
            storefront.staff.add(user)
        viewport = {"width": look.get("width", 1400), "height": look.get("height", 900)}
        context = chromium.new_context(
            viewport=viewport, color_scheme="dark" if look.get("dark") else "light", base_url=site
        )
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        found = Desk(page, name)
        found.sign_in()
        return found

    yield opened
    connections.close_all()
    assert wrong == []
