"""Answers kept for repeats."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils import timezone


class IdempotentAnswer(models.Model):
    """The answer that a repeat of the same request gets again, byte for byte."""

    pk = models.CompositePrimaryKey("storefront_id", "key")
    storefront_id = models.IntegerField()
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField()
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        # Pruning reads the old end; a BRIN index costs an insert next to nothing.
        indexes = [BrinIndex(fields=["created_at"], name="idempotent_answer_age", autosummarize=True)]

    def __str__(self) -> str:
        return self.key
