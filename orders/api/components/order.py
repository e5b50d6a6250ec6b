"""An order as it is answered, and what it is made of."""

from __future__ import annotations

from typing import Any, Final

from orders.announcing.payloads import without_personal_data
from orders.api.components.shapes import (
    AMOUNT,
    AMOUNT_OR_NULL,
    COUNT,
    FLAG,
    INSTANT,
    INSTANT_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    UNITS,
    UUID,
    UUID_OR_NULL,
    VERSION,
    list_of,
    object_of,
    ref,
    ref_or_null,
)
from orders.reading.seen import MASKED, RECEIPT

_ORDER: Final[dict[str, Any]] = {
    "id": UUID,
    "number": TEXT,
    "storefront": TEXT,
    "external_reference": TEXT_OR_NULL,
    "version": VERSION,
    "status": ref("OrderStatus"),
    "payment_status": ref("PaymentStatus"),
    "fulfillment_status": ref("FulfillmentStatus"),
    "cancel_reason": ref_or_null("CancelReason"),
    "customer_id": TEXT,
    "currency": TEXT_OR_NULL,
    "items": list_of(ref("OrderItem")),
    "items_amount": AMOUNT_OR_NULL,
    "shipping_amount": AMOUNT,
    "tax_amount": AMOUNT,
    "discount_amount": AMOUNT,
    "total_amount": AMOUNT_OR_NULL,
    "canceled_amount": AMOUNT,
    "authorized_amount": AMOUNT,
    "captured_amount": AMOUNT,
    "refunded_amount": AMOUNT,
    "charged_back_amount": AMOUNT,
    "balance_amount": {
        "type": ["integer", "null"],
        "description": "What the customer still owes, in minor units; below zero, what is owed to them.",
    },
    "contact": ref("Contact"),
    "shipping_address": ref("Address"),
    "billing_address": ref_or_null("Address"),
    "shipments": list_of(ref("Shipment")),
    "payments": list_of(ref("Payment")),
    "refunds": list_of(ref("Refund")),
    "returns": list_of(ref("Return")),
    "holds": list_of(ref("Hold")),
    "note": TEXT,
    "metadata": ref("Metadata"),
    "tags": list_of(TEXT),
    "reserved_until": INSTANT_OR_NULL,
    "placed_at": INSTANT,
    "updated_at": INSTANT,
}

_ITEM: Final = {
    "id": UUID,
    "product_id": TEXT,
    "name": TEXT_OR_NULL,
    "quantity": UNITS,
    "unit_amount": AMOUNT_OR_NULL,
    "canceled": COUNT,
    "shipped": COUNT,
    "returned": COUNT,
    "restocked": COUNT,
}
_SHIPMENT: Final = {
    "id": UUID,
    "items": list_of(ref("ShipmentItem")),
    "tracking_company": TEXT_OR_NULL,
    "tracking_number": TEXT_OR_NULL,
    "tracking_link": TEXT_OR_NULL,
    "packed_at": INSTANT_OR_NULL,
    "shipped_at": INSTANT_OR_NULL,
    "delivered_at": INSTANT_OR_NULL,
}
_PAYMENT: Final = {
    "id": UUID,
    "kind": ref("PaymentKind"),
    "amount": AMOUNT,
    "currency": TEXT_OR_NULL,
    "psp": TEXT,
    "psp_reference": TEXT,
    "refund_id": UUID_OR_NULL,
    "late": {"type": "boolean", "description": "It came in when the order had ended or was deleted."},
    "occurred_at": INSTANT,
    "recorded_at": INSTANT,
}
_REFUND: Final = {
    "id": UUID,
    "amount": AMOUNT,
    "state": ref("RefundState"),
    "requested_by": TEXT,
    "requested_at": INSTANT,
    "decided_by": TEXT_OR_NULL,
    "decided_at": INSTANT_OR_NULL,
}
_RETURN: Final = {
    "id": UUID,
    "state": ref("ReturnState"),
    "cause": ref("ReturnCause"),
    "items": list_of(ref("ReturnItem")),
    "requested_at": INSTANT,
    "decided_at": INSTANT_OR_NULL,
    "received_at": INSTANT_OR_NULL,
}
_RETURN_ITEM: Final = {
    "item_id": UUID,
    "quantity": COUNT,
    "received": COUNT,
    "condition": ref_or_null("Condition"),
    "restocked": FLAG,
}
_HOLD: Final = {
    "id": UUID,
    "kind": ref("HoldKind"),
    "blocks": list_of(ref("BlockedOperation")),
    "placed_by": TEXT,
    "placed_at": INSTANT,
}

_MASKED: Final = {
    **list_of(ref("MaskedField")),
    "description": "Only there without the scope `customers:read`: the fields of which nothing is told. "
    "They look as if the order had none.",
}

ORDER_AND_ITS_PARTS: Final[dict[str, Any]] = {
    "Order": object_of(_ORDER, optional={"masked": _MASKED}),
    "MaskedField": {"type": "string", "enum": list(MASKED)},
    "OrderReceipt": {
        "description": "What a change is answered with, rehearsed or not, without the scope `orders:read`.",
        **object_of({name: _ORDER[name] for name in RECEIPT}),
    },
    "PastOrder": {
        "description": "An order as it was at a version.",
        **object_of(without_personal_data(_ORDER)),
    },
    "OrderItem": object_of(_ITEM),
    "Contact": object_of({"email": TEXT_OR_NULL, "phone": TEXT_OR_NULL}),
    "Address": object_of(
        dict.fromkeys(("name", "line1", "line2", "city", "region", "postal_code", "country"), TEXT_OR_NULL)
    ),
    "Shipment": object_of(_SHIPMENT),
    "ShipmentItem": object_of({"item_id": UUID, "quantity": UNITS}),
    "Payment": object_of(_PAYMENT),
    "Refund": object_of(_REFUND),
    "Return": object_of(_RETURN),
    "ReturnItem": object_of(_RETURN_ITEM),
    "Hold": object_of(_HOLD),
    "Metadata": {"type": "object", "additionalProperties": TEXT},
}
