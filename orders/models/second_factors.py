"""Second factors of staff: one authenticator each, and recovery codes for when it is gone. Each code works once.

The devices are django-otp's. Of a recovery code a digest is kept, which nobody turns back without `SECRET_KEY`.
"""

from __future__ import annotations

import re
import secrets
from base64 import b32encode
from typing import Final

import django_otp
from django.conf import settings
from django.contrib.auth.models import User
from django.utils.crypto import salted_hmac
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.util import random_hex

from audit.recording import recorded
from orders.models.audited import USER

EVERYBODY: Final = "*"
RECOVERY_CODES: Final = 10

_CODE: Final = re.compile(r"[0-9]{6}")
_SALT: Final = "orders.models.second_factors"
# What people type between, or a telephone adds.
_BETWEEN: Final = re.compile(r"[\s-]+")


class WrongCode(Exception):
    """It is none of the person's, or has been used before."""


def is_required_of(user: User) -> bool:
    """Whether SECOND_FACTOR_GROUPS wants one. Superusers may do what every group may, so any group counts for them."""
    named = settings.SECOND_FACTOR_GROUPS
    if not named:
        return False
    return bool(EVERYBODY in named or user.is_superuser or user.groups.filter(name__in=named).exists())


def authenticator_of(user: User) -> TOTPDevice | None:
    return TOTPDevice.objects.filter(user_id=user.pk, confirmed=True).order_by("id").first()


def new_authenticator(user: User, *, key: str = "") -> TOTPDevice:
    """Not kept, and without a key that is given with a new one."""
    return TOTPDevice(user=user, name="authenticator", key=key or random_hex(20), confirmed=True)


def set_up(user: User, *, key: str, code: str, by: str) -> list[str]:
    """Keep the authenticator of this key in the place of any earlier one; its recovery codes, to be shown once.

    Raises WrongCode when `code` is not what it shows.
    """
    with recorded(user, USER, by=by, action="Second factor set up"):
        _forget(user)
        device = new_authenticator(user, key=key)
        device.save()
        if not (_CODE.fullmatch(_typed(code)) and device.verify_token(_typed(code))):
            raise WrongCode
        return _new_codes(user)


def renew_recovery_codes(user: User, *, by: str) -> list[str]:
    """New ones in the place of all there were, to be shown once."""
    with recorded(user, USER, by=by, action="New recovery codes"):
        return _new_codes(user)


def remove(user: User, *, by: str) -> bool:
    """Forget the authenticator and the recovery codes. False: there were none."""
    if authenticator_of(user) is None:
        return False
    with recorded(user, USER, by=by, action="Second factor removed"):
        _forget(user)
    return True


def use_code(user: User, code: str) -> None:
    """Accept what the authenticator shows, or a recovery code, this once. Raises WrongCode."""
    typed = _typed(code)
    if _CODE.fullmatch(typed):
        accepted = _accepts(authenticator_of(user), typed)
    else:
        with recorded(user, USER, by=f"staff:{user.get_username()}", action="Recovery code used"):
            accepted = _accepts(StaticDevice.objects.filter(user_id=user.pk).first(), _digest(typed))
    if not accepted:
        raise WrongCode


def _accepts(device: Device | None, token: str) -> bool:
    """It locks the device: of several requests with one code, one is let in."""
    return device is not None and django_otp.verify_token(device.user, device.persistent_id, token) is not None


def recovery_codes_left(user: User) -> int:
    return int(StaticDevice.objects.filter(user_id=user.pk, token_set__isnull=False).count())


def _new_codes(user: User) -> list[str]:
    StaticDevice.objects.filter(user_id=user.pk).delete()
    device = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = [b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    for code in codes:
        device.token_set.create(token=_digest(code))
    return ["-".join(re.findall("....", code)) for code in codes]


def _forget(user: User) -> None:
    TOTPDevice.objects.filter(user_id=user.pk).delete()
    StaticDevice.objects.filter(user_id=user.pk).delete()


def _typed(code: str) -> str:
    return _BETWEEN.sub("", code).lower()


def _digest(code: str) -> str:
    """As many characters as django-otp keeps of a token: 64 bits."""
    return salted_hmac(_SALT, code, algorithm="sha256").hexdigest()[:16]
