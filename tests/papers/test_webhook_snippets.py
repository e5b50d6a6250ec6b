"""What the page on webhooks gives people to verify with verifies what is sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from events.webhooks.sealing import new_secret, shown
from events.webhooks.signing import signed_headers
from tests.papers.pages import blocks

SECRET, OTHER = new_secret(), new_secret()
BODY = '{"name": "Ørsted"}'.encode()


@pytest.fixture(scope="module")
def verify() -> Callable[..., None]:
    (snippet,) = (text for language, text in blocks("docs/webhooks.md") if language == "python")
    names: dict[str, Any] = {}
    exec(snippet, names)
    verify: Callable[..., None] = names["verify"]
    return verify


def headers(*secrets: bytes, age: int = 0) -> dict[str, str]:
    return signed_headers(uuid7(), BODY, timestamp=int(time.time()) - age, secrets=secrets)


@pytest.mark.parametrize("secrets", [[SECRET], [SECRET, OTHER], [OTHER, SECRET]])
def test_what_was_signed_with_the_secret_is_taken(verify, secrets):
    verify(shown(SECRET), headers(*secrets), BODY)


def test_what_was_not_is_refused(verify):
    told = headers(SECRET)

    for secret, sent, body in (
        (shown(OTHER), told, BODY),
        (shown(SECRET), told, BODY + b" "),
        (shown(SECRET), told | {"webhook-id": str(uuid7())}, BODY),
        (shown(SECRET), told | {"webhook-signature": "v1a,x v1, v1"}, BODY),
        (shown(SECRET), headers(SECRET, age=301), BODY),
        (shown(SECRET), headers(SECRET, age=-305), BODY),
    ):
        with pytest.raises(ValueError, match=r"It is too old|No signature is right"):
            verify(secret, sent, body)
