"""Arguments that cannot be are refused with what they can be, and nothing is done."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from orders.models import ApiKey, Order, Storefront
from orders.rules.scopes import Scope
from tests.orders.importing.lines import line


def _refusal_of(*arguments: str) -> str:
    with pytest.raises(CommandError) as raised:
        call_command(*arguments, stdout=io.StringIO(), stderr=io.StringIO())
    return str(raised.value)


@pytest.mark.parametrize("days", ["0", "-1", "1000000000", "2.5", "soon"])
def test_a_key_ends_after_a_day_at_least_and_a_hundred_years_at_most(storefront: Storefront, days: str):
    said = _refusal_of("api_keys", "create", "au", f"--days={days}")

    assert said == f"Error: argument --days: {days!r} is not a whole number from 1 to 36,500"
    assert not ApiKey.objects.exists()


def test_a_key_has_a_name_and_scopes(storefront: Storefront):
    assert _refusal_of("api_keys", "create", "au", "--name", "x" * 51) == (
        "The name has 51 characters; it can have 1 to 50."
    )
    assert _refusal_of("api_keys", "create", "au", "--name", "") == "The name has 0 characters; it can have 1 to 50."
    assert _refusal_of("api_keys", "create", "au", "--scopes", "") == (
        f"A key without scopes can do nothing. There are: {', '.join(Scope.values)}."
    )
    assert not ApiKey.objects.exists()


def test_keys_of_a_storefront_that_is_not_there(storefront: Storefront):
    assert _refusal_of("api_keys", "list", "--storefront", "nowhere") == (
        "There is no storefront 'nowhere'. There are: au."
    )


@pytest.mark.parametrize("hours", ["nan", "inf", "-5", "1e20"])
def test_an_old_key_works_on_for_a_time_that_is_one(storefront: Storefront, hours: str):
    call_command("api_keys", "create", "au", stdout=io.StringIO(), stderr=io.StringIO())
    key = ApiKey.objects.get()

    said = _refusal_of("api_keys", "rotate", key.prefix, f"--overlap-hours={hours}")

    assert said == f"Error: argument --overlap-hours: {hours!r} is not a number from 0 to 876,000"
    assert ApiKey.objects.get().expiry_date is None


@pytest.mark.parametrize("days", ["nan", "inf", "-1", "1e20"])
@pytest.mark.parametrize(
    ("command", "option"),
    [("doctor", "--since"), ("doctor", "--patience"), ("reconcile_stock", "--since"), ("sweep", "--lookback-days")],
)
def test_days_are_a_number_of_them(command: str, option: str, days: str):
    assert _refusal_of(command, f"{option}={days}") == (
        f"Error: argument {option}: {days!r} is not a number from 0 to 36,500"
    )


@pytest.mark.parametrize("seconds", ["nan", "-1", "inf", "0"])
def test_a_sweeper_pauses(seconds: str):
    assert _refusal_of("sweep", f"--every={seconds}") == (
        f"Error: argument --every: {seconds!r} is not a number from 0.1 to 86,400"
    )


@pytest.mark.parametrize("seconds", ["nan", "-1"])
def test_an_import_tells_its_progress_after_a_time_that_is_one(database: None, tmp_path: Path, seconds: str):
    (tmp_path / "orders.ndjson").write_text(line())

    said = _refusal_of("import_orders", str(tmp_path / "orders.ndjson"), f"--progress={seconds}")

    assert said == f"Error: argument --progress: {seconds!r} is not a number from 0 to 86,400"
    assert not Order.objects.exists()


def test_a_demo_whose_secrets_cannot_be_kept_is_not_made(database: None, tmp_path: Path):
    assert _refusal_of("seed_demo", "--facts", str(tmp_path / "missing" / "facts.json")) == (
        f"{tmp_path}/missing/facts.json cannot be written: No such file or directory. Name another file by --facts."
    )
    assert not Storefront.objects.exists()
