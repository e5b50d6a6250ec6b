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
    "tax_included": {"type": "boolean", "description": "The prices of the items include the tax."},
    "total_amount": AMOUNT_OR_NULL,
    "credited_amount": {**AMOUNT, "description": "The sum of `credits`: what is owed less than the total."},
    "canceled_amount": {**AMOUNT, "description": "Of these, what was credited for canceled units."},
    "authorized_amount": AMOUNT,
    "captured_amount": AMOUNT,
    "refunded_amount": AMOUNT,
    "charged_back_amount": AMOUNT,
    "due_amount": {**AMOUNT_OR_NULL, "description": "What is owed in all: the total less the credits."},
    "balance_amount": {
        "type": ["integer", "null"],
        "description": "What the customer still owes, in minor units; below zero, what is owed to them.",
    },
    "contact": ref("Contact"),
    "shipping_address": ref("Address"),
    "billing_address": ref_or_null("Address"),
    "shipments": list_of(ref("Shipment")),
    "payments": list_of(ref("Payment")),
    "credits": list_of(ref("Credit")),
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
    "amount": {**AMOUNT_OR_NULL, "description": "What the line costs, before discount."},
    "discount_amount": {**AMOUNT_OR_NULL, "description": "Its part of the order's; null where it was not told."},
    "tax_amount": {**AMOUNT_OR_NULL, "description": "Its part of the order's; null where it was not told."},
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
    "parent_reference": TEXT_OR_NULL,
    "refund_id": UUID_OR_NULL,
    "corrects": {**UUID_OR_NULL, "description": "The payment that a correction takes back; it counts no more."},
    "late": {"type": "boolean", "description": "It came in when the order had ended or was deleted."},
    "occurred_at": INSTANT,
    "recorded_at": INSTANT,
}
_CREDIT: Final = {
    "id": UUID,
    "cause": ref("CreditCause"),
    "amount": {"type": "integer", "description": "In minor units; below zero, what an earlier credit was too much."},
    "lines": list_of(ref("CreditLine")),
    "shipping_amount": {"type": "integer", "description": "Of the amount, what is for shipping."},
    "return_id": UUID_OR_NULL,
    "refund_id": UUID_OR_NULL,
    "created_at": INSTANT,
}
_REFUND: Final = {
    "id": UUID,
    "amount": AMOUNT,
    "goodwill_amount": {**AMOUNT, "description": "What of it was not owed to the customer, and is credited for it."},
    "settled_amount": {**AMOUNT, "description": "What has been paid out, by the payments that belong to it."},
    "state": ref("RefundState"),
    "return_id": UUID_OR_NULL,
    "credit_id": {**UUID_OR_NULL, "description": "The credit it pays out, such as that of a cancellation."},
    "lines": list_of(ref("RefundLine")),
    "shipping_amount": {**AMOUNT, "description": "What of the shipping was asked back by it."},
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
    "Contact": object_of(
        {
            "email": TEXT_OR_NULL,
            "phone": {**TEXT_OR_NULL, "description": "As the customer wrote it."},
            "phone_e164": {
                **TEXT_OR_NULL,
                "description": "The same in E.164, such as +61255501234, read in the country of the shipping address, "
                "else of the billing address; null where it is no number that can be told.",
            },
        }
    ),
    "Address": object_of(
        dict.fromkeys(("name", "line1", "line2", "city", "region", "postal_code", "country"), TEXT_OR_NULL)
    ),
    "Shipment": object_of(_SHIPMENT),
    "ShipmentItem": object_of({"item_id": UUID, "quantity": UNITS}),
    "Payment": object_of(_PAYMENT),
    "Credit": object_of(_CREDIT),
    "CreditLine": object_of({"item_id": UUID, "quantity": COUNT, "amount": {"type": "integer"}}),
    "Refund": object_of(_REFUND),
    "RefundLine": object_of({"item_id": UUID, "quantity": UNITS}),
    "Return": object_of(_RETURN),
    "ReturnItem": object_of(_RETURN_ITEM),
    "Hold": object_of(_HOLD),
    "Metadata": {"type": "object", "additionalProperties": TEXT},
}
