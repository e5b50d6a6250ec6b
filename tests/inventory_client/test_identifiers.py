"""What others know a thing by: two that look the same are the same."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import yaml

import inventory_client
from inventory_client.wire import IDENTIFIER_PATTERN, ProductId

GOOD = ["c", "cup", "cup 1", "Tasse groß", "a/b:c#d?e", "茶碗", "می\u200cخواهم", "a\u00a0b", "x" * 200]
BAD = [
    "",
    " ",
    "\u00a0",
    "\u200b",
    " cup",
    "cup ",
    "cup\n",
    "cup\r\n",
    "\tcup",
    "cup\u00a0",
    "\u3000cup",
    "\ufeffcup",
    "cup\u200e",
    "cu\0p",
    "cu\np",
    "cu\x1fp",
    "cu\x7fp",
    "cu\x9bp",
    "cu\u2028p",
    "x" * 201,
]


@pytest.mark.parametrize("identifier", GOOD)
def test_takes_what_has_a_beginning_and_an_end_that_show(identifier):
    assert msgspec.convert(identifier, ProductId) == identifier


@pytest.mark.parametrize("identifier", BAD)
def test_takes_neither_control_characters_nor_what_shows_nothing_at_the_ends(identifier):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(identifier, ProductId)


def test_the_contract_says_the_same_in_the_regular_expressions_of_json_schema():
    contract = yaml.safe_load((Path(inventory_client.__file__).parent / "openapi.yaml").read_text())
    pattern = contract["components"]["schemas"]["ProductId"]["pattern"]

    assert pattern == IDENTIFIER_PATTERN.removesuffix(r"(?!\n)")
    # `$` there is the end of the text alone.
    strictly = pattern.removesuffix("$") + r"\Z"
    assert [identifier for identifier in GOOD[:-1] if not re.search(strictly, identifier)] == []
    assert [identifier for identifier in BAD[:-1] if re.search(strictly, identifier)] == []
