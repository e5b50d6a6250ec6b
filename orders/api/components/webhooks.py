"""What is answered of webhook endpoints and of what they were sent."""

from __future__ import annotations

from typing import Any, Final

from events.webhooks.models import WebhookDelivery, WebhookEndpoint
from orders.api.components.shapes import (
    COUNT,
    FLAG,
    INSTANT,
    INSTANT_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    UUID,
    UUID_OR_NULL,
    list_of,
    object_of,
    ref,
    ref_or_null,
)

_STATUS_OR_NULL: Final = {"type": ["integer", "null"], "description": "The HTTP status; null where none came."}
_ENDPOINT: Final = {
    "id": UUID,
    "url": TEXT,
    "description": TEXT,
    "types": {**list_of(TEXT), "description": "None named: all there are."},
    "ordered": FLAG,
    "personal": FLAG,
    "api_version": {
        "type": "string",
        "description": "The form of what it is sent: the one there was when it was made.",
    },
    "enabled": FLAG,
    "disabled_at": INSTANT_OR_NULL,
    "disabled_because": ref_or_null("WebhookDisabledBecause"),
    "failing_since": {**INSTANT_OR_NULL, "description": "Since the first failure after the last success."},
    "previous_secret_until": {**INSTANT_OR_NULL, "description": "Until when the secret before this one signs too."},
    "created_at": INSTANT,
}
_SECRET: Final = {"type": "string", "description": "Told here and never again."}
_DELIVERY: Final = {
    "event_id": UUID,
    "type": TEXT,
    "subject": {**UUID, "description": "The order."},
    "sequence": {"type": "integer", "minimum": 1},
    "state": ref("WebhookDeliveryState"),
    "attempts": {**COUNT, "description": "Since it was queued, or queued again."},
    "next_attempt_at": {**INSTANT_OR_NULL, "description": "At the earliest; null once it is settled."},
    "last_status": _STATUS_OR_NULL,
    "last_error": TEXT,
    "created_at": INSTANT,
    "settled_at": INSTANT_OR_NULL,
}
_ATTEMPT: Final = {
    "attempted_at": INSTANT,
    "milliseconds": COUNT,
    "url": TEXT,
    "address": {"type": "string", "description": "What was connected to; empty where nothing was."},
    "request_headers": ref("WebhookHeaders"),
    "status": _STATUS_OR_NULL,
    "response_headers": ref("WebhookHeaders"),
    "response_body": {"type": "string", "description": "Its beginning."},
    "error": TEXT,
}

WEBHOOKS: Final[dict[str, Any]] = {
    "WebhookDisabledBecause": {"type": "string", "enum": WebhookEndpoint.Because.values},
    "WebhookDeliveryState": {"type": "string", "enum": WebhookDelivery.State.values},
    "WebhookHeaders": {"type": "object", "description": "By name.", "additionalProperties": TEXT},
    "WebhookPage": object_of({"results": list_of(ref("Webhook"))}),
    "Webhook": object_of(_ENDPOINT),
    "WebhookWithSecret": object_of({**_ENDPOINT, "secret": _SECRET}),
    "WebhookDeliveryPage": object_of({"results": list_of(ref("WebhookDelivery")), "next_before": UUID_OR_NULL}),
    "WebhookDelivery": object_of(_DELIVERY),
    "WebhookDeliveryWithLog": object_of(
        {
            **_DELIVERY,
            "body": {
                **TEXT_OR_NULL,
                "description": "What was sent, byte for byte: CloudEvents JSON. Null without the scope `orders:read`.",
            },
            "log": list_of(ref("WebhookAttempt")),
        }
    ),
    "WebhookAttempt": object_of(_ATTEMPT),
    "Redelivered": object_of(
        {
            "queued": COUNT,
            "go_on_since": {
                **INSTANT_OR_NULL,
                "description": "Where there are more than are queued at once: the `since` to ask with again.",
            },
        }
    ),
}
