"""Each call that was recorded at the first version is answered as it was there; where that was wrong, ours is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson
from django.test import Client

CALLS: Final = orjson.loads((Path(__file__).parent / "first_version_calls.json").read_bytes())["calls"]
# What the first version told as a success and was none, and what ours answers.
FAILURES: Final = {
    "unknown status": (400, "validation_error"),
    "update a deleted one": (404, "order_not_found"),
    "out of stock": (409, "out_of_stock"),
    "invalid customer": (422, "invalid_customer"),
    "no items": (400, "validation_error"),
    "delete twice": (404, "order_not_found"),
    "no key": (401, "missing_api_key"),
    "wrong key": (401, "invalid_api_key"),
}
# The one customer that it did not take orders of.
INVALID_CUSTOMER: Final = "zyx-321"


def same_shape(told: Any, recorded: Any) -> bool:
    """All that was told is told, with the same values (of ids: texts, of a status in any case: lower); more may be."""
    if isinstance(recorded, dict):
        return isinstance(told, dict) and all(
            name in told and same_shape(told[name], recorded[name]) for name in recorded
        )
    if isinstance(recorded, list):
        return len(told) == len(recorded) and all(map(same_shape, told, recorded))
    if recorded in ("<order>", "<id>"):
        return isinstance(told, str)
    return bool(told == recorded or (isinstance(recorded, str) and told == recorded.lower()))


def test_every_recorded_call_is_answered_as_it_was(api, stock, settings):
    stock(abc123=10, outOfStock=0)
    settings.INVALID_CUSTOMERS = [INVALID_CUSTOMER]
    order_id = ""
    succeeded = []

    for call in CALLS:
        client = api if call["with_key"] else Client()
        if call["name"] == "wrong key":
            client = Client(headers={"X-API-Key": "nobodys.key"})
        body = b"" if call["body"] is None else orjson.dumps(call["body"])
        path = call["path"].replace("<order>", order_id)
        response = client.generic(call["method"], path, body, content_type="application/json")
        told = response.json()

        if call["name"] in FAILURES:
            assert (response.status_code, told["code"]) == FAILURES[call["name"]], call["name"]
            assert (told["success"], told["data"]) == (False, None)
            assert isinstance(told["message"], str)
            continue
        assert response.status_code == call["status"], (call["name"], told)
        assert same_shape(told, call["answer"]), (call["name"], told)
        order_id = order_id or told["data"]["orderId"]
        succeeded.append(call["name"])

    assert len(succeeded) == len(CALLS) - len(FAILURES) == 10
