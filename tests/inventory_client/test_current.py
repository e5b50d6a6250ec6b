import pytest

from inventory_client.current import get_inventory
from inventory_client.http import HttpInventory
from inventory_client.ledger import EmbeddedLedger


def test_without_a_url_the_embedded_ledger_is_used(settings):
    settings.INVENTORY_URL = ""

    assert isinstance(get_inventory(), EmbeddedLedger)
    assert get_inventory() is get_inventory()


def test_a_url_means_http_and_one_client_for_all(settings):
    settings.INVENTORY_URL = "http://127.0.0.1:9"

    assert isinstance(get_inventory(), HttpInventory)
    assert get_inventory() is get_inventory()


@pytest.mark.parametrize("url", ["inventory:8001", "ftp://inventory", "http://", "nonsense"])
def test_a_url_that_is_none_is_refused(settings, url):
    settings.INVENTORY_URL = url

    with pytest.raises(ValueError, match="INVENTORY_URL is"):
        get_inventory()
