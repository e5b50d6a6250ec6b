"""The envelope in which events leave: CloudEvents 1.0.2, JSON format, structured mode."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

import orjson

from events.schemas import reshaped, schema_url


class StoredEvent(Protocol):
    """A row of the log, with `data` as JSON text."""

    @property
    def id(self) -> UUID: ...
    @property
    def storefront_id(self) -> int: ...
    @property
    def source(self) -> str: ...
    @property
    def stream_id(self) -> UUID: ...
    @property
    def sequence(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def occurred_at(self) -> datetime: ...
    @property
    def actor(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def request_id(self) -> str: ...
    @property
    def trace(self) -> str: ...
    @property
    def data(self) -> str: ...


def envelope(event: StoredEvent, *, api_version: str | None = None) -> bytes:
    """The event as one line of CloudEvents JSON, its data in the form of an API version, or in the newest.

    `partitionkey` and `sequence` are the CNCF extensions of those names (a string that sorts as the number
    does), `traceparent` that of distributed tracing; `storefrontid`, `actor`, `reason` and `requestid` are
    ours. Extensions without a value are left out.
    """
    stream_id = str(event.stream_id)
    attributes = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": stream_id,
        "time": event.occurred_at,
        "datacontenttype": "application/json",
        "dataschema": schema_url(event.type, api_version=api_version),
        "partitionkey": stream_id,
        "sequence": f"{event.sequence:010d}",
        "storefrontid": str(event.storefront_id),
        "actor": event.actor,
        "reason": event.reason,
        "requestid": event.request_id,
        "traceparent": event.trace,
    }
    present = {name: value for name, value in attributes.items() if value}
    data = orjson.Fragment(reshaped(event.type, event.data, api_version=api_version))
    return orjson.dumps(present | {"data": data}, option=orjson.OPT_UTC_Z)
