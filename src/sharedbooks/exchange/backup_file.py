"""The file of a backup: lines of JSON, compressed, that say themselves whether they are whole.

The file is UTF-8 text compressed with gzip, one JSON value a line:

- a header: ``{"sharedbooks_backup": 1, "schema": …, "program": …, "made_at": …}``;
- for each table, those that others refer to first: ``{"table": …, "columns": {NAME: KIND, …}}``, a
  list with the values of each row, and ``{"rows": NUMBER, "sha256": …}`` over those lines;
- at the end ``{"tables": NUMBER, "rows": NUMBER, "sha256": …}`` over every line before.

A kind says how a value is written: ``octets`` as base64, ``json`` and every ``value`` as it is.
"""

import base64
import binascii
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from sharedbooks.errors import BackupDamaged

FORMAT = 1
"""Raised when the format changes so that older programs cannot read it."""

OCTETS, JSON, VALUE = "octets", "json", "value"
"""The kinds of column."""

_COMPRESSION = 4
"""Much quicker than the best, for some percent of the size."""
_BUFFER = 1024 * 1024
_ROWS_A_BATCH = 500
_OCTETS_A_BATCH = 4 * 1024 * 1024

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)

Row = list[Any]


@dataclass(frozen=True, slots=True)
class Header:
    """What a backup says of itself; ``made_at`` is a moment as RFC 3339 writes it."""

    schema: str
    program: str
    made_at: str


@dataclass(frozen=True, slots=True)
class Section:
    """The beginning of a table: its name, and the kind of each of its columns in order."""

    table: str
    columns: Mapping[str, str]


@dataclass(slots=True)
class Contents:
    """What a backup holds: rows by table in the order of the file, and the sum over all of it."""

    header: Header
    rows: dict[str, int] = field(default_factory=dict)
    sha256: str = ""

    @property
    def total(self) -> int:
        """The number of all rows."""
        return sum(self.rows.values())


class BackupWriter:
    """Writes a backup into ``file``; ``close`` ends it."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self._gzip = gzip.GzipFile("", "wb", _COMPRESSION, file, mtime=0)
        self._sum = hashlib.sha256()
        self.contents = Contents(header)
        self._write(
            {
                "sharedbooks_backup": FORMAT,
                "schema": header.schema,
                "program": header.program,
                "made_at": header.made_at,
            }
        )

    def write_table(self, section: Section, batches: Iterable[Sequence[Sequence[Any]]]) -> None:
        """Write a table with its rows, whose octets and JSON are not yet encoded as text."""
        self._write({"table": section.table, "columns": dict(section.columns)})
        octets = [number for number, kind in enumerate(section.columns.values()) if kind == OCTETS]
        number = 0
        table_sum = hashlib.sha256()
        for batch in batches:
            lines = b"".join(_line(_encoded(row, octets)) for row in batch)
            table_sum.update(lines)
            self._write_octets(lines)
            number += len(batch)
        self._write({"rows": number, "sha256": table_sum.hexdigest()})
        self.contents.rows[section.table] = number

    def close(self) -> Contents:
        """Write the end, and return what was written; the file itself stays open."""
        contents = self.contents
        contents.sha256 = self._sum.hexdigest()
        end = {"tables": len(contents.rows), "rows": contents.total, "sha256": contents.sha256}
        self._write(end)
        self._gzip.close()
        return contents

    def _write(self, value: object) -> None:
        self._write_octets(_line(value))

    def _write_octets(self, octets: bytes) -> None:
        self._sum.update(octets)
        self._gzip.write(octets)


def read_backup(file: BinaryIO) -> Iterator[Header | Section | list[Row] | Contents]:
    """Yield the header, then each table's section and its rows in batches, then what it all was.

    Octets are decoded. Only what has been read to the end is known to be whole.

    Raises:
        BackupDamaged: this is no backup, one of a newer format, cut off, or changed.
    """
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
            yield from _Reader(io.BufferedReader(unpacked, _BUFFER)).parts()
    except gzip.BadGzipFile as error:
        raise BackupDamaged(f"This is no backup of sharedbooks, or damaged: {error}.") from error
    except (EOFError, zlib.error) as error:
        raise BackupDamaged(f"The backup is damaged: {error}.") from error


class _Reader:
    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._sum = hashlib.sha256()
        self._number = 0

    def parts(self) -> Iterator[Header | Section | list[Row] | Contents]:
        header = _header(self._next())
        yield header
        contents = Contents(header)
        while True:
            before = self._sum.hexdigest()
            value = self._next()
            if "table" not in value:
                break
            section = Section(_text(value, "table"), _columns(value))
            yield section
            yield from self._rows(section, contents)
        contents.sha256 = before
        if value != {
            "tables": len(contents.rows), "rows": contents.total, "sha256": before,
        }:  # fmt: skip
            raise self._damaged("the sum at the end is not that of the file")
        if next(self._lines, None) is not None:
            raise self._damaged("something follows the end")
        yield contents

    def _rows(self, section: Section, contents: Contents) -> Iterator[list[Row]]:
        octets = [number for number, kind in enumerate(section.columns.values()) if kind == OCTETS]
        table_sum = hashlib.sha256()
        number = size = 0
        batch: list[Row] = []
        while isinstance(row := self._parsed(line := self._line()), list):
            if len(row) != len(section.columns):
                raise self._damaged(f"a row of {section.table} has {len(row)} values")
            table_sum.update(line)
            batch.append(self._decoded(row, octets))
            number += 1
            size += len(line)
            if len(batch) == _ROWS_A_BATCH or size >= _OCTETS_A_BATCH:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch
        if row != {"rows": number, "sha256": table_sum.hexdigest()}:
            raise self._damaged(f"the sum of the table {section.table} is not that of its rows")
        contents.rows[section.table] = number

    def _next(self) -> dict[str, Any]:
        value = self._parsed(self._line())
        if not isinstance(value, dict):
            raise self._damaged("a row stands outside of a table")
        return value

    def _line(self) -> bytes:
        line = next(self._lines, b"")
        self._number += 1
        if not line.endswith(b"\n"):
            raise self._damaged("it is cut off")
        self._sum.update(line)
        return line

    def _parsed(self, line: bytes) -> Any:
        try:
            # json.loads would look for the encoding of octets first, line by line.
            return json.loads(line.decode())
        except ValueError as error:
            raise self._damaged("this is no JSON") from error

    def _decoded(self, row: Row, octets: Sequence[int]) -> Row:
        for number in octets:
            if row[number] is not None:
                try:
                    row[number] = base64.b64decode(row[number], validate=True)
                except (TypeError, ValueError, binascii.Error) as error:
                    raise self._damaged("this is no base64") from error
        return row

    def _damaged(self, what: str) -> BackupDamaged:
        return BackupDamaged(f"The backup is damaged: line {self._number}, {what}.")


def _header(value: dict[str, Any]) -> Header:
    found = value.get("sharedbooks_backup")
    if not isinstance(found, int):
        raise BackupDamaged("This is no backup of sharedbooks.")
    if found > FORMAT:
        raise BackupDamaged(
            f"The backup has format {found}, newer than this program knows ({FORMAT}): install the"
            " newer sharedbooks that made it."
        )
    return Header(_text(value, "schema"), _text(value, "program"), _text(value, "made_at"))


def _text(value: dict[str, Any], key: str) -> str:
    text = value.get(key)
    if not isinstance(text, str):
        raise BackupDamaged(f"The backup is damaged: it has no {key}.")
    return text


def _columns(value: dict[str, Any]) -> dict[str, str]:
    columns = value.get("columns")
    if not isinstance(columns, dict) or not set(columns.values()) <= {OCTETS, JSON, VALUE}:
        raise BackupDamaged(f"The backup is damaged: the columns of {value['table']!r} are none.")
    return columns


def _encoded(row: Sequence[Any], octets: Sequence[int]) -> Sequence[Any]:
    if not octets:
        return list(row)
    values = list(row)
    for number in octets:
        if values[number] is not None:
            values[number] = base64.b64encode(values[number]).decode("ascii")
    return values


def _line(value: object) -> bytes:
    return _ENCODER.encode(value).encode() + b"\n"
