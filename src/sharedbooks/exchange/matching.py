"""Which card of a book a new row means: by UID, else by e-mail address, else by name and phone.

Careful on purpose. An address may be shared by a family or an office, so names must not contradict
each other. What is not found here stays two cards, which a search for duplicates finds later.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from anyascii import anyascii
from sqlalchemy import Connection

from sharedbooks.domain.imports import cards_with_values, values_of_cards
from sharedbooks.domain.prepared_cards import PreparedCard
from sharedbooks.exchange.contact import Entry
from sharedbooks.exchange.records import Record
from sharedbooks.vcard.index import MAX_VALUE_LENGTH, IndexedProperty, fold_text
from sharedbooks.vcard.marks import phone_key

_WORD = re.compile(r"[a-z0-9]+")
_FEWEST_DIGITS = 6
_MOST_NAMESAKES = 10
"""Cards of one name in a book among which a telephone number is looked for."""


@dataclass(frozen=True, slots=True)
class _Person:
    """What a card is compared by."""

    name: str
    emails: frozenset[str]
    phones: frozenset[str]


def find_matches(
    connection: Connection, book_id: int, records: Sequence[Record]
) -> dict[int, list[int]]:
    """Return the ids of the cards that each record may mean, by its index; the best match first.

    A record that came with a UID of its own is known by that alone, since groups refer to it.
    """
    wanted = {
        index: _person(record.card.facts.properties)
        for index, record in enumerate(records)
        if not record.uid_is_own
    }
    emails = _all(person.emails for person in wanted.values())
    by_email = cards_with_values(connection, book_id, "EMAIL", emails)
    names = _all([person.name] for person in wanted.values() if person.name and person.phones)
    by_name = cards_with_values(connection, book_id, "FN", names, most=_MOST_NAMESAKES)
    candidates: dict[int, list[int]] = {}
    for index, person in wanted.items():
        same_email = set().union(*(by_email.get(each, set()) for each in person.emails))
        ids = [*sorted(same_email), *sorted(by_name.get(person.name, set()) - same_email)]
        if ids:
            candidates[index] = ids
    every = sorted(set().union(*candidates.values())) if candidates else []
    values = values_of_cards(connection, every, ("FN", "EMAIL", "TEL"))
    people = {card_id: _person(properties) for card_id, properties in values.items()}
    return {
        index: [each for each in ids if each in people and _same(wanted[index], people[each])]
        for index, ids in candidates.items()
    }


def person_key(card: PreparedCard) -> str:
    """Return what a card without a UID is known by in its source: its name and first address."""
    email = next((entry.value for entry in card.facts.properties if entry.name == "EMAIL"), "")
    return _person_key(card.facts.display_name, email)


def person_key_of(name: str, emails: Sequence[Entry]) -> str:
    """Return the same of a contact of a table."""
    return _person_key(name, emails[0].value if emails else "")


def _person_key(name: str, email: str) -> str:
    words = " ".join(sorted(_words(name)))
    return f"person\n{words or fold_text(name)}\n{fold_text(email)}"


def _person(properties: Iterable[IndexedProperty]) -> _Person:
    name = ""
    emails = set()
    phones = set()
    for entry in properties:
        if entry.name == "FN":
            name = name or entry.value
        elif entry.name == "EMAIL":
            emails.add(entry.value)
        elif entry.name == "TEL" and sum(map(str.isdigit, entry.value)) >= _FEWEST_DIGITS:
            phones.add(phone_key(entry.value))
    return _Person(name[:MAX_VALUE_LENGTH], frozenset(emails), frozenset(phones))


def _same(one: _Person, other: _Person) -> bool:
    if one.emails & other.emails:
        return _names_agree(one.name, other.name)
    return bool(one.name) and one.name == other.name and bool(one.phones & other.phones)


def _names_agree(one: str, other: str) -> bool:
    """True if one name has the words of the other: ``meier, a.`` and ``anna meier``."""
    fewer, more = sorted((_words(one), _words(other)), key=len)
    left = list(more)
    for word in sorted(fewer, key=len, reverse=True):
        found = next((each for each in left if each == word), None) or next(
            (each for each in left if len(word) == 1 and each.startswith(word)), None
        )
        if found is None:
            return False
        left.remove(found)
    return True


def _words(name: str) -> list[str]:
    return _WORD.findall(anyascii(name).lower())


def _all(parts: Iterable[Iterable[str]]) -> list[str]:
    return sorted({value for part in parts for value in part})
