"""Servers that say what no HTTP library would, and their certificates."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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


def certificate(directory: Path, name: str) -> Path:
    """Of the name, signed by itself: the directory, which has it with its key."""
    directory.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signed = (
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
    (directory / "certificate.pem").write_bytes(signed.public_bytes(pem))
    return directory


def trusted(tmp_path: Path, *directories: Path) -> Path:
    """A file of these certificates, for SSL_CERT_FILE."""
    bundle = tmp_path / "trusted.pem"
    bundle.write_bytes(b"".join((directory / "certificate.pem").read_bytes() for directory in directories))
    return bundle


def context(directory: Path, names: list[str | None]) -> ssl.SSLContext:
    """A server's, with this certificate; whom it is asked for is added to the names."""
    secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secured.load_cert_chain(directory / "certificate.pem", directory / "key.pem")
    secured.sni_callback = lambda connection, name, of: names.append(name)
    return secured
