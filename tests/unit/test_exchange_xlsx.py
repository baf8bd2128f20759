"""Sheets of Excel."""

import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from io import BytesIO
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from sharedbooks.errors import InvalidSource
from sharedbooks.exchange import xlsx
from sharedbooks.exchange.opening import Manner, open_source
from sharedbooks.exchange.records import Record
from sharedbooks.exchange.sources import Source
from sharedbooks.exchange.tables import Reading


def sheet(*rows: list[Any]) -> BytesIO:
    book = Workbook()
    made = book.active
    assert made is not None
    for row in rows:
        made.append(row)
    file = BytesIO()
    book.save(file)
    file.seek(0)
    return file


def test_cells_are_read_as_people_see_them() -> None:
    moment = datetime.fromisoformat("1980-01-31T09:30:00")
    values = [491715550101, 12.5, date(1980, 1, 31), moment, True, None]
    [row] = xlsx.read_sheet(sheet(values))
    assert row == ["491715550101", "12.5", "1980-01-31", "1980-01-31 09:30:00", "True", ""]
    assert next(xlsx.read_sheet(sheet([time(9, 30)]))) == ["09:30:00"]


def test_a_sheet_gives_contacts() -> None:
    file = sheet(["Our customers"], [], ["Name", "Handy"], ["Ann", 491715550101], [None, None])
    reading = Reading("list.xlsx", 10_000)
    [record] = open_source(Source(file, "list.xlsx"), Manner(), reading).records
    assert isinstance(record, Record)
    assert record.place == ("row", 4)
    assert b"TEL;TYPE=cell:491715550101" in record.card.octets


def test_nothing_that_is_written_is_a_formula() -> None:
    texts = ["=1+1", "+33 1", "@x", "-1", "plain", "", "two\nlines"]
    file = BytesIO()
    xlsx.write_sheet(file, [texts])
    written = next(load_workbook(BytesIO(file.getvalue())).worksheets[0].iter_rows())
    assert [cell.value for cell in written] == [text or None for text in texts]
    assert {cell.data_type for cell in written if cell.value} == {"s"}
    assert [cell.quotePrefix for cell in written][:5] == [1, 1, 1, 1, 0]
    assert list(xlsx.read_sheet(file)) == [texts]


def _not_a_zip() -> BytesIO:
    return BytesIO(b"PK\x03\x04 and nothing more")


def _another_zip() -> BytesIO:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("x.txt", "x")
    return file


@pytest.mark.parametrize("make", [_not_a_zip, _another_zip])
def test_what_is_no_sheet(make: Callable[[], BytesIO]) -> None:
    with pytest.raises(InvalidSource, match="This is no sheet that can be read"):
        list(xlsx.read_sheet(make()))


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "_MOST_UNPACKED", 1000)
    with pytest.raises(InvalidSource, match="unpacks to more than is read"):
        list(xlsx.read_sheet(sheet(["x" * 5000])))
