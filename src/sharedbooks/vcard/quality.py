"""What is wrong with a card as a contact: missing properties, phones, mails, dates, capitals.

A card may be a fine vCard and yet be of no use. Nothing here refuses one; what to do about a
problem is decided elsewhere.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from email_validator import EmailNotValidError, validate_email

from sharedbooks.vcard.calendar_dates import date_complaint
from sharedbooks.vcard.contentlines import (
    ContentLine,
    content_lines,
    fold,
    split_structured,
    text_value,
    unescape_text,
    unfold,
)
from sharedbooks.vcard.phones import is_international, read_phone
from sharedbooks.vcard.required import Rule, missing_parts, present_names

_DATES = frozenset({"BDAY", "ANNIVERSARY", "DEATHDATE", "X-ANNIVERSARY"})
_WRAPPED_MAIL = re.compile(r"\s*+(?:mailto:)?\s*+<?\s*+([^\s<>]++)\s*+>?\s*+", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
_SHOWN = 100
"""Characters of a value that are told."""


class ProblemKind(StrEnum):
    """What can be wrong."""

    MISSING = "missing"
    PHONE = "phone"
    PHONE_FORM = "phone-form"
    MAIL = "mail"
    MAIL_FORM = "mail-form"
    DATE = "date"
    CAPITALS = "capitals"
    UNTOUCHED = "untouched"


WRONG = frozenset({ProblemKind.MISSING, ProblemKind.PHONE, ProblemKind.MAIL, ProblemKind.DATE})
"""Problems for which a book may refuse a card; the others are matters of form and age."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a card.

    Attributes:
        kind: what.
        name: property in upper case, or the part of the rule that is not kept.
        value: the value in question, cut; empty if something is missing.
        sentence: for people.
        proposal: what the value could be, or None.
        is_safe: whether a program may put the proposal in place of the value.
    """

    kind: ProblemKind
    name: str
    value: str
    sentence: str
    proposal: str | None = None
    is_safe: bool = False


def check_card(octets: bytes, rule: Rule | None, country: str) -> list[Problem]:
    """Return what is wrong with a stored card, in its own order; what is missing comes first.

    Args:
        octets: the card.
        rule: what it must have; groups of contacts need nothing.
        country: ISO 3166 code for phones that do not name their country; empty: those are not
            judged.
    """
    lines = list(content_lines(octets))
    problems = [] if rule is None else _check_presence(lines, rule)
    for line in lines:
        check = _CHECKS.get(line.name)
        if check is not None:
            problems += check(line, country)
    return problems + _check_capitals(lines)


def fix_card(octets: bytes, country: str) -> tuple[bytes, list[Problem]]:
    """Return the card with every safe proposal in place, and the problems this ends.

    Lines without a problem keep their octets; so do group, parameters and line end of the others.
    """
    pieces: list[bytes] = []
    fixed: list[Problem] = []
    for line in content_lines(octets):
        check = _CHECKS.get(line.name)
        found = [] if check is None else [p for p in check(line, country) if p.is_safe]
        written = _with_value(line, found[0].proposal) if found and found[0].proposal else None
        pieces.append(line.octets if written is None else written)
        if written is not None:
            fixed += found
    return b"".join(pieces), fixed


def _with_value(line: ContentLine, value: str) -> bytes | None:
    """Return the line with another value, which needs no escapes; None if it is encoded."""
    content = line.octets.rstrip(b"\r\n")
    if not content.endswith(line.raw_value):
        content = unfold(content)
    if not content.endswith(line.raw_value) or line.text.encode() != line.raw_value:
        return None
    ending = line.octets[len(line.octets.rstrip(b"\r\n")) :]
    line_end = b"\r\n" if ending.startswith(b"\r") else b"\n"
    written = content[: len(content) - len(line.raw_value)] + value.encode()
    return fold(written, line_end) + ending


def _check_presence(lines: Sequence[ContentLine], rule: Rule) -> list[Problem]:
    kinds = {
        text_value(line).strip().lower()
        for line in lines
        if line.name in {"KIND", "X-ADDRESSBOOKSERVER-KIND"}
    }
    if "group" in kinds:
        return []
    return [
        Problem(ProblemKind.MISSING, str(part), "", f"{part} is missing.")
        for part in missing_parts(rule, present_names(lines))
    ]


def _check_phone(line: ContentLine, country: str) -> Iterator[Problem]:
    text = text_value(line)
    if not text.strip() or not (country or is_international(text)):
        return
    phone = read_phone(text, country)
    if phone is None or not phone.is_valid:
        place = f" in {country}, nor with a country in front" if country else ""
        sentence = f"This is no phone number{place}."
        yield Problem(ProblemKind.PHONE, line.name, text[:_SHOWN], sentence)
        return
    is_uri = text.strip().lower().startswith("tel:")
    proposal = f"tel:{phone.number}" if is_uri else phone.number
    if text != proposal and phone.is_whole:
        sentence = "The number can be written so that it works from every country."
        yield Problem(
            ProblemKind.PHONE_FORM, line.name, text[:_SHOWN], sentence, proposal, is_safe=True
        )


def _check_mail(line: ContentLine, _country: str) -> Iterator[Problem]:
    text = text_value(line)
    complaint = _mail_complaint(text)
    if not text.strip() or complaint is None:
        return
    wrapped = _WRAPPED_MAIL.fullmatch(text)
    if wrapped is not None and _mail_complaint(wrapped[1]) is None:
        sentence = "Around the address stands what does not belong to it."
        yield Problem(
            ProblemKind.MAIL_FORM, line.name, text[:_SHOWN], sentence, wrapped[1], is_safe=True
        )
        return
    yield Problem(ProblemKind.MAIL, line.name, text[:_SHOWN], f"No mail address: {complaint}")


def _mail_complaint(text: str) -> str | None:
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError as error:
        return str(error)
    return None


def _check_date(line: ContentLine, _country: str) -> Iterator[Problem]:
    if any(value.lower() == "text" for value in line.param_values("VALUE")):
        return
    text = text_value(line)
    complaint = date_complaint(text)
    if text.strip() and complaint is not None:
        sentence, proposal = complaint
        yield Problem(ProblemKind.DATE, line.name, text[:_SHOWN], sentence, proposal)


_CHECKS: dict[str, Callable[[ContentLine, str], Iterator[Problem]]] = {
    "TEL": _check_phone,
    "EMAIL": _check_mail,
    **dict.fromkeys(_DATES, _check_date),
}


def _check_capitals(lines: Sequence[ContentLine]) -> list[Problem]:
    """Return that the name of a person stands in capitals.

    The proposal is never safe: nobody can tell from ``MACDONALD`` how the family writes itself.
    """
    first = {line.name: line for line in reversed(lines)}
    name = first.get("FN")
    if name is None or _is_no_person(first):
        return []
    text = text_value(name).strip()
    words = [word for word in _WORD.findall(text) if len(word) > 1]
    if len(words) < 2 or text != text.upper() or text == text.lower():
        return []
    proposal = _WORD.sub(lambda word: word[0].capitalize(), text)
    sentence = "The name is written in capitals."
    return [Problem(ProblemKind.CAPITALS, "FN", text[:_SHOWN], sentence, proposal)]


def _is_no_person(first: dict[str, ContentLine]) -> bool:
    kind = first.get("KIND") or first.get("X-ADDRESSBOOKSERVER-KIND")
    if kind is not None and text_value(kind).strip().lower() != "individual":
        return True
    if "X-ABSHOWAS" in first and text_value(first["X-ABSHOWAS"]).strip().upper() == "COMPANY":
        return True
    if "ORG" not in first:
        return False
    organisation = unescape_text(split_structured(first["ORG"].text)[0]).strip()
    return organisation.upper() == text_value(first["FN"]).strip().upper()
