"""Ids say when they were made and whose they are; order numbers can be read out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from orders.rules.ids import (
    new_id_at,
    new_number,
    reservation_id_for,
    time_ceiling,
    time_floor,
    time_of,
)

NOON = datetime(2026, 11, 30, 12, 0, 0, 123_000, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
LONG_AGO = datetime(1969, 7, 20, 20, 17, tzinfo=UTC)


def test_the_bounds_of_a_millisecond_are_these():
    assert time_floor(NOON) == UUID("01a22c53-827b-7000-8000-000000000000")
    assert time_ceiling(NOON) == UUID("01a22c53-827c-7000-8000-000000000000")


def test_before_1970_there_are_no_ids():
    assert time_floor(LONG_AGO) == time_ceiling(LONG_AGO) == UUID("00000000-0000-7000-8000-000000000000")


def test_an_id_made_for_a_moment_lies_within_its_millisecond_and_tells_it():
    ids = [new_id_at(NOON) for _ in range(200)]

    assert all(time_floor(NOON) <= made < time_ceiling(NOON) for made in ids)
    assert {(made.version, made.variant) for made in ids} == {(7, "specified in RFC 4122")}
    assert {time_of(made) for made in ids} == {NOON}


def test_the_74_bits_that_are_left_are_all_random():
    ids = [new_id_at(NOON).int for _ in range(200)]
    fixed = 0xFFFF_FFFF_FFFF_F000_C000_0000_0000_0000

    ever_one = ever_zero = 0
    for made in ids:
        ever_one |= made & ~fixed
        ever_zero |= ~made & ~fixed & (1 << 128) - 1

    assert ever_one == ever_zero == (1 << 128) - 1 & ~fixed


def test_a_number_is_ten_letters_nobody_misreads_after_the_storefront_s_prefix():
    numbers = [new_number("AU") for _ in range(500)]

    assert all(len(number) == 13 and number.startswith("AU-") for number in numbers)
    assert set("".join(number[3:] for number in numbers)) == set("23456789ABCDEFGHJKMNPQRSTVWXYZ")
    assert len(set(numbers)) == 500
    for position in range(3, 13):
        assert len({number[position] for number in numbers}) > 20


def test_a_repeat_of_a_request_names_the_same_reservation_again():
    first = reservation_id_for(1, "key-1", 0, 0)

    assert first == reservation_id_for(1, "key-1", 0, 0) == UUID("61f29502-5232-8b6b-a199-1d3183be6c99")
    assert (first.version, first.variant) == (8, "specified in RFC 4122")


def test_storefront_key_position_and_attempt_tell_reservations_apart():
    asked = [(1, "a", 0, 0), (2, "a", 0, 0), (1, "b", 0, 0), (1, "a", 1, 0), (1, "a", 0, 1)]

    made = [reservation_id_for(*words) for words in asked]

    assert len(set(made)) == 5
    assert {(each.version, each.variant) for each in made} == {(8, "specified in RFC 4122")}
