"""The login of the database as RDS keeps it: JSON in a secret, read anew when the server refuses what it said.

So a password can be changed while the service runs. Connections that are open go on; a server asks for a password
only at the beginning.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from orders_project.env import env_secret, env_str

# However many connections are refused, by however many threads: one look in so many seconds, each process for itself.
PAUSE_SECONDS: Final = 5.0
# Whoever keeps the secret has to answer by then.
LIMIT_SECONDS: Final = 5.0
_EXPECTED: Final = 'JSON as RDS writes it: {"username": …, "password": …}, and if need be host, port, dbname, engine'

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Login:
    """Who connects, and where to if the secret says so; its text tells no password."""

    user: str
    password: str = field(repr=False)
    host: str = ""
    port: str = ""
    name: str = ""


class DatabaseSecret:
    """The secret of one process. `read` fetches its text; `name` is the variable that led here."""

    def __init__(
        self,
        read: Callable[[], str],
        *,
        name: str,
        pause_seconds: float = PAUSE_SECONDS,
        limit_seconds: float = LIMIT_SECONDS,
    ) -> None:
        self._read = read
        self.name = name
        self._pause_seconds = pause_seconds
        self._limit_seconds = limit_seconds
        self._lock = threading.Lock()
        self._login: Login | None = None
        self._trouble = ""
        self._next_at = 0.0
        self._reading: Future[str] | None = None

    def __repr__(self) -> str:
        return f"<the login in {self.name}>"

    def login(self) -> Login:
        """What was read last. Raises psycopg.OperationalError when there is nothing yet, and nothing to be had."""
        login = self._login
        if login is None:
            with self._lock:
                if self._login is None:
                    self._look()
                login = self._login
            if login is None:
                raise psycopg.OperationalError(self._trouble)
        return login

    def login_instead_of(self, user: str, password: str) -> Login | None:
        """Another login than this one, which the server has refused; None when the secret has no other."""
        with self._lock:
            known = self._login
            # Unless somebody else has been here since, and found the new one.
            if known is None or (known.user, known.password) == (user, password):
                self._look()
            known = self._login
        return None if known is None or (known.user, known.password) == (user, password) else known

    def _look(self) -> None:
        """Read it, unless that was a moment ago. The caller holds the lock: the others wait for this one."""
        if time.monotonic() < self._next_at:
            return
        try:
            self._login = login_in(self._text_in_time(), name=self.name)
        except Exception as error:
            why = f"no answer within {self._limit_seconds:g} s" if isinstance(error, TimeoutError) else str(error)
            self._trouble = f"The login of the database cannot be read from {self.name}: {why}"
            logger.warning("The login of the database cannot be read", extra={"variable": self.name, "error": why})
        self._next_at = time.monotonic() + self._pause_seconds

    def _text_in_time(self) -> str:
        if self._reading is None or self._reading.done():
            self._reading = Future()
            # A daemon: the process must be able to end while an answer does not come.
            threading.Thread(target=self._run, args=(self._reading,), daemon=True).start()
        return self._reading.result(timeout=self._limit_seconds)

    def _run(self, reading: Future[str]) -> None:
        try:
            reading.set_result(self._read())
        except BaseException as error:
            reading.set_exception(error)


def database_secret() -> DatabaseSecret | None:
    """What DATABASE_SECRET (or DATABASE_SECRET_FILE) or DATABASE_SECRET_ARN stands for; None without either.

    Raises ImproperlyConfigured when it cannot be right. Asks nobody: what is kept elsewhere is read at the first
    connection.
    """
    text, arn = env_secret("DATABASE_SECRET"), env_str("DATABASE_SECRET_ARN", default="")
    if text and arn:
        raise ImproperlyConfigured(
            "DATABASE_SECRET and DATABASE_SECRET_ARN are both set, and may say different things. Remove one of them."
        )
    if text:
        if not (login_in(text, name="DATABASE_SECRET").host or env_secret("DATABASE_URL")):
            raise ImproperlyConfigured(
                "DATABASE_SECRET names no host, and DATABASE_URL is not set. Set it to postgres://host:5432/name, "
                "without a user, or add host and dbname to the secret."
            )
        return DatabaseSecret(lambda: env_secret("DATABASE_SECRET") or "", name="DATABASE_SECRET")
    if not arn:
        return None
    try:
        # By name, because what it needs is installed for AWS only.
        read: Callable[[], str] = import_string("orders_project.secrets_manager.secret_text")(arn)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"DATABASE_SECRET_ARN needs a package that is not installed ({error}). Install the part `brokers` of "
            "requirements.txt, or boto3."
        ) from None
    return DatabaseSecret(read, name="DATABASE_SECRET_ARN")


def login_in(text: str, *, name: str) -> Login:
    """Raises ImproperlyConfigured without a word of the text, which holds a password."""
    try:
        told: Any = json.loads(text)
    except ValueError:
        raise _unreadable(name, "It is no JSON.") from None
    if not isinstance(told, dict):
        raise _unreadable(name, "It is no JSON object.")
    for key in ("username", "password"):
        if not isinstance(told.get(key), str) or not told[key]:
            raise _unreadable(name, f"It has no {key}.")
    if "postgres" not in str(told.get("engine") or "postgres"):
        raise _unreadable(name, "Its engine is another than postgres.")
    port = str(told.get("port") or "")
    if port and not (port.isascii() and port.isdigit()):
        raise _unreadable(name, "Its port is no number.")
    host, database = (str(told.get(key) or "") for key in ("host", "dbname"))
    return Login(told["username"], told["password"], host, port, database)


def _unreadable(name: str, what: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name} is not what is expected, {_EXPECTED}. {what}")
