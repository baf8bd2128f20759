"""CSV files: rows read whatever their encoding and separator, and rows written safely.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line end for a
formula. Such a cell is written with an apostrophe before it, which is taken away again when
the file is imported. A telephone number is no exception to be hurt by that: one of nothing but
digits, blanks and ``+()-./`` can call no function, and stays as it is.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, TextIO

from sharedbooks.exchange.records import BadRecord, Place
from sharedbooks.exchange.sniffing import DELIMITERS, first_line, sample_rows, separates
from sharedbooks.exchange.sources import Source

MAX_CELL = 16 * 1024 * 1024
"""Longest cell in characters; without a limit, a missing quotation mark would take all memory."""

# With the fullwidth forms, which some take for the same.
_BEGINS_FORMULA = "[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
_DANGEROUS = re.compile(f"'*{_BEGINS_FORMULA}")
_GUARDED = re.compile(f"'+{_BEGINS_FORMULA}")
_NUMBER = re.compile(r"\+?[0-9][0-9 ()\-./]*", re.ASCII)
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)


def find_delimiter(source: Source, encoding: str) -> str:
    """Return what separates the columns: what makes the most of them in the first rows."""
    named = _SEPARATOR_LINE.match(first_line(source, encoding))
    if named:
        return named[1]
    return max(DELIMITERS, key=lambda each: separates(sample_rows(source, encoding, each)))


def read_rows(source: Source, encoding: str, delimiter: str) -> Iterator[list[str] | BadRecord]:
    """Yield the rows of a file; one that cannot be read is told with its number."""
    csv.field_size_limit(MAX_CELL)
    with source.text(encoding) as text:
        reader = csv.reader(_without_mark(text), delimiter=delimiter)
        number = 0
        while True:
            number += 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield BadRecord(Place("row", number), f"The row cannot be read: {error}.")
                continue
            yield [unguarded(cell) for cell in row]


def _without_mark(text: TextIO) -> Iterator[str]:
    for number, line in enumerate(text):
        yield line.removeprefix("\ufeff") if number == 0 else line


def guarded(cell: str) -> str:
    """Return a cell as it is safe in a spreadsheet."""
    if _DANGEROUS.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def unguarded(cell: str) -> str:
    """Return a cell without the apostrophe of ``guarded``."""
    return cell[1:] if _GUARDED.match(cell) else cell


def write_rows(file: BinaryIO, rows: Iterable[Sequence[str]]) -> None:
    """Write rows as CSV in UTF-8, lines ended by CRLF (RFC 4180), every cell guarded."""
    writer = csv.writer(_Utf8(file), lineterminator="\r\n")
    for row in rows:
        writer.writerow([guarded(cell) for cell in row])


class _Utf8:
    """Takes text and writes octets; a TextIOWrapper would close the file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(text.encode("utf-8", "replace"))
