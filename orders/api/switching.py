"""Switching a storefront off and on: while it is off, its keys are refused. Staff, sweeper and relay go on."""

from __future__ import annotations

import logging

from django.utils import timezone

from audit.recording import recorded
from orders.api.authentication import remembered_keys
from orders.models import Storefront
from orders.models.audited import STOREFRONT

logger = logging.getLogger(__name__)


def switch_off(storefront: Storefront, *, by: str, reason: str) -> bool:
    """Refuse all of its keys from now on, in other processes within API_KEY_CACHE_SECONDS. False: it was off already.

    `reason` is told to whoever calls.
    """
    with recorded(storefront, STOREFRONT, by=by, action="Switched off"):
        changed = Storefront.objects.filter(pk=storefront.pk, switched_off_at=None).update(
            switched_off_at=timezone.now(), switched_off_by=by, switched_off_reason=reason
        )
    remembered_keys.clear()
    if changed:
        logger.warning("storefront switched off", extra={"code": storefront.code, "by": by, "why": reason})
    return bool(changed)


def switch_on(storefront: Storefront, *, by: str) -> bool:
    """Accept its keys again, in other processes within API_KEY_CACHE_SECONDS. False: it was on already."""
    with recorded(storefront, STOREFRONT, by=by, action="Switched on"):
        changed = (
            Storefront.objects.filter(pk=storefront.pk)
            .exclude(switched_off_at=None)
            .update(switched_off_at=None, switched_off_by="", switched_off_reason="")
        )
    remembered_keys.clear()
    if changed:
        logger.warning("storefront switched on", extra={"code": storefront.code, "by": by})
    return bool(changed)
