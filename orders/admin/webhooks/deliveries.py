"""What an endpoint is and was sent: its page, each event with its requests and answers, and sending again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.models import CHANGE
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.pages import history_page
from events.webhooks import reading, redelivering
from events.webhooks.models import WebhookDelivery, WebhookEndpoint
from orders.admin.display.frame import framed
from orders.admin.display.moments import in_words
from orders.admin.display.names import name_of
from orders.admin.display.pills import pill
from orders.admin.operations.staff_requests import Staff, user_of
from orders.admin.webhooks.endpoint_pages import EndpointPages, or_told_in, page_of
from orders.admin.webhooks.forms import RedeliverForm
from orders.models import Order
from orders.rules.callers import SEE_CUSTOMERS

_SHOWN: Final = 50
_LOOKS: Final = {
    WebhookDelivery.State.PENDING: "waiting",
    WebhookDelivery.State.DELIVERED: "good",
    WebhookDelivery.State.FAILED: "ended",
}


class DeliveryPages(EndpointPages):
    def page_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        endpoint = self.endpoint_of(request, pk, self.has_view_permission)
        state = request.GET.get("state", "")
        found = reading.deliveries_of(endpoint, state=state if state in WebhookDelivery.State.values else None)
        if before := _event_id(request.GET.get("before", "")):
            found = found.filter(event_id__lt=before)
        deliveries = list(found[: _SHOWN + 1])
        older, deliveries = deliveries[_SHOWN:], deliveries[:_SHOWN]
        types = reading.types_of(deliveries)
        numbers = _numbers_of(deliveries, user_of(request))
        may_change = self.has_change_permission(request)
        rows = [
            {
                "delivery": delivery,
                "type": types[delivery.event_id],
                "number": numbers.get(delivery.stream_id, ""),
                "pill": _delivery_pill(delivery),
                "href": reverse("admin:events_webhookendpoint_delivery", args=[pk, delivery.event_id]),
            }
            for delivery in deliveries
        ]
        context = {
            "title": endpoint.url,
            "endpoint": endpoint,
            "storefront": self.storefront_code(endpoint),
            "types": self.types_shown(endpoint),
            "state": state_of(endpoint),
            "two_live": endpoint.previous_secret_until and endpoint.previous_secret_until > timezone.now(),
            "rows": rows,
            "made_by": name_of(endpoint.made_by),
            "before": before,
            "older": f"?{urlencode({'state': state, 'before': deliveries[-1].event_id})}" if older else "",
            "states": WebhookDelivery.State.choices,
            "chosen": state,
            "buttons": [
                *(self._buttons(request, endpoint) if may_change else []),
                (reverse("admin:events_webhookendpoint_history", args=[pk]), "History"),
            ],
            "list_url": reverse("admin:events_webhookendpoint_changelist"),
        }
        return framed(self, request, "admin/orders/webhook/page.html", context)

    def history_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        endpoint = self.endpoint_of(request, pk, self.has_view_permission)
        back = page_of(endpoint)
        return history_page(self, request, endpoint, key=pk, back=back, back_to="Back to the endpoint")

    def delivery_view(self, request: HttpRequest, pk: UUID, event_id: UUID) -> HttpResponse:
        endpoint = self.endpoint_of(request, pk, self.has_view_permission)
        delivery = self._delivery(endpoint, event_id)
        context = {
            "title": f"{reading.types_of([delivery])[event_id]} to {endpoint}",
            "endpoint": endpoint,
            "delivery": delivery,
            "type": reading.types_of([delivery])[event_id],
            "pill": _delivery_pill(delivery),
            "number": _numbers_of([delivery], user_of(request)).get(delivery.stream_id, ""),
            # The event itself is for those who may see the log of events, and what is in it.
            "body": _laid_out(reading.body_of(delivery)) if _may_read(user_of(request), endpoint) else None,
            "attempts": list(reading.attempts_of(delivery)),
            "again_url": reverse("admin:events_webhookendpoint_again", args=[pk, event_id])
            if self.has_change_permission(request) and endpoint.enabled
            else None,
            "list_url": page_of(endpoint),
        }
        return framed(self, request, "admin/orders/webhook/delivery.html", context)

    def redeliver_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        endpoint = self.endpoint_of(request, pk, self.has_change_permission)
        form = RedeliverForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            days, everything = form.cleaned_data["days"], form.cleaned_data["everything"]
            now = timezone.now()

            def again() -> HttpResponse:
                since = now - timedelta(days=days)
                count_only = form.cleaned_data["count_only"]
                told = redelivering.redeliver(
                    endpoint, since=since, until=now, only_failed=not everything, dry_run=count_only
                )
                if count_only:
                    more = "" if told.go_on_since is None else ", and there are more"
                    messages.info(request, f"{told.queued} events would be sent again{more}.")
                    return HttpResponseRedirect(request.path)
                which = "all" if everything else "what was given up"
                self.log(request, endpoint, CHANGE, f"Sends {which} of {days} days again: {told.queued} events.")
                messages.success(request, f"{told.queued} events are sent again.")
                if told.go_on_since is not None:
                    messages.warning(request, f"There are more, from {in_words(told.go_on_since, seconds=True)} on.")
                return HttpResponseRedirect(page_of(endpoint))

            if (done := or_told_in(form, again)) is not None:
                return done
        return self.form_page(
            request,
            form,
            endpoint=endpoint,
            title=f"Send again to {endpoint}",
            button="Send them again",
            explanation="Events keep their ids, by which the receiver knows what it has had already. Count them first, "
            "if you are not sure how many there are.",
        )

    def again_view(self, request: HttpRequest, pk: UUID, event_id: UUID) -> HttpResponse:
        endpoint = self.endpoint_of(request, pk, self.has_change_permission)
        self._delivery(endpoint, event_id)
        return self.asked(
            request,
            pk,
            lambda endpoint: redelivering.redeliver_one(endpoint, event_id),
            title=f"Send the event {event_id} again to",
            button="Send it again",
            explanation="At once, and with ten attempts as if it were new. It has the same id, by which the receiver "
            "knows it.",
            done=f"Sent the event {event_id} again.",
        )

    def _delivery(self, endpoint: WebhookEndpoint, event_id: UUID) -> WebhookDelivery:
        delivery = reading.deliveries_of(endpoint).filter(event_id=event_id).first()
        if delivery is None:
            raise Http404(f"The endpoint was never to get an event {event_id}.")
        return delivery

    def _buttons(self, request: HttpRequest, endpoint: WebhookEndpoint) -> list[tuple[str, str]]:
        wanted = [("edit", "Change"), ("rotate", "Rotate the secret")]
        if endpoint.enabled:
            wanted += [("test", "Send a test event"), ("redeliver", "Send again"), ("disable", "Disable")]
        else:
            wanted.append(("enable", "Enable"))
        if self.has_delete_permission(request):
            wanted.append(("delete", "Delete"))
        return [(reverse(f"admin:events_webhookendpoint_{slug}", args=[endpoint.pk]), text) for slug, text in wanted]


def _numbers_of(deliveries: Sequence[WebhookDelivery], user: Staff) -> Mapping[UUID, str]:
    """Of the orders they tell of, by id; for whoever may see orders."""
    if not user.has_perm("orders.view_order"):
        return {}
    orders = Order.all_objects.filter(pk__in={delivery.stream_id for delivery in deliveries if not delivery.test})
    return dict(orders.values_list("pk", "number"))


def _event_id(text: str) -> UUID | None:
    """Where a page of what was sent begins. Raises Http404 for what is no id."""
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Http404(f"There is no event {text}.") from None


def _laid_out(body: bytes) -> str:
    """As somebody reads it; it is sent without blanks, byte for byte as it was signed."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body.decode(errors="backslashreplace")


def _may_read(user: Staff, endpoint: WebhookEndpoint) -> bool:
    return bool(user.has_perm("events.view_event") and (not endpoint.personal or user.has_perm(SEE_CUSTOMERS)))


def state_of(endpoint: WebhookEndpoint) -> SafeString:
    if not endpoint.enabled:
        why = WebhookEndpoint.Because(endpoint.disabled_because).label
        since = in_words(endpoint.disabled_at) if endpoint.disabled_at else "–"
        return format_html("{} {}", pill("Disabled", "ended"), f"since {since}: {why}")
    if endpoint.failing_since is not None:
        return format_html("{} {}", pill("Failing", "waiting"), f"since {in_words(endpoint.failing_since)}")
    return pill("Enabled", "good")


def _delivery_pill(delivery: WebhookDelivery) -> SafeString:
    state = WebhookDelivery.State(delivery.state)
    return pill(state.label, _LOOKS[state])
