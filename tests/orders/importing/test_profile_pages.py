"""The page on importing from shops tells the words that the profiles know."""

import re

from orders.importing.profiles import PROFILES, amazon, shopify, woocommerce
from tests.papers.pages import rows, section

PAGE = "docs/importing-from-shops.md"


def words_of(part: str, heading: str) -> set[str]:
    """Those in the first column of the table with this heading; `blank` stands for an empty cell."""
    table = section(PAGE, part).split(f"| `{heading}` | becomes |")[1].split("\n\n")[0]
    return {word for cells in rows(table) for word in re.findall(r"[^`, ][^`,]*", cells[0])}


def test_every_profile_has_its_part():
    assert [profile.system for profile in PROFILES.values() if not section(PAGE, profile.system)] == []


def test_the_words_of_shopify():
    assert words_of("Shopify", "Financial Status") == set(shopify.FINANCIAL_WORDS)
    assert words_of("Shopify", "Fulfillment Status") == {word or "blank" for word in shopify.FULFILLMENT_WORDS}


def test_the_words_of_amazon():
    assert {word.lower() for word in words_of("Amazon", "order-status")} == set(amazon.STATUS_WORDS)


def test_the_words_of_woocommerce():
    assert words_of("WooCommerce", "status") == set(woocommerce.STATUS_WORDS)
