"""What the OpenAPI document refers to by name: a generated client makes a type of each.

What is sent is made from the structs that read it, what is answered is written down. `NewX` is sent, `X` answered.
"""

from __future__ import annotations

from typing import Any, Final

from orders.api.components.answers import ANSWERS
from orders.api.components.enums import ENUMS
from orders.api.components.first_version import FIRST_VERSION
from orders.api.components.headers import HEADERS
from orders.api.components.order import ORDER_AND_ITS_PARTS
from orders.api.components.requests import MAY_BE_ABSENT, REQUESTS
from orders.api.components.webhooks import WEBHOOKS

SCHEMAS: Final[dict[str, Any]] = {**ENUMS, **REQUESTS, **ORDER_AND_ITS_PARTS, **ANSWERS, **FIRST_VERSION, **WEBHOOKS}

__all__ = ["HEADERS", "MAY_BE_ABSENT", "SCHEMAS"]
