"""What staff are asked when they make, change and rotate a webhook endpoint, or have it sent something again."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from events.schemas import registered_types
from events.webhooks.endpoints import LONGEST_OVERLAP
from events.webhooks.models import MOST_DESCRIPTION, MOST_URL
from orders.admin.operations.staff_requests import Staff, storefronts_of
from orders.admin.storefront_choice import StorefrontField
from orders.rules.callers import SEE_CUSTOMERS

_LONGEST_OVERLAP_HOURS: Final = int(LONGEST_OVERLAP.total_seconds() // 3600)
_LONGEST_RANGE_DAYS: Final = 366


class EndpointForm(forms.Form):
    url = forms.CharField(
        label="URL",
        max_length=MOST_URL,
        widget=UnfoldAdminTextInputWidget,
        help_text="Where events are sent, such as https://shop.example/hooks. It has to answer with a status of 200 to "
        "299 within some seconds.",
    )
    description = forms.CharField(
        max_length=MOST_DESCRIPTION,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="For you and your colleagues: what listens there, and whom to ask about it.",
    )
    types = forms.MultipleChoiceField(
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Which events it is sent. None chosen: every event.",
    )
    ordered = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        label="In order",
        help_text="Events of an order one after the other: one that fails holds the later ones. Otherwise each for "
        "itself, which is faster.",
    )

    personal = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        label="Told of people",
        help_text="It is sent contact, addresses, note, metadata and reasons too. Without, events tell what became "
        "of an "
        "order, and nothing of a person.",
    )

    def __init__(self, *args: Any, user: Staff, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not user.has_perm(SEE_CUSTOMERS):
            del self.fields["personal"]
        types = self.fields["types"]
        assert isinstance(types, forms.MultipleChoiceField)  # noqa: S101 - declared above
        types.choices = [(name, name) for name in registered_types()]


class NewEndpointForm(EndpointForm):
    storefront = StorefrontField("Of whose orders it is told; it stays so for good.")
    field_order = ["storefront"]

    def __init__(self, *args: Any, user: Staff, **kwargs: Any) -> None:
        """Of the storefronts that the user may see."""
        super().__init__(*args, user=user, **kwargs)
        storefronts = self.fields["storefront"]
        assert isinstance(storefronts, StorefrontField)  # noqa: S101 - declared above
        if (limit := storefronts_of(user)) is not None:
            storefronts.keep_to(limit)


class RotateForm(forms.Form):
    overlap = forms.IntegerField(
        label="Hours",
        min_value=0,
        max_value=_LONGEST_OVERLAP_HOURS,
        initial=24,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="How long the old secret goes on signing beside the new one. 0: it ends at once, and the receiver "
        "refuses requests until it has the new one.",
    )


class RedeliverForm(forms.Form):
    days = forms.IntegerField(
        min_value=1,
        max_value=_LONGEST_RANGE_DAYS,
        initial=1,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="What happened in the last so many days.",
    )
    everything = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Also what was delivered, and what happened while it was disabled. Otherwise only what was given up.",
    )
    count_only = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Tell how many that would be, and send nothing.",
    )
