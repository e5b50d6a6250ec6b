"""Answers kept for repeats."""

from __future__ import annotations

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
        # Pruning reads its old end, `doctor --since` its new one.
        indexes = [models.Index(fields=["created_at"], name="idempotent_answer_by_age")]

    def __str__(self) -> str:
        return self.key
