"""Storefronts: added, changed and switched off here, never removed, because their orders are kept for ever."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from audit.pages import RecordsChanges, actor_of
from audit.recording import all_recorded
from orders.admin.display.amounts import AmountField
from orders.admin.display.frame import framed
from orders.admin.display.moments import zone_choices
from orders.admin.display.pills import pill
from orders.admin.handing_out import chooses_storefronts
from orders.admin.operations.staff_requests import caller_of, storefronts_of, user_of
from orders.api.switching import switch_off, switch_on
from orders.models import Carrier, Storefront
from orders.models.audited import STOREFRONT, USER
from orders.models.storefronts import MOST_REASON
from orders.rules.currencies import CURRENT, format_amount
from orders.rules.time_zones import UTC_NAME

_CURRENCIES: Final = [("", "–"), *((code, code) for code in sorted(CURRENT))]


class StorefrontForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    currency = forms.ChoiceField(
        required=False,
        choices=_CURRENCIES,
        help_text=Storefront._meta.get_field("currency").help_text,
        widget=UnfoldAdminSelectWidget,
    )
    time_zone = forms.ChoiceField(
        required=False,
        choices=zone_choices,
        initial=UTC_NAME,
        help_text=Storefront._meta.get_field("time_zone").help_text,
        widget=UnfoldAdminSelectWidget,
    )
    refund_approval_above = AmountField(
        "Refund approval above",
        required=False,
        help_text="Refunds of more than this, in the storefront's currency, need somebody else's approval. "
        "Empty: none does.",
    )

    class Meta:
        model = Storefront
        fields = [
            "code",
            "name",
            "number_prefix",
            "currency",
            "time_zone",
            "confirmation_policy",
            "customer_policy",
            "refund_approval_above",
            "ship_within_hours",
            "complete_after_days",
            "erase_after_days",
            "reads_per_second",
            "writes_per_second",
        ]

        help_texts = {
            "name": "As staff and customers know it. It can be changed at any time.",
            "confirmation_policy": "When a pending order is confirmed; from then on its stock is held without an "
            "end. By "
            "hand: only when somebody, or a call of the API, confirms it.",
            "customer_policy": "Whether a customer may order is asked of the CustomerService. This says what becomes "
            "of "
            "an order while that does not answer.",
            "ship_within_hours": "Hours after it was placed in which an order is usually shipped. After that it is "
            "“late” "
            "in the list, and to be shipped first. Empty: only a promised day counts.",
            "complete_after_days": "So many days after its last parcel was delivered an order is completed by itself. "
            "Empty: only by hand.",
            "reads_per_second": "How many requests that read each of its keys may send in a second; more are told to "
            "come "
            "back (429). Empty: as the service is set; 0: no limit.",
            "writes_per_second": "The same for requests that change something.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """The limit is in the currency that is chosen beside it. One that was retired since may stay."""
        super().__init__(*args, **kwargs)
        kept, field = self.instance.currency, self.fields.get("currency")
        if isinstance(field, forms.ChoiceField) and kept and kept not in CURRENT:
            field.choices = [*_CURRENCIES, (kept, f"{kept} (no longer in use)")]
        if isinstance(limit := self.fields.get("refund_approval_above"), AmountField):
            limit.currency = self.data.get("currency") or self.instance.currency or None


class SwitchOffForm(forms.Form):
    reason = forms.CharField(
        max_length=MOST_REASON,
        widget=UnfoldAdminTextInputWidget,
        help_text="Why, in a sentence: it is told to whoever calls with one of its keys.",
    )


class CarrierInline(TabularInline):
    model = Carrier
    extra = 0
    fields = ["name", "tracking_link_template"]


@admin.register(Storefront)
class StorefrontAdmin(RecordsChanges, ModelAdmin):
    audited = STOREFRONT
    form = StorefrontForm
    inlines = [CarrierInline]
    list_display = ["code", "name", "number_prefix", "currency", "confirmation_policy", "keys", "created_at"]
    actions_detail = ["switch_off", "switch_on"]
    ordering = ["code"]
    autocomplete_fields = ["staff"]
    nothing_there = (
        "A storefront is a shop whose orders are kept apart from those of others: with its own numbers, API keys, "
        "rules "
        "and staff. Add the first one, then an API key for it."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Storefront]:
        storefronts: QuerySet[Storefront] = super().get_queryset(request)
        limit = storefronts_of(user_of(request))
        return storefronts if limit is None else storefronts.filter(pk__in=limit)

    def get_fields(self, request: HttpRequest, obj: Storefront | None = None) -> list[str]:
        fields = [*StorefrontForm.Meta.fields, "staff", *(["keys", "created_at"] if obj else [])]
        if not user_of(request).is_superuser:
            fields[fields.index("refund_approval_above")] = "refund_limit"
        return fields

    def get_readonly_fields(self, request: HttpRequest, obj: Storefront | None = None) -> list[str]:
        """The code stands in addresses and events that are out in the world.

        Which refunds need approval, superusers decide: whoever gives refunds does not.
        """
        read_only = ["code", "keys", "created_at"] if obj else []
        if not chooses_storefronts(user_of(request)):
            read_only.append("staff")
        if not user_of(request).is_superuser:
            read_only += ["refund_approval_above", "refund_limit"]
            if obj is not None and obj.refund_approval_above is not None:
                read_only.append("currency")  # the limit is in it
        return read_only

    def save_model(self, request: HttpRequest, obj: Storefront, form: StorefrontForm, change: bool) -> None:
        """Only what was typed: the rest may have been changed since, such as switched off."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        columns = {field.name for field in Storefront._meta.concrete_fields}
        obj.save(update_fields=columns.intersection(form.changed_data))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Whoever sees it from now on, or no longer, has that in their own history too."""
        before = set(form.instance.staff.all())
        gained_or_lost = before ^ set(form.cleaned_data.get("staff", before))
        with all_recorded(gained_or_lost, USER, by=actor_of(request)):
            super().save_related(request, form, formsets, change)

    @admin.display(description="Refund approval above")
    def refund_limit(self, storefront: Storefront) -> str:
        limit = storefront.refund_approval_above
        return "no refund needs approval" if limit is None else format_amount(limit, storefront.currency or None)

    @admin.display(description="Keys")
    def keys(self, storefront: Storefront) -> SafeString:
        if storefront.switched_off_at is None:
            return pill("Accepted", "good")
        return format_html("{} {}", pill("Refused", "ended"), storefront.state_in_words)

    # --- off and on ---

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[UnfoldAction]:
        """The one of the two that is possible."""
        storefront = self.get_object(request, object_id)
        wanted = "switch_on" if storefront is not None and storefront.switched_off_at else "switch_off"
        actions: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        return [action for action in actions if action.action_name.endswith(wanted)]

    @action(  # type: ignore[untyped-decorator]  # unfold's
        description="Switch off",
        url_path="switch-off",
        icon="power_settings_new",
        permissions=["change"],
        variant=ActionVariant.DANGER,
    )
    def switch_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        storefront = self._to_switch(request, object_id)
        form = SwitchOffForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            reason = form.cleaned_data["reason"]
            if switch_off(storefront, by=caller_of(user_of(request)).actor, reason=reason):
                self._tell_staff_log(request, storefront, f"Switched off: {reason}")
            messages.success(request, f"The keys of {storefront} are refused, everywhere within seconds.")
            return self._back_to(storefront)
        return self._switch_page(
            request,
            storefront,
            form,
            title=f"Switch {storefront} off",
            button="Switch it off",
            explanation="Its keys are refused until it is switched on again. Staff still read and work, and what was "
            "begun goes on: reservations end, events are sent.",
            danger=True,
        )

    @action(  # type: ignore[untyped-decorator]  # unfold's
        description="Switch on", url_path="switch-on", icon="power_settings_new", permissions=["change"]
    )
    def switch_on(self, request: HttpRequest, object_id: str) -> HttpResponse:
        storefront = self._to_switch(request, object_id)
        if request.method == "POST":
            if switch_on(storefront, by=caller_of(user_of(request)).actor):
                self._tell_staff_log(request, storefront, "Switched on.")
            messages.success(request, f"The keys of {storefront} are accepted again.")
            return self._back_to(storefront)
        return self._switch_page(
            request,
            storefront,
            forms.Form(),
            title=f"Switch {storefront} on",
            button="Switch it on",
            explanation="Its keys are accepted again, everywhere within seconds.",
        )

    def _to_switch(self, request: HttpRequest, object_id: str) -> Storefront:
        storefront: Storefront | None = self.get_object(request, object_id)
        if storefront is None:
            raise Http404(f"There is no storefront {object_id}.")
        return storefront

    def _tell_staff_log(self, request: HttpRequest, storefront: Storefront, message: str) -> None:
        """Without `log_change`: switching has recorded the change already."""
        user_id = int(user_of(request).pk or 0)
        LogEntry.objects.log_actions(user_id, [storefront], CHANGE, message, single_object=True)

    def _back_to(self, storefront: Storefront) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:orders_storefront_change", args=[storefront.pk]))

    def _switch_page(
        self, request: HttpRequest, storefront: Storefront, form: forms.Form, **context: Any
    ) -> HttpResponse:
        back = reverse("admin:orders_storefront_change", args=[storefront.pk])
        page = {"form": form, "media": self.media, "list_url": back, "back": "Back to the storefront"}
        return framed(self, request, "admin/orders/form.html", {**page, **context})

    # --- who may what ---

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever is limited to storefronts would not see the new one."""
        return super().has_add_permission(request) and storefronts_of(user_of(request)) is None

    def has_delete_permission(self, request: HttpRequest, obj: Storefront | None = None) -> bool:
        return False
