"""One operation for many orders, worked off in the background: the run, and what becomes of each of its orders."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class RunState(models.TextChoices):
    RUNNING = "running", "Running"
    FINISHED = "finished", "Finished"
    STOPPED = "stopped", "Stopped"


class RunOutcome(models.TextChoices):
    DONE = "done", "Done"
    UNCHANGED = "unchanged", "Like this already"
    REFUSED = "refused", "Refused"


class BulkRunQuerySet(models.QuerySet["BulkRun"]):
    def running(self) -> Self:
        return self.filter(state=RunState.RUNNING)

    def within(self, storefronts: frozenset[int] | None) -> Self:
        """Those with orders of no other storefront; None is every storefront."""
        return self if storefronts is None else self.filter(storefronts__contained_by=sorted(storefronts))


class BulkRun(models.Model):
    """Who wants what done with which orders, and how far it has come. Its orders are fixed when it is started.

    `arguments` are the operation's, as the API takes them. What was typed, there and as the reason, is kept only while
    it runs: it may tell of a person, and stands in the orders' timelines, where an erasure finds it. The counts are
    those of the last piece that was worked off.
    """

    # Chosen by the page that starts it: sent twice, it is started once.
    id = models.UUIDField(primary_key=True, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    actor = models.TextField()
    operation = models.CharField(max_length=40)
    arguments = models.JSONField(default=dict)
    reason = models.TextField(blank=True, default="")
    storefronts = ArrayField(models.IntegerField())  # of its orders
    request_id = models.TextField(blank=True, default="")
    trace = models.TextField(blank=True, default="")
    state = models.CharField(max_length=20, choices=RunState.choices, default=RunState.RUNNING)
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(db_default=Now())
    worked_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)
    # Who stopped it, or what did.
    ended_because = models.TextField(blank=True, default="")

    objects = BulkRunQuerySet.as_manager()

    class Meta:
        verbose_name = "bulk run"
        default_permissions = ()  # who sees orders sees them
        constraints = [
            models.CheckConstraint(
                condition=Q(state=RunState.RUNNING, ended_at=None)
                | Q(state__in=[RunState.FINISHED, RunState.STOPPED], ended_at__isnull=False),
                name="bulk_run_runs_or_ended",
            ),
        ]
        indexes = [
            # Whose turn it is.
            models.Index(fields=["worked_at"], name="bulk_run_running", condition=Q(state="running")),
            models.Index(fields=["ended_at"], name="bulk_run_ended", condition=~Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_running(self) -> bool:
        return self.state == RunState.RUNNING

    @property
    def settled(self) -> int:
        return self.done + self.unchanged + self.refused

    @property
    def left(self) -> int:
        return self.total - self.settled


class BulkRunOrderQuerySet(models.QuerySet["BulkRunOrder"]):
    def left(self) -> Self:
        return self.filter(outcome=None)


class BulkRunOrder(models.Model):
    """An order of a run, at the version that was shown. `words` are why it was refused.

    It is not tried before `not_before`: somebody is at it, or it was in nobody's power to do it.
    """

    run = models.ForeignKey(BulkRun, models.CASCADE, db_index=False, related_name="orders")
    order = models.ForeignKey("orders.Order", models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    storefront = models.ForeignKey(
        "orders.Storefront", models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    version = models.PositiveIntegerField()
    outcome = models.CharField(max_length=20, choices=RunOutcome.choices, null=True, blank=True)
    words = models.TextField(blank=True, default="", db_default="")
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    not_before = models.DateTimeField(null=True, blank=True)

    objects = BulkRunOrderQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["run", "order"], name="bulk_run_order_once")]
        indexes = [
            models.Index(fields=["run", "order"], name="bulk_run_left", condition=Q(outcome=None)),
            # What the page of a run shows, outcome by outcome.
            models.Index(fields=["run", "outcome", "order"], name="bulk_run_outcomes"),
            # What an erasure has to look at.
            models.Index(fields=["order"], name="bulk_run_refused_order", condition=~Q(words="")),
        ]

    def __str__(self) -> str:
        return f"{self.order_id} of {self.run_id}"
