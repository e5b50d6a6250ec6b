"""One request: over before its deadline whatever the other side does, to the name that was asked for."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from events.webhooks import sending
from events.webhooks.sending import Answer, post

Talk = Callable[[socket.socket], None]


@contextmanager
def server(talk: Talk, *, secured: ssl.SSLContext | None = None) -> Iterator[int]:
    """Its port; each connection is talked to in turn."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with contextlib.suppress(OSError), connection:
                    if secured is None:
                        talk(connection)
                    else:
                        with secured.wrap_socket(connection, server_side=True) as inner:
                            talk(inner)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


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
        (b"\0\0junk\r\n", "BadStatusLine: \ufffd\ufffdjunk\r\n"),
    ],
)
def test_what_postgresql_cannot_keep_of_an_answer_is_replaced_wherever_it_stands(said, kept):
    """What came of a whole turn could not be written, and all of it was sent again, for ever."""
    with server(saying(said)) as port:
        answer = send(port)

    assert kept in (str(answer.headers), answer.error)


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
    good, other = (_certificate(tmp_path / name, name) for name in ("localhost", "other.example"))
    monkeypatch.setenv("SSL_CERT_FILE", str(_trusted(tmp_path, good, other)))
    sending._tls.cache_clear()
    answer = saying(b"HTTP/1.1 200 OK\r\n\r\n")
    try:
        with server(answer, secured=_context(good, names)) as port:
            right = send(port, scheme="https", host="localhost")
        with server(answer, secured=_context(other, names)) as port:
            wrong = send(port, scheme="https", host="localhost")
        monkeypatch.delenv("SSL_CERT_FILE")
        sending._tls.cache_clear()
        with server(answer, secured=_context(good, names)) as port:
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
    certificate, over = _certificate(tmp_path / "localhost", "localhost"), threading.Event()
    monkeypatch.setenv("SSL_CERT_FILE", str(_trusted(tmp_path, certificate)))
    sending._tls.cache_clear()

    def sip(connection: socket.socket) -> None:
        while not over.wait(0.02) and connection.recv(8192):
            pass

    try:
        with server(sip, secured=_context(certificate, []) if scheme == "https" else None) as port:
            answer = send(port, seconds=0.5, scheme=scheme, host="localhost", body=b"x" * 20_000_000)
            over.set()
    finally:
        sending._tls.cache_clear()

    assert (answer.status, answer.address != "") == (None, True)


def _certificate(directory: Path, name: str) -> Path:
    directory.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    no_password = serialization.NoEncryption()
    pem, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (directory / "key.pem").write_bytes(key.private_bytes(pem, plain, no_password))
    (directory / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    return directory


def _trusted(tmp_path: Path, *directories: Path) -> Path:
    bundle = tmp_path / "trusted.pem"
    bundle.write_bytes(b"".join((directory / "certificate.pem").read_bytes() for directory in directories))
    return bundle


def _context(directory: Path, names: list[str | None]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "certificate.pem", directory / "key.pem")
    context.sni_callback = lambda connection, name, of: names.append(name)
    return context
