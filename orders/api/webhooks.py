"""A storefront's webhook endpoints: `/api/v1/webhooks`. A verb parses, calls `events.webhooks`, renders.

A secret is in the answer that made it and nowhere else, so no answer is stored: asked for twice, an endpoint is made
once (409 `webhook_exists`), and a secret that was lost is rotated again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.views import APIView

from events.webhooks import endpoints, reading, redelivering
from events.webhooks.addresses import BadUrl
from events.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from orders.api import webhooks_docs as docs
from orders.api.calls import json_body, principal_of, refuse_doubled, refuse_unknown, wants_rehearsal, whole_number
from orders.api.json_format import json_response
from orders.reading.documents import instant
from orders.requests.parsing import parse
from orders.requests.webhooks import NewWebhook, Redelivery, Rotation, WebhookChange
from orders.rules import errors
from orders.rules.limits import MAX_PAGE_ENTRIES
from orders.rules.scopes import Scope
from orders.rules.sight import Sight

_MERGE_PATCHES: Final = ("application/json", "application/merge-patch+json")


class _WebhookView(APIView):
    scopes = dict.fromkeys(("GET", "HEAD", "POST", "PATCH", "DELETE"), Scope.WEBHOOKS_WRITE)
    can_rehearse = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not self.can_rehearse and request.method not in ("GET", "HEAD") and wants_rehearsal(request):
            raise errors.PreferenceNotSupported()


class WebhooksView(_WebhookView):
    @extend_schema(**docs.LIST)
    def get(self, request: Request) -> HttpResponse:
        refuse_unknown(request.query_params, [])
        found = WebhookEndpoint.objects.not_deleted().filter(storefront_id=principal_of(request).storefront.pk)
        return json_response(orjson.dumps({"results": [document(endpoint) for endpoint in found.order_by("pk")]}))

    @extend_schema(**docs.CREATE)
    def post(self, request: Request) -> HttpResponse:
        refuse_unknown(request.query_params, [])
        principal = principal_of(request)
        asked = parse(json_body(request), NewWebhook)
        _refuse_people(request, asked.personal)
        with _refusals():
            endpoint, secret = endpoints.create_endpoint(
                principal.storefront.pk,
                source=f"/storefronts/{principal.storefront.code}",
                url=asked.url,
                description=asked.description,
                types=asked.types,
                ordered=asked.ordered,
                personal=asked.personal,
                by=principal.caller.actor,
            )
        answer = document(endpoint) | {"secret": secret}
        return _secret_response(answer, status=201, headers={"Location": f"/api/v1/webhooks/{endpoint.pk}"})


class WebhookView(_WebhookView):
    @extend_schema(**docs.READ)
    def get(self, request: Request, pk: str) -> HttpResponse:
        refuse_unknown(request.query_params, [])
        return json_response(orjson.dumps(document(_endpoint(request, pk))))

    @extend_schema(**docs.CHANGE)
    def patch(self, request: Request, pk: str) -> HttpResponse:
        refuse_unknown(request.query_params, [])
        endpoint, by = _endpoint(request, pk), principal_of(request).caller.actor
        asked = parse(json_body(request, types=_MERGE_PATCHES), WebhookChange)
        changes = {
            name: value
            for name in endpoints.CHANGEABLE
            if (value := getattr(asked, name)) is not msgspec.UNSET and value != getattr(endpoint, name)
        }
        _refuse_people(request, changes.keys() & {"url", "personal"} and (endpoint.personal or changes.get("personal")))
        with _refusals(pk):
            if changes:
                endpoint = endpoints.change_endpoint(endpoint.pk, changes, by=by)
            if asked.enabled is not msgspec.UNSET and asked.enabled != endpoint.enabled:
                switch = endpoints.enable_endpoint if asked.enabled else endpoints.disable_endpoint
                endpoint = switch(endpoint.pk, by=by)
        return json_response(orjson.dumps(document(endpoint)))

    @extend_schema(**docs.DELETE)
    def delete(self, request: Request, pk: str) -> HttpResponse:
        refuse_unknown(request.query_params, [])
        with _refusals(pk):
            endpoints.delete_endpoint(_endpoint(request, pk).pk, by=principal_of(request).caller.actor)
        return HttpResponse(status=status.HTTP_204_NO_CONTENT)


class RotateView(_WebhookView):
    @extend_schema(**docs.ROTATE)
    def post(self, request: Request, pk: str) -> HttpResponse:
        refuse_unknown(request.query_params, [])
        endpoint = _endpoint(request, pk)
        asked = parse(json_body(request, optional=True), Rotation)
        with _refusals(pk):
            endpoint, secret = endpoints.rotate_secret(
                endpoint.pk, by=principal_of(request).caller.actor, overlap=timedelta(hours=asked.overlap_hours)
            )
        return _secret_response(document(endpoint) | {"secret": secret})


class TestView(_WebhookView):
    @extend_schema(**docs.TEST)
    def post(self, request: Request, pk: str) -> HttpResponse:
        refuse_unknown(request.query_params, [])
        endpoint = _endpoint(request, pk)
        with _refusals(pk):
            delivery = endpoints.send_test(endpoint)
        told = delivery_document(delivery, reading.TEST_TYPE)
        return json_response(orjson.dumps(told), status=status.HTTP_202_ACCEPTED)


class DeliveriesView(_WebhookView):
    @extend_schema(**docs.DELIVERIES)
    def get(self, request: Request, pk: str) -> HttpResponse:
        parameters = request.query_params
        refuse_unknown(parameters, ["state", "before", "limit"])
        refuse_doubled(parameters, ["state", "before"])
        state = parameters.get("state")
        if state is not None and state not in WebhookDelivery.State.values:
            raise errors.InvalidRequest.at("state", "not_a_choice", "state is pending, delivered or failed")
        limit = whole_number(request, "limit", least=1, most=MAX_PAGE_ENTRIES) or MAX_PAGE_ENTRIES
        found = reading.deliveries_of(_endpoint(request, pk), state=state)
        if "before" in parameters:
            found = found.filter(event_id__lt=_event_id_in(parameters["before"]))
        page = list(found[: limit + 1])
        shown = page[:limit]
        types = reading.types_of(shown)
        answer = {
            "results": [delivery_document(delivery, types[delivery.event_id]) for delivery in shown],
            "next_before": str(shown[-1].event_id) if len(page) > limit else None,
        }
        return json_response(orjson.dumps(answer))


class DeliveryView(_WebhookView):
    @extend_schema(**docs.DELIVERY)
    def get(self, request: Request, pk: str, event_id: str) -> HttpResponse:
        refuse_unknown(request.query_params, [])
        endpoint = _endpoint(request, pk)
        known = _uuid(event_id)
        delivery = known and reading.deliveries_of(endpoint).filter(event_id=known).first()
        if not delivery:
            raise errors.WebhookDeliveryNotFound(event_id)
        may_read = principal_of(request).caller.sight >= (Sight.CUSTOMER if endpoint.personal else Sight.ORDER)
        answer = {
            **delivery_document(delivery, reading.types_of([delivery])[delivery.event_id]),
            "body": reading.body_of(delivery).decode() if may_read else None,
            "log": [_attempt(attempt) for attempt in reading.attempts_of(delivery)],
        }
        return json_response(orjson.dumps(answer))


class RedeliverView(_WebhookView):
    can_rehearse = True

    @extend_schema(**docs.REDELIVER)
    def post(self, request: Request, pk: str) -> HttpResponse:
        refuse_unknown(request.query_params, [])
        endpoint = _endpoint(request, pk)
        asked, dry_run = parse(json_body(request), Redelivery), wants_rehearsal(request)
        with _refusals(pk):
            answer = orjson.dumps(_redelivered(endpoint, asked, dry_run=dry_run))
        if dry_run:
            return json_response(answer, headers={"Preference-Applied": "dry-run"})
        return json_response(answer, status=status.HTTP_202_ACCEPTED)


def _redelivered(endpoint: WebhookEndpoint, asked: Redelivery, *, dry_run: bool) -> dict[str, Any]:
    if asked.event_id is not msgspec.UNSET:
        if asked.since is not msgspec.UNSET or asked.until is not msgspec.UNSET or asked.only_failed:
            raise errors.InvalidRequest.at("/event_id", "ambiguous", "Give event_id, or since with what goes with it")
        (redelivering.refuse_one if dry_run else redelivering.redeliver_one)(endpoint, asked.event_id)
        return {"queued": 1, "go_on_since": None}
    if asked.since is msgspec.UNSET:
        raise errors.InvalidRequest.at("/since", "required", "Give event_id, or since")
    until = timezone.now() if asked.until is msgspec.UNSET else asked.until
    queued = redelivering.redeliver(
        endpoint, since=asked.since, until=until, only_failed=asked.only_failed, dry_run=dry_run
    )
    return {"queued": queued.queued, "go_on_since": instant(queued.go_on_since)}


def _refuse_people(request: Request, leads_to_them: object) -> None:
    """Whoever may not see people lets no endpoint see them, nor leads one that does elsewhere."""
    if leads_to_them and Scope.CUSTOMERS_READ not in principal_of(request).scopes:
        raise PermissionDenied(
            f"An endpoint that is told of people is made and led elsewhere only with the scope {Scope.CUSTOMERS_READ}.",
            code="missing_scope",
        )


@contextmanager
def _refusals(pk: str = "") -> Iterator[None]:
    """What `events.webhooks` refuses, as refusals of the API."""
    try:
        yield
    except endpoints.EndpointMissing:
        raise errors.WebhookNotFound(pk) from None
    except endpoints.EndpointExists as error:
        raise errors.WebhookExists(error.endpoint_id) from None
    except endpoints.TooManyEndpoints:
        raise errors.TooManyWebhooks(most=endpoints.MOST_OF_A_STOREFRONT) from None
    except endpoints.EndpointDisabled:
        raise errors.WebhookDisabled from None
    except redelivering.DeliveryMissing as error:
        raise errors.WebhookDeliveryNotFound(str(error.event_id)) from None
    except endpoints.UnknownTypes as error:
        raise errors.InvalidRequest.at("/types", "not_a_choice", str(error)) from None
    except BadUrl as error:
        raise errors.InvalidRequest.at("/url", "wrong_format", str(error)) from None


def _endpoint(request: Request, pk: str) -> WebhookEndpoint:
    """Raises WebhookNotFound, also for one of another storefront."""
    storefront_id, endpoint_id = principal_of(request).storefront.pk, _uuid(pk)
    found = WebhookEndpoint.objects.not_deleted().filter(storefront_id=storefront_id)
    endpoint = endpoint_id and found.filter(pk=endpoint_id).first()
    if not endpoint:
        raise errors.WebhookNotFound(pk)
    return endpoint


def _uuid(text: str) -> UUID | None:
    """None for what is no id at all: nothing has it."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None


def _event_id_in(text: str) -> UUID:
    found = _uuid(text)
    if found is None:
        raise errors.InvalidRequest.at("before", "wrong_format", "before is the next_before of the page before")
    return found


def document(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """The endpoint as it is answered; never its secrets."""
    now = timezone.now()
    two_live = endpoint.previous_secret_until is not None and endpoint.previous_secret_until > now
    return {
        "id": str(endpoint.pk),
        "url": endpoint.url,
        "description": endpoint.description,
        "types": endpoint.types,
        "ordered": endpoint.ordered,
        "personal": endpoint.personal,
        "api_version": endpoint.api_version,
        "enabled": endpoint.enabled,
        "disabled_at": instant(endpoint.disabled_at),
        "disabled_because": endpoint.disabled_because or None,
        "failing_since": instant(endpoint.failing_since),
        "previous_secret_until": instant(endpoint.previous_secret_until) if two_live else None,
        "created_at": instant(endpoint.created_at),
    }


def delivery_document(delivery: WebhookDelivery, event_type: str) -> dict[str, Any]:
    pending = delivery.state == WebhookDelivery.State.PENDING
    return {
        "event_id": str(delivery.event_id),
        "type": event_type,
        "subject": str(delivery.stream_id),
        "sequence": delivery.sequence,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "next_attempt_at": instant(delivery.next_attempt_at) if pending else None,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "created_at": instant(delivery.created_at),
        "settled_at": instant(delivery.settled_at),
    }


def _attempt(attempt: WebhookAttempt) -> dict[str, Any]:
    return {
        "attempted_at": instant(attempt.attempted_at),
        "milliseconds": attempt.milliseconds,
        "url": attempt.url,
        "address": attempt.address,
        "request_headers": attempt.request_headers,
        "status": attempt.status,
        "response_headers": attempt.response_headers,
        "response_body": attempt.response_body,
        "error": attempt.error,
    }


def _secret_response(answer: dict[str, Any], **kwargs: Any) -> HttpResponse:
    """Kept by nobody on its way."""
    response = json_response(orjson.dumps(answer), **kwargs)
    response.headers["Cache-Control"] = "no-store"
    return response
