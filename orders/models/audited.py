"""What is logged of storefronts, keys and accounts when they are changed; of groups: `orders/rules/staff_groups.py`."""

from __future__ import annotations

from typing import Final

from django.contrib.auth.models import User
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.recording import Audited
from orders.models.storefronts import Storefront
from orders.rules.currencies import format_amount
from orders.rules.staff_groups import labels_of


def _carriers(storefront: Storefront) -> list[str]:
    return [f"{carrier.name}: {carrier.tracking_link_template}" for carrier in storefront.carriers.order_by("name")]


def _refund_limit(storefront: Storefront) -> str | None:
    limit = storefront.refund_approval_above
    return None if limit is None else format_amount(limit, storefront.currency or None)


def _own_permissions(user: User) -> list[str]:
    return labels_of(user.user_permissions)


def _second_factor(user: User) -> str | None:
    authenticator = TOTPDevice.objects.filter(user_id=user.pk, confirmed=True).first()
    return None if authenticator is None else f"set up on {authenticator.created_at:%Y-%m-%d %H:%M:%S} UTC"


def _recovery_codes(user: User) -> list[str]:
    return sorted(StaticToken.objects.filter(device__user_id=user.pk).values_list("token", flat=True))


STOREFRONT: Final = Audited(
    (
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
        "staff",
        "carriers",
        "switched_off_at",
        "switched_off_by",
        "switched_off_reason",
    ),
    readers={"carriers": _carriers, "refund_approval_above": _refund_limit},
)
API_KEY: Final = Audited(
    ("name", "storefront", "scopes", "made_by", "expiry_date", "revoked"), secrets=("hashed_key",), key="prefix"
)
USER: Final = Audited(
    (
        "username",
        "email",
        "first_name",
        "last_name",
        "is_active",
        "is_staff",
        "is_superuser",
        "groups",
        "user_permissions",
        "storefronts",
        "second_factor",
    ),
    secrets=("password", "recovery_codes"),
    readers={
        "user_permissions": _own_permissions,
        "second_factor": _second_factor,
        "recovery_codes": _recovery_codes,
    },
)
