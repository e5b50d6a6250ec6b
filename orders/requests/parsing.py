"""How a JSON body becomes a struct, and what is said where it does not fit."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any, Final, TypeVar

import msgspec
import orjson
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


def parse(body: bytes, shape: type[S], *, part: bool = False) -> S:
    """Read a JSON body into its struct.

    A part that stays raw is not looked into: whoever parses it finds what is wrong with it. Raises
    MalformedJson when the body is not JSON at all, and InvalidRequest naming the first thing that does not
    fit, with a JSON pointer to it; also for a name that an object has twice: readers take either (RFC 8259, 4).
    With `part` it is one of a body for which that has been looked at.
    """
    try:
        value = msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise InvalidRequest([_field_error(str(error), shape)]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJson(f"The body is not JSON: {error}. Send one JSON object, encoded as UTF-8.") from None
    if not part and _has_doubled_names(body):
        _refuse_doubled_names(body)
    if _NUL.search(body):
        _refuse_nul(msgspec.to_builtins(value, enc_hook=_unread), "")
    return value


def _has_doubled_names(body: bytes) -> bool:
    """Whether it may have any: written anew, it has each once. Escaped quotes make a difference too, but seldom."""
    try:
        return body.count(b'"') != orjson.dumps(orjson.loads(body)).count(b'"')
    except ValueError:
        return True


def _refuse_doubled_names(body: bytes) -> None:
    """Raises InvalidRequest."""

    def read(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        if doubled := [name for name in names if names.count(name) > 1]:
            detail = f"An object has the name {doubled[0][:100]!r} twice; name each once"
            raise InvalidRequest.at("", "not_unique", detail)

    with suppress(ValueError):  # what is raw is read by its own reader
        json.loads(body, object_pairs_hook=read)


def _unread(part: msgspec.Raw) -> None:
    """For a raw part: whatever reads it here without a shape refuses other numbers than its own reader does."""


def _field_error(message: str, shape: type[Struct]) -> FieldError:
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
    elif code == "unknown_field" and not path and (words := getattr(shape, "elsewhere", {}).get(name and name[1])):
        detail += f": {words}"
    elif code in ("unknown_field", "not_a_choice"):
        steps = re.findall(r"[^.\[\]]+", path)
        if names := _names_at(msgspec.inspect.type_info(shape), steps):
            detail += f"; there are: {', '.join(names)}"
    if detail.endswith("got `null`"):
        detail += " (give a value, or leave it out)"
    return FieldError(pointer, code, detail + ".")


def _names_at(kind: msgspec.inspect.Type, steps: Sequence[str]) -> list[str]:
    """The choices that there are at the end of a path, or the fields of the object there."""
    match kind:
        case msgspec.inspect.UnionType(types=kinds):
            return next((names for each in kinds if (names := _names_at(each, steps))), [])
        case msgspec.inspect.Metadata(type=inner):
            return _names_at(inner, steps)
        # Django's choices are none of msgspec's own enums.
        case msgspec.inspect.CustomType(cls=cls) | msgspec.inspect.EnumType(cls=cls) if not steps:
            return [str(choice.value) for choice in cls] if issubclass(cls, Enum) else []
        case msgspec.inspect.LiteralType(values=choices) if not steps:
            return [str(choice) for choice in choices]
        case msgspec.inspect.StructType(fields=fields) if not steps:
            return [field.encode_name for field in fields]
        case msgspec.inspect.StructType(fields=fields):
            return next((_names_at(field.type, steps[1:]) for field in fields if field.encode_name == steps[0]), [])
        case msgspec.inspect.ListType(item_type=inner) | msgspec.inspect.VarTupleType(item_type=inner) if steps:
            return _names_at(inner, steps[1:])
        case msgspec.inspect.DictType(value_type=inner) if steps:
            return _names_at(inner, steps[1:])
    return []


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
