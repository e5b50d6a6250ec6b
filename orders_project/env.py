"""Typed reading of environment variables: what cannot be read is told by the variable's name."""

import os
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, TypeVar

from django.core.exceptions import ImproperlyConfigured
from environs import Env
from environs.exceptions import EnvError

_env = Env(expand_vars=False)

_LAST_PORT = 65_535

# Nothing but its having been set is told of a value that is secret, or tells of people.
_ONLY_SET: Final = "set"

Value = TypeVar("Value")

_given: dict[str, object] = {}


def given_variables() -> dict[str, object]:
    """What has been read so far and is otherwise than by default, as it may be shown."""
    return dict(_given)


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
    value = os.environ.get(name, default).lower()
    for choice in choices:
        if choice.lower() == value:
            return _noted(name, choice, default)
    raise _unexpected(name, f"one of {', '.join(choices)}")


def env_str(name: str, *, default: str) -> str:
    return _noted(name, os.environ.get(name, default), default)


def env_names(name: str, default: list[str] | None = None, *, private: bool = False) -> list[str]:
    """Comma-separated names; spaces around them and empty ones are dropped. Private ones are shown to nobody."""
    names = [part.strip() for part in _env.list(name, default or []) if part.strip()]
    return _noted(name, names, default or [], private=private)


def env_secret(name: str) -> str | None:
    """Value of `name`, or the content of the file that `name`_FILE points to (as container secrets are given).

    An empty file is refused: it was meant to hold something.
    """
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return _noted(name, os.environ.get(name) or None, None, private=True)
    try:
        secret = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ImproperlyConfigured(
            f"{name}_FILE is {path!r}, which cannot be read ({why}). Expected the path of a file that holds {name}."
        ) from None
    if not secret:
        raise ImproperlyConfigured(f"{name}_FILE is {path!r}, which is empty. Expected a file that holds {name}.")
    return _noted(name, secret, None, private=True)


def _read(read: Callable[..., Value], name: str, default: Value, *, expected: str) -> Value:
    try:
        return _noted(name, read(name, default=default), default)
    except EnvError:
        raise _unexpected(name, expected) from None


def _noted(name: str, value: Value, default: object, *, private: bool = False) -> Value:
    if value != default:
        _given[name] = _ONLY_SET if private else _shown(value)
    return value


def _shown(value: object) -> object:
    if isinstance(value, list):
        return [_shown(part) for part in value]
    return without_login(value) if isinstance(value, str) else value


def without_login(text: str) -> str:
    """A URL without user, password and query, which may hold another; any other text as it is."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        return text
    place, *query = re.split(r"[?#]", rest, maxsplit=1)
    if query and "@" in query[0]:
        # The mark may be one of a password that was not written as it has to be.
        return f"{scheme}://…"
    return f"{scheme}://{place.rpartition('@')[2]}"


def _unexpected(name: str, expected: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"{name} is {os.environ.get(name)!r}; expected {expected}. Correct the environment variable, or remove it to "
        "get the default."
    )
