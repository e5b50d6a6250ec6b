"""What is sent, from the structs that read it."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from django.db import models

from orders.api.components.shapes import ref
from orders.operations import PERFORMERS
from orders.requests.customers import EraseCustomer, ExportCustomer
from orders.requests.first_version import FirstVersionNewOrder, FirstVersionUpdate
from orders.requests.operations import Bulk, OperationRequest, OrderDetails
from orders.requests.placing import NewBatch, NewOrder
from orders.requests.webhooks import NewWebhook, Redelivery, Rotation, WebhookChange
from orders.rules.lifecycle import OPERATIONS

# Structs that go by another name here, where the plain one is what is answered: nothing is absent or too long there.
NAMES: Final = {"Contact": "NewContact", "Address": "NewAddress", "Hold": "NewHold"}


def _choices(kind: type) -> dict[str, Any]:
    if not issubclass(kind, models.TextChoices):
        raise NotImplementedError
    return ref(kind.__name__)


def _renamed(part: Any) -> Any:
    match part:
        case {"$ref": str(reference), **rest}:
            name = reference.rpartition("/")[2]
            return {**ref(NAMES.get(name, name)), **rest}
        case dict():
            return {name: _renamed(value) for name, value in part.items()}
        case list():
            return [_renamed(value) for value in part]
    return part


def _components() -> dict[str, Any]:
    operations = [performer.request for performer in PERFORMERS.values()]
    _, structs = msgspec.json.schema_components(
        [
            *(NewOrder, NewBatch, OrderDetails, FirstVersionNewOrder, FirstVersionUpdate, Bulk, *operations),
            *(ExportCustomer, EraseCustomer, NewWebhook, WebhookChange, Rotation, Redelivery),
        ],
        ref_template="#/components/schemas/{name}",
        schema_hook=_choices,
    )
    components = {NAMES.get(name, name): _renamed(struct) for name, struct in structs.items()}
    for name, component in components.items():
        component["title"] = name
    patched = components["OrderDetails"]["properties"]["metadata"]["anyOf"]
    components["MetadataPatch"] = patched[0]
    patched[0] = ref("MetadataPatch")
    metadata = components["NewOrder"]["properties"]["metadata"]
    components["NewMetadata"] = {name: value for name, value in metadata.items() if name != "default"}
    components["NewOrder"]["properties"]["metadata"] = {**ref("NewMetadata"), "default": {}}
    # They are read one by one, so that a wrong one does not end the others: here is what each should be.
    components["NewBatch"]["properties"]["orders"]["items"] = {
        **ref("NewOrder"),
        "description": "What is no order is refused in its own result.",
    }
    bulk = components["Bulk"]["properties"]
    bulk["operation"] = ref("BulkOperation")
    bulk["ids"]["uniqueItems"] = True
    bulk["arguments"] = ref("Arguments")
    components["Arguments"] = {
        "type": "object",
        "description": "What the operation itself takes.",
        "additionalProperties": True,
    }
    components["Cancel"]["properties"]["cause"] |= ref("CancelCause")
    components["RecordPayment"]["properties"]["kind"] = ref("RecordedKind")
    for name in {performer.request.__name__ for done, performer in PERFORMERS.items() if OPERATIONS[done].needs_reason}:
        components[name]["properties"]["reason"]["description"] = "Needed, here or in the query."
    components["NewHold"]["properties"]["blocks"]["items"] = ref("BlockedOperation")
    components["Operation"]["type"] = "string"
    return components


REQUESTS: Final = _components()

# An operation on one order takes no body for an empty object, so it needs one only where it needs a field.
_OPERATIONS: Final = {
    NAMES.get(performer.request.__name__, performer.request.__name__)
    for performer in PERFORMERS.values()
    if issubclass(performer.request, OperationRequest)
}
MAY_BE_ABSENT: Final = frozenset(name for name in _OPERATIONS if not REQUESTS[name]["required"]) | {"Rotation"}
