"""The configuration file as TOML: its tables, and the line of each name in it."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharedbooks.errors import ConfigProblem

_SECTION_LINE = re.compile(r"""\s*\[\[?\s*([\w\-."' ]+?)\s*\]""")
_KEY_LINE = re.compile(r"""\s*("[^"]*"|'[^']*'|[\w\-."' ]+?)\s*=""")
_ERROR_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file.

    Attributes:
        tables: what TOML reads in it.
        lines: 1-based line of each name found, such as ``("server",)`` and ``("server", "port")``.
    """

    tables: dict[str, Any]
    lines: dict[tuple[str, ...], int]


def read_document(source: Path) -> Document:
    """Return the file at ``source``.

    Raises:
        ConfigProblem: it cannot be read, or is not TOML.
    """
    text = _read_text(source)
    try:
        tables = tomllib.loads(text)
    except ValueError as error:
        raise ConfigProblem([_syntax_problem(source, text, error)]) from None
    return Document(tables, _line_numbers(text))


def _read_text(source: Path) -> str:
    try:
        # Some editors put a byte order mark in front, which TOML does not know.
        return source.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = source.read_bytes()[: error.start].count(b"\n") + 1
        problem = f"{source}, line {line}: the file is not UTF-8; save it in that encoding."
    except OSError as error:
        problem = (
            f"{source}: the file cannot be read ({error.strerror}); see that it exists and that "
            "the user who runs sharedbooks may read it."
        )
    raise ConfigProblem([problem])


def _syntax_problem(source: Path, text: str, error: ValueError) -> str:
    reason = str(error)
    place = _ERROR_PLACE.search(reason)
    # Unless told otherwise the parser stopped at the end.
    line = place[1] if place and place[1] else text.rstrip("\n").count("\n") + 1
    reason = _ERROR_PLACE.sub("", reason)
    if reason.startswith(("Cannot overwrite", "Cannot declare")):
        remedy = "an option or section stands in the file twice; remove one of them"
    else:
        remedy = 'correct the line; text stands in quotes, as in host = "127.0.0.1"'
    return f"{source}, line {line}: this is not TOML ({reason}); {remedy}."


def _line_numbers(text: str) -> dict[tuple[str, ...], int]:
    """Return the first line of each section and key.

    Only lines are looked at, so a name inside a text of several lines is taken for a key; no
    option has such a text.
    """
    lines: dict[tuple[str, ...], int] = {}
    section: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), start=1):
        if header := _SECTION_LINE.match(line):
            section = _names(header[1])
            lines.setdefault(section, number)
        elif key := _KEY_LINE.match(line):
            lines.setdefault(section + _names(key[1]), number)
    return lines


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(name.strip(" \t\"'") for name in dotted.split("."))
