"""Values on the command line: refused at the edge when they cannot be stored or shown."""

import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from sharedbooks.identifiers import (
    MAX_NAME_LENGTH,
    parse_book_reference,
    parse_grantee_reference,
    parse_principal_name,
)

if TYPE_CHECKING:
    from sharedbooks.cli.commands import Invocation

_MAX_PASSWORD_LENGTH = 1024


def _text(value: str) -> str:
    if len(value) > MAX_NAME_LENGTH or any(
        unicodedata.category(character) in {"Cc", "Cs"} for character in value
    ):
        raise click.BadParameter(
            f"{value[:60]!r} cannot be used; write a text of at most {MAX_NAME_LENGTH} "
            "characters on one line"
        )
    return value


def _label(value: str) -> str:
    if not value.strip():
        raise click.BadParameter("it may not be empty")
    return _text(value)
