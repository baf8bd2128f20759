"""What of a card tells whom it is of, in a form that compares: names, numbers, dates, places."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sharedbooks.matching.names import Name, names_of, read_company
from sharedbooks.matching.phones import normalise_phone
from sharedbooks.matching.text import fold_words
from sharedbooks.vcard.contentlines import (
    ContentLine,
    content_lines,
    split_structured,
    text_value,
    unescape_text,
)
from sharedbooks.vcard.dates import parse_moment

MAX_VALUES = 12
"""So many numbers, mails or addresses of a card are looked at; a hostile one has thousands."""

_MAX_TEXT = 200
_PLUS_TAG = re.compile(r"\+[^@]*(?=@)")
_HOUSE_NUMBER = re.compile(r"\b\d+[a-z]?\b")
_NO_YEAR = "1604"


class Place(NamedTuple):
    """A postal address: folded words, the house number apart.

    Attributes:
        street: without the number.
        number: house number with its letter.
        locality: town or suburb.
        postcode: as folded, without spaces.
    """

    street: str
    number: str
    locality: str
    postcode: str


class Features(NamedTuple):
    """What of a card is compared. Everything is folded; JSON takes it as it is.

    Attributes:
        names: the ways the card says the name, at most four; the first is the main one.
        suffix: ``jr``, ``sr``, ``ii`` …; empty where there is none.
        company: whether the card is of a company, and ``organisation`` its name.
        organisation: without its legal form.
        phones: as ``normalise_phone`` gives them.
        mails: in lower case, without ``+tag``.
        birthday: ``YYYYMMDD``, ``--MMDD`` without a year, or empty.
        places: postal addresses.
    """

    names: Sequence[Name]
    suffix: str
    company: bool
    organisation: str
    phones: Sequence[str]
    mails: Sequence[str]
    birthday: str
    places: Sequence[Place]


_LOOKED_AT = frozenset(
    {
        *("N", "FN", "NICKNAME", "ORG", "TEL", "EMAIL", "BDAY", "ADR", "KIND", "X-MAIDENNAME"),
        *("X-ABSHOWAS", "X-PHONETIC-FIRST-NAME", "X-PHONETIC-LAST-NAME"),
    }
)


def read_features(octets: bytes, country: str = "") -> Features:
    """Return what of a card is compared.

    Args:
        octets: a vCard that is well-formed, of any version.
        country: two-letter code of the country that national phone numbers are of, or empty.

    Raises:
        InvalidCard: the octets are no content lines.
    """
    lines: dict[str, list[ContentLine]] = {}
    for line in content_lines(octets):
        if line.name in _LOOKED_AT:
            lines.setdefault(line.name, []).append(line)
    found = names_of(
        _components(lines, "N"),
        _text(lines, "FN"),
        nickname=_text(lines, "NICKNAME"),
        maiden_name=_text(lines, "X-MAIDENNAME"),
        phonetic=(_text(lines, "X-PHONETIC-FIRST-NAME"), _text(lines, "X-PHONETIC-LAST-NAME")),
    )
    organisation = (_components(lines, "ORG") or [""])[0]
    company = _is_company(lines, organisation)
    if company:
        organisation = organisation or _text(lines, "FN") or " ".join(_components(lines, "N"))
    return Features(
        names=[] if company else found.names,
        suffix=found.suffix,
        company=company,
        organisation=read_company(organisation),
        phones=_each(lines, "TEL", lambda text: normalise_phone(text, country)),
        mails=_each(lines, "EMAIL", _mail),
        birthday=_birthday(_text(lines, "BDAY")),
        places=[place for line in lines.get("ADR", [])[:MAX_VALUES] if any(place := _place(line))],
    )


def _text(lines: dict[str, list[ContentLine]], name: str) -> str:
    found = lines.get(name)
    return text_value(found[0])[:_MAX_TEXT].strip() if found else ""


def _components(lines: dict[str, list[ContentLine]], name: str) -> list[str]:
    found = lines.get(name)
    if not found:
        return []
    return [unescape_text(part).strip() for part in split_structured(found[0].text[:_MAX_TEXT])]


def _each(lines: dict[str, list[ContentLine]], name: str, read: Callable[[str], str]) -> list[str]:
    values = (read(text_value(line)[:_MAX_TEXT]) for line in lines.get(name, [])[:MAX_VALUES])
    return list(dict.fromkeys(filter(None, values)))


def _is_company(lines: dict[str, list[ContentLine]], organisation: str) -> bool:
    if _text(lines, "X-ABSHOWAS").upper() == "COMPANY" or _text(lines, "KIND").lower() == "org":
        return True
    if any(_components(lines, "N")[:2]):
        return False
    shown = _text(lines, "FN")
    return bool(organisation) and (not shown or fold_words(shown) == fold_words(organisation))


def _mail(text: str) -> str:
    address = _PLUS_TAG.sub("", text.strip().lower().removeprefix("mailto:"))
    local, at, domain = address.rpartition("@")
    if domain in {"gmail.com", "googlemail.com"}:
        # Google delivers them all to the same person.
        return f"{local.replace('.', '')}@gmail.com"
    return address if at and local else ""


def _birthday(text: str) -> str:
    moment = parse_moment(text)
    if moment is None:
        return ""
    # Apple's year for dates without one.
    year = moment.year if moment.year and moment.year != _NO_YEAR else "--"
    return f"{year}{moment.month}{moment.day}"


def _place(line: ContentLine) -> Place:
    parts = [unescape_text(part) for part in split_structured(line.text[: 4 * _MAX_TEXT])]
    _, extended, street, locality, _, postcode, *_ = [*parts, *[""] * 7]
    words = fold_words(street or extended)
    number = _HOUSE_NUMBER.search(words)
    return Place(
        street=" ".join(_HOUSE_NUMBER.sub(" ", words).split()),
        number=number[0] if number else "",
        locality=fold_words(locality),
        postcode=fold_words(postcode).replace(" ", ""),
    )
