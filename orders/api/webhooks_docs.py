"""The OpenAPI description of the routes of webhooks."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from events.webhooks.endpoints import MOST_OF_A_STOREFRONT
from events.webhooks.redelivering import MOST_AT_ONCE
from orders.api.components.shapes import ref
from orders.api.docs import ALWAYS_ANSWERED, APPLIED, LOCATION, PREFER, body, responses
from orders.rules.limits import MAX_PAGE_ENTRIES

_ID: Final = OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The endpoint's id.")
_EVENT_ID: Final = OpenApiParameter(
    "event_id", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The event's id: `webhook-id` of its requests."
)


def _route(operation_id: str, summary: str, description: str, **more: Any) -> dict[str, Any]:
    parameters = [*more.pop("parameters", []), *ALWAYS_ANSWERED]
    return {
        "operation_id": f"webhooks_{operation_id}",
        "summary": summary,
        "description": description,
        "parameters": parameters,
        "tags": ["webhooks"],
        **more,
    }


LIST: Final = _route(
    "list",
    "List webhook endpoints",
    f"The oldest first. A storefront has at most {MOST_OF_A_STOREFRONT}.",
    responses=responses({200: ref("WebhookPage")}, 400),
)
CREATE: Final = _route(
    "create",
    "Make a webhook endpoint",
    "The answer has its secret, which is never told again. A URL that the storefront has already is a 409.",
    request=body("NewWebhook"),
    responses=responses({201: ref("WebhookWithSecret")}, 400, 409, 413, 415),
    parameters=[LOCATION],
)
READ: Final = _route(
    "read",
    "Read a webhook endpoint",
    "Without its secret.",
    responses=responses({200: ref("Webhook")}, 400, 404),
    parameters=[_ID],
)
CHANGE: Final = _route(
    "change",
    "Change, enable or disable a webhook endpoint",
    "What is absent stays. While it is disabled no event is queued for it; what was queued before waits.",
    request=body("WebhookChange") | {"application/merge-patch+json": ref("WebhookChange")},
    responses=responses({200: ref("Webhook")}, 400, 404, 409, 413, 415),
    parameters=[_ID],
)
DELETE: Final = _route(
    "delete",
    "Delete a webhook endpoint",
    "With what it was sent, and what it had still to get.",
    responses=responses({204: None}, 400, 404),
    parameters=[_ID],
)
ROTATE: Final = _route(
    "rotate",
    "Rotate the secret",
    "The answer has the new one. The old one signs beside it until `overlap_hours` are over; rotated again meanwhile, "
    "the new one is replaced and the old one stays.",
    request=body("Rotation"),
    responses=responses({200: ref("WebhookWithSecret")}, 400, 404, 413, 415),
    parameters=[_ID],
)
TEST: Final = _route(
    "test",
    "Send a test event",
    "One of the type `webhook.test`, queued as any other; read the delivery to see what came of it.",
    request=None,
    responses=responses({202: ref("WebhookDelivery")}, 400, 404, 409),
    parameters=[_ID],
)
DELIVERIES: Final = _route(
    "deliveries",
    "List what was sent, and what is to be sent",
    "The newest event first, a page at a time: follow `next_before`.",
    responses=responses({200: ref("WebhookDeliveryPage")}, 400, 404),
    parameters=[
        _ID,
        OpenApiParameter("state", ref("WebhookDeliveryState")),
        OpenApiParameter("before", OpenApiTypes.UUID, description="Only events before this one: `next_before`."),
        OpenApiParameter(
            "limit", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_ENTRIES, "default": MAX_PAGE_ENTRIES}
        ),
    ],
)
DELIVERY: Final = _route(
    "delivery",
    "Read what came of one event",
    "With each request and its answer.",
    responses=responses({200: ref("WebhookDeliveryWithLog")}, 400, 404),
    parameters=[_ID, _EVENT_ID],
)
REDELIVER: Final = _route(
    "redeliver",
    "Send events again",
    "One by its `event_id`; or those that happened from `since` to before `until`, also while the endpoint was "
    f"disabled; or of these, with `only_failed`, what was given up. At most {MOST_AT_ONCE:,} at once. A dry run "
    "is a 200 that tells how many that would be.",
    request=body("Redelivery"),
    responses=responses({200: ref("Redelivered"), 202: ref("Redelivered")}, 400, 404, 409, 413, 415),
    parameters=[_ID, PREFER, APPLIED],
)
