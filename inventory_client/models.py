"""Tables of the embedded ledger, and the journal the HTTP client keeps of what it asked for.

Only the functions in `sql/`, the statements in `ledger.py` and `journal.py`, and `stock.py` write here.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from inventory_client.values import ReservationState


class Stock(models.Model):
    """The units of one product: `on_hand` on the shelf, `reserved` of them held by reservations, the others free.

    `shipped` counts those that have left the shelf for reservations that are there still. `oversold` is how far
    `reserved` may exceed `on_hand`: only a recount, which finds more promised than there are, makes it more than 0, and
    by so much less than none may `on_hand` become when they are shipped all the same. `version` counts how often
    somebody, and no order, has changed `on_hand`.
    """

    # Byte order is the order of locking; it must not depend on the database's locale.
    product_id = models.TextField(primary_key=True, db_collation="C")
    on_hand = models.BigIntegerField()
    reserved = models.BigIntegerField(db_default=0)
    oversold = models.BigIntegerField(default=0, db_default=0)
    shipped = models.BigIntegerField(default=0, db_default=0)
    version = models.BigIntegerField(default=1, db_default=1)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "inventory_stock"
        verbose_name_plural = "stock"
        constraints = [
            models.CheckConstraint(
                condition=Q(reserved__gte=0) & Q(oversold__gte=0) & Q(reserved__lte=F("on_hand") + F("oversold")),
                name="stock_reserved_within_on_hand",
            ),
            models.CheckConstraint(condition=Q(shipped__gte=0), name="stock_shipped_not_negative"),
        ]

    def __str__(self) -> str:
        return self.product_id

    @property
    def free(self) -> int:
        """What can still be sold; less than none where more is promised than there is."""
        return self.on_hand - self.reserved


class Reservation(models.Model):
    """Stock held under one id. Lines stand as arrays: one row and one index entry per hold.

    Of a line's units some may have been shipped; where none has of any line, `shipped` is empty.
    """

    id = models.UUIDField(primary_key=True)
    revision = models.IntegerField()
    state = models.TextField(choices=[(state.value, state.value) for state in ReservationState])
    product_ids = ArrayField(models.TextField())
    quantities = ArrayField(models.IntegerField())
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    shipped = ArrayField(models.IntegerField(), default=list, db_default=[])

    class Meta:
        db_table = "inventory_reservation"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in ReservationState]),
                name="reservation_state_known",
            ),
        ]
        indexes = [
            # One for each state, so that a row stands in one of them: what the sweeper's window looks at, and what
            # forget_holds removes. changed_since goes through all three.
            models.Index(fields=["updated_at"], name="reservation_held_by_touch", condition=Q(state="held")),
            models.Index(fields=["updated_at"], name="reservation_confirmed_by_age", condition=Q(state="confirmed")),
            models.Index(fields=["updated_at"], name="reservation_released_by_age", condition=Q(state="released")),
        ]

    def __str__(self) -> str:
        return str(self.id)


class AskedHold(models.Model):
    """A hold the HTTP client has asked for, written before the call so that no crash forgets it."""

    class State(models.TextChoices):
        ASKED = "asked"
        RELEASING = "releasing"
        RELEASED = "released"

    id = models.UUIDField(primary_key=True)
    state = models.TextField(choices=State.choices)
    touched_at = models.DateTimeField()

    class Meta:
        db_table = "inventory_asked_hold"
        indexes = [
            # What the sweeper's window looks at, and what forget_holds removes.
            models.Index(fields=["touched_at"], name="asked_hold_by_age", condition=~Q(state="releasing")),
            # Releases that failed half way: few, and listed by every sweep.
            models.Index(fields=["touched_at"], name="asked_hold_releasing", condition=Q(state="releasing")),
        ]

    def __str__(self) -> str:
        return str(self.id)
