"""Webhook endpoints: made, changed, enabled and disabled here; what each was sent, and sending it again.

Every change calls `events.webhooks`, as the API does. A secret is shown once, on the page that made it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RadioFilter
from unfold.paginator import InfinitePaginator

from events.webhooks import endpoints, reading, redelivering
from events.webhooks.addresses import BadUrl
from events.webhooks.models import (
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEndpointQuerySet,
)
from orders.admin.display.frame import framed
from orders.admin.display.pills import pill
from orders.admin.operations.staff_requests import Staff, caller_of, limited, user_of
from orders.admin.orders.filters import StorefrontFilter
from orders.admin.webhook_forms import EndpointForm, NewEndpointForm, RedeliverForm, RotateForm
from orders.models import Storefront
from orders.rules.callers import SEE_CUSTOMERS

_SHOWN: Final = 50
_COUNTED: Final = 1000
_LOOKS: Final = {
    WebhookDelivery.State.PENDING: "waiting",
    WebhookDelivery.State.DELIVERED: "good",
    WebhookDelivery.State.FAILED: "ended",
}


class StoppedFilter(RadioFilter):
    title = "disabled by failures"
    parameter_name = "stopped"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Disabled by failures")]

    def queryset(self, request: HttpRequest, queryset: WebhookEndpointQuerySet) -> QuerySet[WebhookEndpoint]:
        return queryset.stopped_by_failures() if self.value() == "yes" else queryset


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ModelAdmin):
    list_display = ["url", "storefront_code", "types_shown", "state", "waiting", "failed"]
    list_filter = [StoppedFilter, StorefrontFilter]
    list_per_page = 50
    paginator = InfinitePaginator
    show_full_result_count = False
    search_fields = ["url", "description"]
    ordering = ["-id"]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        return limited(super().get_queryset(request).filter(deleted_at=None), user_of(request))

    @admin.display(description="Storefront")
    def storefront_code(self, endpoint: WebhookEndpoint) -> str:
        return endpoint.source.rpartition("/")[2]

    @admin.display(description="Types")
    def types_shown(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(endpoint.types) or "all"

    @admin.display(description="State")
    def state(self, endpoint: WebhookEndpoint) -> SafeString:
        return _state_of(endpoint)

    @admin.display(description="Waiting")
    def waiting(self, endpoint: WebhookEndpoint) -> str:
        return _counted(reading.deliveries_of(endpoint, state=WebhookDelivery.State.PENDING))

    @admin.display(description="Given up")
    def failed(self, endpoint: WebhookEndpoint) -> str:
        return _counted(reading.deliveries_of(endpoint, state=WebhookDelivery.State.FAILED))

    def get_urls(self) -> list[URLPattern]:
        name = "events_webhookendpoint"
        pages: dict[str, Callable[..., HttpResponse]] = {
            "change": self.page_view,
            "edit": self.edit_view,
            "rotate": self.rotate_view,
            "test": self.test_view,
            "enable": self.enable_view,
            "disable": self.disable_view,
            "redeliver": self.redeliver_view,
            "delete": self.delete_endpoint_view,
        }
        of_one = [
            path(f"<uuid:pk>/{slug}/", self.admin_site.admin_view(view), name=f"{name}_{slug}")
            for slug, view in pages.items()
        ]
        delivery = self.admin_site.admin_view(self.delivery_view)
        again = self.admin_site.admin_view(self.again_view)
        return [
            path("", self.admin_site.admin_view(self.changelist_view), name=f"{name}_changelist"),
            path("add/", self.admin_site.admin_view(self.add_view), name=f"{name}_add"),
            *of_one,
            path("<uuid:pk>/deliveries/<uuid:event_id>/", delivery, name=f"{name}_delivery"),
            path("<uuid:pk>/deliveries/<uuid:event_id>/again/", again, name=f"{name}_again"),
        ]

    # --- pages ---

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = NewEndpointForm(request.POST or None, user=user_of(request))
        if form.is_valid():
            storefront: Storefront = form.cleaned_data.pop("storefront")

            def make() -> HttpResponse:
                endpoint, secret = endpoints.create_endpoint(
                    storefront.pk, source=f"/storefronts/{storefront.code}", by=_actor(request), **form.cleaned_data
                )
                self._log(request, endpoint, ADDITION, "Made.")
                return self._secret_page(request, endpoint, secret)

            if (made := _or_told_in(form, make)) is not None:
                return made
        return self._form_page(
            request,
            form,
            title="Make a webhook endpoint",
            button="Make it",
            list_url=reverse("admin:events_webhookendpoint_changelist"),
            back="Back to the list",
        )

    def page_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        endpoint = self._endpoint(request, pk, self.has_view_permission)
        state = request.GET.get("state", "")
        found = reading.deliveries_of(endpoint, state=state if state in WebhookDelivery.State.values else None)
        deliveries = list(found[:_SHOWN])
        types = reading.types_of(deliveries)
        may_change = self.has_change_permission(request)
        rows = [
            {
                "delivery": delivery,
                "type": types[delivery.event_id],
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
            "state": _state_of(endpoint),
            "two_live": endpoint.previous_secret_until and endpoint.previous_secret_until > timezone.now(),
            "rows": rows,
            "shown": _SHOWN,
            "states": WebhookDelivery.State.choices,
            "chosen": state,
            "buttons": self._buttons(request, endpoint) if may_change else [],
            "list_url": reverse("admin:events_webhookendpoint_changelist"),
        }
        return framed(self, request, "admin/orders/webhook/page.html", context)

    def delivery_view(self, request: HttpRequest, pk: UUID, event_id: UUID) -> HttpResponse:
        endpoint = self._endpoint(request, pk, self.has_view_permission)
        delivery = self._delivery(endpoint, event_id)
        context = {
            "title": f"Event {event_id}",
            "endpoint": endpoint,
            "delivery": delivery,
            "type": reading.types_of([delivery])[event_id],
            "pill": _delivery_pill(delivery),
            # The event itself is for those who may see the log of events, and what is in it.
            "body": reading.body_of(delivery).decode() if _may_read(user_of(request), endpoint) else None,
            "attempts": list(reading.attempts_of(delivery)),
            "again_url": reverse("admin:events_webhookendpoint_again", args=[pk, event_id])
            if self.has_change_permission(request) and endpoint.enabled
            else None,
            "list_url": _page_of(endpoint),
        }
        return framed(self, request, "admin/orders/webhook/delivery.html", context)

    def edit_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        endpoint = self._endpoint(request, pk, self.has_change_permission)
        initial = {name: getattr(endpoint, name) for name in endpoints.CHANGEABLE}
        user = user_of(request)
        if endpoint.personal and not user.has_perm(SEE_CUSTOMERS):
            messages.error(request, "This endpoint is told of people: whoever may not see them does not change it.")
            return HttpResponseRedirect(_page_of(endpoint))
        form = EndpointForm(request.POST if request.method == "POST" else None, initial=initial, user=user)
        if form.is_valid():
            changes = {name: form.cleaned_data[name] for name in form.changed_data}

            def change() -> HttpResponse:
                if changes:
                    endpoints.change_endpoint(pk, changes, by=_actor(request))
                    self._log(request, endpoint, CHANGE, f"Changed {', '.join(sorted(changes))}.")
                return HttpResponseRedirect(_page_of(endpoint))

            if (changed := _or_told_in(form, change)) is not None:
                return changed
        return self._form_page(request, form, endpoint=endpoint, title=f"Change {endpoint}", button="Change it")

    def rotate_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        endpoint = self._endpoint(request, pk, self.has_change_permission)
        form = RotateForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            overlap = timedelta(hours=form.cleaned_data["overlap"])
            endpoint, secret = endpoints.rotate_secret(pk, by=_actor(request), overlap=overlap)
            self._log(request, endpoint, CHANGE, f"Rotated its secret; {form.cleaned_data['overlap']} hours overlap.")
            return self._secret_page(request, endpoint, secret)
        return self._form_page(
            request,
            form,
            endpoint=endpoint,
            title=f"Rotate the secret of {endpoint}",
            button="Make a new secret",
            explanation="Rotated again while two are live, the new one is replaced and the old one stays.",
        )

    def redeliver_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        endpoint = self._endpoint(request, pk, self.has_change_permission)
        form = RedeliverForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            days, everything = form.cleaned_data["days"], form.cleaned_data["everything"]
            now = timezone.now()

            def again() -> HttpResponse:
                since = now - timedelta(days=days)
                told = redelivering.redeliver(endpoint, since=since, until=now, only_failed=not everything)
                which = "all" if everything else "what was given up"
                self._log(request, endpoint, CHANGE, f"Sends {which} of {days} days again: {told.queued} events.")
                messages.success(request, f"{told.queued} events are sent again.")
                if told.go_on_since is not None:
                    messages.warning(request, f"There are more, from {told.go_on_since:%Y-%m-%d %H:%M:%S} UTC on.")
                return HttpResponseRedirect(_page_of(endpoint))

            if (done := _or_told_in(form, again)) is not None:
                return done
        return self._form_page(
            request, form, endpoint=endpoint, title=f"Send again to {endpoint}", button="Send them again"
        )

    def test_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return self._asked(
            request,
            pk,
            endpoints.send_test,
            title="Send a test event to",
            button="Send it",
            explanation="An event of the type webhook.test, whatever types the endpoint takes. Look at its page for "
            "what came of it.",
            done="Sent a test event.",
        )

    def enable_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return self._asked(
            request,
            pk,
            lambda endpoint: endpoints.enable_endpoint(endpoint.pk, by=_actor(request)),
            title="Enable",
            button="Enable it",
            explanation="What was queued before is sent from now on. What happened while it was disabled is sent only "
            "if you send it again.",
            done="Enabled.",
        )

    def disable_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return self._asked(
            request,
            pk,
            lambda endpoint: endpoints.disable_endpoint(endpoint.pk, by=_actor(request)),
            title="Disable",
            button="Disable it",
            explanation="It is sent nothing from now on, and nothing that happens meanwhile is queued for it.",
            done="Disabled.",
            danger=True,
        )

    def delete_endpoint_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        if not self.has_delete_permission(request):
            raise PermissionDenied
        return self._asked(
            request,
            pk,
            lambda endpoint: endpoints.delete_endpoint(endpoint.pk, by=_actor(request)),
            title="Delete",
            button="Delete it",
            explanation="With all that is told of what it was sent. This cannot be undone.",
            done="Deleted.",
            danger=True,
            flag=DELETION,
        )

    def again_view(self, request: HttpRequest, pk: UUID, event_id: UUID) -> HttpResponse:
        endpoint = self._endpoint(request, pk, self.has_change_permission)
        self._delivery(endpoint, event_id)
        return self._asked(
            request,
            pk,
            lambda endpoint: redelivering.redeliver_one(endpoint, event_id),
            title=f"Send the event {event_id} again to",
            button="Send it again",
            explanation="At once, and with ten attempts as if it were new. It has the same id, by which the receiver "
            "knows it.",
            done=f"Sent the event {event_id} again.",
        )

    # --- what they are made of ---

    def _asked(
        self,
        request: HttpRequest,
        pk: UUID,
        do: Callable[[WebhookEndpoint], object],
        *,
        title: str,
        button: str,
        explanation: str,
        done: str,
        danger: bool = False,
        flag: int = CHANGE,
    ) -> HttpResponse:
        """A page that asks whether it is to be done."""
        endpoint = self._endpoint(request, pk, self.has_change_permission)
        form = forms.Form(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():

            def act() -> HttpResponse:
                do(endpoint)
                self._log(request, endpoint, flag, done)
                messages.success(request, f"{endpoint}: {done}")
                gone = reverse("admin:events_webhookendpoint_changelist")
                return HttpResponseRedirect(gone if flag == DELETION else _page_of(endpoint))

            if (answer := _or_told_in(form, act)) is not None:
                return answer
        return self._form_page(
            request,
            form,
            endpoint=endpoint,
            title=f"{title} {endpoint}",
            button=button,
            explanation=explanation,
            danger=danger,
        )

    def _endpoint(self, request: HttpRequest, pk: UUID, may: Callable[[HttpRequest], bool]) -> WebhookEndpoint:
        if not may(request):
            raise PermissionDenied
        endpoint: WebhookEndpoint | None = self.get_queryset(request).filter(pk=pk).first()
        if endpoint is None:
            raise Http404(f"There is no webhook endpoint {pk}.")
        return endpoint

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

    def _form_page(
        self, request: HttpRequest, form: forms.Form, *, endpoint: WebhookEndpoint | None = None, **context: Any
    ) -> HttpResponse:
        back = {} if endpoint is None else {"list_url": _page_of(endpoint), "back": "Back to the endpoint"}
        page = {"form": form, "media": self.media + form.media, **back, **context}
        return framed(self, request, "admin/orders/form.html", page)

    def _secret_page(self, request: HttpRequest, endpoint: WebhookEndpoint, secret: str) -> HttpResponse:
        """Answered directly, not by a redirect: a message would store the secret on its way."""
        context = {
            "title": "The secret of the endpoint",
            "endpoint": endpoint,
            "storefront": self.storefront_code(endpoint),
            "secret": secret,
            "list_url": _page_of(endpoint),
        }
        return framed(self, request, "admin/orders/webhook/secret.html", context)

    def _log(self, request: HttpRequest, endpoint: WebhookEndpoint, flag: int, message: str) -> None:
        LogEntry.objects.create(
            user_id=int(user_of(request).pk or 0),
            content_type=ContentType.objects.get_for_model(WebhookEndpoint),
            object_id=str(endpoint.pk),
            object_repr=f"{endpoint} of {self.storefront_code(endpoint)}"[:200],
            action_flag=flag,
            change_message=message,
        )


def _or_told_in(form: forms.Form, do: Callable[[], HttpResponse]) -> HttpResponse | None:
    """Its answer, or None with the refusal in the form."""
    try:
        return do()
    except (BadUrl, endpoints.EndpointExists) as error:
        form.add_error("url", f"{str(error).rstrip('.')}.")
    except (
        endpoints.TooManyEndpoints,
        endpoints.EndpointDisabled,
        endpoints.EndpointMissing,
        redelivering.DeliveryMissing,
    ) as error:
        form.add_error(None, str(error))
    return None


def _actor(request: HttpRequest) -> str:
    return caller_of(user_of(request)).actor


def _may_read(user: Staff, endpoint: WebhookEndpoint) -> bool:
    return bool(user.has_perm("events.view_event") and (not endpoint.personal or user.has_perm(SEE_CUSTOMERS)))


def _page_of(endpoint: WebhookEndpoint) -> str:
    return reverse("admin:events_webhookendpoint_change", args=[endpoint.pk])


def _counted(deliveries: QuerySet[WebhookDelivery]) -> str:
    count = deliveries.order_by()[: _COUNTED + 1].count()
    return f"{_COUNTED}+" if count > _COUNTED else str(count)


def _state_of(endpoint: WebhookEndpoint) -> SafeString:
    if not endpoint.enabled:
        why = WebhookEndpoint.Because(endpoint.disabled_because).label
        return format_html(
            "{} {}", pill("Disabled", "ended"), f"since {endpoint.disabled_at:%Y-%m-%d %H:%M} UTC: {why}"
        )
    if endpoint.failing_since is not None:
        return format_html("{} {}", pill("Failing", "waiting"), f"since {endpoint.failing_since:%Y-%m-%d %H:%M} UTC")
    return pill("Enabled", "good")


def _delivery_pill(delivery: WebhookDelivery) -> SafeString:
    state = WebhookDelivery.State(delivery.state)
    return pill(state.label, _LOOKS[state])
