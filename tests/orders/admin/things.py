"""One of each kind of thing that has pages in the back office."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client

from audit.models import Entry
from events.inbox.models import InboxState, IncomingEvent
from events.models import Event, OutboxEntry, SkippedEvent, WebhookEndpoint
from events.webhooks.endpoints import create_endpoint
from events.webhooks.models import WebhookDelivery
from inventory_client.models import Reservation
from orders.api.keys import make_key
from orders.models import ApiKey, BulkRun, BulkRunOrder, Order, PaymentRecord, RequestedOrder, Storefront
from orders.rules.ids import new_id
from orders.rules.scopes import Scope
from tests.base import perform
from tests.orders.asking import sell


class Thing(NamedTuple):
    """What is in an address, and what on the page of the list."""

    key: Any
    shown: str


def things_of(shop: Storefront, key: Client) -> dict[type[Model], Thing]:
    order = Order.objects.get(pk=sell(key)["id"])
    body = {"customer_id": f"asks-{shop.code}", "items": [{"product_id": "cup", "quantity": 1}]}
    asked = key.post("/api/v1/orders", body, content_type="application/json", headers={"Prefer": "respond-async"})
    perform("record_payment", order.pk, kind="refund", amount=100, psp="acme", psp_reference=f"pi-{shop.code}")
    Storefront.objects.filter(pk=shop.pk).update(refund_approval_above=0)
    event = Event.objects.get(stream_id=order.pk, sequence=1)
    queued = OutboxEntry.objects.get(stream_id=order.pk, sequence=1)
    skipped = SkippedEvent.objects.create(
        event_id=event.pk, sink="console", storefront_id=shop.pk, stream_id=order.pk, sequence=1
    )
    endpoint, _ = create_endpoint(
        shop.pk, source=f"/storefronts/{shop.code}", url=f"https://hooks.example.com/{shop.code}", by="staff:eve"
    )
    given_up = WebhookDelivery.objects.create(
        endpoint_id=endpoint.pk,
        event_id=event.pk,
        storefront_id=shop.pk,
        stream_id=order.pk,
        sequence=1,
        state="failed",
        last_error=f"{shop.code} is away",
    )
    incoming = IncomingEvent.objects.create(
        came_by="queue", source="/x", event_id=f"letter-{shop.code}", type="customer.updated", state=InboxState.DEAD
    )
    made, _ = make_key(shop, name=f"till-{shop.code}", scopes=[Scope.ORDERS_READ], made_by="staff:eve")
    eve, _ = User.objects.get_or_create(username="eve")
    run = BulkRun.objects.create(
        pk=new_id(), person=eve, actor="staff:eve", operation="confirm", storefronts=[shop.pk], total=1
    )
    BulkRunOrder.objects.create(run=run, order=order, storefront=shop, version=1)
    (logged,) = LogEntry.objects.log_actions(eve.pk, [order], CHANGE, "Confirmed.")
    entry = Entry.objects.get(model="orders.apikey", object_id=made.prefix)
    return {
        Order: Thing(order.pk, order.number),
        BulkRun: Thing(run.pk, str(run.pk)),
        RequestedOrder: Thing(asked.json()["id"], f"asks-{shop.code}"),
        Storefront: Thing(shop.pk, shop.name),
        ApiKey: Thing(made.prefix, made.prefix),
        Event: Thing(event.pk, str(order.pk)),
        OutboxEntry: Thing(queued.pk, str(order.pk)),
        SkippedEvent: Thing(skipped.pk, str(order.pk)),
        WebhookEndpoint: Thing(endpoint.pk, endpoint.url),
        WebhookDelivery: Thing(given_up.pk, f"{shop.code} is away"),
        Reservation: Thing(order.reservation_id, str(order.reservation_id)),
        IncomingEvent: Thing(incoming.pk, incoming.event_id),
        LogEntry: Thing(logged.pk, order.number),
        Entry: Thing(entry.pk, f"till-{shop.code}"),
        PaymentRecord: Thing(order.payments.get().pk, f"pi-{shop.code}"),
    }
