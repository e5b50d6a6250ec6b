"""What a storefront does, by the generated client and its types alone. Run with the service's address and a key.

Not a test: it runs in the virtual environment of the generated client, without the service's code.
"""

from __future__ import annotations

import json
import sys
from typing import TypeVar

from order_service_client import AuthenticatedClient
from order_service_client.api.first_version import first_version_create
from order_service_client.api.operations import orders_cancel, orders_confirm, orders_ship
from order_service_client.api.orders import (
    orders_bulk,
    orders_list,
    orders_place,
    orders_place_batch,
    orders_read,
    orders_timeline,
)
from order_service_client.models.arguments import Arguments
from order_service_client.models.batch_answer import BatchAnswer
from order_service_client.models.batch_placed import BatchPlaced
from order_service_client.models.batch_refused import BatchRefused
from order_service_client.models.bulk import Bulk
from order_service_client.models.bulk_answer import BulkAnswer
from order_service_client.models.bulk_done import BulkDone
from order_service_client.models.bulk_operation import BulkOperation
from order_service_client.models.bulk_rehearsed import BulkRehearsed
from order_service_client.models.cancel import Cancel
from order_service_client.models.cancel_cause import CancelCause
from order_service_client.models.first_version_answer import FirstVersionAnswer
from order_service_client.models.first_version_item import FirstVersionItem
from order_service_client.models.first_version_new_order import FirstVersionNewOrder
from order_service_client.models.new_address import NewAddress
from order_service_client.models.new_batch import NewBatch
from order_service_client.models.new_contact import NewContact
from order_service_client.models.new_item import NewItem
from order_service_client.models.new_order import NewOrder
from order_service_client.models.order import Order
from order_service_client.models.order_page import OrderPage
from order_service_client.models.order_status import OrderStatus
from order_service_client.models.parcel import Parcel
from order_service_client.models.past_order import PastOrder
from order_service_client.models.problem import Problem
from order_service_client.models.rehearsal import Rehearsal
from order_service_client.models.timeline_page import TimelinePage

T = TypeVar("T")


def of(kind: type[T], answer: object) -> T:
    assert isinstance(answer, kind), answer
    return answer


def main(address: str, key: str) -> dict[str, object]:
    client = AuthenticatedClient(
        base_url=address, token=key, prefix="", auth_header_name="X-API-Key", raise_on_unexpected_status=True
    )
    asked = NewOrder(
        customer_id="cus123",
        currency="AUD",
        items=[NewItem(product_id="abc123", quantity=2, unit_amount=1299)],
        shipping_amount=500,
        contact=NewContact(email="jo@example.com"),
        shipping_address=NewAddress(name="Jo", city="Perth", country="AU"),
    )
    with client:
        placed = of(Order, orders_place.sync(client=client, body=asked, idempotency_key="python-1"))
        repeated = orders_place.sync_detailed(client=client, body=asked, idempotency_key="python-1")
        rehearsal = of(Rehearsal, orders_confirm.sync(placed.id, client=client, prefer="dry-run"))
        confirmed = of(Order, orders_confirm.sync(placed.id, client=client))
        parcel = Parcel(tracking_company="AusPost", tracking_number="33ABC1")
        shipped = of(Order, orders_ship.sync(placed.id, client=client, body=parcel))
        read = of(Order, orders_read.sync(placed.id, client=client))
        past = of(PastOrder, orders_read.sync(placed.id, client=client, version=1))

        too_many = NewOrder(customer_id="cus123", items=[NewItem(product_id="abc123", quantity=9)])
        refusal = of(Problem, orders_place.sync(client=client, body=too_many))
        too_late = of(Problem, orders_cancel.sync(placed.id, client=client, body=Cancel(cause=CancelCause.STAFF)))

        one = NewOrder(customer_id="cus456", items=[NewItem(product_id="abc123", quantity=1)])
        batch = NewBatch(orders=[one, too_many])
        done = of(BatchAnswer, orders_place_batch.sync(client=client, body=batch))
        first = FirstVersionNewOrder(customer_id="cus789", items=[FirstVersionItem(product_id="abc123", quantity=1)])
        enveloped = of(FirstVersionAnswer, first_version_create.sync(client=client, body=first))
        page = of(OrderPage, orders_list.sync(client=client, status=[OrderStatus.PENDING]))

        arguments = Arguments.from_dict({"cause": "staff"})
        bulk = Bulk(operation=BulkOperation.CANCEL, ids=[page.results[0].id], arguments=arguments)
        would = of(BulkAnswer, orders_bulk.sync(client=client, body=bulk, prefer="dry-run"))
        did = of(BulkAnswer, orders_bulk.sync(client=client, body=bulk))
        told = of(TimelinePage, orders_timeline.sync(page.results[0].id, client=client, limit=1))

    return {
        "placed": [placed.status, placed.items[0].product_id, placed.items[0].quantity, placed.total_amount],
        "address": [placed.contact.email, placed.shipping_address.country, placed.billing_address],
        "replayed": [repeated.headers["Idempotent-Replayed"], repeated.parsed == placed],
        "rehearsal": [rehearsal.order.status, [event.type_ for event in rehearsal.events]],
        "confirmed": [confirmed.status, confirmed.version],
        "shipped": [shipped.status, shipped.shipments[0].tracking_number, shipped.shipments[0].items[0].quantity],
        "read": [read.status, read.items[0].shipped, read == shipped],
        "past": [past.status, past.version],
        "refusal": [refusal.status, refusal.code, refusal["products"]],
        "too_late": [too_late.status, too_late.code],
        "batch": [
            of(BatchPlaced, done.results[0]).order.customer_id,
            of(BatchRefused, done.results[1]).error.code,
        ],
        "first_version": [enveloped.data.status, enveloped.data.items[0].reserved],
        "pending": [order.customer_id for order in page.results],
        "would": [
            of(BulkRehearsed, would.results[0]).stock.additional_properties,
            of(BulkRehearsed, would.results[0]).events[0].data["operation"],
        ],
        "did": of(BulkDone, did.results[0]).order.status,
        "told": [told.results[0].operation, told.results[0].cause],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
