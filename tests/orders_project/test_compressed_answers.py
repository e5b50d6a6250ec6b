"""Large answers travel compressed to who reads that; versions and tokens are as safe as before."""

from __future__ import annotations

import gzip
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import User
from django.test import Client

GZIP = {"Accept-Encoding": "gzip, deflate"}
SIXTY = {f"p{number}": 1 for number in range(60)}


@pytest.fixture
def large_order(place_order: Any) -> str:
    return f"/api/v1/orders/{place_order(**SIXTY)['id']}"


def test_a_large_answer_is_compressed_for_who_accepts_it(api: Client, large_order: str) -> None:
    plain, compressed = api.get(large_order), api.get(large_order, headers=GZIP)

    assert "Content-Encoding" not in plain.headers
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(compressed.content) == plain.content
    assert compressed.headers["Content-Length"] == str(len(compressed.content))
    assert len(compressed.content) < len(plain.content) / 3
    assert "Accept-Encoding" in plain.headers["Vary"]


def test_a_small_answer_is_sent_as_it_is_and_keeps_its_strong_tag(api: Client, place_order: Any) -> None:
    answer = api.get(f"/api/v1/orders/{place_order(cup=1)['id']}", headers=GZIP)

    assert "Content-Encoding" not in answer.headers
    assert answer.headers["ETag"] == '"1"'


def test_the_tag_of_a_compressed_answer_is_weak_and_names_the_version_all_the_same(
    api: Client, large_order: str
) -> None:
    tag = api.get(large_order, headers=GZIP).headers["ETag"]
    known = api.get(large_order, headers={**GZIP, "If-None-Match": tag})

    changed = change(api, large_order, tag, note="first")
    late = change(api, large_order, tag, note="second")

    assert tag == 'W/"1"'
    assert (known.status_code, known.content) == (304, b"")
    assert (changed.status_code, changed.headers["ETag"]) == (200, 'W/"2"')
    assert (late.status_code, late.json()["current_version"]) == (412, 2)
    assert api.get(large_order).json()["note"] == "first"


def change(api: Client, path: str, tag: str, **body: Any) -> Any:
    return api.patch(path, body, content_type="application/json", headers={**GZIP, "If-Match": tag})


def test_a_page_of_orders_is_compressed(api: Client, place_order: Any) -> None:
    for _ in range(8):
        place_order(cup=1, plate=1)

    answer = api.get("/api/v1/orders", headers=GZIP)

    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(orjson.loads(gzip.decompress(answer.content))["results"]) == 8


def test_a_page_with_a_form_does_not_tell_by_its_length_what_stands_in_it(database: None) -> None:
    admin = Client(headers=GZIP)
    admin.force_login(User.objects.create_superuser("ann"), backend="django.contrib.auth.backends.ModelBackend")

    pages = [admin.get("/admin/password_change/") for _ in range(8)]

    assert {page.headers["Content-Encoding"] for page in pages} == {"gzip"}
    assert len({len(gzip.decompress(page.content)) for page in pages}) == 1
    assert len({len(page.content) for page in pages}) > 2
