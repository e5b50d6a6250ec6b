"""Django's shell, which has every model at hand, with what it takes to do something to an order."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from django.core.management.commands import shell
from msgspec import Struct

from orders import operations
from orders.operations import Call
from orders.requests import operations as operation_requests
from orders.requests import placing
from orders.rules import errors, statuses
from orders.rules.callers import system
from orders.rules.lifecycle import Operation

# Beside the models: `operations.perform(Operation.CONFIRM, order.pk, Plain(), call=Call(system("shell")))`.
_AT_HAND = (operations, errors, Operation, Call, system)


class Command(shell.Command):
    help = (
        f"{shell.Command.help} All models are imported, and what changes an order: "
        "operations.perform(Operation.CONFIRM, Order.objects.first().pk, Plain(), call=Call(system('shell')))"
    )

    def get_auto_imports(self) -> list[str]:
        return [
            *(super().get_auto_imports() or ()),
            "django.conf.settings",
            "django.utils.timezone",
            *map(_path, _AT_HAND),
            *_classes_of(statuses, object),
            *_classes_of(placing, Struct),
            *_classes_of(operation_requests, Struct),
        ]


def _classes_of(module: ModuleType, kind: type) -> list[str]:
    """What the module defines itself, private things apart."""
    return [
        _path(thing)
        for name, thing in vars(module).items()
        if isinstance(thing, type)
        and issubclass(thing, kind)
        and thing.__module__ == module.__name__
        and name[0] != "_"
    ]


def _path(thing: Any) -> str:
    return thing.__name__ if isinstance(thing, ModuleType) else f"{thing.__module__}.{thing.__qualname__}"
