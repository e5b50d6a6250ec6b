"""Kafka: a consumer group, so that several processes share a topic's partitions."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from events.inbox.sources.protocol import Message, SourceDown
from events.sinks.configured import options_in
from events.sinks.kafka import CLIENT_OPTIONS, client_settings

_CONNECT_SECONDS: Final = 3.0
_JOIN_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.25
# librdkafka tells each broken connection on standard error otherwise; whoever consumes is told as well.
_QUIET: Final = logging.getLogger("events.inbox.sources.kafka.client")
_OPTIONS: Final = CLIENT_OPTIONS | {"topic", "group"}


class KafkaSource:
    """Reads a topic from its beginning. Nobody is held up by a message that cannot be handled: it is stored.

    Options in the address' query: `topic`; `group` (order-service); `security`, `mechanism` and `cafile` as those of
    the sink.
    """

    def __init__(self, address: str) -> None:
        """`address` is `kafka://user:password@host:9092;other:9092?topic=customers`."""
        parts = urlsplit(address)
        options = options_in(parts.query, known=_OPTIONS, besides=())
        self._topic = options.get("topic", "")
        if not self._topic:
            raise ValueError("it names no topic, as in ?topic=customers")
        self._settings: dict[str, Any] = {
            **client_settings(parts.netloc, options),
            "group.id": options.get("group") or "order-service",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 6000,  # a dead consumer's partitions are another's after so long
        }
        self._consumer: Consumer | None = None
        self._joined_at: float | None = None
        self._ends: dict[tuple[str, int], int] = {}  # by topic and partition: behind what was received

    def open(self) -> None:
        self.close()
        try:
            consumer = Consumer(self._settings, logger=_QUIET)
            found = consumer.list_topics(self._topic, timeout=_CONNECT_SECONDS).topics[self._topic]
            if found.error is not None and found.error.code() != KafkaError.LEADER_NOT_AVAILABLE:
                consumer.close()
                raise SourceDown(f"Kafka has no topic {self._topic!r} for us: {found.error}. Make it.")
            consumer.subscribe([self._topic], on_assign=self._join)
        except KafkaException as error:
            raise SourceDown(f"Kafka does not answer as it should: {error}.") from error
        self._consumer = consumer

    def receive(self, *, limit: int, seconds: float) -> Sequence[Message]:
        if self._consumer is None:
            raise SourceDown("The connection to Kafka is closed.")
        try:
            found = self._received(self._consumer, limit, seconds)
        except (KafkaException, RuntimeError) as error:
            raise SourceDown(f"Kafka gives no messages: {error}.") from error
        for message in found:
            if (failure := message.error()) is not None:
                raise SourceDown(f"Kafka gives no messages: {failure}.")
            at = (message.topic() or "", message.partition() or 0)
            self._ends[at] = max(self._ends.get(at, 0), (message.offset() or 0) + 1)
        # One without a value only says, in a compacted topic, that what had its key is gone.
        return [Message(body) for message in found if (body := message.value()) is not None]

    def _received(self, consumer: Consumer, limit: int, seconds: float) -> list[KafkaMessage]:
        """Until the group has given this consumer its partitions nothing can come: that is waited for as well."""
        begun = time.monotonic()
        while True:
            if self._joined_at is None:
                left = begun + _JOIN_SECONDS - time.monotonic()
            else:
                left = max(begun, self._joined_at) + seconds - time.monotonic()
            first = consumer.poll(max(0, min(left, _LOOK_SECONDS)))
            if first is not None:
                return [first, *consumer.consume(limit - 1, timeout=0)] if limit > 1 else [first]
            if left <= 0:
                return []

    def _join(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._joined_at = time.monotonic()

    def acknowledge(self, messages: Sequence[Message]) -> None:
        if self._consumer is None:
            raise SourceDown("The connection to Kafka is closed.")
        if not self._ends:
            return
        offsets = [TopicPartition(topic, partition, end) for (topic, partition), end in self._ends.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:  # the partition is another's by now, which gets them again
            raise SourceDown(f"Kafka took no acknowledgement: {error}.") from error
        self._ends.clear()

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
        self._joined_at = None
        self._ends.clear()
