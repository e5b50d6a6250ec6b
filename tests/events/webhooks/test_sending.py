"""One request: over before its deadline whatever the other side does, to the name that was asked for."""

from __future__ import annotations

import socket
import threading

import pytest

from events.webhooks import sending
from events.webhooks.sending import Answer, post
from tests.talking import Talk, certificate, context, server, trusted


def saying(answer: bytes, heard: list[bytes] | None = None) -> Talk:
    def talk(connection: socket.socket) -> None:
        request = b""
        while not request.endswith(b'{"a": 1}') and (part := connection.recv(65_536)):
            request += part
        if heard is not None:
            heard.append(request)
        connection.sendall(answer)

    return talk


def send(
    port: int, *, seconds: float = 10, scheme: str = "http", host: str = "127.0.0.1", body: bytes = b'{"a": 1}'
) -> Answer:
    return post(f"{scheme}://{host}:{port}/hooks", headers={"X-Of": "ours"}, body=body, seconds=seconds)


def test_what_is_sent_is_one_request_with_the_body_as_it_is():
    heard: list[bytes] = []
    with server(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok", heard)) as port:
        answer = send(port)

    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert head.decode().split("\r\n") == [
        "POST /hooks HTTP/1.1",
        "Accept-Encoding: identity",
        "Content-Length: 8",
        f"Host: 127.0.0.1:{port}",
        "Connection: close",
        "X-Of: ours",
    ]
    assert body == b'{"a": 1}'
    assert answer[:5] == (200, {"content-length": "2", "x-a": "b"}, "ok", "", "127.0.0.1")
    assert answer.delivered


@pytest.mark.parametrize(
    "beginning", [b"", b"HTTP/1.1 200 OK\r\nX-Dripping: "], ids=["nothing but its status line", "its headers"]
)
def test_who_drips_its_answer_is_cut_off_at_the_deadline(beginning):
    """One byte at a time renews every timeout of a socket."""
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(beginning)
        while not over.wait(0.02):
            connection.sendall(b"H" if not beginning else b"x")

    with server(drip) as port:
        answer = send(port, seconds=0.3)
        over.set()

    assert (answer.status, answer.delivered) == (None, False)
    assert answer.error != ""


def test_a_status_is_an_answer_although_the_body_drips_for_ever():
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not over.wait(0.02):
            connection.sendall(b"x")

    with server(drip) as port:
        answer = send(port, seconds=0.3)
        over.set()

    assert (answer.status, answer.error) == (200, "")


def test_of_a_long_answer_the_beginning_is_kept():
    with server(saying(b"HTTP/1.1 500 No\r\n\r\n" + b"no\0" + b"x" * 100_000)) as port:
        answer = send(port)

    assert (answer.status, answer.body) == (500, "no\ufffd" + "x" * 997)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\nX-A: b\0c\r\n\r\n", "{'x-a': 'b\ufffdc'}"),
        (b"\0\0junk\r\n", "\ufffd\ufffdjunk\r\n"),
    ],
)
def test_what_postgresql_cannot_keep_of_an_answer_is_replaced_wherever_it_stands(said, kept):
    """What came of a whole turn could not be written, and all of it was sent again, for ever."""
    with server(saying(said)) as port:
        answer = send(port)

    assert kept in (str(answer.headers), answer.body)


@pytest.mark.parametrize(
    ("said", "kept"), [(b"thanks, ann\r\n", "thanks, ann\r\n"), (b"HTTP/1.1 ann\r\n\r\n", "HTTP/1.1 ann\r\n")]
)
def test_what_the_endpoint_said_stands_where_an_erasure_looks_for_it(said, kept):
    with server(saying(said)) as port:
        answer = send(port)

    assert (answer.status, answer.body, answer.error) == (None, kept, "The answer does not begin as HTTP does")


def test_a_version_of_http_that_nobody_knows_is_not_repeated():
    with server(saying(b"HTTP/ann 200 OK\r\n\r\n")) as port:
        answer = send(port)

    assert answer.error == "UnknownProtocol: the answer is not HTTP"


@pytest.mark.parametrize(
    "said",
    [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n"],
)
def test_what_is_no_answer_is_a_failure(said):
    with server(saying(said)) as port:
        answer = send(port)

    assert (answer.status, answer.delivered) == (None, False)
    assert answer.error != ""


def test_where_nobody_listens_is_a_failure():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    answer = send(port)

    assert (answer.status, answer.address) == (None, "")
    assert "refused" in answer.error


def test_an_address_inside_is_not_connected_to(settings):
    settings.WEBHOOK_ALLOW_PRIVATE = False
    with server(saying(b"HTTP/1.1 200 OK\r\n\r\n")) as port:
        answers = [post(url, headers={}, body=b"") for url in (f"http://127.0.0.1:{port}/", "https://localhost/")]

    assert [answer.status for answer in answers] == [None, None]
    assert "https alone" in answers[0].error
    assert "localhost leads to an address that is not of the public internet" in answers[1].error


def test_the_certificate_must_be_of_the_name_that_was_asked_for(tmp_path, monkeypatch):
    names: list[str | None] = []
    good, other = (certificate(tmp_path / name, name) for name in ("localhost", "other.example"))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted(tmp_path, good, other)))
    sending._tls.cache_clear()
    answer = saying(b"HTTP/1.1 200 OK\r\n\r\n")
    try:
        with server(answer, secured=context(good, names)) as port:
            right = send(port, scheme="https", host="localhost")
        with server(answer, secured=context(other, names)) as port:
            wrong = send(port, scheme="https", host="localhost")
        monkeypatch.delenv("SSL_CERT_FILE")
        sending._tls.cache_clear()
        with server(answer, secured=context(good, names)) as port:
            unknown = send(port, scheme="https", host="localhost")
    finally:
        sending._tls.cache_clear()

    assert right.error == ""
    assert (right.status, wrong.status, unknown.status) == (200, None, None)
    assert names[0] == "localhost"
    assert "Hostname mismatch" in wrong.error
    assert "self-signed certificate" in unknown.error


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_who_reads_slowly_is_cut_off_at_the_deadline(tmp_path, monkeypatch, scheme):
    own, over = certificate(tmp_path / "localhost", "localhost"), threading.Event()
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted(tmp_path, own)))
    sending._tls.cache_clear()

    def sip(connection: socket.socket) -> None:
        while not over.wait(0.02) and connection.recv(8192):
            pass

    try:
        with server(sip, secured=context(own, []) if scheme == "https" else None) as port:
            answer = send(port, seconds=0.5, scheme=scheme, host="localhost", body=b"x" * 20_000_000)
            over.set()
    finally:
        sending._tls.cache_clear()

    assert (answer.status, answer.address != "") == (None, True)
