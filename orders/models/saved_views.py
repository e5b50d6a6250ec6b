"""How staff like their list of orders: what they have narrowed it by, under a name, and the columns they look at."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

LONGEST_NAME = 60
LONGEST_QUERY = 2_000


class SavedView(models.Model):
    """Filters under a name, for whoever has saved them or for everybody. `query` is what stands in the address."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=LONGEST_NAME)
    query = models.CharField(max_length=LONGEST_QUERY)
    shared = models.BooleanField(default=False)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="saved_view_name_once")]
        indexes = [models.Index(fields=["name"], name="saved_view_shared", condition=models.Q(shared=True))]

    def __str__(self) -> str:
        return str(self.name)


class ListColumns(models.Model):
    """The columns of somebody's list, in its order; without a row the usual ones."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="list_columns")
    columns = ArrayField(models.CharField(max_length=20), default=list)

    def __str__(self) -> str:
        return ", ".join(self.columns)
