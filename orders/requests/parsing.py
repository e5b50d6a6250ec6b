"""How a JSON body becomes a struct, and what is said where it does not fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from orders.requests.fields import IN_WORDS
from orders.rules.errors import FieldError, InvalidRequest, MalformedJson

S = TypeVar("S", bound=Struct)

_NUL: Final = re.compile(rb"\\u0000")
_PATH: Final = re.compile(r"^(?P<detail>.*?)(?: - at (?:`key` in )?`\$(?P<path>[^`]*)`)?$", re.DOTALL)
_CODES: Final = (
    ("missing required field", "required"),
    ("contains unknown field", "unknown_field"),
    ("Expected `", "wrong_type"),
    ("Invalid enum", "not_a_choice"),
)


def parse(body: bytes, shape: type[S]) -> S:
    """Read a JSON body into its struct.

    A part that stays raw is not looked into: whoever parses it finds what is wrong with it. Raises
    MalformedJson when the body is not JSON at all, and InvalidRequest naming the first thing that does not
    fit, with a JSON pointer to it.
    """
    try:
        value = msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise InvalidRequest([_field_error(str(error))]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJson(f"The body is not JSON: {error}. Send one JSON object, encoded as UTF-8.") from None
    if _NUL.search(body):
        _refuse_nul(msgspec.to_builtins(value, enc_hook=_unread), "")
    return value


def _unread(part: msgspec.Raw) -> None:
    """For a raw part: whatever reads it here without a shape refuses other numbers than its own reader does."""


def _field_error(message: str) -> FieldError:
    """A msgspec message as a field error: "Expected `int`, got `str` - at `$.items[0].quantity`"."""
    match = _PATH.match(message)
    detail, path = (match["detail"], match["path"] or "") if match else (message, "")
    pointer = path.replace("[...]", "").replace("[", "/").replace("]", "").replace(".", "/")
    if name := re.search(r"(?:missing required|contains unknown) field `([^`]+)`", detail):
        pointer += f"/{name[1]}"
    code = next((code for start, code in _CODES if start in detail and "length" not in detail), "invalid")
    if "length" in detail or ">=" in detail or "<=" in detail:
        code = "out_of_range"
    elif "matching regex" in detail:
        code = "wrong_format"
        detail = next((words for pattern, words in IN_WORDS.items() if repr(pattern)[1:-1] in detail), detail)
    return FieldError(pointer, code, detail + ".")


def _refuse_nul(value: Any, pointer: str) -> None:
    """PostgreSQL's text cannot hold U+0000; say where it stands instead of failing on it later."""
    if isinstance(value, str) and "\0" in value:
        raise InvalidRequest.at(pointer, "nul_character", "Text cannot hold the character U+0000.")
    if isinstance(value, Mapping):
        for key, part in value.items():
            _refuse_nul(key, f"{pointer}/{key.replace(chr(0), '')}")
            _refuse_nul(part, f"{pointer}/{key}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            _refuse_nul(part, f"{pointer}/{index}")
