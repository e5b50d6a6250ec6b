"""Whoever has the database alone cannot read the secrets in it."""

from __future__ import annotations

import pytest
from uuid_utils.compat import uuid7

from events.webhooks.models import WebhookDelivery
from events.webhooks.sealing import Unreadable, new_secret, seal, shown, unseal

ENDPOINT = uuid7()


def test_a_sealed_secret_is_read_again_and_never_sealed_alike():
    secret = new_secret()

    first, second = seal(secret, endpoint_id=ENDPOINT), seal(secret, endpoint_id=ENDPOINT)

    assert unseal(first, endpoint_id=ENDPOINT) == unseal(second, endpoint_id=ENDPOINT) == secret
    assert first != second
    assert secret not in first
    assert len(shown(secret)) == 50


def test_another_key_does_not_read_it_and_an_earlier_one_may(settings):
    sealed = seal(b"s" * 32, endpoint_id=ENDPOINT)
    before = settings.SECRET_KEY

    settings.SECRET_KEY = "another"
    with pytest.raises(Unreadable):
        unseal(sealed, endpoint_id=ENDPOINT)

    settings.SECRET_KEY_FALLBACKS = [before]
    assert unseal(sealed, endpoint_id=ENDPOINT) == b"s" * 32


def test_moved_to_another_endpoint_or_altered_it_is_not_read():
    sealed = seal(new_secret(), endpoint_id=ENDPOINT)

    with pytest.raises(Unreadable):
        unseal(sealed, endpoint_id=uuid7())
    for position in range(len(sealed)):
        altered = sealed[:position] + bytes([sealed[position] ^ 1]) + sealed[position + 1 :]
        with pytest.raises(Unreadable):
            unseal(altered, endpoint_id=ENDPOINT)


def test_a_secret_that_cannot_be_read_is_a_failed_attempt_and_nothing_is_sent(
    shop, endpoint_at, append_stream, send_all, settings
):
    endpoint_at(shop.url)
    append_stream(1)
    settings.SECRET_KEY = "another"

    send_all()

    assert shop.received == []
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("pending", 1)
    assert "Rotate it" in delivery.last_error
