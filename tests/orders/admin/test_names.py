"""Who did something is told by name, wherever events and logs keep a key's prefix or a user's name."""

import pytest
from django.contrib.auth.models import User

from events.models import Event
from orders.admin.display.names import actors_in, names_of, with_names
from orders.admin.operations.staff_operation import staff_sentence
from orders.api.keys import make_key
from orders.rules.errors import OrderOnHold, UnknownProducts
from orders.rules.statuses import HoldKind
from tests.base import perform
from tests.orders.admin.conftest import filled_in, operation_page

pytestmark = pytest.mark.usefixtures("database")


def test_staff_keys_and_the_service_have_names(storefront):
    User.objects.create_user("ann", first_name="Ann", last_name="Smith")
    User.objects.create_user("bob@example.org")
    key, _ = make_key(storefront, name="web shop", scopes=[])

    called = {
        "staff:ann": "Ann Smith",
        "staff:bob@example.org": "bob@example.org",
        "staff:gone": "gone",
        f"key:{key.prefix}": "the key “web shop”",
        "key:k555ffBj": "an API key",
        "system:sweep": "the sweeper",
    }

    names = names_of(called)

    assert {actor: names.of(actor) for actor in called} == called


def test_however_many_there_are_two_queries_tell(storefront, django_assert_num_queries):
    keys = [make_key(storefront, name="a", scopes=[])[0] for _ in range(3)]

    with django_assert_num_queries(2):
        names_of([*(f"key:{key.prefix}" for key in keys), "staff:ann", "staff:bob"])


def test_a_refusal_names_people(storefront, django_assert_num_queries):
    User.objects.create_user("ann", first_name="Ann", last_name="Smith")

    User.objects.create_user("an", first_name="An", last_name="Lee")
    sentence = "staff:ann has requested this refund, so somebody else has to approve it. staff:an stands for staff:ann."

    said = with_names(sentence, ["staff:an", "staff:ann"])

    assert said == (
        "Ann Smith has requested this refund, so somebody else has to approve it. An Lee stands for Ann Smith."
    )
    with django_assert_num_queries(0):
        assert with_names("The order is canceled.", ()) == "The order is canceled."


def test_what_only_looks_like_somebody_in_a_refusal_is_told_as_it_is(sold):
    User.objects.create_user("guess", first_name="Gwen", last_name="Guess")
    order = sold()

    refusals = [
        staff_sentence(refusal, order)
        for refusal in (
            UnknownProducts(["staff:guess"]),
            OrderOnHold("ship", [{"id": "1", "kind": "fraud", "placed_by": "staff:guess"}]),
        )
    ]

    assert "staff:guess" in refusals[0]
    assert refusals[1] == "ship is blocked by a hold: fraud (by Gwen Guess). Release it first."


def test_a_document_and_its_changes_name_who_did_something():
    told = {
        "deleted_by": [None, "staff:ann"],
        "customer_id": "staff:eve",
        "refunds": [[], [{"requested_by": "key:k555ffBj", "decided_by": None}]],
    }

    assert list(actors_in(told)) == ["staff:ann", "key:k555ffBj"]


@pytest.fixture
def ann_smith(admin):
    User.objects.filter(username="ann").update(first_name="Ann", last_name="Smith")


def test_pages_of_operations_name_who_requested_a_refund_or_placed_a_hold(colleague, ann_smith, sold):
    order = sold("confirm")
    perform("record_payment", order.pk, kind="capture", amount=2500, psp="acme", psp_reference="pi_1")
    for _ in range(2):
        perform("request_refund", order.pk, amount=500, by="staff:ann")
    perform("hold", order.pk, kind=HoldKind.ADDRESS, by="staff:ann")

    refund = colleague.get(operation_page(order, "fail_refund")).content.decode()
    hold = colleague.get(operation_page(order, "release_hold")).content.decode()

    assert refund.count("5.00 AUD, requested by Ann Smith") == 2
    assert "Address to be checked, by Ann Smith" in hold


def test_a_payment_names_who_requested_the_refund_it_pays_out(admin, ann_smith, sold):
    order = sold("confirm")
    perform("record_payment", order.pk, kind="capture", amount=2500, psp="acme", psp_reference="pi_1")
    perform("request_refund", order.pk, amount=500, by="staff:ann")

    assert "5.00 AUD, requested by Ann Smith" in admin.get(operation_page(order, "record_payment")).content.decode()


def test_what_a_change_tells_of_people_is_told_by_name(admin, ann_smith, sold):
    order = sold("confirm")
    perform("record_payment", order.pk, kind="capture", amount=2500, psp="acme", psp_reference="pi_1")
    typed = filled_in(admin, order, "ship")
    perform("request_refund", order.pk, amount=500, by="staff:ann")
    event = Event.objects.filter(stream_id=order.pk).latest("sequence")

    meanwhile = admin.post(operation_page(order, "ship"), typed)
    of_event = admin.get(f"/admin/events/event/{event.pk}/change/")

    assert meanwhile.status_code == 409
    for page in (meanwhile, of_event):
        assert "5.00 AUD, approved, by Ann Smith" in page.content.decode()
