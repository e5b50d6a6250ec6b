"""Kafka: an idempotent producer, and the order's id as the key, so that its events stand in one partition in order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from confluent_kafka import KafkaError, KafkaException, Producer

from events.sinks.configured import options_in
from events.sinks.protocol import BESIDE_BODY, Ack, Outcome, OutgoingEvent, Reject, SinkDown

_CONNECT_SECONDS: Final = 3.0
_DELIVERY_SECONDS: Final = 4.0
# Of a message, unless brokers (`message.max.bytes`) and topics take less; key and headers included.
_MOST_BYTES: Final = 1_000_000
# Whatever is done, the event stays what it is.
_FOR_GOOD: Final = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD})
# librdkafka tells each broken connection on standard error otherwise; whoever publishes is told as well.
_QUIET: Final = logging.getLogger("events.sinks.kafka.client")
CLIENT_OPTIONS: Final = frozenset({"security", "mechanism", "cafile"})
_OPTIONS: Final = CLIENT_OPTIONS | {"topic"}


def client_settings(netloc: str, options: Mapping[str, str]) -> dict[str, Any]:
    """How any client of Kafka gets in: `user:password@host:9092;other:9092`, and CLIENT_OPTIONS. Raises ValueError."""
    user, _, hosts = netloc.rpartition("@")
    settings: dict[str, Any] = {
        "bootstrap.servers": hosts.replace(";", ","),
        "security.protocol": options.get("security") or "plaintext",
    }
    if user:
        name, _, password = user.partition(":")
        if not password or not options.get("mechanism"):
            raise ValueError("a user needs a password and a mechanism, such as ?mechanism=SCRAM-SHA-512")
        settings |= {
            "sasl.username": unquote(name),
            "sasl.password": unquote(password),
            "sasl.mechanism": options["mechanism"],
        }
    if options.get("cafile"):
        settings["ssl.ca.location"] = options["cafile"]
    return settings


class KafkaSink:
    """Acknowledges an event once all in-sync replicas have it.

    Options in the address' query: `topic` (order-events); `security` (plaintext; ssl, sasl_plaintext, sasl_ssl),
    `mechanism` (such as SCRAM-SHA-512) and `cafile`.
    """

    max_batch = 500
    ordered_pipeline = False
    most_bytes = _MOST_BYTES - BESIDE_BODY

    def __init__(self, address: str) -> None:
        """`address` is `kafka://user:password@host:9092;other:9092?topic=order-events`."""
        parts = urlsplit(address)
        options = options_in(parts.query, known=_OPTIONS)
        self._topic = options.get("topic") or "order-events"
        self._settings: dict[str, Any] = {
            **client_settings(parts.netloc, options),
            "enable.idempotence": True,
            "partitioner": "murmur2_random",  # as the Java client's: others who write to the topic choose the same
            "delivery.timeout.ms": int(_DELIVERY_SECONDS * 1000),
            "request.timeout.ms": int(_DELIVERY_SECONDS * 1000 / 2),
            "linger.ms": 2,
            "message.max.bytes": _MOST_BYTES,
        }
        self._producer: Producer | None = None

    def open(self) -> None:
        self.close()
        try:
            producer = Producer(self._settings, logger=_QUIET)
            found = producer.list_topics(self._topic, timeout=_CONNECT_SECONDS).topics[self._topic]
        except KafkaException as error:
            raise SinkDown(f"Kafka does not answer as it should: {error}.") from error
        if found.error is not None and found.error.code() != KafkaError.LEADER_NOT_AVAILABLE:
            raise SinkDown(f"Kafka has no topic {self._topic!r} for us: {found.error}. Make it.")
        self._producer = producer

    def publish(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        producer = self._producer
        if producer is None:
            raise SinkDown("The connection to Kafka is closed.")
        told: dict[int, KafkaError | None] = {}
        for position, event in enumerate(events):
            try:
                producer.produce(
                    self._topic,
                    key=str(event.stream_id),
                    value=event.body,
                    headers={"id": str(event.id), "type": event.type, "source": event.source},
                    on_delivery=_teller(told, position),
                )
            except KafkaException as error:
                told[position] = error.args[0]
            except BufferError as error:
                self.close()
                raise SinkDown(f"Kafka takes nothing: {error}.") from error
        left = producer.flush(_DELIVERY_SECONDS)
        errors = {error.code(): error for error in told.values() if error is not None}
        down = [error for code, error in errors.items() if code not in _FOR_GOOD]
        if left or down or len(told) < len(events):
            self.close()
            raise SinkDown(f"Kafka did not take the events: {down[0] if down else 'no answer in time'}.")
        return [_outcome(told[position]) for position in range(len(events))]

    def close(self) -> None:
        """What is under way is given up: it comes again, and must not arrive behind what follows it."""
        if self._producer is not None:
            self._producer.purge()
            self._producer.flush(0)
            self._producer = None


def _outcome(error: KafkaError | None) -> Outcome:
    return Ack() if error is None else Reject(f"Kafka: {error}.")


def _teller(told: dict[int, KafkaError | None], position: int) -> Callable[[KafkaError | None, object], None]:
    def tell(error: KafkaError | None, message: object) -> None:
        told[position] = error

    return tell
