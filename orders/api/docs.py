"""The OpenAPI description of each route, made from the structs that read the requests."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from orders.api.components.requests import NAMES
from orders.api.components.shapes import TEXT, ref
from orders.rules.lifecycle import OPERATIONS, Operation
from orders.rules.limits import (
    MAX_ORDERS_IN_BATCH,
    MAX_ORDERS_IN_BULK,
    MAX_PAGE_ENTRIES,
    MAX_PAGE_EVENTS,
    MAX_PAGE_ORDERS,
    MAX_WAIT_SECONDS,
    PAGE_EVENTS,
    PAGE_ORDERS,
)
from orders.rules.statuses import OrderStatus

PLACED: Final = ref("OrderOrReceipt")
TAKEN: Final = ref("RequestReceipt")
READ_ORDER: Final = ref("OrderOrPastOrder")
CHANGED: Final = ref("OrderOrRehearsal")
FIRST_VERSION_ANSWER: Final = ref("FirstVersionAnswer")

# Every route answers these: no key, no scope, an Accept header without JSON, database or lock trouble.
_ALWAYS: Final = (401, 403, 406, 503)
_MEANINGS: Final = {
    200: "What was asked for.",
    201: "Placed, or made.",
    202: "Queued.",
    204: "Done; there is no body.",
    304: "The order is as the caller knows it.",
    400: "The request is not as described here; `errors` names what is wrong.",
    401: "No key, or one that is not accepted.",
    403: "The key may not do this, or its storefront is switched off.",
    404: "The storefront has no such order, or whatever was asked for.",
    405: "`bulk`, `create` and other words that stand where an id does have addresses of their own.",
    406: "Only JSON is answered.",
    409: "The order, the stock or another request does not allow it; `code` tells which.",
    412: "The order has another version than the one in `If-Match`.",
    413: "The body is too large.",
    415: "Only JSON is read.",
    429: "Too many of this caller's clients wait; `Retry-After` tells when to come back.",
    422: "The request is well-formed and contradicts itself or what there is; `code` tells how.",
    503: "Trouble that passes: nothing was changed, or the same request with the same Idempotency-Key finds out.",
}


def body(name: str) -> dict[str, Any]:
    return {"application/json": ref(name)}


def responses(success: dict[Any, Any], *codes: int, first_version: bool = False) -> dict[Any, Any]:
    """`success` by code, or by code and media type where there are several."""
    problem = ref("FirstVersionProblem" if first_version else "Problem")
    return {
        **{
            code: OpenApiResponse(answer, _MEANINGS[code[0] if isinstance(code, tuple) else code])
            for code, answer in success.items()
        },
        **{
            (code, "application/problem+json"): OpenApiResponse(problem, _MEANINGS[code])
            for code in sorted({*codes, *_ALWAYS})
        },
    }


def _header(name: str, description: str, *, pattern: str | None = None) -> OpenApiParameter:
    schema = {"type": "string", **({} if pattern is None else {"pattern": pattern})}
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=description)


_IDEMPOTENCY_KEY: Final = _header(
    "Idempotency-Key",
    "1–255 visible ASCII characters. The same key and body again gets the stored answer, byte for byte, with "
    "`Idempotent-Replayed: true`.",
    pattern=r"^[\x21-\x7e]{1,255}$",
)
_IF_MATCH: Final = _header(
    "If-Match",
    "The ETag the change is based on; another version is a 412.",
    pattern=r'^(\*|(W/)?"[0-9]{1,9}")$',
)
_IF_NONE_MATCH: Final = _header("If-None-Match", "The ETag the caller has; the same version is a 304.")
PREFER: Final = _header("Prefer", "`dry-run`: do it, answer with what it did, and undo it. Nothing changes anywhere.")
_LATER: Final = _header("Prefer", "`respond-async`: answer 202 once it is taken in and cannot be lost; place it then.")
_REASON: Final = OpenApiParameter("reason", OpenApiTypes.STR, description="Why; kept with the change.")


def _answered(name: str, *codes: int) -> OpenApiParameter:
    """A header of the answers with these codes; see components/headers.py."""
    return OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.HEADER, response=codes)


ALWAYS_ANSWERED: Final = [
    _answered("X-Request-ID", *_MEANINGS),
    _answered("Retry-After", 202, 409, 429, 503),
    _answered("WWW-Authenticate", 401),
]
_ETAG: Final = _answered("ETag", 200, 201, 304)
LOCATION: Final = _answered("Location", 201, 202)
_REPLAYED: Final = _answered("Idempotent-Replayed", 200, 201, 202)
APPLIED: Final = _answered("Preference-Applied", 200)
_APPLIED_LATER: Final = _answered("Preference-Applied", 202)

_ID: Final = OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The order's id.")

_SOME_TEXT: Final = {"type": "string", "minLength": 1}
_VERSION: Final = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}

PLACE: Final[dict[str, Any]] = {
    "operation_id": "orders_place",
    "summary": "Place an order",
    "description": "The order exists only with its stock held. Nothing is written or held when it is refused. With "
    "`Prefer: respond-async` it is taken in and placed in a moment: what needs stock or customer is told by "
    "`order.created` or `order.rejected`, and at the address in `Location`.",
    "request": body("NewOrder"),
    "responses": responses({201: PLACED, 202: TAKEN}, 400, 409, 413, 415, 422),
    "parameters": [
        _IDEMPOTENCY_KEY,
        _LATER,
        _REASON,
        _ETAG,
        LOCATION,
        _REPLAYED,
        _APPLIED_LATER,
        *ALWAYS_ANSWERED,
    ],
    "tags": ["orders"],
}
PLACE_BATCH: Final[dict[str, Any]] = {
    "operation_id": "orders_place_batch",
    "summary": f"Place up to {MAX_ORDERS_IN_BATCH} orders",
    "description": "In one transaction, with a result for each: 201 with the order, or the problem it was refused for.",
    "request": body("NewBatch"),
    "responses": responses({200: ref("BatchAnswer"), 202: ref("BatchTaken")}, 400, 413, 415, 422),
    "parameters": [_IDEMPOTENCY_KEY, _LATER, _REASON, _REPLAYED, _APPLIED_LATER, *ALWAYS_ANSWERED],
    "tags": ["orders"],
}
LIST: Final[dict[str, Any]] = {
    "operation_id": "orders_list",
    "summary": "List orders",
    "description": "Newest first, a page at a time: follow `next`. Without the scope `customers:read` contact, "
    "addresses and note are masked.",
    "responses": responses({200: ref("OrderPage")}, 400),
    "parameters": [
        OpenApiParameter("cursor", OpenApiTypes.STR, description="As it stands in `next` and `previous`."),
        OpenApiParameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_ORDERS, "default": PAGE_ORDERS},
            description="Orders a page.",
        ),
        OpenApiParameter("ordering", ref("Ordering")),
        OpenApiParameter(
            "status",
            {"type": "array", "items": ref("OrderStatus"), "minItems": 1},
            description="Any of these: `status=pending&status=confirmed`.",
        ),
        OpenApiParameter("customer_id", _SOME_TEXT),
        OpenApiParameter("external_reference", _SOME_TEXT),
        OpenApiParameter("number", _SOME_TEXT),
        OpenApiParameter("placed_after", OpenApiTypes.DATETIME, description="At or after this moment."),
        OpenApiParameter("placed_before", OpenApiTypes.DATETIME, description="Before this moment."),
        *ALWAYS_ANSWERED,
    ],
    "tags": ["orders"],
}
READ: Final[dict[str, Any]] = {
    "operation_id": "orders_read",
    "summary": "Read an order",
    "description": "As it is now or, with `version`, as it was. With `If-None-Match` a 304 when nothing has changed. "
    "Without the scope `customers:read` contact, addresses and note are masked.",
    "responses": responses({200: READ_ORDER, 304: None}, 400, 404, 405),
    "parameters": [
        _ID,
        _IF_NONE_MATCH,
        OpenApiParameter(
            "version",
            _VERSION,
            description="The order as it was at that version, without contact, addresses, note and metadata.",
        ),
        _ETAG,
        *ALWAYS_ANSWERED,
    ],
    "tags": ["orders"],
}
REQUESTED: Final[dict[str, Any]] = {
    "operation_id": "orders_requested",
    "summary": "Orders that wait to be placed, or were rejected",
    "description": "Of those asked for with `Prefer: respond-async` or by the event `order.requested`, newest first. "
    "Once an order is placed it is listed with the orders.",
    "responses": responses({200: ref("RequestedPage")}, 400),
    "parameters": [
        OpenApiParameter("status", ref("RequestStatus")),
        OpenApiParameter("customer_id", _SOME_TEXT),
        OpenApiParameter("external_reference", _SOME_TEXT),
        OpenApiParameter("before", OpenApiTypes.UUID, description="Only below this id: `next_before`."),
        OpenApiParameter(
            "limit", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_ENTRIES, "default": MAX_PAGE_ENTRIES}
        ),
        *ALWAYS_ANSWERED,
    ],
    "tags": ["orders"],
}
TIMELINE: Final[dict[str, Any]] = {
    "operation_id": "orders_timeline",
    "summary": "What has happened to an order",
    "description": "Who did what, when, why and from which request, newest first, with the fields before and after. "
    "Of contact, addresses, note and metadata only that they were changed.",
    "responses": responses({200: ref("TimelinePage")}, 400, 404),
    "parameters": [
        _ID,
        OpenApiParameter("before", _VERSION, description="Only below this version: `next_before`."),
        OpenApiParameter(
            "limit", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_ENTRIES, "default": MAX_PAGE_ENTRIES}
        ),
        *ALWAYS_ANSWERED,
    ],
    "tags": ["orders"],
}
FEED: Final[dict[str, Any]] = {
    "operation_id": "events_list",
    "summary": "The storefront's events",
    "description": "Every one, in the order in which they were committed, from the first on: follow `next`, for ever. "
    "With `Accept: text/event-stream` they come as Server-Sent Events, whose `id` is the cursor.",
    "responses": responses({(200, "application/json"): ref("FeedPage"), (200, "text/event-stream"): TEXT}, 400, 429),
    "parameters": [
        OpenApiParameter("after", OpenApiTypes.STR, description="The cursor in `next`; without it, from the first."),
        OpenApiParameter(
            "types",
            {"type": "array", "items": ref("EventType"), "minItems": 1},
            description="Any of these: `types=order.created&types=order.deleted`.",
        ),
        OpenApiParameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_EVENTS, "default": PAGE_EVENTS},
            description="Events a page.",
        ),
        OpenApiParameter(
            "wait",
            {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_SECONDS, "default": 0},
            description="Seconds to wait for an event where there is none yet.",
        ),
        _header("Last-Event-ID", "Of a stream: goes before `after`."),
        *ALWAYS_ANSWERED,
    ],
    "tags": ["events"],
}
ACTIONS: Final[dict[str, Any]] = {
    "operation_id": "orders_actions",
    "summary": "What can be done with an order now",
    "description": "Every operation, with the reasons why it is not possible: status, hold, scope, quantity. It is "
    "about the order as a whole: a packed parcel can be packed anew by its id, although nothing is left to pack.",
    "responses": responses({200: ref("Actions")}, 400, 404),
    "parameters": [_ID, _ETAG, *ALWAYS_ANSWERED],
    "tags": ["orders"],
}
BULK: Final[dict[str, Any]] = {
    "operation_id": "orders_bulk",
    "summary": f"Do one operation to up to {MAX_ORDERS_IN_BULK:,} orders",
    "description": "Each order is done or refused on its own. With an Idempotency-Key a repeat goes on where the "
    "first request ended.",
    "request": body("Bulk"),
    "responses": responses({200: ref("BulkAnswer")}, 400, 413, 415, 422),
    "parameters": [_IDEMPOTENCY_KEY, PREFER, _REASON, _REPLAYED, APPLIED, *ALWAYS_ANSWERED],
    "tags": ["orders"],
}
CUSTOMER_EXPORT: Final[dict[str, Any]] = {
    "operation_id": "customers_export",
    "summary": "Export all there is about a customer",
    "description": "Their orders, deleted ones too, oldest first, each with its timeline; go on with `next` as `after` "
    "until that is null. A customer without orders has an empty list.",
    "request": body("ExportCustomer"),
    "responses": responses({200: ref("CustomerExport")}, 400, 413, 415),
    "parameters": [*ALWAYS_ANSWERED],
    "tags": ["customers"],
}
CUSTOMER_ERASE: Final[dict[str, Any]] = {
    "operation_id": "customers_erase",
    "summary": "Erase what tells of a customer, for good",
    "description": "From all their orders, deleted ones too, from the event log and from answers kept for repeats; "
    "amounts, items and events stay, and the customer is called `erased`. Each order is erased or refused on its own: "
    "one that is under way, or kept by a hold that blocks `erase`, stays as it is. Ask again while `has_more` is true.",
    "request": body("EraseCustomer"),
    "responses": responses({200: ref("CustomerErasure")}, 400, 413, 415),
    "parameters": [PREFER, _REASON, APPLIED, *ALWAYS_ANSWERED],
    "tags": ["customers"],
}
CHANGE: Final[dict[str, Any]] = {
    "operation_id": "orders_change",
    "summary": "Change note, metadata, tags, contact or addresses",
    "description": "A merge patch (RFC 7396): keys that are absent leave their field alone, objects are merged key "
    "by key, null removes.",
    "request": body("OrderDetails") | {"application/merge-patch+json": ref("OrderDetails")},
    "responses": responses({200: CHANGED}, 400, 404, 405, 409, 412, 413, 415),
    "parameters": [_ID, _IF_MATCH, PREFER, _REASON, _ETAG, APPLIED, *ALWAYS_ANSWERED],
    "tags": ["orders"],
}
DELETE: Final[dict[str, Any]] = {
    "operation_id": "orders_delete",
    "summary": "Delete an order",
    "description": "It is kept, out of sight; a second time is a 404. Staff can restore it.",
    "responses": responses({200: ref("RehearsalOrReceipt"), 204: None}, 400, 404, 405, 409, 412),
    "parameters": [_ID, _IF_MATCH, PREFER, _REASON, APPLIED, *ALWAYS_ANSWERED],
    "tags": ["orders"],
}


def operation(name: Operation, request: str) -> dict[str, Any]:
    """The route of one operation on an order."""
    rules = OPERATIONS[name]
    scope = f"Needs the scope `{rules.scope}`."
    statuses = "" if len(rules.statuses) == len(OrderStatus) else f" For orders that are {_either(rules.statuses)}."
    return {
        "operation_id": f"orders_{name}",
        "summary": name.replace("_", " ").capitalize(),
        "description": f"{rules.meaning[0].upper()}{rules.meaning[1:]}.{statuses} {scope}",
        "request": body(NAMES.get(request, request)),
        "responses": responses({200: CHANGED}, 400, 404, 409, 412, 413, 415, 422),
        "parameters": [
            *(_ID, _IDEMPOTENCY_KEY, _IF_MATCH, PREFER, _REASON),
            *(_ETAG, _REPLAYED, APPLIED, *ALWAYS_ANSWERED),
        ],
        "tags": ["operations"],
    }


def _either(statuses: frozenset[OrderStatus]) -> str:
    return " or ".join(status.value for status in OrderStatus if status in statuses)


_FIRST_VERSION_ID: Final = OpenApiParameter("order_id", OpenApiTypes.UUID, OpenApiParameter.PATH)
FIRST_VERSION_CREATE: Final[dict[str, Any]] = {
    "operation_id": "first_version_create",
    "summary": "Place an order",
    "description": "As the first version took it. New clients use `POST /api/v1/orders`.",
    "request": body("FirstVersionNewOrder"),
    "responses": responses({201: FIRST_VERSION_ANSWER}, 400, 409, 413, 415, 422, first_version=True),
    "parameters": [_IDEMPOTENCY_KEY, _REPLAYED, *ALWAYS_ANSWERED],
    "tags": ["first-version"],
}
FIRST_VERSION_READ: Final[dict[str, Any]] = {
    "operation_id": "first_version_read",
    "summary": "Read an order",
    "description": "As the first version told it. New clients use `GET /api/v1/orders/{id}`.",
    "responses": responses({200: ref("FirstVersionOrder")}, 404, 405, first_version=True),
    "parameters": [_FIRST_VERSION_ID, _ETAG, *ALWAYS_ANSWERED],
    "tags": ["first-version"],
}
FIRST_VERSION_UPDATE: Final[dict[str, Any]] = {
    "operation_id": "first_version_update",
    "summary": "Change status, tracking and customer",
    "description": "The customer, the operation that leads to the status, then the tracking; refused, none has an "
    "effect. The whole order may be sent back, with its items as they are.",
    "request": body("FirstVersionUpdate"),
    "responses": responses({200: FIRST_VERSION_ANSWER}, 400, 404, 409, 412, 413, 415, 422, first_version=True),
    "parameters": [_FIRST_VERSION_ID, _IF_MATCH, _ETAG, *ALWAYS_ANSWERED],
    "tags": ["first-version"],
}
FIRST_VERSION_DELETE: Final[dict[str, Any]] = {
    "operation_id": "first_version_delete",
    "summary": "Delete an order",
    "description": "It is kept, out of sight; a second time is a 404.",
    "responses": responses({200: ref("FirstVersionDeleted")}, 400, 404, 409, 412, first_version=True),
    "parameters": [_FIRST_VERSION_ID, _IF_MATCH, *ALWAYS_ANSWERED],
    "tags": ["first-version"],
}
