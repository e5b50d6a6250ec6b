"""Whoever takes several orders takes them in one order, whatever order they were asked in."""

from __future__ import annotations

from events.models import Event


def test_orders_are_taken_by_their_ids_and_not_as_asked(api, place_order):
    ids = sorted(place_order(cup=1)["id"] for _ in range(4))
    asked = [ids[2], ids[0], ids[3], ids[1]]

    response = api.post("/api/v1/orders/bulk", {"operation": "confirm", "ids": asked}, content_type="application/json")

    assert [result["id"] for result in response.json()["results"]] == asked
    confirmations = Event.objects.filter(sequence=2).order_by("id")
    assert [str(event.stream_id) for event in confirmations] == ids
