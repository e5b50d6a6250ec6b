"""How an endpoint is made, changed, rotated, tried, enabled, disabled and deleted.

Each calls `events.webhooks`, as the API does. A secret is shown once, on the page that made it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.models import ADDITION, CHANGE, DELETION
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from audit.pages import actor_of
from events.webhooks import endpoints
from events.webhooks.models import WebhookEndpoint
from orders.admin.display.frame import framed
from orders.admin.operations.staff_requests import user_of
from orders.admin.webhooks.endpoint_pages import EndpointPages, or_told_in, page_of
from orders.admin.webhooks.forms import EndpointForm, NewEndpointForm, RotateForm
from orders.models import Storefront
from orders.rules.callers import SEE_CUSTOMERS


class ChangingPages(EndpointPages):
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
                    storefront.pk, source=f"/storefronts/{storefront.code}", by=actor_of(request), **form.cleaned_data
                )
                self.log(request, endpoint, ADDITION, "Made.")
                return self._secret_page(request, endpoint, secret)

            if (made := or_told_in(form, make)) is not None:
                return made
        return self.form_page(
            request,
            form,
            title="Make a webhook endpoint",
            explanation="From then on each event of the storefront is sent to it as a signed POST request, and tried "
            "again while it fails. The next page shows the secret, this once.",
            button="Make it",
            list_url=reverse("admin:events_webhookendpoint_changelist"),
            back="Back to the list",
        )

    def edit_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        endpoint = self.endpoint_of(request, pk, self.has_change_permission)
        initial = {name: getattr(endpoint, name) for name in endpoints.CHANGEABLE}
        user = user_of(request)
        if endpoint.personal and not user.has_perm(SEE_CUSTOMERS):
            messages.error(request, "This endpoint is told of people: whoever may not see them does not change it.")
            return HttpResponseRedirect(page_of(endpoint))
        form = EndpointForm(request.POST if request.method == "POST" else None, initial=initial, user=user)
        if form.is_valid():
            changes = {name: form.cleaned_data[name] for name in form.changed_data}

            def change() -> HttpResponse:
                if changes:
                    endpoints.change_endpoint(pk, changes, by=actor_of(request))
                    self.log(request, endpoint, CHANGE, f"Changed {', '.join(sorted(changes))}.")
                return HttpResponseRedirect(page_of(endpoint))

            if (changed := or_told_in(form, change)) is not None:
                return changed
        return self.form_page(request, form, endpoint=endpoint, title=f"Change {endpoint}", button="Change it")

    def rotate_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        endpoint = self.endpoint_of(request, pk, self.has_change_permission)
        form = RotateForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            overlap = timedelta(hours=form.cleaned_data["overlap"])
            endpoint, secret = endpoints.rotate_secret(pk, by=actor_of(request), overlap=overlap)
            self.log(request, endpoint, CHANGE, f"Rotated its secret; {form.cleaned_data['overlap']} hours overlap.")
            return self._secret_page(request, endpoint, secret)
        return self.form_page(
            request,
            form,
            endpoint=endpoint,
            title=f"Rotate the secret of {endpoint}",
            button="Make a new secret",
            explanation="The next page shows the new secret, this once. Until the hours are over each request is "
            "signed "
            "with both, so the receiver can change at any moment between. Rotated again while two are live, the new "
            "one "
            "is replaced and the old one stays.",
        )

    def test_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return self.asked(
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
        return self.asked(
            request,
            pk,
            lambda endpoint: endpoints.enable_endpoint(endpoint.pk, by=actor_of(request)),
            title="Enable",
            button="Enable it",
            explanation="What was queued before is sent from now on. What happened while it was disabled is sent only "
            "if you send it again.",
            done="Enabled.",
        )

    def disable_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return self.asked(
            request,
            pk,
            lambda endpoint: endpoints.disable_endpoint(endpoint.pk, by=actor_of(request)),
            title="Disable",
            button="Disable it",
            explanation="It is sent nothing from now on, and nothing that happens meanwhile is queued for it. It can "
            "be "
            "enabled again; what was missed is then sent by “Send again”.",
            done="Disabled.",
            danger=True,
        )

    def delete_endpoint_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        if not self.has_delete_permission(request):
            raise PermissionDenied
        return self.asked(
            request,
            pk,
            lambda endpoint: endpoints.delete_endpoint(endpoint.pk, by=actor_of(request)),
            title="Delete",
            button="Delete it",
            explanation="It is sent nothing more, not even what waits for it, and what is told here of what it was "
            "sent "
            "goes with it. This cannot be undone; to stop it for a while, disable it.",
            done="Deleted.",
            danger=True,
            flag=DELETION,
        )

    def _secret_page(self, request: HttpRequest, endpoint: WebhookEndpoint, secret: str) -> HttpResponse:
        """Answered directly, not by a redirect: a message would store the secret on its way."""
        context = {
            "title": "The secret of the endpoint",
            "endpoint": endpoint,
            "storefront": self.storefront_code(endpoint),
            "secret": secret,
            "list_url": page_of(endpoint),
        }
        return framed(self, request, "admin/orders/webhook/secret.html", context)
