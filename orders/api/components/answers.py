"""What is answered beside an order itself: pages, results of several orders, what can be done, refusals."""

from __future__ import annotations

from typing import Any, Final

from orders.api.components.shapes import (
    COUNT,
    FLAG,
    INSTANT,
    INSTANT_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    UUID,
    UUID_OR_NULL,
    VERSION,
    either,
    list_of,
    object_of,
    ref,
    ref_or_null,
)

_INTEGER: Final = {"type": "integer"}
_ANYTHING: Final = {"type": "object", "additionalProperties": True}
_REFUSED: Final = {"type": "integer", "minimum": 400}
_OK: Final = {"type": "integer", "const": 200}
_CREATED: Final = {"type": "integer", "const": 201}
_ACCEPTED: Final = {"type": "integer", "const": 202}

_REHEARSAL: Final = {
    "order": ref("Order"),
    "events": list_of(ref("RehearsedEvent")),
    "stock": ref("StockDifferences"),
    "money": ref("MoneyDifferences"),
}
_ACTION: Final = {
    "operation": ref("Operation"),
    "method": ref("ActionMethod"),
    "href": TEXT,
    "meaning": TEXT,
    "allowed": FLAG,
    "reasons": list_of(ref("Reason")),
}
_TIMELINE_ENTRY: Final = {
    "event_id": UUID,
    "version": VERSION,
    "type": TEXT,
    "operation": TEXT,
    "occurred_at": INSTANT,
    "actor": TEXT,
    "reason": TEXT,
    "cause": {"type": ["string", "null"], "description": "Why units were canceled."},
    "request_id": TEXT,
    "changes": ref("Changes"),
    "instructions": list_of(ref("Instruction")),
}
# A CloudEvent: `subject` and `partitionkey` are the order's id.
_EVENT: Final = {
    "specversion": TEXT,
    "id": UUID,
    "source": TEXT,
    "type": ref("EventType"),
    "subject": UUID,
    "time": INSTANT,
    "datacontenttype": TEXT,
    "dataschema": {"type": "string", "description": "Where the JSON Schema of `data` is."},
    "partitionkey": UUID,
    "sequence": {"type": "string", "description": "Counts the order's changes without a gap."},
    "storefrontid": TEXT,
    "actor": TEXT,
    "data": ref("EventData"),
}
_EVENT_MAY_HAVE: Final = {"reason": TEXT, "requestid": TEXT, "traceparent": TEXT}
PROBLEM: Final = object_of(
    {
        "type": TEXT,
        "title": TEXT,
        "status": _INTEGER,
        "detail": TEXT,
        "instance": TEXT,
        "code": {"type": "string", "description": "Stable; made for programs."},
        "request_id": TEXT,
        "errors": list_of(ref("FieldError")),
    },
    open_ended=True,
)

ANSWERS: Final[dict[str, Any]] = {
    "OrderPage": object_of({"next": TEXT_OR_NULL, "previous": TEXT_OR_NULL, "results": list_of(ref("Order"))}),
    "FeedPage": object_of({"next": TEXT, "has_more": FLAG, "results": list_of(ref("Event"))}),
    "Event": object_of(_EVENT, optional=_EVENT_MAY_HAVE),
    # --- several orders at once
    "BatchAnswer": object_of({"results": list_of(ref("BatchResult"))}),
    "BatchResult": either("BatchPlaced", "BatchRefused"),
    "BatchTaken": object_of({"results": list_of(either("BatchRequested", "BatchRefused"))}),
    "BatchRequested": object_of({"status": _ACCEPTED, "request": ref("RequestReceipt")}),
    "BatchPlaced": object_of({"status": _CREATED, "order": ref("OrderOrReceipt")}),
    "BatchRefused": object_of({"status": _REFUSED, "error": ref("Problem")}),
    "BulkAnswer": object_of({"results": list_of(ref("BulkResult"))}),
    # The most particular first: some clients take the first that fits.
    "BulkResult": either("BulkRehearsed", "BulkDone", "BulkRefused"),
    "BulkDone": object_of({"id": UUID, "status": _OK, "order": ref("OrderOrReceipt")}),
    "BulkRehearsed": object_of({"id": UUID, "status": _OK, **_REHEARSAL}),
    "BulkRefused": object_of({"id": UUID, "status": _REFUSED, "error": ref("Problem")}),
    # --- a customer as a whole
    "CustomerExport": object_of(
        {
            "customer_id": TEXT,
            "orders": list_of(ref("ExportedOrder")),
            "next": {"type": ["string", "null"], "format": "uuid", "description": "What `after` is to be for more."},
            "requested_orders": list_of(ref("ExportedRequest")),
            "incoming_events": list_of(ref("IncomingEvent")),
        }
    ),
    "ExportedRequest": {
        **_ANYTHING,
        "description": "Asked for and not placed: what was asked for, or why it was rejected. On the first page.",
    },
    "IncomingEvent": {
        **_ANYTHING,
        "description": "As it came in: it tells of the customer, and was not handled. On the first page.",
    },
    "ExportedOrder": object_of(
        {
            "order": ref("Order"),
            "deleted": FLAG,
            "timeline": list_of(ref("ExportedEntry")),
            "webhook_answers": list_of(ref("WebhookAnswer")),
        }
    ),
    "WebhookAnswer": object_of({"url": TEXT, "attempted_at": INSTANT, "headers": ref("WebhookHeaders"), "body": TEXT}),
    "ExportedEntry": object_of(
        {
            **_TIMELINE_ENTRY,
            "personal": ref("PersonalFields"),
        }
    ),
    "PersonalFields": {**_ANYTHING, "description": "What the change has set of what tells of a person."},
    "CustomerErasure": object_of(
        {
            "customer_id": TEXT,
            "erased": list_of(ref("ErasedOrder")),
            "refused": list_of(ref("NotErasedOrder")),
            "refused_count": {**COUNT, "description": "Of which `refused` tells the first."},
            "has_more": FLAG,
            "requests": {**COUNT, "description": "Erased too: orders asked for and not placed."},
        }
    ),
    "ErasedOrder": object_of({"id": UUID, "number": TEXT}),
    "NotErasedOrder": object_of({"id": UUID, "number": TEXT, "error": ref("Problem")}),
    # --- what an operation would do
    "Rehearsal": object_of(_REHEARSAL),
    "RehearsedEvent": object_of({"type": TEXT, "data": ref("EventData")}),
    "EventData": {**_ANYTHING, "description": "As in the event that would be sent."},
    "StockDifferences": {
        "type": "object",
        "description": "Units more, or less, reserved, by product.",
        "additionalProperties": _INTEGER,
    },
    "MoneyDifferences": {
        "type": "object",
        "description": "What the order's amounts gain or lose, in minor units.",
        "additionalProperties": _INTEGER,
    },
    # --- what can be done
    "Actions": object_of({"order_id": UUID, "version": VERSION, "actions": list_of(ref("Action"))}),
    "Action": object_of(_ACTION),
    "Reason": object_of({"because": ref("ReasonKind"), "code": TEXT, "detail": TEXT}, open_ended=True),
    # --- what has happened
    "TimelinePage": object_of({"results": list_of(ref("TimelineEntry")), "next_before": {"type": ["integer", "null"]}}),
    "TimelineEntry": object_of(_TIMELINE_ENTRY),
    "Changes": {
        "type": "object",
        "description": "By the order's field.",
        "additionalProperties": ref("Change"),
    },
    "Change": object_of({"before": {}, "after": {}}),
    "Instruction": {**_ANYTHING, "description": "What others are to do now, such as a refund to be paid out."},
    "OrderOrReceipt": {
        **either("Order", "OrderReceipt"),
        "description": "The receipt without the scope `orders:read`.",
    },
    "OrderOrRehearsal": {
        **either("Order", "Rehearsal", "OrderReceipt"),
        "description": "With `Prefer: dry-run` a rehearsal. Without the scope `orders:read` always the receipt.",
    },
    "RehearsalOrReceipt": {
        **either("Rehearsal", "OrderReceipt"),
        "description": "The receipt without the scope `orders:read`.",
    },
    "OrderOrPastOrder": {
        **either("Order", "PastOrder", "RequestedOrder"),
        "description": "With `?version=` a past order. A requested one, without `number` and `version`, until an order "
        "asked for with `Prefer: respond-async` is placed, and when it was rejected.",
    },
    "RequestReceipt": object_of(
        {
            "id": {**UUID, "description": "The id that the order will have."},
            "status": {"type": "string", "const": "requested"},
            "status_url": {"type": "string", "description": "Where to read what has become of it."},
            "requested_at": INSTANT,
        }
    ),
    "RequestedOrder": object_of(
        {
            "id": UUID,
            "storefront": TEXT,
            "status": ref("RequestStatus"),
            "customer_id": {**TEXT_OR_NULL, "description": "Null where what came could not be read."},
            "external_reference": TEXT_OR_NULL,
            "requested_at": INSTANT,
            "rejected_at": INSTANT_OR_NULL,
            "problem": {
                **ref_or_null("Problem"),
                "description": "Why it was rejected: what would have been answered, had it been placed at once.",
            },
            "status_url": TEXT,
        }
    ),
    "RequestedPage": object_of({"results": list_of(ref("RequestedOrder")), "next_before": UUID_OR_NULL}),
    # --- refusals
    "Problem": PROBLEM,
    "FieldError": object_of({"pointer": TEXT, "code": TEXT, "detail": TEXT}),
}
