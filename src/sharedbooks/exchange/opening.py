"""A file opened for import: what it is, found out or said, and its cards one by one."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field

from sharedbooks.errors import InvalidSource
from sharedbooks.exchange.csv_files import find_delimiter, read_rows
from sharedbooks.exchange.jcard import read_jcards
from sharedbooks.exchange.ldif import read_ldif
from sharedbooks.exchange.records import BadRecord, Record
from sharedbooks.exchange.sniffing import Format, find_encoding, find_format
from sharedbooks.exchange.sources import Source
from sharedbooks.exchange.tables import Reading, read_table
from sharedbooks.exchange.vcf import read_vcf


@dataclass(slots=True)
class Manner:
    """How a file is read: what was said; empty or None where it is to be found out.

    Attributes:
        format: the format.
        encoding: the character encoding.
        delimiter: what separates the columns of a CSV file.
    """

    format: Format | None = None
    encoding: str = ""
    delimiter: str = ""


@dataclass(slots=True)
class Opened:
    """A file that is read.

    Attributes:
        manner: how, nothing of it open any more.
        records: what it holds, to be read once.
    """

    manner: Manner
    records: Iterator[Record | BadRecord] = field(repr=False)


def open_source(source: Source, said: Manner, reading: Reading) -> Opened:
    """Return a file as its cards.

    Raises:
        InvalidSource: it cannot be read as what it is, or is said to be.
    """
    encoding = said.encoding or find_encoding(source)
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise InvalidSource(f"{encoding!r} is no character encoding that is known here.") from None
    kind = said.format or find_format(source, encoding)
    delimiter = said.delimiter
    if kind is Format.CSV and not delimiter:
        delimiter = find_delimiter(source, encoding)
    manner = Manner(kind, encoding, delimiter)
    if kind is Format.VCF and not said.encoding and not encoding.startswith("utf-16"):
        # Each card of vCard 2.1 names its own, and of the others a bad octet is told.
        manner.encoding = "utf-8"
    return Opened(manner, _records(source, manner, reading))


def _records(source: Source, manner: Manner, reading: Reading) -> Iterator[Record | BadRecord]:
    if manner.format is Format.XLSX:
        with source.binary() as file:
            # A quarter of a second, which other files need not wait.
            from sharedbooks.exchange.xlsx import read_sheet  # noqa: PLC0415

            yield from read_table(read_sheet(file), reading)
    elif manner.format is Format.CSV:
        yield from read_table(read_rows(source, manner.encoding, manner.delimiter), reading)
    elif manner.format is Format.LDIF:
        yield from read_ldif(source.utf8_chunks(manner.encoding), reading)
    elif manner.format is Format.JCARD:
        chunks = source.utf8_chunks(manner.encoding)
        yield from read_jcards(chunks, max_card_size=reading.max_card_size)
    else:
        chunks = source.utf8_chunks(manner.encoding)
        yield from read_vcf(chunks, max_card_size=reading.max_card_size)
