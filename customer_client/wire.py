"""The bodies of the HTTP contract (`openapi.yaml`), as client and reference server read and write them."""

from typing import Final

import msgspec

PROBLEM: Final = "application/problem+json"
CUSTOMER_UNKNOWN: Final = "customer_unknown"


class CustomerBody(msgspec.Struct):
    customer_id: str
    active: bool


class ProblemBody(msgspec.Struct, omit_defaults=True):
    """RFC 9457. `code` is stable."""

    status: int
    code: str
    title: str
    detail: str = ""
