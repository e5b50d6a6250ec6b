"""Faults on demand: an InventoryService that fails exactly as told, for tests and demonstrations."""

from wsgiref.types import WSGIApplication

import msgspec

from inventory_client.values import ShortLine
from inventory_client.wire import EFFECT_HEADER, HoldBody, ProblemBody
from remote_calls import faults
from remote_calls.faults import Fault as Fault
from remote_calls.faults import FaultKind as FaultKind
from remote_calls.faults import FaultyServer as FaultyServer


class FaultyApplication(faults.FaultyApplication):
    """Of the InventoryService given; it also refuses what it could hold."""

    def __init__(self, application: WSGIApplication, *, below: str = "/reservations") -> None:
        super().__init__(
            application,
            below=below,
            refusals={FaultKind.SHORTAGE: _shortage, FaultKind.UNKNOWN_PRODUCT: _unknown_product},
            no_effect=[(EFFECT_HEADER, "none")],
        )


def _shortage(body: bytes) -> ProblemBody:
    short = [ShortLine(line.product_id, line.quantity, 0) for line in _hold(body).lines]
    return ProblemBody(status=409, code="insufficient_stock", title="Out of stock.", lines=short)


def _unknown_product(body: bytes) -> ProblemBody:
    product_ids = [line.product_id for line in _hold(body).lines]
    return ProblemBody(status=422, code="unknown_product", title="Unknown.", product_ids=product_ids)


def _hold(body: bytes) -> HoldBody:
    return msgspec.json.decode(body, type=HoldBody)
