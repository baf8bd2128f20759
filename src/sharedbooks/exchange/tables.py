"""Rows of tables as records: what CSV files and sheets have in common."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.errors import CardTooLarge, InvalidCard, InvalidSource
from sharedbooks.exchange.columns import Table, read_row
from sharedbooks.exchange.contact import Contact
from sharedbooks.exchange.contact_cards import write_card
from sharedbooks.exchange.csv_layouts import find_table
from sharedbooks.exchange.matching import person_key_of
from sharedbooks.exchange.records import BadRecord, Place, Record, row_uid

_HEADING_ROWS = 20
"""The headings are among so many first rows."""

_UNDECODED = re.compile("[\udc80-\udcff]")


@dataclass(slots=True)
class Reading:
    """How a table is read, and what turned out.

    Attributes:
        source: the name under which its rows are remembered.
        max_card_size: largest card that is kept, in octets.
        mapping: targets of columns by heading.
        key: heading of the column that tells rows apart, or None.
        layout: whose table it is, once that is known.
        unknown: headings of columns that nothing is known of; their values are not taken.
    """

    source: str
    max_card_size: int
    mapping: dict[str, str] = field(default_factory=dict)
    key: str | None = None
    layout: str = ""
    unknown: tuple[str, ...] = ()


def read_table(
    rows: Iterable[Sequence[str] | BadRecord], reading: Reading
) -> Iterator[Record | BadRecord]:
    """Yield the rows of a table as records; what turns out is noted in ``reading``.

    Rows are counted from 1, the headings and what stands before them included. Empty rows are
    left out.

    Raises:
        InvalidSource: the headings are not found, or not all that were named are there.
    """
    left = iter(rows)
    first = list(islice(left, _HEADING_ROWS))
    head = [[] if isinstance(row, BadRecord) else [str(cell) for cell in row] for row in first]
    if not any(cell.strip() for row in head for cell in row):
        return
    try:
        found = find_table(head, reading.mapping, reading.key)
    except ValueError as error:
        raise InvalidSource(str(error)) from None
    if found is None:
        raise InvalidSource(
            "No row of headings that is known was found; say what each column means with --map."
        )
    index, table = found
    reading.layout = table.layout.name
    reading.unknown = tuple(
        heading
        for number, (heading, meaning) in enumerate(
            zip(table.headings, table.meanings, strict=True)
        )
        if meaning is None and heading.strip() and number != table.key
    )
    for number, row in enumerate(chain(first[index + 1 :], left), start=index + 2):
        if isinstance(row, BadRecord):
            yield row
        elif any(cell.strip() for cell in row):
            yield _record(table, Place("row", number), row, reading)


def _record(table: Table, place: Place, row: Sequence[str], reading: Reading) -> Record | BadRecord:
    if any(cell.strip() for cell in row[len(table.headings) :]):
        reason = f"It has {len(row)} values, and there are {len(table.headings)} columns."
        return BadRecord(place, reason, tuple(row))
    if any(
        "\udc80" <= character <= "\udcff"
        for cell in row
        if not cell.isascii()
        for character in cell
    ):
        return BadRecord(place, "It is not in UTF-8; say the --encoding.", _shown(row))
    contact = read_row(table, row)
    key = row[table.key].strip() if table.key is not None and table.key < len(row) else ""
    try:
        return contact_record(contact, place, key, reading.source, reading.max_card_size)
    except (InvalidCard, CardTooLarge) as error:
        return BadRecord(place, str(error), tuple(row))


def _shown(row: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for cell in row)


def contact_record(
    contact: Contact, place: Place, key: str, source: str, max_card_size: int
) -> Record:
    """Return a contact as a record.

    Args:
        contact: the contact.
        place: where it stands in its source.
        key: what the source itself knows it by, or empty.
        source: the name of the source, which makes UIDs of rows without one.
        max_card_size: largest card that is kept, in octets.

    Raises:
        InvalidCard: it says nothing a card could be made of, or not in UTF-8.
        CardTooLarge: the card would be too large.
    """
    if not contact.display_name():
        raise InvalidCard("It has no name, organisation, e-mail address or telephone number.")
    uid = contact.texts.get("UID", "")
    own_key = f"uid\n{uid}" if uid else f"key\n{key}" if key else ""
    whole_key = own_key or person_key_of(contact.display_name(), contact.lists.get("EMAIL", ()))
    octets = write_card(contact, uid or row_uid(source, whole_key))
    card = prepare_card(octets, max_size=max_card_size)
    return Record(place, card, whole_key, bool(own_key), bool(uid))
