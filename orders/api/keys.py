"""Making, rotating and revoking keys. A key is shown once; only its hash is stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from orders.api.authentication import remembered_keys
from orders.models import ApiKey, Storefront


def make_key(
    storefront: Storefront, *, name: str, scopes: Sequence[str], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """The stored key, and the secret text to hand out."""
    key = ApiKey(storefront=storefront, name=name, scopes=list(scopes), expiry_date=expires_at)
    secret: str = ApiKey.objects.assign_key(key)
    key.save()
    return key, secret


def rotate_key(old: ApiKey, *, overlap: timedelta) -> tuple[ApiKey, str]:
    """A successor with the same rights. The old key expires after `overlap`, or earlier if it would anyway."""
    made = make_key(old.storefront, name=old.name, scopes=old.scopes)
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
