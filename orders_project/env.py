"""Typed reading of environment variables: what cannot be read is told by the variable's name."""

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured
from environs import Env
from environs.exceptions import EnvError

_env = Env(expand_vars=False)

_LAST_PORT = 65_535

Value = TypeVar("Value")


def env_bool(name: str, *, default: bool) -> bool:
    """Raises ImproperlyConfigured, like all of these, when the value is not what is expected."""
    return _read(_env.bool, name, default, expected="1 or 0")


def env_int(name: str, *, default: int) -> int:
    return _read(_env.int, name, default, expected="a whole number")


def env_port(name: str, *, default: int) -> int:
    """A TCP port."""
    port = env_int(name, default=default)
    if not 1 <= port <= _LAST_PORT:
        raise _unexpected(name, f"a whole number from 1 to {_LAST_PORT}")
    return port


def env_float(name: str, *, default: float) -> float:
    return _read(_env.float, name, default, expected="a number")


def env_choice(name: str, choices: Collection[str], *, default: str) -> str:
    """One of the choices, however the case of its letters."""
    value = env_str(name, default=default).lower()
    for choice in choices:
        if choice.lower() == value:
            return choice
    raise _unexpected(name, f"one of {', '.join(choices)}")


def env_str(name: str, *, default: str) -> str:
    return os.environ.get(name, default)


def env_names(name: str, default: list[str] | None = None) -> list[str]:
    """Comma-separated names; spaces around them and empty ones are dropped."""
    return [part.strip() for part in _env.list(name, default or []) if part.strip()]


def env_secret(name: str) -> str | None:
    """Value of `name`, or the content of the file that `name`_FILE points to (as container secrets are given).

    An empty file is refused: it was meant to hold something.
    """
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return os.environ.get(name) or None
    try:
        secret = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ImproperlyConfigured(
            f"{name}_FILE is {path!r}, which cannot be read ({why}). Expected the path of a file that holds {name}."
        ) from None
    if not secret:
        raise ImproperlyConfigured(f"{name}_FILE is {path!r}, which is empty. Expected a file that holds {name}.")
    return secret


def _read(read: Callable[..., Value], name: str, default: Value, *, expected: str) -> Value:
    try:
        return read(name, default=default)
    except EnvError:
        raise _unexpected(name, expected) from None


def _unexpected(name: str, expected: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"{name} is {os.environ.get(name)!r}; expected {expected}. Correct the environment variable, or remove it to "
        "get the default."
    )
