"""Making, rotating and revoking keys. A key is shown once; only its hash is stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from audit.recording import recorded
from orders.api.authentication import remembered_keys
from orders.models import ApiKey, Storefront
from orders.models.audited import API_KEY
from orders.rules.callers import is_staff


def make_key(
    storefront: Storefront,
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    made_by: str = "",
    by: str = "system:keys",
) -> tuple[ApiKey, str]:
    """The stored key, and the secret text to hand out.

    `made_by` is the member of staff who reads that text, as an actor: what the key does counts as done by them where
    somebody else has to agree. A key that nobody in particular has made stands for itself alone, whatever command it
    was that did (`by`).
    """
    key = ApiKey(storefront=storefront, name=name, scopes=list(scopes), expiry_date=expires_at, made_by=made_by)
    return _kept(key, by=made_by or by, action="Made")


def rotate_key(old: ApiKey, *, overlap: timedelta, by: str = "system:keys") -> tuple[ApiKey, str]:
    """A successor with the same rights. The old key expires after `overlap`, or earlier if it would anyway.

    Whoever rotates it has made the successor; rotated by a command it stays with whom it was.
    """
    successor = ApiKey(
        storefront=old.storefront, name=old.name, scopes=old.scopes, made_by=by if is_staff(by) else old.made_by
    )
    made = _kept(successor, by=by, action=f"Made as the successor of {old.prefix}")
    ends_at = timezone.now() + overlap
    with recorded(old, API_KEY, by=by, action=f"Rotated; its successor is {successor.prefix}"):
        old.expiry_date = min(ends_at, old.expiry_date or ends_at)
        old.save(update_fields=["expiry_date"])
    remembered_keys.clear()
    return made


def revoke_key(key: ApiKey, *, by: str = "system:keys") -> None:
    """End it. Other processes notice within API_KEY_CACHE_SECONDS."""
    with recorded(key, API_KEY, by=by, action="Revoked"):
        key.revoked = True
        key.save(update_fields=["revoked"])
    remembered_keys.clear()


def _kept(key: ApiKey, *, by: str, action: str) -> tuple[ApiKey, str]:
    secret: str = ApiKey.objects.assign_key(key)
    with recorded(key, API_KEY, by=by, action=action):
        key.save()
    return key, secret
