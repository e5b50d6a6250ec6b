"""Forms that came back from a session that had ended: kept for whoever filled them in, until they have signed in."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class KeptForm(models.Model):
    """What somebody typed on the page of an operation; the next one replaces it. Only `orders.operations` writes it."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+")
    order = models.ForeignKey("orders.Order", models.CASCADE, db_constraint=False, db_index=False, related_name="+")
    path = models.TextField()
    fields = models.TextField()  # as a form is sent
    kept_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes = [
            # What an erasure removes, and what the sweeper does.
            models.Index(fields=["order"], name="kept_form_of_order"),
            models.Index(fields=["kept_at"], name="kept_form_kept_at"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.path}"
