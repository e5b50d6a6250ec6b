"""Making and changing endpoints. Who may do so for which storefront is for the caller to know."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from audit.recording import Audited, recorded
from events.schemas import registered_types
from events.webhooks.addresses import target_of
from events.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookTurn
from events.webhooks.sealing import new_secret, seal, shown

logger = logging.getLogger(__name__)

MOST_OF_A_STOREFRONT = 20
LONGEST_OVERLAP = timedelta(days=7)
USUAL_OVERLAP = timedelta(hours=24)
CHANGEABLE = ("url", "description", "types", "ordered", "personal")
AUDITED = Audited(
    (*CHANGEABLE, "made_by", "disabled_at", "disabled_because", "disabled_by", "deleted_at"),
    secrets=("secret",),
)


class EndpointMissing(LookupError):
    """There is no such endpoint, or no more."""


class EndpointExists(ValueError):
    """The storefront has an endpoint of that URL already."""

    def __init__(self, endpoint_id: UUID) -> None:
        super().__init__(f"The storefront has an endpoint of that URL already: {endpoint_id}.")
        self.endpoint_id = endpoint_id


class TooManyEndpoints(ValueError):
    """The storefront has as many as it may have."""


class UnknownTypes(ValueError):
    """No event has these types."""

    def __init__(self, types: Sequence[str]) -> None:
        super().__init__(f"No event has the type {', '.join(types)}; there are: {', '.join(registered_types())}.")
        self.types = types


class EndpointDisabled(ValueError):
    """A disabled endpoint is sent nothing."""


def create_endpoint(
    storefront_id: int,
    *,
    source: str,
    url: str,
    by: str,
    description: str = "",
    types: Sequence[str] = (),
    ordered: bool = False,
    personal: bool = False,
) -> tuple[WebhookEndpoint, str]:
    """The endpoint, and its secret to be shown once. `source` is what the storefront's events have.

    Raises BadUrl, UnknownTypes, EndpointExists, TooManyEndpoints.
    """
    target_of(url)
    _refuse_unknown(types)
    # Two at once may make one more than that, which harms nobody.
    if WebhookEndpoint.objects.not_deleted().filter(storefront_id=storefront_id).count() >= MOST_OF_A_STOREFRONT:
        raise TooManyEndpoints(f"A storefront has at most {MOST_OF_A_STOREFRONT} endpoints. Delete one first.")
    endpoint_id, secret = uuid7(), new_secret()
    endpoint = WebhookEndpoint(
        id=endpoint_id,
        storefront_id=storefront_id,
        source=source,
        url=url,
        description=description,
        types=_in_order(types),
        ordered=ordered,
        personal=personal,
        secret=seal(secret, endpoint_id=endpoint_id),
        made_by=by,
    )
    with _once_per_url(storefront_id, url), recorded(endpoint, AUDITED, by=by, action="Made"):
        endpoint.save(force_insert=True)
        WebhookTurn.objects.create(endpoint_id=endpoint_id)
    endpoint.refresh_from_db()
    _tell("Webhook endpoint made", endpoint, by)
    return endpoint, shown(secret)


def change_endpoint(endpoint_id: UUID, changes: Mapping[str, Any], *, by: str) -> WebhookEndpoint:
    """Change some of `CHANGEABLE`. Raises EndpointMissing, BadUrl, UnknownTypes, EndpointExists."""
    if unknown := changes.keys() - set(CHANGEABLE):
        raise TypeError(f"Not to be changed: {unknown}")
    if "url" in changes:
        target_of(changes["url"])
    _refuse_unknown(changes.get("types", ()))
    with _changing(endpoint_id, by=by, action="Changed") as endpoint:
        for name, value in changes.items():
            setattr(endpoint, name, _in_order(value) if name == "types" else value)
        with _once_per_url(endpoint.storefront_id, endpoint.url), transaction.atomic():
            endpoint.save(update_fields=list(changes))
    _tell("Webhook endpoint changed", endpoint, by, fields=sorted(changes))
    return endpoint


def rotate_secret(endpoint_id: UUID, *, by: str, overlap: timedelta = USUAL_OVERLAP) -> tuple[WebhookEndpoint, str]:
    """A new secret, to be shown once; the old one signs as well until `overlap` is over. Raises EndpointMissing.

    Rotated again meanwhile, the new one is replaced and the old one stays: whoever has lost an answer asks again,
    and receivers that know the old secret notice nothing. With no overlap only the new one is left.
    """
    with _changing(endpoint_id, by=by, action="Rotated") as endpoint:
        secret, now = new_secret(), timezone.now()
        if not (endpoint.previous_secret_until and endpoint.previous_secret_until > now):
            endpoint.previous_secret = endpoint.secret
            endpoint.previous_secret_until = now + overlap
        endpoint.previous_secret_until = min(endpoint.previous_secret_until, now + overlap)
        if not overlap:
            endpoint.previous_secret = endpoint.previous_secret_until = None
        endpoint.secret = seal(secret, endpoint_id=endpoint_id)
        endpoint.save(update_fields=["secret", "previous_secret", "previous_secret_until"])
    _tell("Secret of a webhook endpoint rotated", endpoint, by, overlap_seconds=overlap.total_seconds())
    return endpoint, shown(secret)


def enable_endpoint(endpoint_id: UUID, *, by: str) -> WebhookEndpoint:
    """What waits is sent from now on. What happened while it was disabled is not, unless it is redelivered.

    Raises EndpointMissing.
    """
    with _changing(endpoint_id, by=by, action="Enabled") as endpoint:
        endpoint.disabled_at, endpoint.disabled_because, endpoint.disabled_by = None, "", ""
        endpoint.failing_since = endpoint.paused_until = None
        endpoint.down_rounds = 0
        endpoint.save(
            update_fields=[
                "disabled_at",
                "disabled_because",
                "disabled_by",
                "failing_since",
                "paused_until",
                "down_rounds",
            ]
        )
    _tell("Webhook endpoint enabled", endpoint, by)
    return endpoint


def disable_endpoint(endpoint_id: UUID, *, by: str) -> WebhookEndpoint:
    """It gets nothing from now on, and no event that happens meanwhile. Raises EndpointMissing."""
    with _changing(endpoint_id, by=by, action="Disabled") as endpoint:
        endpoint.disabled_at = endpoint.disabled_at or timezone.now()
        endpoint.disabled_because, endpoint.disabled_by = WebhookEndpoint.Because.BY_HAND, by
        endpoint.save(update_fields=["disabled_at", "disabled_because", "disabled_by"])
    _tell("Webhook endpoint disabled", endpoint, by)
    return endpoint


def delete_endpoint(endpoint_id: UUID, *, by: str) -> None:
    """Its deliveries are removed by and by. Raises EndpointMissing."""
    with _changing(endpoint_id, by=by, action="Deleted") as endpoint:
        endpoint.deleted_at = timezone.now()
        endpoint.save(update_fields=["deleted_at"])
    _tell("Webhook endpoint deleted", endpoint, by)


def send_test(endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Queue an event of the type `webhook.test`, whatever types the endpoint takes. Raises EndpointDisabled."""
    if not endpoint.enabled:
        raise EndpointDisabled("The endpoint is disabled. Enable it first.")
    event_id = uuid7()
    delivery = WebhookDelivery(
        endpoint_id=endpoint.pk,
        event_id=event_id,
        storefront_id=endpoint.storefront_id,
        stream_id=event_id,
        sequence=1,
        test=True,
    )
    delivery.save(force_insert=True)
    delivery.refresh_from_db()
    return delivery


@contextmanager
def _changing(endpoint_id: UUID, *, by: str, action: str) -> Iterator[WebhookEndpoint]:
    """The endpoint, locked; what becomes of it is logged."""
    with transaction.atomic():
        endpoint = _locked(endpoint_id)
        with recorded(endpoint, AUDITED, by=by, action=action):
            yield endpoint


def _locked(endpoint_id: UUID) -> WebhookEndpoint:
    endpoint = WebhookEndpoint.objects.select_for_update().not_deleted().filter(pk=endpoint_id).first()
    if endpoint is None:
        raise EndpointMissing(f"There is no endpoint {endpoint_id}.")
    return endpoint


def _refuse_unknown(types: Sequence[str]) -> None:
    if unknown := sorted(set(types) - set(registered_types())):
        raise UnknownTypes(unknown)


def _in_order(types: Sequence[str]) -> list[str]:
    return sorted(set(types))


@contextmanager
def _once_per_url(storefront_id: int, url: str) -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        same = WebhookEndpoint.objects.not_deleted().filter(storefront_id=storefront_id, url=url).first()
        if same is None:
            raise
        raise EndpointExists(same.pk) from None


def _tell(message: str, endpoint: WebhookEndpoint, by: str, **more: object) -> None:
    # Without the URL: what stands in its path or query may be a password of the shop.
    about = {"endpoint_id": str(endpoint.pk), "storefront_id": endpoint.storefront_id, "by": by}
    logger.info(message, extra=about | more)
