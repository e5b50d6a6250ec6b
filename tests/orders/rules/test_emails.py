"""What an e-mail address is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.rules.emails import is_email


@pytest.mark.parametrize(
    "address",
    [
        "ann@example.com",
        "ann@localhost",
        "a.b+c_d-e@sub.example.co.uk",
        ".ann..o'neill.@example.com",
        "!#$%&'*+/=?^_`{|}~-@example.com",
        "ann@" + "a" * 63 + ".com",
        "ann@1-2.com",
        "ann@bücher.example",
        "ann@例え.jp",
    ],
)
def test_browsers_take_these(address):
    assert is_email(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "@example.com",
        "ann@",
        "ann@@example.com",
        "ann@b@example.com",
        "ann@example..com",
        "ann@.example.com",
        "ann@example.com.",
        "ann@-example.com",
        "ann@example-.com",
        "ann@" + "a" * 64 + ".com",
        "ann@exa_mple.com",
        "ann@[127.0.0.1]",
        '"a b"@example.com',
        "Ann <ann@example.com>",
        "ann @example.com",
        "ann@example.com,bob@example.com",
        "ann@example.com\n",
        "änn@example.com",
        "ann@bü..example",
        "ann@" + "ü" * 64 + ".example",
    ],
)
def test_browsers_take_none_of_these(address):
    assert not is_email(address)


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("a.@-ü。")))
@settings(max_examples=500, deadline=None)
def test_whatever_is_typed_is_answered(text):
    assert is_email(text) in (True, False)
    assert not is_email(f"{text} ")
