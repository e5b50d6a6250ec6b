"""The feed's rows. Only the functions of `events/sql/events_feed.sql` write them."""

from django.db import models


class FeedArrival(models.Model):
    """An event without a position yet. `id` grows with `sequence` within a stream; across streams it means nothing."""

    pk = models.CompositePrimaryKey("storefront_id", "id")
    id = models.BigIntegerField()  # generated: see the migration
    storefront_id = models.IntegerField()
    event_id = models.UUIDField()

    class Meta:
        db_table = "events_feed_arrival"

    def __str__(self) -> str:
        return f"{self.event_id} of {self.storefront_id}"


class FeedEntry(models.Model):
    """The event at a position. Positions are 1, 2, 3 … in each storefront; none is ever changed."""

    pk = models.CompositePrimaryKey("storefront_id", "position")
    storefront_id = models.IntegerField()
    position = models.BigIntegerField()
    event_id = models.UUIDField()

    class Meta:
        db_table = "events_feed"
        constraints = [models.UniqueConstraint(fields=["event_id"], name="feed_has_event_once")]

    def __str__(self) -> str:
        return f"{self.position} of {self.storefront_id}"


class FeedHead(models.Model):
    """The last position of a storefront. Whoever gives out the next ones holds the row's lock."""

    storefront_id = models.IntegerField(primary_key=True)
    position = models.BigIntegerField()

    class Meta:
        db_table = "events_feed_head"

    def __str__(self) -> str:
        return f"{self.position} of {self.storefront_id}"


class FeedHistory(models.Model):
    """How far the events from before there was a feed have been numbered; there is no row once all of them are."""

    stream_id = models.UUIDField()
    storefront_id = models.IntegerField()
    sequence = models.IntegerField()

    class Meta:
        db_table = "events_feed_history"

    def __str__(self) -> str:
        return f"up to {self.sequence} of {self.stream_id}"
