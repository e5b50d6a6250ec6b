"""What the pages of webhook endpoints have in common: which endpoint, a form about it, and the staff's log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin

from events.webhooks import endpoints, redelivering
from events.webhooks.addresses import BadUrl
from events.webhooks.models import WebhookEndpoint
from orders.admin.display.frame import framed
from orders.admin.operations.staff_requests import limited, user_of


class EndpointPages(ModelAdmin):
    """Of endpoints that are not deleted, and of storefronts that the user sees."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        return limited(super().get_queryset(request).filter(deleted_at=None), user_of(request))

    @admin.display(description="Storefront")
    def storefront_code(self, endpoint: WebhookEndpoint) -> str:
        return endpoint.source.rpartition("/")[2]

    @admin.display(description="Types")
    def types_shown(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(endpoint.types) or "every event"

    def endpoint_of(self, request: HttpRequest, pk: UUID, may: Callable[[HttpRequest], bool]) -> WebhookEndpoint:
        if not may(request):
            raise PermissionDenied
        endpoint: WebhookEndpoint | None = self.get_queryset(request).filter(pk=pk).first()
        if endpoint is None:
            raise Http404(f"There is no webhook endpoint {pk}.")
        return endpoint

    def asked(
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
        endpoint = self.endpoint_of(request, pk, self.has_change_permission)
        form = forms.Form(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():

            def act() -> HttpResponse:
                do(endpoint)
                self.log(request, endpoint, flag, done)
                messages.success(request, f"{endpoint}: {done}")
                gone = reverse("admin:events_webhookendpoint_changelist")
                return HttpResponseRedirect(gone if flag == DELETION else page_of(endpoint))

            if (answer := or_told_in(form, act)) is not None:
                return answer
        return self.form_page(
            request,
            form,
            endpoint=endpoint,
            title=f"{title} {endpoint}",
            button=button,
            explanation=explanation,
            danger=danger,
        )

    def form_page(
        self, request: HttpRequest, form: forms.Form, *, endpoint: WebhookEndpoint | None = None, **context: Any
    ) -> HttpResponse:
        back = {} if endpoint is None else {"list_url": page_of(endpoint), "back": "Back to the endpoint"}
        page = {"form": form, "media": self.media + form.media, **back, **context}
        return framed(self, request, "admin/orders/form.html", page)

    def log(self, request: HttpRequest, endpoint: WebhookEndpoint, flag: int, message: str) -> None:
        LogEntry.objects.create(
            user_id=int(user_of(request).pk or 0),
            content_type=ContentType.objects.get_for_model(WebhookEndpoint),
            object_id=str(endpoint.pk),
            object_repr=f"{endpoint} of {self.storefront_code(endpoint)}"[:200],
            action_flag=flag,
            change_message=message,
        )


def or_told_in(form: forms.Form, do: Callable[[], HttpResponse]) -> HttpResponse | None:
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


def page_of(endpoint: WebhookEndpoint) -> str:
    return reverse("admin:events_webhookendpoint_change", args=[endpoint.pk])
