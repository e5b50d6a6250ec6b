"""Many strangers sign in at once: their passwords are hashed one by one, and nobody else waits for that."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from threading import Event, Thread
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
from django.conf import settings
from django.contrib.auth.models import User

from orders.models import FailedSignIns
from tests.chaos.live_server import ANSWER_SECONDS, LiveServer, at_once, environment


@pytest.fixture(scope="module")
def pages(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A server that has collected what its pages load, as the release of one does."""
    directory = tmp_path_factory.mktemp("pages")
    with django_db_blocker.unblock():
        collect = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"]
        subprocess.run(collect, cwd=settings.BASE_DIR, env=environment(STATIC_ROOT=str(directory)), check=True)
        live = LiveServer(directory)
    with live:
        yield live


def sign_in(server: LiveServer, username: str, password: str) -> urllib3.BaseHTTPResponse:
    """As a browser does that has never been here: open the page, and send it."""
    with urllib3.PoolManager(retries=False, timeout=ANSWER_SECONDS) as browser:
        page = browser.request("GET", f"{server.address}/admin/login/")
        (token,) = re.findall(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.data)
        return browser.request(
            "POST",
            f"{server.address}/admin/login/",
            body=urlencode({"username": username, "password": password, "csrfmiddlewaretoken": token.decode()}),
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Cookie": page.headers["Set-Cookie"].partition(";")[0],
            },
            redirect=False,
        )


def strangers(server: LiveServer, number: int) -> list[urllib3.BaseHTTPResponse]:
    """So many at once, each with a user and a password of their own."""
    return at_once([lambda n=n: sign_in(server, f"user{n}", "wrong") for n in range(number)])  # type: ignore[misc]


def test_sixteen_strangers_at_once_are_looked_at_one_by_one_and_orders_are_read_meanwhile(
    pages: LiveServer, api_key: str
):
    over = Event()
    reads: Counter[int] = Counter()

    def read() -> None:
        while not over.is_set():
            reads[pages.call("GET", "/api/v1/orders", headers={"X-API-Key": api_key}).status] += 1

    reader = Thread(target=read)
    reader.start()
    try:
        answers = strangers(pages, 16)
    finally:
        over.set()
        reader.join()

    looked_at = [answer for answer in answers if answer.status == 200]
    told_to_come_back = [answer.headers["Retry-After"] for answer in answers if answer.status == 429]
    assert len(looked_at) + len(told_to_come_back) == 16
    assert looked_at
    assert set(told_to_come_back) == {"1"}
    # Whoever was told to come back has not failed.
    assert FailedSignIns.objects.get(counted_by="address").failures == len(looked_at)
    assert set(reads) == {200}


def test_once_they_are_done_whoever_was_told_to_come_back_signs_in(pages: LiveServer, database: None):
    User.objects.create_superuser("ann", password="a long password")
    strangers(pages, 8)

    answer = sign_in(pages, "ann", "a long password")

    assert (answer.status, answer.headers["Location"]) == (302, "/admin/")
