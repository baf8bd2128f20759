"""Cards of books written as a file of any format, in bounded memory."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO

from sharedbooks.exchange import csv_google, csv_outlook, ldif, xlsx
from sharedbooks.exchange.contact import Contact
from sharedbooks.exchange.contact_cards import read_contact
from sharedbooks.exchange.csv_files import write_rows
from sharedbooks.vcard.convert import to_version
from sharedbooks.vcard.jcard import to_jcard

Cards = Callable[[], Iterable[bytes]]
"""Gives the octets of the cards in order, each time it is called."""


class OutputFormat(StrEnum):
    """A format that can be written; ``VCF`` writes each card as it is stored."""

    VCF = "vcf"
    VCF3 = "vcf3"
    VCF4 = "vcf4"
    CSV = "csv"
    CSV_GOOGLE = "csv-google"
    CSV_OUTLOOK = "csv-outlook"
    XLSX = "xlsx"
    LDIF = "ldif"
    JCARD = "jcard"


ENDINGS = {
    ".vcf": OutputFormat.VCF,
    ".csv": OutputFormat.CSV,
    ".xlsx": OutputFormat.XLSX,
    ".ldif": OutputFormat.LDIF,
    ".json": OutputFormat.JCARD,
}
"""What the end of a file's name means."""


@dataclass(slots=True)
class ExportSummary:
    """What was written.

    Attributes:
        cards: how many cards.
        left_out: of how many cards each property was left out, because the format has no place.
    """

    cards: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def export_cards(cards: Cards, file: BinaryIO, kind: OutputFormat) -> ExportSummary:
    """Write cards into a file.

    Args:
        cards: the cards; those of a table are read twice, first to count its columns.
        file: open for writing octets.
        kind: the format.
    """
    summary = ExportSummary()
    _WRITERS[kind](cards, file, summary)
    return summary


def _write_vcf(version: str | None) -> "_Writer":
    def write(cards: Cards, file: BinaryIO, summary: ExportSummary) -> None:
        for octets in cards():
            card = octets if version is None else to_version(octets, version)
            file.write(card)
            if not card.endswith(b"\n"):
                # Else the next BEGIN would stand in the same line.
                file.write(b"\r\n")
            summary.cards += 1

    return write


def _contacts(cards: Cards, summary: ExportSummary) -> Iterator[tuple[Contact, set[str]]]:
    for octets in cards():
        summary.cards += 1
        yield read_contact(octets)


def _write_numbered(*, own: bool, as_sheet: bool) -> "_Writer":
    """Return what writes a table with as many columns as the cards need."""

    def shown(contact: Contact) -> Contact:
        return contact if own else csv_google.as_google_has_it(contact)

    def write(cards: Cards, file: BinaryIO, summary: ExportSummary) -> None:
        counts: dict[str, int] = {}
        for octets in cards():
            contact = shown(read_contact(octets)[0])
            for name, number in csv_google.list_counts(contact).items():
                counts[name] = max(number, counts.get(name, 0))

        def rows() -> Iterator[Sequence[str]]:
            yield csv_google.headings(counts, own=own)
            for whole, left_out in _contacts(cards, summary):
                contact = shown(whole)
                summary.left_out.update(left_out | csv_google.unheld(contact, own=own))
                yield csv_google.row_of(contact, counts, own=own)

        if as_sheet:
            xlsx.write_sheet(file, rows())
        else:
            write_rows(file, rows())

    return write


def _write_outlook(cards: Cards, file: BinaryIO, summary: ExportSummary) -> None:
    def rows() -> Iterator[Sequence[str]]:
        yield csv_outlook.HEADINGS
        for contact, left_out in _contacts(cards, summary):
            row, unheld = csv_outlook.row_of(contact)
            summary.left_out.update(left_out | unheld)
            yield row

    # Outlook takes a file without a mark for one in the code page of its machine.
    file.write(b"\xef\xbb\xbf")
    write_rows(file, rows())


def _write_ldif(cards: Cards, file: BinaryIO, summary: ExportSummary) -> None:
    file.write(b"version: 1\n\n")
    for contact, left_out in _contacts(cards, summary):
        entry, unheld = ldif.entry_of(contact)
        summary.left_out.update(left_out | unheld)
        file.write(entry)


def _write_jcard(cards: Cards, file: BinaryIO, summary: ExportSummary) -> None:
    file.write(b"[")
    for octets in cards():
        file.write(b",\n" if summary.cards else b"\n")
        file.write(to_jcard(octets))
        summary.cards += 1
    file.write(b"\n]\n")


_Writer = Callable[[Cards, BinaryIO, ExportSummary], None]
_WRITERS: dict[OutputFormat, _Writer] = {
    OutputFormat.VCF: _write_vcf(None),
    OutputFormat.VCF3: _write_vcf("3.0"),
    OutputFormat.VCF4: _write_vcf("4.0"),
    OutputFormat.CSV: _write_numbered(own=True, as_sheet=False),
    OutputFormat.CSV_GOOGLE: _write_numbered(own=False, as_sheet=False),
    OutputFormat.CSV_OUTLOOK: _write_outlook,
    OutputFormat.XLSX: _write_numbered(own=True, as_sheet=True),
    OutputFormat.LDIF: _write_ldif,
    OutputFormat.JCARD: _write_jcard,
}
