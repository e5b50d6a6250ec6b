"""NATS JetStream. The stream has to be there, with `sync_interval: always` in the server where none may be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.js import JetStreamContext
from nats.js.errors import NoStreamResponseError

from events.sinks.configured import options_in
from events.sinks.loop_thread import LoopThread
from events.sinks.protocol import BESIDE_BODY, Ack, Outcome, OutgoingEvent, Reject, SinkDown

_CONNECT_SECONDS: Final = 3.0
_PUBLISH_SECONDS: Final = 4.0
_CLOSE_SECONDS: Final = 1.0


class NatsJetStreamSink:
    """Acknowledges an event once the stream has stored it. Its id is the message's, so that a stream drops repeats.

    The subject is `orders.` and the event's type; option in the address' query: `subject`, what stands before the type.
    Several events of one order are sent one after the other.
    """

    max_batch = 200
    ordered_pipeline = False

    def __init__(self, address: str) -> None:
        """`address` is the URL, `nats://user:password@host:4222?subject=orders`."""
        parts = urlsplit(address)
        options = options_in(parts.query, known=frozenset({"subject"}))
        self._prefix = options.get("subject") or "orders"
        self._url = urlunsplit(parts._replace(query=""))
        self._loop = LoopThread("nats")
        self._client: Client | None = None
        self._stream: JetStreamContext | None = None

    @property
    def most_bytes(self) -> int | None:
        """What the server has told of itself; it counts headers too."""
        return None if self._client is None else self._client.max_payload - BESIDE_BODY

    def open(self) -> None:
        self.close()
        try:
            self._loop.run(self._open(), seconds=_CONNECT_SECONDS)
        except (NatsError, OSError, TimeoutError) as error:
            self.close()
            raise SinkDown(f"NATS does not answer: {error or type(error).__name__}.") from error

    def publish(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        try:
            return self._loop.run(self._publish(events), seconds=_PUBLISH_SECONDS)
        except NoStreamResponseError as error:
            raise SinkDown(f"No stream of NATS takes the subjects {self._prefix}.>: make one.") from error
        except (NatsError, OSError, TimeoutError, asyncio.CancelledError) as error:
            raise SinkDown(f"NATS did not store the events: {error or type(error).__name__}.") from error

    def close(self) -> None:
        if self._client is not None:
            with suppress(NatsError, OSError, TimeoutError, asyncio.CancelledError):  # closed from the other side
                self._loop.run(self._client.close(), seconds=_CLOSE_SECONDS)
            self._client = self._stream = None
        self._loop.stop()

    async def _open(self) -> None:
        # What is lost is told at once: the relay opens the sink anew, and repeats what was under way.
        self._client = await nats.connect(self._url, connect_timeout=2, allow_reconnect=False, error_cb=_quietly)
        self._stream = self._client.jetstream(timeout=_PUBLISH_SECONDS)

    async def _publish(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        return await asyncio.gather(*(self._publish_one(event) for event in events))

    async def _publish_one(self, event: OutgoingEvent) -> Outcome:
        if self._stream is None:
            raise SinkDown("The connection to NATS is closed.")
        headers = {"Nats-Msg-Id": str(event.id), "Content-Type": "application/cloudevents+json"}
        try:
            await self._stream.publish(f"{self._prefix}.{event.type}", event.body, headers=headers)
        except MaxPayloadError as error:
            return Reject(f"The event is larger than the server of NATS takes: {error}.")
        return Ack()


async def _quietly(error: Exception) -> None:
    """The client would print it; whoever publishes is told as well."""
