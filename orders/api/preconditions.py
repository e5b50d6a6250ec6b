"""`ETag`, `If-Match`, `If-None-Match` (RFC 9110 §8.8.3, §13.1): an order's version is its validator."""

from __future__ import annotations

import re
from typing import Final

from django.http import HttpRequest

from orders.operations import Precondition
from orders.rules.errors import InvalidRequest

_OUR_TAG: Final = re.compile(r'^(?:W/)?"(\d{1,9})"$')

_ONE_VERSION: Final = re.compile(r'(?:W/)?"([1-9]\d{0,8})"').fullmatch


def etag(version: int) -> str:
    return f'"{version}"'


def precondition_of(request: HttpRequest) -> Precondition:
    """The version that If-Match asks for; it is compared under the order's lock.

    A weak tag is taken like the strong one: ours is weak only where the answer was compressed, and names the
    version all the same. A list of tags can never be right for a change, and is refused instead of being
    ignored; so is an empty one, which is what the web server makes of a header that is not ASCII.
    Raises InvalidRequest.
    """
    header = request.META.get("HTTP_IF_MATCH", "*").strip()
    if header == "*":
        return Precondition()
    match = _OUR_TAG.match(header)
    if match is None:
        raise InvalidRequest.at(
            "If-Match", "wrong_format", 'If-Match takes one ETag as this service gave it, such as "3", or *.'
        )
    return Precondition(int(match[1]))


def known_version(request: HttpRequest) -> int | None:
    """The version that If-None-Match names, where it names one and nothing else: that need not be read again."""
    match = _ONE_VERSION(request.META.get("HTTP_IF_NONE_MATCH", ""))
    return int(match[1]) if match else None


def is_known_to_caller(request: HttpRequest, version: int) -> bool:
    """Does If-None-Match name this version? It compares weakly, and may be a list or *."""
    header = request.META.get("HTTP_IF_NONE_MATCH", "")
    if not header:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag(version) in tags
