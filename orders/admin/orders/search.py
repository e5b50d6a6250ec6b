"""Finding orders by whatever staff have in their hands.

A text can be many things; each is a guess, with a query of its own that one index answers. All guesses are tried in
one statement, and the first with an order in it is taken; the others stay within reach.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from operator import methodcaller
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import IntegerField, Q, Value
from django.db.models.expressions import RawSQL

from orders.models import Shipment, Storefront
from orders.models.querysets import OrderQuerySet
from orders.rules.cleaning import clean_text
from orders.rules.phones import searched_number
from orders.rules.sight import Sight

_LONGEST: Final = 300  # no column that is searched holds more
_NUMBER: Final = re.compile(r"[A-Z0-9]+(?:-[A-Z0-9]*)?")
_LONGEST_ENDING: Final = 10  # of a number, after its prefix
_SHORTEST_BEGINNING: Final = 3  # of that ending; less of it would be anybody's number
_WORD: Final = re.compile(r"[^\W_]+")
_MOST_WORDS: Final = 8

# A payment is known by its reference at a provider. Which providers a storefront has is read off the index, one step
# for each of them.
_WITH_PAYMENT: Final = """
with recursive provider as (
    (select storefront_id, psp from orders_paymentrecord order by storefront_id, psp limit 1)
    union all
    select further.* from provider cross join lateral (
        select storefront_id, psp from orders_paymentrecord payment
         where (payment.storefront_id, payment.psp) > (provider.storefront_id, provider.psp)
         order by payment.storefront_id, payment.psp limit 1
    ) further
)
select payment.order_id from provider
  join orders_paymentrecord payment on payment.storefront_id = provider.storefront_id and payment.psp = provider.psp
 where payment.psp_reference = any(%s)
"""


Narrow = Callable[[OrderQuerySet], OrderQuerySet]


class Guess(NamedTuple):
    """What a text may be, and how it narrows orders. `key` stands in addresses, `what` in sentences."""

    key: str
    what: str
    narrow: Narrow

    @property
    def finds_few(self) -> bool:
        """Ten thousand orders at most, and as a rule a handful."""
        return self.key not in {"customer", "beginning"}


class Outcome(NamedTuple):
    """What a text turned out to be: `hits` are the guesses with an order in them, `tried` all of them, in words.

    `only` is the order, where there is no other.
    """

    hits: list[Guess]
    tried: list[str]
    only: UUID | None

    def taken(self, key: str) -> Guess | None:
        """The hit that was asked for, or the first."""
        return next((guess for guess in self.hits if guess.key == key), self.hits[0] if self.hits else None)


def look(orders: OrderQuerySet, text: str, *, storefronts: Iterable[Storefront], sight: Sight) -> Outcome:
    """Try everything that the text may be, among these orders, which are of these storefronts.

    Who may not see what tells of a person finds nothing by it: otherwise whoever guesses would be told whose it is.
    """
    guesses = list(_guesses(text, list(storefronts), sight))
    found: dict[int, set[UUID]] = {}
    for place, order_id in _first_two_of_each(guesses, orders):
        found.setdefault(place, set()).add(order_id)
    everything = set().union(*found.values())
    return Outcome(
        hits=[guesses[place] for place in sorted(found)],
        tried=list(dict.fromkeys(guess.what for guess in guesses)),
        only=everything.pop() if len(everything) == 1 else None,
    )


def _first_two_of_each(guesses: list[Guess], orders: OrderQuerySet) -> Iterable[tuple[int, UUID]]:
    """Of each guess by its place: one order is opened, of two a list is shown."""
    arms = [
        guess.narrow(orders).order_by().annotate(place=Value(place, IntegerField())).values_list("place", "pk")[:2]
        for place, guess in enumerate(guesses)
    ]
    if len(arms) < 2:
        return arms[0] if arms else []
    return arms[0].union(*arms[1:], all=True)


def _guesses(text: str, storefronts: list[Storefront], sight: Sight) -> Iterator[Guess]:
    """From what says by itself what it is to what could be anything."""
    text = (clean_text(text) or "").removeprefix("#").strip()
    if not text or len(text) > _LONGEST or not storefronts:
        return
    spellings = _spellings(text)
    if (order_id := _uuid_in(text)) is not None:
        yield Guess("id", "order id", _where(pk=order_id))
    # The indexes of these three begin with the storefront.
    anywhere = {"storefront_id__in": [storefront.pk for storefront in storefronts]}
    in_one_piece = "".join(text.split()).upper()
    numbers = list(dict.fromkeys([*_whole_numbers(in_one_piece, storefronts), *spellings]))
    yield Guess("number", "order number", _where(**anywhere, number__in=numbers))
    for beginnings in _beginnings(in_one_piece, storefronts):
        yield Guess("beginning", "beginning of an order number", _where(beginnings, **anywhere))
    yield Guess("reference", "external reference", _where(**anywhere, external_reference__in=spellings))
    yield Guess("customer", "customer id", _where(**anywhere, customer_id__in=spellings))
    if sight is Sight.CUSTOMER and "@" in text:
        yield Guess("mail", "e-mail", methodcaller("with_email", text))
    if sight is Sight.CUSTOMER and (number := searched_number(text)) is not None:
        yield Guess("phone", "telephone number", methodcaller("with_phone", number))
    parcels = Shipment.objects.filter(tracking_number__in=spellings)
    yield Guess("parcel", "tracking number", _where(pk__in=parcels.values("order_id")))
    payments = RawSQL(_WITH_PAYMENT, (spellings,))  # noqa: S611 - a constant
    yield Guess("payment", "payment reference", _where(pk__in=payments))
    for spelling in spellings:
        yield Guess("product", "product id", methodcaller("with_product", spelling))
    if sight is Sight.CUSTOMER and (words := _query_of(text)):
        yield Guess("person", "name or postal code", methodcaller("with_address_words", words))


def _where(*conditions: Q, **values: Any) -> Narrow:
    return lambda orders: orders.filter(*conditions, **values)


def _spellings(text: str) -> list[str]:
    """How it may have been written where it came from; of a UUID every form."""
    texts = [text, "".join(text.split())]
    if (uuid := _uuid_in(text)) is not None:
        texts += [str(uuid), uuid.hex]
    cases: list[Callable[[str], str]] = [str, str.lower, str.upper, str.capitalize]
    return list(dict.fromkeys(case(each) for each in texts for case in cases))


def uuids_in(texts: Iterable[str]) -> list[UUID]:
    """What is none is left out."""
    return [uuid for text in texts if (uuid := _uuid_in(text)) is not None]


def _uuid_in(text: str) -> UUID | None:
    try:
        return UUID("".join(text.split()))
    except ValueError:
        return None


def _whole_numbers(text: str, storefronts: list[Storefront]) -> Iterator[str]:
    """The numbers that are meant when somebody leaves out the prefix, or the dash behind it."""
    for prefix in {storefront.number_prefix for storefront in storefronts}:
        yield f"{prefix}-{text}"
        if text.startswith(prefix):
            yield f"{prefix}-{text.removeprefix(prefix)}"


def _beginnings(text: str, storefronts: list[Storefront]) -> Iterator[Q]:
    """Ranges of numbers that begin like this; none where it cannot be the beginning of one.

    A range instead of LIKE: the unique index of numbers is sorted by the database's locale, in which only
    a range can be looked up. Numbers have no sign beyond Z, so it ends where the prefix does.
    """
    if _NUMBER.fullmatch(text) is None:
        return
    ranges = Q()
    for storefront in storefronts:
        prefix, dash, ending = text.partition("-")
        if not dash:
            prefix, ending = storefront.number_prefix, text.removeprefix(storefront.number_prefix)
        if prefix != storefront.number_prefix or len(ending) > _LONGEST_ENDING:
            continue
        if dash or len(ending) >= _SHORTEST_BEGINNING:
            first = f"{prefix}-{ending}"
            ranges |= Q(storefront_id=storefront.pk, number__range=(first, first + "Z" * _LONGEST_ENDING))
    if ranges:
        yield ranges


def _query_of(text: str) -> str:
    """All words of the text, as PostgreSQL looks for them.

    In each case of letters, where they are not ASCII: a database in the locale C folds only ASCII.
    """
    words = _WORD.findall(text)[:_MOST_WORDS]
    return " & ".join(f"({' | '.join(_cases(word))})" for word in words)


def _cases(word: str) -> list[str]:
    if word.isascii():
        return [word.lower()]
    return list(dict.fromkeys([word, word.lower(), word.upper(), word.title()]))
