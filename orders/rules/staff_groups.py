"""What each staff group may do. Groups are brought in line with this table after every migration."""

from contextlib import nullcontext
from typing import Any, Final

from django.apps import AppConfig, apps
from django.contrib.auth.models import Group, Permission
from django.db.models import Manager
from django.db.models.signals import post_migrate

from audit.recording import Audited, recorded
from orders.rules.callers import ERASE_CUSTOMERS, SEE_CUSTOMERS

_SEE: Final = [
    "orders.view_order",
    "orders.view_orderitem",
    "orders.view_shipment",
    "orders.view_storefront",
    "orders.view_requestedorder",
    "events.view_event",
]
_SEE_STOCK: Final = ["inventory_client.view_stock", "inventory_client.view_reservation"]

_CLAIM: Final = "orders.add_claim"

_OPERATE: Final = [
    _CLAIM,
    "orders.change_order_details",
    "orders.amend_order",
    "orders.confirm_order",
    "orders.cancel_order",
    "orders.reinstate_order",
    "orders.comment_order",
    "orders.hold_order",
    "orders.track_shipment",
    "orders.request_refund",
    "orders.handle_return",
]

GROUPS: Final[dict[str, list[str]]] = {
    "support": [*_SEE, SEE_CUSTOMERS, *_SEE_STOCK, *_OPERATE],
    "lead": [
        *_SEE,
        SEE_CUSTOMERS,
        ERASE_CUSTOMERS,
        *_SEE_STOCK,
        *_OPERATE,
        "orders.ship_order",
        "orders.undo_fulfillment",
        "orders.approve_refund",
        "orders.receive_return",
        "orders.delete_order",
        "orders.restore_order",
        "orders.change_storefront",
        "orders.change_requestedorder",
        "orders.add_carrier",
        "orders.change_carrier",
        "orders.delete_carrier",
        "orders.view_carrier",
        "orders.add_apikey",
        "orders.change_apikey",
        "orders.view_apikey",
        "events.view_outboxentry",
        "events.change_outboxentry",
        "events.view_skippedevent",
        "events.view_webhookendpoint",
        "events.add_webhookendpoint",
        "events.change_webhookendpoint",
        "events.delete_webhookendpoint",
        "events.view_incomingevent",
        "events.change_incomingevent",
    ],
    "warehouse": [
        *_SEE,
        SEE_CUSTOMERS,
        *_SEE_STOCK,
        _CLAIM,
        "orders.comment_order",
        "orders.ship_order",
        "orders.undo_fulfillment",
        "orders.track_shipment",
        "orders.receive_return",
        "inventory_client.add_stock",
        "inventory_client.change_stock",
    ],
    "finance": [
        *_SEE,
        _CLAIM,
        "orders.comment_order",
        "orders.hold_order",
        "orders.record_payment",
        "orders.correct_payment",
        "orders.request_refund",
        "orders.approve_refund",
    ],
    "auditor": [
        *_SEE,
        *_SEE_STOCK,
        "orders.view_apikey",
        "events.view_outboxentry",
        "events.view_skippedevent",
        "events.view_webhookendpoint",
        "events.view_incomingevent",
        "admin.view_logentry",
        "audit.view_entry",
    ],
}


def labels_of(permissions: Manager[Permission]) -> list[str]:
    """As code names them: `orders.cancel_order`."""
    return sorted(map(_label, permissions.select_related("content_type")))


def _permissions_of(group: Group) -> list[str]:
    return labels_of(group.permissions)


AUDITED: Final = Audited(("name", "permissions"), readers={"permissions": _permissions_of})


def connect() -> None:
    post_migrate.connect(_bring_in_line, sender=apps.get_app_config("orders"), dispatch_uid="orders.staff_groups")


def _bring_in_line(sender: AppConfig, **kwargs: Any) -> None:
    """Runs last of all apps: by then every permission exists."""
    for name, wanted in GROUPS.items():
        group, made = Group.objects.get_or_create(name=name)
        with nullcontext() if made else recorded(group, AUDITED, by="system:migrate"):
            group.permissions.set([permission for permission in _permissions() if _label(permission) in wanted])


def _permissions() -> list[Permission]:
    return list(Permission.objects.select_related("content_type"))


def _label(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"
