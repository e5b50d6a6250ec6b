"""How a change is written down: `with recorded(…)` around whatever makes it, in one transaction with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import models, transaction

from audit.models import Entry

# By field, as JSON keeps it.
Values = dict[str, Any]
# A field, with what it was and what it became; of a secret, the field alone.
Change = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Audited:
    """What is told of a model's rows. Whatever is not named here is no news, or nobody's business."""

    fields: tuple[str, ...]
    # Of these no more is told than that they have changed.
    secrets: tuple[str, ...] = ()
    # How to read a field of a row where its plain value would tell nobody anything.
    readers: Mapping[str, Callable[[Any], object]] = field(default_factory=dict)
    # By what people, and addresses, know a row.
    key: str = "pk"

    def values_of(self, row: models.Model) -> Values:
        return {name: self._value(row, name) for name in (*self.fields, *self.secrets)}

    def _value(self, row: models.Model, name: str) -> object:
        if reader := self.readers.get(name):
            return _as_json(reader(row))
        shown = getattr(row, f"get_{name}_display", None)
        return _as_json(shown() if shown else getattr(row, name))


@contextmanager
def recorded(row: models.Model, what: Audited, *, by: str, action: str = "Changed") -> Iterator[None]:
    """Log what becomes of the row within: added, changed or removed, as the database has it before and after.

    It opens a transaction and locks the row. Where nothing has become of it, nothing is logged.
    """
    with transaction.atomic():
        before = _stored(row, what)
        yield
        record(row, what, by=by, action=action, before=before, after=_stored(row, what))


@contextmanager
def all_recorded(rows: Iterable[models.Model], what: Audited, *, by: str, action: str = "Changed") -> Iterator[None]:
    """The same for several rows at once, in the order of their ids: two at a time do not wait for each other."""
    with ExitStack() as recordings:
        for row in sorted(rows, key=lambda row: row.pk):
            recordings.enter_context(recorded(row, what, by=by, action=action))
        yield


def record(row: models.Model, what: Audited, *, by: str, action: str, before: Values, after: Values) -> None:
    """Log the difference between what `Audited.values_of` has told before and after; nothing where there is none."""
    changes = differences(before, after, secrets=what.secrets)
    if changes:
        entry_about(row, key=getattr(row, what.key), by=by, action=action, changes=changes).save(force_insert=True)


def entry_about(row: models.Model, *, key: object, by: str, action: str, changes: list[Change]) -> Entry:
    label = row._meta.label_lower
    return Entry(by=by, model=label, object_id=str(key), name=str(row), action=action, changes=changes)


def differences(before: Values, after: Values, *, secrets: Collection[str] = ()) -> list[Change]:
    """In the order of the fields. Of what is new or gone, only what is not empty, and no secret."""
    found: list[Change] = []
    for name in before | after:
        old, new = before.get(name), after.get(name)
        # A row that is there has no None where it may have False.
        if old == new or (old is None and new is False) or (old is False and new is None):
            continue
        if name not in secrets:
            found.append({"field": name, "before": old, "after": new})
        elif before and after:
            found.append({"field": name})
    return found


def lock(row: models.Model) -> bool:
    """Hold the row until the transaction ends; whether it is there still."""
    rows = row._meta.model._default_manager
    return rows.select_for_update(no_key=True).filter(pk=row.pk).values_list("pk").first() is not None


def lock_all(rows: models.QuerySet[Any]) -> None:
    """The same for several, in the order of their ids."""
    list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk"))


def _stored(row: models.Model, what: Audited) -> Values:
    rows = row._meta.model._default_manager  # not type(row): who is signed in stands behind a proxy
    # Whoever only refers to the row, as each payment does to its storefront, need not wait.
    stored = rows.select_for_update(no_key=True).filter(pk=row.pk).first()
    return {} if stored is None else what.values_of(stored)


def _as_json(value: object) -> object:
    """Empty texts and lists are None: that a new row has nothing there is no news."""
    match value:
        case None | "":
            return None
        case bytes() | memoryview():
            return bytes(value).hex()
        case bool() | int():
            return value
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        case models.Manager():
            return sorted(map(str, value.all())) or None
        case list() | tuple():
            return [str(part) for part in value] or None
        case _:
            return str(value)
