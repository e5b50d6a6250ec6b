"""Making, rotating and revoking keys. A key is shown once; only its hash is stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from orders.api.authentication import remembered_keys
from orders.models import ApiKey, Storefront


def make_key(
    storefront: Storefront,
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    made_by: str = "",
) -> tuple[ApiKey, str]:
    """The stored key, and the secret text to hand out.

    `made_by` is the member of staff who reads that text, as an actor: what the key does counts as done by them where
    somebody else has to agree. A key that nobody in particular has made stands for itself alone.
    """
    key = ApiKey(storefront=storefront, name=name, scopes=list(scopes), expiry_date=expires_at, made_by=made_by)
    secret: str = ApiKey.objects.assign_key(key)
    key.save()
    return key, secret


def rotate_key(old: ApiKey, *, overlap: timedelta, by: str = "") -> tuple[ApiKey, str]:
    """A successor with the same rights. The old key expires after `overlap`, or earlier if it would anyway.

    Whoever rotates it has made the successor; rotated by a command it stays with whom it was.
    """
    made = make_key(old.storefront, name=old.name, scopes=old.scopes, made_by=by or old.made_by)
    ends_at = timezone.now() + overlap
    old.expiry_date = min(ends_at, old.expiry_date or ends_at)
    old.save(update_fields=["expiry_date"])
    remembered_keys.clear()
    return made


def revoke_key(key: ApiKey) -> None:
    """End it. Other processes notice within API_KEY_CACHE_SECONDS."""
    key.revoked = True
    key.save(update_fields=["revoked"])
    remembered_keys.clear()
