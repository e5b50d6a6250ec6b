"""What each staff group may do. Groups are brought in line with this table after every migration."""

from typing import Any, Final

from django.apps import AppConfig, apps
from django.contrib.auth.models import Group, Permission
from django.db.models.signals import post_migrate

from orders.rules.callers import ERASE_CUSTOMERS, SEE_CUSTOMERS

_SEE: Final = [
    "orders.view_order",
    "orders.view_orderitem",
    "orders.view_shipment",
    "orders.view_storefront",
    "events.view_event",
]
_SEE_STOCK: Final = ["inventory_client.view_stock", "inventory_client.view_reservation"]

_OPERATE: Final = [
    "orders.change_order_details",
    "orders.amend_order",
    "orders.confirm_order",
    "orders.cancel_order",
    "orders.reinstate_order",
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
        "orders.ship_order",
        "orders.undo_fulfillment",
        "orders.track_shipment",
        "orders.receive_return",
        "inventory_client.add_stock",
        "inventory_client.change_stock",
    ],
    "finance": [
        *_SEE,
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
    ],
}


def connect() -> None:
    post_migrate.connect(_bring_in_line, sender=apps.get_app_config("orders"), dispatch_uid="orders.staff_groups")


def _bring_in_line(sender: AppConfig, **kwargs: Any) -> None:
    """Runs last of all apps: by then every permission exists."""
    for name, wanted in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set([permission for permission in _permissions() if _label(permission) in wanted])


def _permissions() -> list[Permission]:
    return list(Permission.objects.select_related("content_type"))


def _label(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"
