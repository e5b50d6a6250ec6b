"""The log of changes to whatever is no order: orders have their own, with events."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models.functions import Now


class EntryQuerySet(models.QuerySet["Entry"]):
    def about(self, model: type[models.Model], object_id: object) -> Self:
        return self.filter(model=model._meta.label_lower, object_id=str(object_id))


class Entry(models.Model):
    """One change of one row. Entries are added, never changed or removed (a trigger sees to it)."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now(), editable=False)
    by = models.TextField(help_text="staff:<username>, key:<prefix> or system:<command>.")
    # No foreign keys: an entry outlives what it tells of, and whoever made it.
    model = models.TextField(help_text="Such as orders.storefront.")
    object_id = models.TextField()
    name = models.TextField()
    action = models.TextField()
    # Each with `field`, `before` and `after`; of a secret no more is told than that it has changed.
    changes = models.JSONField(default=list)

    objects = EntryQuerySet.as_manager()

    class Meta:
        db_table = "audit_entry"
        verbose_name = "change"
        default_permissions = ["view"]
        indexes = [models.Index(fields=["model", "object_id", "id"], name="audit_entry_of_one")]

    def __str__(self) -> str:
        return f"{self.name}: {self.action}"
