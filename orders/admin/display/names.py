"""Who did something, by name: a person's, a key's, and what the service does by itself.

Events, keys and logs keep `staff:ann`, `key:k555ffBj` or `system:sweep`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from django import template
from django.contrib.auth.models import User
from django.db.models import Case, CharField, OuterRef, Subquery, Value, When
from django.db.models.functions import Coalesce, Concat, NullIf, Substr, Trim

from audit.models import Entry
from audit.pages import ToldChange
from orders.models import ApiKey

register = template.Library()

# What the commands are that do something of their own accord.
_SERVICE: Final = {
    "sweep": "the sweeper",
    "consume_events": "an incoming event",
    "import_orders": "the import",
    "customer_check": "the customer check",
}


def _full_name(user: str = "") -> Trim:
    return Trim(Concat(f"{user}first_name", Value(" "), f"{user}last_name"))


def name_behind(actor: str) -> Case:
    """The name behind this field of a row; nothing for those that have none, or are gone. See `Names`."""
    return Case(
        When(
            **{f"{actor}__startswith": "key:"},
            then=Subquery(ApiKey.objects.filter(prefix=Substr(OuterRef(actor), 5)).values("name")[:1]),
        ),
        When(
            **{f"{actor}__startswith": "staff:"},
            then=Subquery(User.objects.filter(username=Substr(OuterRef(actor), 7)).values(name=_full_name())[:1]),
        ),
        default=Value(None),
        output_field=CharField(),
    )


def name_of_person(user: str) -> Coalesce:
    """What a person is called to whom a row leads by `user__`."""
    return Coalesce(NullIf(_full_name(f"{user}__"), Value("")), f"{user}__username")


def called(user: User) -> str:
    """ann, or Ann Lee."""
    return user.get_full_name() or user.get_username()


@dataclass(frozen=True, slots=True)
class Names:
    """What actors are called; `known` are the names behind them, by actor."""

    known: Mapping[str, str | None]

    def of(self, actor: str) -> str:
        """ann, or Ann Lee; the key “Web shop”; the sweeper."""
        kind, _, name = actor.partition(":")
        known = self.known.get(actor)
        match kind:
            case "staff":
                return known or name
            case "key":
                return f"the key “{known}”" if known else "an API key"
            case "system":
                command, _, by = name.partition(" ")
                return _SERVICE.get(command, f"the command {command}") + (f" {by}" if by else "")
        return actor


NOBODY: Final = Names({})


def names_of(actors: Iterable[str]) -> Names:
    """What all of them are called: two queries at most, however many they are."""
    wanted = set(actors)
    prefixes = [actor.removeprefix("key:") for actor in wanted if actor.startswith("key:")]
    usernames = [actor.removeprefix("staff:") for actor in wanted if actor.startswith("staff:")]
    known: dict[str, str | None] = {}
    if prefixes:
        keys = ApiKey.objects.filter(prefix__in=prefixes).values_list("prefix", "name")
        known |= {f"key:{prefix}": name for prefix, name in keys}
    if usernames:
        people = User.objects.filter(username__in=usernames)
        known |= {f"staff:{person.get_username()}": called(person) for person in people}
    return Names(known)


def actors_in(told: object, *, of_one: bool = False) -> Iterator[str]:
    """Whom a document or changes of one name: under `requested_by` and the like."""
    match told:
        case Mapping():
            for name, value in told.items():
                yield from actors_in(value, of_one=str(name).endswith("_by"))
        case list() | tuple():
            for value in told:
                yield from actors_in(value, of_one=of_one)
        case str() if of_one:
            yield told


@register.filter
def with_people(entries: Iterable[tuple[Entry, list[ToldChange]]]) -> list[tuple[Entry, str, list[ToldChange]]]:
    """Entries of the log of changes with what they tell, and the names of whoever made them or is told of."""
    told = list(entries)
    names = names_of(actor for entry, _ in told for actor in (entry.by, *_actors_of(entry)))
    return [(entry, names.of(entry.by), [_with_person(change, names) for change in changes]) for entry, changes in told]


def _actors_of(entry: Entry) -> Iterator[str]:
    for change in entry.changes:
        if change["field"].endswith("_by"):
            yield from (actor for actor in (change.get("before"), change.get("after")) if isinstance(actor, str))


def _with_person(change: ToldChange, names: Names) -> ToldChange:
    if not change.name.endswith(" by"):
        return change
    return change._replace(before=names.of(change.before), after=names.of(change.after))


def name_of(actor: str) -> str:
    return names_of([actor]).of(actor)


def with_names(text: str, actors: Collection[str]) -> str:
    """A sentence that tells of these actors, with their names; whatever else looks like one stays as it is."""
    if not actors:
        return text
    names = names_of(actors)
    longest_first = sorted(actors, key=len, reverse=True)  # staff:ann begins like staff:an
    told = re.compile("|".join(map(re.escape, longest_first)))
    return told.sub(lambda found: names.of(found[0]), text)
