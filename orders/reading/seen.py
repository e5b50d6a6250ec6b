"""What somebody sees of an order: the one place where the rest is left out.

Of masked fields nothing is told, not even whether there is something: they look as they do on an order
without them, and `masked` names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from orders.reading.documents import NO_ADDRESS
from orders.rules.sight import Sight

Document = dict[str, Any]

RECEIPT: Final = ("id", "number", "version", "status")
MASKED: Final[Mapping[str, Any]] = {
    "contact": {"email": None, "phone": None, "phone_e164": None},
    "shipping_address": NO_ADDRESS,
    "billing_address": None,
    "note": "",
}


def as_seen(document: Document, sight: Sight) -> Document:
    """The document of an order, as far as `sight` goes."""
    match sight:
        case Sight.RECEIPT:
            return {name: document[name] for name in RECEIPT}
        case Sight.ORDER:
            return {**document, **MASKED, "masked": list(MASKED)}
        case _:
            return document


def seen_json(document: bytes, sight: Sight) -> bytes:
    """The same of a document's JSON; who sees everything gets it as it is."""
    if sight is Sight.CUSTOMER:
        return document
    return orjson.dumps(as_seen(orjson.loads(document), sight))


def page_json(documents: str, sight: Sight) -> bytes:
    """The same of many, joined by commas."""
    if sight is Sight.CUSTOMER:
        return documents.encode()
    return orjson.dumps([as_seen(document, sight) for document in orjson.loads(f"[{documents}]")])[1:-1]
