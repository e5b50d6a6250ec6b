"""Bodies are read whole, within bounds of bytes and time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from orders_project.front.bodies import BodyTooLarge, BodyTooSlow, ClientLeft, read_body

LEFT = {"type": "http.disconnect"}


def part(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


class Client:
    """Sends the messages given; after the last one nothing comes any more."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.asked = 0
        self._messages: Sequence[dict[str, Any]] = messages

    async def __call__(self) -> dict[str, Any]:
        self.asked += 1
        if self.asked > len(self._messages):
            await asyncio.Event().wait()
        return self._messages[self.asked - 1]

    def read(self, *, announced: int | None, most: int = 10, seconds: float = 60) -> bytes:
        return asyncio.run(read_body(self, announced=announced, most=most, seconds=seconds))


def test_a_body_with_a_length_is_complete_when_it_is_as_long():
    client = Client(part(b"abc"), part(b"de"))

    assert client.read(announced=5) == b"abcde"
    assert client.asked == 2


def test_a_body_in_chunks_is_complete_when_the_client_says_so():
    assert Client(part(b"abc"), part(b"de"), part(b"", more=False)).read(announced=None) == b"abcde"


@pytest.mark.parametrize("announced", [5, None])
def test_a_client_that_leaves_has_sent_nothing(announced):
    with pytest.raises(ClientLeft):
        Client(part(b"abc"), LEFT).read(announced=announced)


@pytest.mark.parametrize("announced", [5, None])
def test_a_body_that_stops_coming_is_given_up(announced):
    with pytest.raises(BodyTooSlow):
        Client(part(b"abc")).read(announced=announced, seconds=0.01)


def test_the_allowed_size_is_allowed():
    assert Client(part(b"0123456789", more=False)).read(announced=10) == b"0123456789"


@pytest.mark.parametrize("announced", [30, None])
def test_a_body_too_large_is_read_on_so_that_its_client_gets_to_the_answer(announced):
    client = Client(*[part(b"0123456789")] * 2, part(b"0123456789", more=False))

    with pytest.raises(BodyTooLarge):
        client.read(announced=announced)

    assert client.asked == 3


def test_a_body_without_an_end_is_not_read_for_ever():
    client = Client(*[part(b"0123456789")] * 1000)

    with pytest.raises(BodyTooLarge):
        client.read(announced=None)

    assert client.asked == 5  # four times what is allowed, and what showed that it is more


def test_a_body_too_large_that_stops_coming_is_too_large():
    with pytest.raises(BodyTooLarge):
        Client(part(b"0123456789abc")).read(announced=1_000_000, seconds=0.01)
