"""What Django is told of a request, and what becomes of its answer."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from orders_project.front.wsgi_call import call, environ_of, set_body


def environ(*headers: tuple[bytes, bytes], **parts: Any) -> dict[str, Any]:
    scope = {
        "method": "POST",
        "http_version": "1.1",
        "path": "/api/v1/orders",
        "query_string": b"limit=5",
        "scheme": "http",
        "server": ("127.0.0.1", "8000"),
        "client": ("192.0.2.7", "40000"),
        "headers": headers,
    }
    return environ_of(scope | parts)


def test_a_request_is_told_as_cgi_does():
    told = environ((b"host", b"shop.example"), (b"content-type", b"application/json"), (b"x-api-key", b"k"))

    expected = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/v1/orders",
        "QUERY_STRING": "limit=5",
        "REMOTE_ADDR": "192.0.2.7",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "HTTP_HOST": "shop.example",
        "CONTENT_TYPE": "application/json",
        "HTTP_X_API_KEY": "k",
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
    }
    assert {name: told[name] for name in expected} == expected
    assert "CONTENT_LENGTH" not in told


def test_a_header_with_an_underscore_is_no_other_header():
    told = environ((b"x_api_key", b"smuggled"), (b"x_forwarded_proto", b"https"), (b"x-api-key", b"sent"))

    assert {name: value for name, value in told.items() if name.startswith("HTTP_")} == {"HTTP_X_API_KEY": "sent"}


def test_headers_sent_twice_are_one_with_a_comma_and_cookies_with_a_semicolon():
    told = environ((b"accept", b"a"), (b"cookie", b"a=1"), (b"accept", b"b"), (b"cookie", b"b=2"))

    assert (told["HTTP_ACCEPT"], told["HTTP_COOKIE"]) == ("a,b", "a=1; b=2")


def test_paths_and_headers_beyond_ascii_are_bytes_in_latin_1():
    told = environ((b"idempotency-key", "schlüssel".encode()), path="/api/v1/orders/größe")

    assert told["PATH_INFO"].encode("latin-1").decode() == "/api/v1/orders/größe"
    assert told["HTTP_IDEMPOTENCY_KEY"].encode("latin-1").decode() == "schlüssel"


@pytest.mark.parametrize(
    ("headers", "body", "length"),
    [
        ((), b"", None),
        (((b"content-length", b"0"),), b"", "0"),
        (((b"content-length", b"2"),), b"{}", "2"),
        (((b"transfer-encoding", b"chunked"),), b"{}", "2"),
        (((b"transfer-encoding", b"chunked"),), b"", "0"),  # announced, and empty: a mistake somebody else tells
    ],
)
def test_the_length_is_that_of_the_body_which_was_read(headers, body, length):
    told = environ(*headers)

    set_body(told, body)

    assert (told.get("CONTENT_LENGTH"), told["wsgi.input"].read()) == (length, body)


def test_the_whole_answer_is_taken_and_closed():
    closed: list[bool] = []

    class Parts(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def application(environ: dict[str, Any], start_response: Any) -> Parts:
        start_response("201 Created", [("Location", "/x"), ("Set-Cookie", " a=1")])
        return Parts([b"a", b"b"])

    answer = call(application, environ())

    assert (answer.status, answer.body) == (201, b"ab")
    assert answer.headers == [(b"Location", b"/x"), (b"Set-Cookie", b"a=1")]
    assert closed == [True]
