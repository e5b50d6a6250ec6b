"""`manage.py bulk_runs`, and what `doctor` says of a run that nobody works at."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from orders.doctor import Extent, examine
from orders.models import BulkRun, BulkRunOrder, Order, Storefront
from orders.rules.ids import new_id


@pytest.fixture
def run(place_order, storefront: Storefront) -> BulkRun:
    """Two orders, one of which was refused."""
    run: BulkRun = BulkRun.objects.create(
        pk=new_id(), actor="staff:ann", operation="ship", storefronts=[storefront.pk], total=2, refused=1
    )
    for outcome, words in (("refused", "Not yet."), (None, "")):
        order = Order.objects.get(pk=place_order(cup=1)["id"])
        BulkRunOrder.objects.create(
            run=run, order=order, storefront=storefront, version=1, outcome=outcome, words=words
        )
    return run


def said(*arguments: str) -> list[str]:
    out = io.StringIO()
    call_command("bulk_runs", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_lists_what_is_under_way_and_with_all_what_has_ended(run):
    line = (
        f"{run.pk}  {BulkRun.objects.get().started_at:%Y-%m-%d %H:%M} UTC  ship  staff:ann  running  "
        "1 of 2 (0 done, 0 unchanged, 1 refused)"
    )

    assert said("list") == [line]
    BulkRun.objects.update(state="finished", ended_at=timezone.now())
    assert said("list") == ["None is under way."]
    assert said("list", "--all") == [line.replace("running", "finished")]


def test_shows_each_order_that_was_refused(run):
    refused = BulkRunOrder.objects.get(outcome="refused")

    assert said("show", str(run.pk))[1:] == [f"{refused.order_id}: Not yet."]


def test_stops_one_once(run, monkeypatch):
    monkeypatch.setenv("LOGNAME", "will")

    assert said("stop", str(run.pk)) == [f"Stopped {run.pk}."]
    run.refresh_from_db()
    assert (run.state, run.ended_because) == ("stopped", "system:bulk_runs (by will) stopped it.")
    assert said("show", str(run.pk))[1] == "It ended early: system:bulk_runs (by will) stopped it."
    with pytest.raises(CommandError, match=r"It has ended already: it is stopped\."):
        said("stop", str(run.pk))


@pytest.mark.parametrize("name", ["nope", "7dbc2786-9598-4d0c-85d7-38eef01affbc"])
def test_a_run_that_is_not_there_is_said(database, name):
    with pytest.raises(CommandError, match=f"There is no bulk run {name}"):
        said("stop", name)


def test_doctor_finds_a_run_that_nobody_works_at(run, storefront, other_storefront):
    late = Extent(now=timezone.now() + timedelta(minutes=11))
    of_others = Extent(storefront_id=other_storefront.pk, now=late.now)
    of_it = Extent(storefront_id=storefront.pk, now=late.now)

    def found(extent: Extent) -> list[str]:
        return [finding.detail for finding in examine(extent)._found["bulk_run_stands"].examples]

    (told,) = found(late)
    assert told.startswith(f"{run.pk}: ship by staff:ann, 1 of 2 orders left, nobody at it since ")
    assert (found(of_it), found(of_others), found(Extent())) == ([told], [], [])
