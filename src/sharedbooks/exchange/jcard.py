"""jCard files (RFC 7095): one card, or an array of them, read one at a time."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from sharedbooks.errors import CardTooLarge, InvalidCard, UnsupportedCard
from sharedbooks.exchange.records import BadRecord, Place, Record
from sharedbooks.exchange.vcf import read_card
from sharedbooks.vcard.contentlines import escape_text
from sharedbooks.vcard.dates import parse_moment
from sharedbooks.vcard.jcard import DEFAULT_TYPES, LISTS, STRUCTURED, UNKNOWN
from sharedbooks.vcard.properties import Params, Property, write_property

_MAX_ELEMENT = 32 * 1024 * 1024
_MARK = re.compile(r'["\\\[\]{}]')
_NAME = re.compile(r"[A-Za-z0-9-]{1,255}")
_MOMENTS = frozenset({"date", "date-time", "date-and-or-time", "timestamp"})
_PART = re.compile(r"(--\d\d)-(\d\d)|(\d\d):(\d\d)(?::(\d\d))?", re.ASCII)


def read_jcards(chunks: Iterable[bytes], *, max_card_size: int) -> Iterator[Record | BadRecord]:
    """Yield the cards of a jCard file; they are kept as vCard 4.0.

    Args:
        chunks: the octets of the file, in UTF-8.
        max_card_size: largest card that is kept, in octets.
    """
    for number, text in enumerate(_elements(chunks), start=1):
        place = Place("card", number)
        try:
            octets = from_jcard(text)
            yield read_card(octets, place, max_card_size=max_card_size)
        except (InvalidCard, CardTooLarge, UnsupportedCard) as error:
            yield BadRecord(place, str(error), (text[:2000],))


def _elements(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the text of each card: of every array in the outer one, or of the file as a whole."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    scanner = _Scanner()
    for chunk in chunks:
        yield from scanner.feed(decoder.decode(chunk))
    if scanner.depth > 0:
        yield "".join(scanner.parts)


class _Scanner:
    """Follows brackets and strings of JSON from chunk to chunk, to know where a card ends."""

    def __init__(self) -> None:
        self.depth = 0
        self.parts: list[str] = []
        self._size = 0
        self._in_string = False
        self._escaped_at = -1
        self._is_one = False
        self._is_array = False

    def feed(self, text: str) -> Iterator[str]:
        """Yield the cards that end in this piece of the file."""
        start = 0
        for mark in _MARK.finditer(text):
            if mark.start() == self._escaped_at:
                continue
            if self._in_string:
                self._pass_in_string(mark)
            elif mark[0] == '"':
                self._in_string = True
                # A single card has its name there, an array of cards another array.
                self._is_one = self._is_one or (self.depth == 1 and not self._is_array)
            elif mark[0] in "[{":
                self.depth += 1
                if self.depth == 2 and not self._is_one:
                    self._is_array = True
                    self.parts, self._size, start = [], 0, mark.start()
            elif mark[0] in "]}":
                self.depth -= 1
                if self.depth == (0 if self._is_one else 1):
                    yield "".join([*self.parts, text[start : mark.end()]])
                    self.parts, self._size, start = [], 0, mark.end()
        self._escaped_at -= len(text)
        self._size += len(text) - start
        if self._size <= _MAX_ELEMENT:
            self.parts.append(text[start:])

    def _pass_in_string(self, mark: re.Match[str]) -> None:
        if mark[0] == "\\":
            self._escaped_at = mark.end()
        elif mark[0] == '"':
            self._in_string = False


def from_jcard(text: str) -> bytes:
    """Return a jCard as a card of vCard 4.0.

    Raises:
        InvalidCard: it is no jCard (RFC 7095, section 3.2).
    """
    try:
        card = json.loads(text)
        kind, properties = card[0], card[1]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise InvalidCard("It is no jCard: no JSON array of a name and properties.") from None
    if not isinstance(kind, str) or kind.lower() != "vcard" or not isinstance(properties, list):
        raise InvalidCard("It is no jCard: its first element is not 'vcard'.")
    lines = [write_property(_property(each), "4.0") for each in properties if not _is_version(each)]
    return b"".join([b"BEGIN:VCARD\r\nVERSION:4.0\r\n", *lines, b"END:VCARD\r\n"])


def _is_version(element: Any) -> bool:
    return isinstance(element, list) and bool(element) and str(element[0]).lower() == "version"


def _property(element: Any) -> Property:
    if not isinstance(element, list) or len(element) < 4 or not isinstance(element[1], dict):
        raise InvalidCard("A property is no array of name, parameters, type and value.")
    raw_name, raw_params, value_type, *values = element
    if not isinstance(raw_name, str) or not _NAME.fullmatch(raw_name):
        raise InvalidCard(f"{str(raw_name)[:40]!r} is no name of a property.")
    name = raw_name.upper()
    params: Params = tuple(
        (str(key).upper(), tuple(map(str, value if isinstance(value, list) else [value])))
        for key, value in raw_params.items()
        if str(key).lower() != "group"
    )
    value_type = str(value_type).lower()
    if value_type not in {DEFAULT_TYPES.get(name, UNKNOWN), UNKNOWN}:
        params = (*params, ("VALUE", (value_type,)))
    group = raw_params.get("group")
    is_group = isinstance(group, str) and _NAME.fullmatch(group)
    return Property(name, _value(name, value_type, values), params, group if is_group else None)


def _value(name: str, value_type: str, values: list[Any]) -> str:
    if name in STRUCTURED:
        parts = values[0] if isinstance(values[0], list) else [values[0]]
        return ";".join(_component(part) for part in parts)
    if name in LISTS or (value_type == "text" and len(values) > 1):
        return ",".join(escape_text(str(each)) for each in values)
    return ",".join(_single(value_type, each) for each in values)


def _component(part: Any) -> str:
    return ",".join(escape_text(str(each)) for each in (part if isinstance(part, list) else [part]))


def _single(value_type: str, value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    text = str(value)
    if value_type == "text":
        return escape_text(text)
    if value_type in _MOMENTS:
        moment = parse_moment(text)
        return moment.basic() if moment else _PART.sub(_basic, text)
    if value_type == "time":
        return _PART.sub(_basic, text)
    return text.replace(":", "") if value_type == "utc-offset" else text


def _basic(match: re.Match[str]) -> str:
    return "".join(part for part in match.groups() if part)
