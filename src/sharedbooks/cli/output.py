"""Printing: one JSON document for programs, tables and sentences for people."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sharedbooks.cli.commands import Invocation

Row = Mapping[str, object]
Columns = Mapping[str, str]
"""Keys of rows, in the order of the table, with the heading of each."""

_ROWS_A_TABLE = 500

# A name may come from any client; it must not steer the administrator's terminal.
_CONTROL = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")


def moment(microseconds: int | None) -> datetime | None:
    """Return a moment as the database has it, or None, as a time in UTC."""
    if microseconds is None:
        return None
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)


def plain_text(text: str) -> str:
    """Return ``text`` without what could steer a terminal."""
    return text.translate(_CONTROL)


def say(invocation: Invocation, document: Row, *sentences: str) -> None:
    """Print what was done: the document for programs, the sentences for people."""
    if invocation.as_json:
        _print_json(document)
    else:
        click.echo("\n".join(sentence.translate(_CONTROL) for sentence in sentences))


def warn(sentence: str) -> None:
    """Print, apart from the output, what the user should know."""
    click.echo(sentence.translate(_CONTROL), err=True)


def show_list(
    invocation: Invocation, rows: Sequence[Row], columns: Columns, *, if_empty: str
) -> None:
    """Print rows: every key for programs; the columns, or the sentence if there are none."""
    if invocation.as_json:
        _print_json(rows)
    elif rows:
        _print_table(rows, columns)
    else:
        click.echo(if_empty)


def show_stream(
    invocation: Invocation, rows: Iterable[Row], columns: Columns, *, if_empty: str
) -> None:
    """Print any number of rows as they come: a JSON list, or tables of some hundred rows each.

    Outside of a terminal the heading is printed once, so that each further line is one row.
    """
    coming = iter(rows)
    if invocation.as_json:
        _print_json_stream(coming)
        return
    is_first = True
    while part := list(islice(coming, _ROWS_A_TABLE)):
        _print_table(part, columns, heading=is_first)
        is_first = False
    if is_first:
        click.echo(if_empty)


def show_details(
    invocation: Invocation,
    document: Row,
    labels: Columns,
    tables: Mapping[str, Columns] | None = None,
) -> None:
    """Print one thing: its values with labels, then the lists in it as tables of their own."""
    if invocation.as_json:
        _print_json(document)
        return
    width = max(len(label) for label in labels.values()) + 2
    for key, label in labels.items():
        click.echo(f"{label + ':':{width}}{_cell(document[key])}".rstrip())
    for key, columns in (tables or {}).items():
        rows = document[key]
        if isinstance(rows, Sequence) and rows:
            click.echo()
            _print_table(rows, columns)


def show_tables(
    invocation: Invocation, document: Row, tables: Mapping[str, Columns], *, if_empty: str
) -> None:
    """Print the lists in ``document`` as tables, or the sentence if none of them has a row."""
    if invocation.as_json:
        _print_json(document)
        return
    filled = [(rows, tables[key]) for key, rows in document.items() if rows]
    for number, (rows, columns) in enumerate(filled):
        if number:
            click.echo()
        if isinstance(rows, Sequence):
            _print_table(rows, columns)
    if not filled:
        click.echo(if_empty)


def _print_json(document: object) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=2, default=_plain)
    # UTF-8 whatever the terminal's encoding is (RFC 8259, section 8.1).
    click.echo(text.encode())


def _print_json_stream(rows: Iterable[Row]) -> None:
    opening = "["
    for row in rows:
        text = json.dumps(row, ensure_ascii=False, default=_plain)
        click.echo(f"{opening}\n  {text}".encode(), nl=False)
        opening = ","
    click.echo("[]" if opening == "[" else "\n]")


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return str(value)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M}"
    if isinstance(value, list):
        return ", ".join(_cell(element) for element in value)
    return str(value).translate(_CONTROL)


def _print_table(rows: Sequence[Row], columns: Columns, *, heading: bool = True) -> None:
    cells = [[_cell(row[key]) for key in columns] for row in rows]
    if sys.stdout.isatty():
        table = Table(*columns.values())
        for line in cells:
            table.add_row(*map(Text, line))
        Console().print(table)
        return
    # Into a file or pipe nothing is wrapped or cut, so that each row is one line.
    lines = [list(columns.values()), *cells]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines if heading else cells:
        padded = [
            cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)
        ]
        click.echo("  ".join(padded).rstrip())
