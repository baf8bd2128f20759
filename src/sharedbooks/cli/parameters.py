"""Arguments and options of several commands; what cannot be used is refused here."""

import unicodedata
from datetime import datetime
from typing import NamedTuple

import click

from sharedbooks.config.values import BadValueError, duration
from sharedbooks.identifiers import (
    MAX_NAME_LENGTH,
    parse_book_reference,
    parse_grantee_reference,
    parse_group_reference,
    parse_principal_name,
)

_DURATION = duration("1 s", "36500 d")


def _line(value: str) -> str:
    if len(value) > MAX_NAME_LENGTH:
        raise click.BadParameter(f"it may have at most {MAX_NAME_LENGTH} characters")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in value):
        raise click.BadParameter(f"{value!r} holds a control character")
    return value


def parse_label(value: str) -> str:
    """Return a name that people give to something: one line, not empty.

    Raises:
        click.BadParameter: it is none.
    """
    if not value.strip():
        raise click.BadParameter("it may not be empty")
    return _line(value)


def _prose(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise click.BadParameter("it is not in the character encoding of the terminal") from None
    return value


def _moment(value: str) -> int:
    """Return a moment in microseconds since 1970; without a zone it is the machine's time."""
    try:
        return round(datetime.fromisoformat(value.strip()).astimezone().timestamp() * 1_000_000)
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(
            f"{value!r} is no moment: write '2026-11-20 14:00' or '2026-11-20T14:00:00+01:00'"
        ) from None


class Kept(NamedTuple):
    """How long something is kept: seconds, 0 for ever, None as the configuration says."""

    seconds: int | None


def _kept(value: str) -> Kept:
    word = value.strip().lower()
    if word == "default":
        return Kept(None)
    if word == "forever":
        return Kept(0)
    try:
        return Kept(_DURATION.read(int(word) if word.isdigit() else word))
    except BadValueError:
        raise click.BadParameter(f"write {_DURATION.description}, forever or default") from None


def kept_as_text(seconds: int | None) -> str:
    """Return how long something is kept as ``RETENTION`` takes it."""
    if seconds is None:
        return "default"
    if not seconds:
        return "forever"
    days, rest = divmod(seconds, 86400)
    return f"{seconds} s" if rest else f"{days} d"


RETENTION = click.types.FuncParamType(_kept)
"""How long history or trash is kept."""

MOMENT = click.types.FuncParamType(_moment)
"""A date with a time, and with a zone where it is not the machine's."""

user_argument = click.argument("user_name", metavar="USER", type=parse_principal_name)
group_argument = click.argument("group_name", metavar="GROUP", type=parse_group_reference)
book_argument = click.argument("reference", metavar="BOOK", type=parse_book_reference)
card_argument = click.argument("card", metavar="CARD", type=parse_label)
grantee_argument = click.argument(
    "grantee", metavar="user:NAME|group:NAME", type=parse_grantee_reference
)
label_argument = click.argument("label", metavar="LABEL", type=parse_label)

display_name_option = click.option(
    "--display-name", metavar="TEXT", type=parse_label, help="Name that people see."
)
email_option = click.option(
    "--email", default="", metavar="ADDRESS", type=_line, help="E-mail address."
)
description_option = click.option(
    "--description", metavar="TEXT", type=_prose, help="What the book is for."
)
owner_option = click.option(
    "--owner", metavar="USER", type=parse_principal_name, help="The user it belongs to."
)
rule_option = click.option(
    "--require", "rule", metavar="RULE", help="What each card must have: 'ORG and (TEL or EMAIL)'."
)
country_option = click.option(
    "--country", metavar="CODE", help="Country of phones that do not name theirs: CH, DE …"
)
