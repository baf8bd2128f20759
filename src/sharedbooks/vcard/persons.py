"""One person, known by a mail address, phone or name, looked for in cards and other texts."""

import re
from collections.abc import Callable, Collection, Iterator
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from sharedbooks.errors import InvalidPerson
from sharedbooks.vcard.contentlines import (
    ContentLine,
    content_lines,
    split_structured,
    text_value,
    unescape_text,
    unfold,
)
from sharedbooks.vcard.index import fold_text
from sharedbooks.vcard.phones import country_of, is_international, read_phone

REFERENCES = frozenset({"MEMBER", "X-ADDRESSBOOKSERVER-MEMBER", "RELATED"})
"""Properties by which a card names another one."""

_PHONE = re.compile(r"(?:tel:)?\+?[\d\s().\-/\u00a0]{5,}", re.IGNORECASE)
_NUMBER_IN_TEXT = re.compile(r"\+?\d[\d\s().\-/\u00a0]{4,30}\d")
_ESCAPED_MAILTO = re.compile(r"\s*+(?:mailto:)?\s*+(\S++)\s*+", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_URN = "urn:uuid:"
# Arabic, Persian and fullwidth digits in UTF-8.
_OTHER_DIGITS = re.compile(rb"\xd9[\xa0-\xa9]|\xdb[\xb0-\xb9]|\xef\xbc[\x90-\x99]")
_COMBINING = re.compile(r"[\u0300-\u036f]+")
_LONGEST_TEXT = 100_000
"""Characters of a value that are looked through; a longer one is a picture."""
_SHOWN = 200
_LAST_DIGITS = 6


class PersonKind(StrEnum):
    """By what a person is known."""

    MAIL = "mail"
    PHONE = "phone"
    NAME = "name"


class Found(NamedTuple):
    """Where in a card a person is.

    Attributes:
        name: the property.
        value: its value, cut.
        is_own: whether the card is the person's, not one that mentions them.
    """

    name: str
    value: str
    is_own: bool


class Person:
    """Whom one looks for.

    Attributes:
        kind: by what.
        text: as it was typed.
        key: the same for every spelling: address in lower case, number in E.164, or the words of
            the name without case, accents and order.
        country: of a phone; numbers of cards that could be of any country are read as of it.
    """

    def __init__(self, kind: PersonKind, text: str, key: str) -> None:
        self.kind = kind
        self.text = text
        self.key = key
        self.country = country_of(key) if kind is PersonKind.PHONE else ""

    def is_named(self, value: str, country: str = "") -> bool:
        """Tell whether ``value`` as a whole is this address, number or name."""
        return normalise(self.kind, value, country or self.country) == self.key

    def is_mentioned(self, text: str, country: str = "") -> bool:
        """Tell whether the person is somewhere in ``text``."""
        text = text[:_LONGEST_TEXT]
        if self.kind is not PersonKind.PHONE:
            return self._pattern.search(_plain(text)) is not None
        if not _digits(text).count(self.key[-_LAST_DIGITS:]):
            return False
        return any(self.is_named(match[0], country) for match in _NUMBER_IN_TEXT.finditer(text))

    def may_be_in(self, octets: bytes) -> bool:
        """Tell quickly whether it is worth the while to read a card."""
        flat = unfold(octets).lower()
        if b"quoted-printable" in flat:
            return True
        if flat.isascii() or self.kind is PersonKind.MAIL:
            return self._trace.search(flat) is not None
        if self.kind is PersonKind.PHONE:
            return self._trace.search(flat) is not None or _OTHER_DIGITS.search(flat) is not None
        return self._longest_word in _plain(flat.decode(errors="replace")[:_LONGEST_TEXT])

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        words = [re.escape(word) for word in _plain(self.text).split()]
        if self.kind is PersonKind.MAIL:
            # Names of cards may be made of addresses.
            return re.compile(rf"(?<![\w.+-]){re.escape(self.key)}(?!\w|[.-](?!vcf\b)\w)")
        return re.compile(r"(?<!\w)" + r"[\W_]+".join(words) + r"(?!\w)")

    @cached_property
    def _trace(self) -> re.Pattern[bytes]:
        if self.kind is PersonKind.PHONE:
            digits = [re.escape(digit.encode()) for digit in self.key[-_LAST_DIGITS:]]
            return re.compile(rb"[^0-9a-z]{0,6}".join(digits))
        return re.compile(re.escape(self._longest_word.encode()))

    @cached_property
    def _longest_word(self) -> str:
        words: list[str] = _WORD.findall(self.key)
        return max(words, key=len)


def parse_person(text: str, country: str = "") -> Person:
    """Return whom ``text`` means: an address if it has an ``@``, a phone, or else a name.

    Args:
        text: as typed.
        country: ISO 3166 code of a phone that does not name its country.

    Raises:
        InvalidPerson: nobody can be found by it.
    """
    text = " ".join(text.split())
    if "@" in text:
        kind = PersonKind.MAIL
    elif _PHONE.fullmatch(text):
        kind = PersonKind.PHONE
        if not country and not is_international(text):
            raise InvalidPerson(f"Say of which country {text!r} is: --country CH, or +41 in front.")
    else:
        kind = PersonKind.NAME
    key = normalise(kind, text, country)
    if len(key) < 3 or not _WORD.search(key):
        raise InvalidPerson(f"{text!r} is no mail address, phone or name that can be looked for.")
    return Person(kind, text, key)


def normalise(kind: PersonKind, value: str, country: str = "") -> str:
    """Return ``value`` in the form in which persons are compared; empty if it has none."""
    if kind is PersonKind.MAIL:
        match = _ESCAPED_MAILTO.fullmatch(_plain(value))
        return match[1].strip("<>") if match else ""
    if kind is PersonKind.PHONE:
        phone = read_phone(value, country)
        return "" if phone is None else phone.number
    return " ".join(sorted(_WORD.findall(_plain(value))))


def find_person(octets: bytes, person: Person, country: str) -> list[Found]:
    """Return where in a card a person is; of one property several values may match.

    Args:
        octets: the card.
        person: whom to look for.
        country: ISO 3166 code for phones that do not name their country; empty: the person's.
    """
    country = country or person.country
    if not person.may_be_in(octets):
        return []
    return [found for line in content_lines(octets) for found in _look(line, person, country)]


def _look(line: ContentLine, person: Person, country: str) -> Iterator[Found]:
    if line.is_base64 or len(line.raw_value) > _LONGEST_TEXT:
        return
    value = unescape_text(line.text)
    if line.name in _OWN[person.kind]:
        whole = _full_name(line) if line.name == "N" else value
        if person.is_named(whole, country):
            yield Found(line.name, value[:_SHOWN], is_own=True)
            return
    if person.is_mentioned(value, country):
        yield Found(line.name, value[:_SHOWN], is_own=False)


_OWN = {
    PersonKind.MAIL: frozenset({"EMAIL"}),
    PersonKind.PHONE: frozenset({"TEL"}),
    PersonKind.NAME: frozenset({"FN", "N"}),
}


def _full_name(line: ContentLine) -> str:
    return " ".join(unescape_text(part) for part in split_structured(line.text)[:2])


def without_references(
    octets: bytes, uids: Collection[str], is_person: Callable[[str], bool]
) -> bytes:
    """Return a card without the lines that name one of some other cards, or a person.

    Args:
        octets: the card.
        uids: UIDs of the other cards, as ``plain_uid`` gives them.
        is_person: asked for each address or number by which a line names somebody.
    """
    kept = []
    for line in content_lines(octets):
        if line.name in REFERENCES:
            value = text_value(line).strip()
            if plain_uid(value) in uids or is_person(value):
                continue
        kept.append(line.octets)
    return b"".join(kept)


def plain_uid(text: str) -> str:
    """Return a UID as it is compared: without ``urn:uuid:``, in lower case."""
    return text.strip().lower().removeprefix(_URN)


def _plain(text: str) -> str:
    """Return ``text`` without case and accents."""
    folded = fold_text(text)
    if folded.isascii():
        return folded
    return _COMBINING.sub("", folded)


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdecimal())
