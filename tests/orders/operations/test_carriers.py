"""A parcel's link is built from its carrier and number, unless somebody gave another."""

from __future__ import annotations

import pytest

from orders.models import Carrier, Storefront
from tests.orders.asking import ask, done, event_count, read
from tests.orders.refusals import assert_refused

DHL = "https://www.dhl.com/global-en/home/tracking.html?tracking-id="


@pytest.fixture
def shipped(api, place_order):
    """Ship a new order with the tracking given; return it."""

    def ship(**tracking):
        order_id = place_order(cup=1)["id"]
        done(api, order_id, "confirm")
        return done(api, order_id, "ship", **tracking)

    return ship


def link(order):
    (parcel,) = order["shipments"]
    return parcel["tracking_link"]


@pytest.mark.parametrize(
    ("company", "number", "expected"),
    [
        ("Australia Post", "AB1", "https://auspost.com.au/mypost/track/details/AB1"),
        ("DHL", "1", DHL + "1"),
        ("dhl", "1", DHL + "1"),
        (" Dhl ", "1", DHL + "1"),
        ("DHL", "1&x=2 /é", DHL + "1%26x%3D2%20%2F%C3%A9"),
        ("Van & Sons", "1", None),
        ("DHL", None, None),
        (None, "1", None),
    ],
)
def test_well_known_carriers_have_a_link(shipped, company, number, expected):
    assert link(shipped(tracking_company=company, tracking_number=number)) == expected


@pytest.mark.parametrize("name", ["DHL", "dhl", "Van & Sons", "DHL "])
def test_a_storefront_s_own_carriers_go_before_the_well_known(shipped, storefront, name):
    Carrier.objects.create(
        storefront=storefront, name=name.strip(), tracking_link_template="https://au.test/{tracking_number}/now"
    )

    assert link(shipped(tracking_company=name, tracking_number="A 1")) == "https://au.test/A%201/now"


def test_another_storefront_s_carriers_do_not_count(shipped, other_storefront):
    Carrier.objects.create(
        storefront=other_storefront, name="DHL", tracking_link_template="https://nz.test/{tracking_number}"
    )

    assert link(shipped(tracking_company="DHL", tracking_number="1")) == DHL + "1"


def test_a_link_that_would_be_too_long_is_none(shipped, storefront):
    template = "https://au.test/" + "x" * 350 + "/{tracking_number}"
    Carrier.objects.create(storefront=storefront, name="Van & Sons", tracking_link_template=template)

    assert link(shipped(tracking_company="Van & Sons", tracking_number="é" * 100)) is None


@pytest.mark.parametrize("operation", ["pack", "track"])
def test_packing_and_tracking_build_it_too(api, place_order, operation):
    order_id = place_order(cup=1)["id"]

    order = done(api, order_id, operation, tracking_company="DHL", tracking_number="1")

    assert link(order) == DHL + "1"


def test_it_is_built_anew_when_number_or_carrier_is_corrected(api, shipped):
    order_id = shipped(tracking_company="DHL", tracking_number="1")["id"]

    number = link(done(api, order_id, "track", tracking_number="2"))
    carrier = link(done(api, order_id, "track", tracking_company="Correios"))
    unknown = link(done(api, order_id, "track", tracking_company="Van & Sons"))
    known = link(done(api, order_id, "track", tracking_company="DHL"))
    nothing = link(done(api, order_id, "track", tracking_number=None))

    assert [number, carrier, unknown, known, nothing] == [
        DHL + "2",
        "https://rastreamento.correios.com.br/app/index.php?objetos=2",
        None,
        DHL + "2",
        None,
    ]


def test_a_link_that_was_given_is_never_overwritten(api, shipped):
    order = shipped(tracking_company="DHL", tracking_number="1", tracking_link="https://mine.test/1")

    corrected = done(api, order["id"], "track", tracking_number="2", tracking_company="Correios")

    assert (link(order), link(corrected)) == ("https://mine.test/1", "https://mine.test/1")


def test_a_given_link_replaces_a_built_one_and_can_be_taken_away(api, shipped):
    order_id = shipped(tracking_company="DHL", tracking_number="1")["id"]

    given = link(done(api, order_id, "track", tracking_link="https://mine.test/1"))
    taken = link(done(api, order_id, "track", tracking_link=None))

    assert (given, taken) == ("https://mine.test/1", None)


def test_a_link_given_as_none_with_carrier_and_number_stays_none(shipped):
    assert link(shipped(tracking_company="DHL", tracking_number="1", tracking_link=None)) is None


@pytest.mark.parametrize("operation", ["pack", "track"])
def test_tracking_that_cannot_be_is_refused(api, place_order, operation):
    placed = place_order(cup=1)

    for field, value in (
        ("tracking_link", "javascript:alert(1)"),
        ("tracking_link", "https://x y"),
        ("tracking_link", "https://x\n"),
        ("tracking_link", ""),
        ("tracking_link", "https://" + "x" * 493),
        ("tracking_number", ""),
        ("tracking_number", "1" * 101),
        ("tracking_number", "1\0"),
        ("tracking_company", "D" * 101),
        ("tracking_company", 5),
    ):
        problem = assert_refused(ask(api, placed["id"], operation, **{field: value}), 400, "validation_error")
        assert (problem["errors"][0]["pointer"], value) == (f"/{field}", value)

    assert read(api, placed["id"]) == placed
    assert event_count() == 1


def test_a_storefront_without_carriers_is_no_trouble(shipped):
    assert Storefront.objects.get().carriers.count() == 0
    assert link(shipped()) is None
