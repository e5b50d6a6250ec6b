"""What is asked of webhook endpoints, field by field."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from orders.requests.fields import Moment

Url = Annotated[
    str,
    Meta(
        max_length=2000,
        description="`https://host/path`, on port 443 or 8443; the host in small ASCII letters, everything special in "
        "the path percent-encoded.",
        extra_json_schema={
            "pattern": r"^https://[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?(:(443|8443))?(/[A-Za-z0-9._~/%-]*)?$",
        },
    ),
]
Description = Annotated[str, Meta(max_length=200)]
Types = Annotated[
    list[Annotated[str, Meta(max_length=100)]],
    Meta(max_length=50, description="The types of events it gets; none named: all there are."),
]
Ordered = Annotated[
    bool,
    Meta(
        description="`true`: never more than one event of an order under way, and none before an earlier one has been "
        "delivered or given up. `false`: each for itself, which is faster."
    ),
]
Personal = Annotated[
    bool,
    Meta(
        description="`true`: `data.order` has contact, addresses, note and metadata too, and the event its `reason`. "
        "Needs the scope `customers:read`."
    ),
]
OverlapHours = Annotated[int, Meta(ge=0, le=168, description="How long the old secret signs beside the new one.")]


class NewWebhook(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    url: Url
    description: Description = ""
    types: Types = []
    ordered: Ordered = False
    personal: Personal = False


class WebhookChange(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What is absent stays."""

    url: Url | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    types: Types | UnsetType = UNSET
    ordered: Ordered | UnsetType = UNSET
    personal: Personal | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class Rotation(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    overlap_hours: OverlapHours = 24


class Redelivery(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One event by its id, or those of a time."""

    event_id: UUID | UnsetType = UNSET
    since: Moment | UnsetType = UNSET
    until: Annotated[Moment, Meta(description="Absent: until now.")] | UnsetType = UNSET
    only_failed: Annotated[bool, Meta(description="Of that time only what was given up.")] = False
