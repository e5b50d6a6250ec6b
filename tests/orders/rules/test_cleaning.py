"""What people type and paste, as they meant it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.rules.cleaning import clean_code, clean_letters, clean_text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("  Ada\tLovelace\r\n", "Ada Lovelace"),
        ("Ada\u00a0Lovelace", "Ada Lovelace"),
        ("渋谷区\u3000１－２", "渋谷区 １－２"),
        ("\ufeffAda", "Ada"),
        ("\u200eAda\u200f \u202aLovelace\u202c\u2066\u2069", "Ada Lovelace"),
        ("Love\u00adlace\u200b\u2060", "Lovelace"),
        ("Flat 1\u2028Main St", "Flat 1 Main St"),
        ("Ada  Lovelace", "Ada  Lovelace"),
    ],
)
def test_blanks_become_blanks_and_what_nobody_sees_is_dropped(typed, meant):
    assert clean_text(typed) == meant


@pytest.mark.parametrize(
    "name",
    [
        "می\u200cخواهم",  # Persian, kept apart
        "क्\u200dष",  # Devanagari, joined
        "ന്\u200d",  # Malayalam, with a joiner at its end
        "Zoe\u0308",  # a combining character
        "O’Brien-Ñandú",
        "١٢٣",
        "ｆｕｌｌ",
        "👩\u200d🌾",
    ],
)
def test_what_belongs_to_a_name_stays(name):
    assert clean_text(name) == name


@pytest.mark.parametrize("blank", ["", " ", "\u00a0\u3000\n", "\u200b\ufeff", "\u200d \u200c", "\u202e\u200f"])
def test_what_shows_nothing_is_nothing(blank):
    assert clean_text(blank) is clean_code(blank) is clean_letters(blank) is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("+61 2 5550 1234", "+61 2 5550 1234"),
        ("\u202a+61 2 5550 1234\u202c", "+61 2 5550 1234"),
        ("+６１（２）５５５０－１２３４", "+61(2)5550-1234"),
        ("٠٥٠١٢٣٤٥٦٧", "0501234567"),
        ("۰۹۱۲", "0912"),
        ("१२३", "123"),
        ("１００－０００１", "100-0001"),
        ("SW1A\u00a01AA", "SW1A 1AA"),
        ("12\u200d3", "123"),
        ("123 \u200d", "123"),
        ("〒100", "〒100"),
        ("½", "½"),
    ],
)
def test_a_code_is_in_the_digits_of_ascii(typed, meant):
    assert clean_code(typed) == meant


@pytest.mark.parametrize(
    ("typed", "meant"), [("au", "AU"), (" Au\u200e", "AU"), ("ａｕ", "AU"), ("eur", "EUR"), ("ß", "ß"), ("a u", "A U")]
)
def test_a_code_of_letters_is_in_capitals(typed, meant):
    assert clean_letters(typed) == meant


_drawn = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \t\n\u00a0\u3000\u200b\u200c\u200d\u200e\ufeff1١Ａ")
)


@pytest.mark.parametrize("clean", [clean_text, clean_code, clean_letters])
@given(text=_drawn)
@settings(max_examples=300, deadline=None)
def test_what_is_clean_stays_as_it_is_and_has_nothing_around_it(clean, text):
    cleaned = clean(text)

    assert cleaned is None or (cleaned == cleaned.strip() != "" and len(cleaned) <= len(text))
    assert cleaned is None or clean(cleaned) == cleaned


def test_a_character_that_no_database_holds_is_left_for_its_own_refusal():
    assert clean_text("a\0b") == "a\0b"
