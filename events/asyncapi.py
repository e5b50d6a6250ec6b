"""The AsyncAPI 3 document of all events, made from the registered schemas."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings

from events.schemas import registered_types, schema_for

CONTENT_TYPE: Final = "application/cloudevents+json"

_TEXT: Final = {"type": "string"}
_UUID: Final = {"type": "string", "format": "uuid"}
_DESCRIPTION: Final = (
    "What has happened, as CloudEvents 1.0 JSON: each event at least once, in order within its subject. Consumers drop "
    "repeats by `id`. Schemas only grow: what an event of a type has now, it keeps."
)
ENVELOPE: Final[dict[str, Any]] = {
    "type": "object",
    "description": "CloudEvents 1.0, with the extensions partitionkey, sequence and traceparent, and our own.",
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {**_UUID, "description": "Of the event; a repeat has the same."},
        "source": {**_TEXT, "description": "Whose event it is: /storefronts/ and the storefront's code."},
        "type": _TEXT,
        "subject": {**_UUID, "description": "What it is about."},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "dataschema": {**_TEXT, "description": "Where the JSON Schema of `data` is."},
        "partitionkey": {**_UUID, "description": "The subject: events with the same one are in order."},
        "sequence": {
            **_TEXT,
            "pattern": "^[0-9]{10}$",
            "description": "Counts the events of the subject, without a gap.",
        },
        "storefrontid": _TEXT,
        "actor": {**_TEXT, "description": "Who did it: key:, staff: or system: and a name."},
        "reason": {**_TEXT, "description": "Why, where that was told."},
        "requestid": {**_TEXT, "description": "Of the request that did it."},
        "traceparent": {**_TEXT, "description": "Of that request, where it had one (W3C Trace Context)."},
        "data": {"type": "object"},
    },
    "required": [
        *("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "partitionkey"),
        *("sequence", "storefrontid", "actor", "data"),
    ],
}


def asyncapi_document() -> dict[str, Any]:
    """One channel, as every sink brings the same; where they lead is the deployment's."""
    types = registered_types()
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Order service: events",
            "version": settings.VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "BSD-3-Clause"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {
            "events": {
                "address": None,
                "description": "The topic, exchange, queue or stream of a sink. The feed tells the same, when asked.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in types},
            }
        },
        "operations": {
            "tellWhatHappened": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "messages": [{"$ref": f"#/channels/events/messages/{name}"} for name in types],
            }
        },
        "components": {
            "messages": {name: _message(name) for name in types},
            "schemas": {"envelope": ENVELOPE, **{name: _without_dialect(schema_for(name)) for name in types}},
        },
    }


def _message(event_type: str) -> dict[str, Any]:
    its_own = {"type": {"const": event_type}, "data": {"$ref": f"#/components/schemas/{event_type}"}}
    return {
        "name": event_type,
        "title": event_type,
        "summary": schema_for(event_type).get("description", ""),
        "contentType": CONTENT_TYPE,
        "payload": {"allOf": [{"$ref": "#/components/schemas/envelope"}, {"type": "object", "properties": its_own}]},
    }


def _without_dialect(schema: dict[str, Any]) -> dict[str, Any]:
    """The document's own dialect has all that our schemas use."""
    return {name: value for name, value in schema.items() if name != "$schema"}
