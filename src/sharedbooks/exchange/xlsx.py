"""Sheets of Excel (.xlsx), read and written row by row."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from typing import IO, BinaryIO
from zipfile import BadZipFile, ZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell

from sharedbooks.errors import InvalidSource

_MOST_SHARED = 256 * 1024 * 1024
_MOST_UNPACKED = 4 * 1024 * 1024 * 1024
"""Octets that a file may unpack to: the texts all cells share are held in memory."""

_MAX_CELL = 32_767
"""Longest cell in characters that Excel takes."""

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def read_sheet(file: IO[bytes]) -> Iterator[list[str]]:
    """Yield the rows of the first sheet as texts; dates as ``1980-01-31``.

    Raises:
        InvalidSource: it is no such file, or one that unpacks to too much.
    """
    _refuse_bombs(file)
    try:
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        try:
            for row in book.worksheets[0].iter_rows(values_only=True):
                yield [_text(value) for value in row]
        finally:
            book.close()
    except Exception as error:
        # There is no end of what the libraries below raise for a damaged file.
        raise _unreadable(error) from error


def _refuse_bombs(file: IO[bytes]) -> None:
    try:
        with ZipFile(file) as packed:
            sizes = {info.filename: info.file_size for info in packed.infolist()}
    except (BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise _unreadable(error) from error
    if sizes.get("xl/sharedStrings.xml", 0) > _MOST_SHARED or sum(sizes.values()) > _MOST_UNPACKED:
        raise InvalidSource("The sheet unpacks to more than is read; save it as CSV.")
    file.seek(0)


def _unreadable(error: Exception) -> InvalidSource:
    reason = (str(error) or type(error).__name__).splitlines()[0][:200]
    return InvalidSource(f"This is no sheet that can be read: {reason}.")


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        # A telephone number that Excel took for one.
        return str(int(value))
    return str(value)


def write_sheet(file: BinaryIO, rows: Iterable[Sequence[str]]) -> None:
    """Write rows as a sheet, every cell as text: nothing in it is ever taken for a formula."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Contacts")
    for row in rows:
        cells = []
        for text in row:
            cell = WriteOnlyCell(sheet, value=None)
            if text:
                cell.value = _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text[:_MAX_CELL])
                cell.data_type = "s"
                # Also when somebody edits the cell.
                cell.quotePrefix = text[0] in "=+-@"
            cells.append(cell)
        sheet.append(cells)
    book.save(file)
