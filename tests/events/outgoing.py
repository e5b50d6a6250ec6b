"""Events on their way to a sink."""

from uuid import UUID

from events.sinks.protocol import OutgoingEvent


def event(
    number: int,
    *,
    stream: int = 1,
    type: str = "order.updated",  # noqa: A002
    source: str = "/storefronts/au",
    size: int = 0,
) -> OutgoingEvent:
    """The event with that id and sequence, of the stream; its body has so many bytes more than its number needs."""
    return OutgoingEvent(
        id=UUID(int=number),
        storefront_id=1,
        source=source,
        stream_id=UUID(int=stream),
        sequence=number,
        type=type,
        body=b'{"n":%d%s}' % (number, b" " * size),
    )
