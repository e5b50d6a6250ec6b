"""Refusals of what is asked of webhook endpoints."""

from __future__ import annotations

from uuid import UUID

from orders.rules.errors.refusal import OrderError


class WebhookNotFound(OrderError):
    code = "webhook_not_found"
    title = "There is no such webhook endpoint"

    def __init__(self, endpoint_id: str) -> None:
        super().__init__(f"The storefront has no webhook endpoint {endpoint_id[:100]}.")


class WebhookDeliveryNotFound(OrderError):
    code = "webhook_delivery_not_found"
    title = "The endpoint was never to get such an event"

    def __init__(self, event_id: str) -> None:
        super().__init__(f"The endpoint was never to get an event {event_id[:100]}, or it is too long ago.")


class WebhookExists(OrderError):
    code = "webhook_exists"
    title = "The storefront has an endpoint of that URL"

    def __init__(self, endpoint_id: UUID) -> None:
        super().__init__(
            f"The endpoint {endpoint_id} has that URL already. Change that one; rotate its secret if it was lost.",
            webhook_id=str(endpoint_id),
        )


class TooManyWebhooks(OrderError):
    code = "too_many_webhooks"
    title = "The storefront has as many endpoints as it may have"

    def __init__(self, *, most: int) -> None:
        super().__init__(f"A storefront has at most {most} webhook endpoints. Delete one first.", limit=most)


class WebhookDisabled(OrderError):
    code = "webhook_disabled"
    title = "The endpoint is disabled"

    def __init__(self) -> None:
        super().__init__('A disabled endpoint is sent nothing. Enable it first: PATCH it with {"enabled": true}.')
