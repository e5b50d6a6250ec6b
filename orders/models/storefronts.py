"""Storefronts, their API keys and carriers."""

from __future__ import annotations

import re
from typing import Final

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Lower
from rest_framework_api_key.models import AbstractAPIKey

from orders.rules.scopes import Scope
from orders.rules.statuses import ConfirmationPolicy, CustomerPolicy
from orders.rules.time_zones import LONGEST_ZONE, UTC_NAME, check_zone

MOST_REASON: Final = 500


class Storefront(models.Model):
    """A shop that places orders: everything of an order belongs to exactly one."""

    code = models.CharField(
        max_length=40,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9]+(-[a-z0-9]+)*$", "Lower-case letters, digits and single dashes.")],
        help_text="Stands in addresses, events and keys, such as “au” or “br-south”. Never changes.",
    )
    name = models.CharField(max_length=100)
    number_prefix = models.CharField(
        max_length=6,
        validators=[RegexValidator(r"^[A-Z0-9]{1,6}$", "One to six capital letters or digits.")],
        help_text="Begins every order number: “AU” gives AU-7K3M9QXD4F.",
    )
    currency = models.CharField(
        max_length=3, blank=True, help_text="ISO 4217. Taken when an order with prices names none."
    )
    time_zone = models.CharField(
        max_length=LONGEST_ZONE,
        default=UTC_NAME,
        db_default=UTC_NAME,
        validators=[check_zone],
        help_text="In which staff see the times of its orders, unless they have set one of their own.",
    )
    confirmation_policy = models.CharField(
        max_length=20,
        choices=ConfirmationPolicy.choices,
        default=ConfirmationPolicy.MANUAL,
        db_default=ConfirmationPolicy.MANUAL,
        help_text="When a pending order is confirmed.",
    )
    customer_policy = models.CharField(
        max_length=10,
        choices=CustomerPolicy.choices,
        default=CustomerPolicy.REFUSE,
        db_default=CustomerPolicy.REFUSE,
        help_text="What becomes of an order while the CustomerService cannot be asked.",
    )
    refund_approval_above = models.BigIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="Refunds of more than this (minor units) need somebody else's approval. Empty: none does.",
    )
    ship_within_hours = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Hours after it was placed in which an order is usually shipped; later it is late. "
        "Empty: only an order whose delivery was promised can be late.",
    )
    complete_after_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="Days after its last parcel was delivered when an order is completed. Empty: only by hand.",
    )
    erase_after_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Days after an order was completed, canceled or deleted when its customer is erased from it; also "
        "days after it was rejected, or asked for and parked. Empty: never. It cannot be undone.",
    )
    reads_per_second = models.PositiveIntegerField(
        null=True, blank=True, help_text="What each of its keys may read. Empty: as the service is set; 0: no limit."
    )
    writes_per_second = models.PositiveIntegerField(
        null=True, blank=True, help_text="What each of its keys may write. Empty: as the service is set; 0: no limit."
    )
    staff = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="storefronts",
        help_text="Staff who see this storefront. Whoever is chosen for no storefront at all sees every one.",
    )
    # While it is switched off its keys are refused; see orders/api/switching.py.
    switched_off_at = models.DateTimeField(null=True, blank=True, editable=False)
    switched_off_by = models.CharField(max_length=200, blank=True, default="", db_default="", editable=False)
    switched_off_reason = models.CharField(
        max_length=MOST_REASON, blank=True, default="", db_default="", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return str(self.code)

    @property
    def confirms_what_is_paid(self) -> bool:
        """Whether payment, or its promise, confirms an order by itself."""
        return self.confirmation_policy != ConfirmationPolicy.MANUAL

    @property
    def state_in_words(self) -> str:
        if self.switched_off_at is None:
            return "on"
        since = f"{self.switched_off_at:%Y-%m-%d %H:%M} UTC"
        return f"switched off since {since} by {self.switched_off_by}: {self.switched_off_reason}"

    @staticmethod
    def number_prefix_for(code: str) -> str:
        """The initials of a code of several words, or the beginning of a single one: br-south → BRS."""
        words = re.findall(r"[A-Z0-9]+", code.upper())
        if len(words) < 2:
            return (words[0] if words else "X")[:4]
        initials = "".join(word[0] for word in words[1:])
        return f"{words[0][:2]}{initials}"[:6]


class ApiKey(AbstractAPIKey):
    """A key that acts for one storefront, within its scopes. The library's manager makes it and stores its hash."""

    storefront = models.ForeignKey(Storefront, models.PROTECT, related_name="api_keys")
    scopes = ArrayField(models.CharField(max_length=40, choices=Scope.choices), default=list)
    # `staff:<username>`; empty for keys made by a command, which nobody in particular has read.
    made_by = models.CharField(max_length=200, blank=True, default="", db_default="", editable=False)

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API key"
        verbose_name_plural = "API keys"


class Carrier(models.Model):
    """Where a customer of the storefront follows a parcel of this carrier; goes before the well-known ones."""

    storefront = models.ForeignKey(Storefront, models.CASCADE, related_name="carriers")
    name = models.CharField(max_length=100, help_text="As it stands on shipments; capitals make no difference.")
    tracking_link_template = models.CharField(
        max_length=400,
        validators=[
            RegexValidator(r"^https?://\S*\{tracking_number\}\S*$", "An http(s) address with {tracking_number} in it.")
        ],
        help_text="Such as https://track.example.com/{tracking_number}",
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(Lower("name"), "storefront", name="carrier_once_per_storefront"),
        ]

    def __str__(self) -> str:
        return str(self.name)
