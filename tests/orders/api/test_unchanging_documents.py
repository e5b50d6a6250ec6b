"""What is the same for everybody is made once, and not sent twice."""

from __future__ import annotations

import gzip
from typing import Any

import orjson
import pytest
import yaml
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from orders.api import schema_document
from tests.chaos.live_server import at_once

SCHEMA = "/api/schema/"
AS_JSON = {"Accept": "application/json"}
TYPES = {
    "application/json": "application/json",
    "application/vnd.oai.openapi+json": "application/vnd.oai.openapi+json",
    "application/yaml": "application/yaml; charset=utf-8",
    "*/*": "application/vnd.oai.openapi; charset=utf-8",
    "text/html, */*;q=0.8": "application/vnd.oai.openapi; charset=utf-8",
}
DOCUMENTS = [SCHEMA, "/api/", "/api/redoc/", "/api/problems", "/api/events/schemas/"]
EVENT_SCHEMA = "/api/events/schemas/order.created.json"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is made from now on, as after a start of the process."""
    documents = []
    generate = SchemaGenerator.get_schema

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        documents.append("the document")
        return generate(self, *args, **kwargs)

    monkeypatch.setattr(SchemaGenerator, "get_schema", counted)
    schema_document._made.cache_clear()
    schema_document._described.cache_clear()
    return documents


def test_sixteen_who_ask_at_once_for_the_schema_get_one_that_was_made_once(made: list[str]) -> None:
    answers = at_once([lambda: Client().get(SCHEMA)] * 8 + [lambda: Client(headers=AS_JSON).get(SCHEMA)] * 8)

    assert [answer.status_code for answer in answers] == [200] * 16
    assert len({answer.content for answer in answers}) == 2
    assert made == ["the document"]


@pytest.mark.parametrize(("accepted", "content_type"), TYPES.items())
def test_the_schema_is_sent_in_the_form_that_is_accepted(accepted: str, content_type: str) -> None:
    answer = Client(headers={"Accept": accepted}).get(SCHEMA)

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, content_type)
    document = orjson.loads(answer.content) if "json" in content_type else yaml.safe_load(answer.content)
    assert (document["openapi"], len(document["paths"])) == ("3.1.0", 50)
    assert answer.headers["Content-Disposition"] == (
        f'inline; filename="Order service.{"json" if "json" in content_type else "yaml"}"'
    )


def test_a_form_there_is_not_is_a_problem() -> None:
    answer = Client(headers={"Accept": "text/html"}).get(SCHEMA)

    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


def test_the_schema_is_compressed_for_who_reads_that() -> None:
    plain = Client(headers=AS_JSON).get(SCHEMA)
    compressed = Client(headers={**AS_JSON, "Accept-Encoding": "br, gzip"}).get(SCHEMA)

    assert compressed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(compressed.content) == plain.content
    assert len(compressed.content) < len(plain.content) / 10
    assert {"Accept", "Accept-Encoding"} <= set(compressed.headers["Vary"].split(", "))


@pytest.mark.parametrize("path", [*DOCUMENTS, EVENT_SCHEMA])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_who_has_it_already_gets_a_304(path: str, encoding: str) -> None:
    client = Client(headers={"Accept-Encoding": encoding})
    first = client.get(path)

    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    other = client.get(path, headers={"If-None-Match": '"other"'})

    assert (first.status_code, again.status_code, other.status_code) == (200, 304, 200)
    assert (again.content, again.headers["ETag"]) == (b"", first.headers["ETag"])
