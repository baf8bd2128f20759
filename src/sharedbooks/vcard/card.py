"""A card as a whole: whether its octets are exactly one vCard, and what the server must know."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sharedbooks.errors import InvalidCard
from sharedbooks.vcard.contentlines import (
    ContentLine,
    content_lines,
    escape_text,
    fold,
    split_structured,
    text_value,
    unescape_text,
    unfold,
)
from sharedbooks.vcard.index import CUT_MARK, IndexedProperty, index_line

VERSIONS = frozenset({"2.1", "3.0", "4.0"})

MAX_DISPLAY_NAME_LENGTH = 255
"""Longest display name in characters; a longer one is cut."""

MAX_KIND_LENGTH = 64
"""Longest kind in characters; a longer one is cut."""

MAX_INDEXED_PROPERTIES = 1000
"""Rows one card may have in the search index: a hostile card could have a million."""

MAX_LINES = 100_000
"""Content lines of a card that is taken: the group of all cards in a large book has as many."""

MAX_PARAMETERS = 1000
"""Semicolons and commas in the parameters of a line that is taken."""

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the server knows of a card besides its octets.

    Attributes:
        version: ``"2.1"``, ``"3.0"`` or ``"4.0"``; ``"3.0"`` for a card that names none.
        card_uid: the first UID, trimmed and unescaped, of any length; None if missing or empty.
        display_name: FN, else made from N, ORG, EMAIL or TEL, else empty; one line.
        kind: ``"individual"``, ``"group"``, ``"org"`` … in lower case; from KIND, else from Apple's
            X-ADDRESSBOOKSERVER-KIND.
        properties: the rows of the search index, in the order of the card.
    """

    version: str
    card_uid: str | None
    display_name: str
    kind: str
    properties: tuple[IndexedProperty, ...]


def inspect_card(octets: bytes) -> CardFacts:
    """Check that ``octets`` are exactly one vCard and return what the server must know of it.

    Only the frame is checked (RFC 6350, section 3.3), never whether properties make sense: what a
    client sent is kept. A byte order mark at the start, blank lines, and a missing VERSION, FN or
    UID are fine. vCard 2.1 is read as well; whether it may be stored is not decided here.

    Raises:
        InvalidCard: the octets are not one vCard; with the line where known.
    """
    _refuse_unreadable(octets)
    lines = content_lines(octets)
    _expect_begin(next(lines))
    first: dict[str, ContentLine] = {}
    properties: list[IndexedProperty] = []
    for number, line in enumerate(lines):
        name = line.name
        if name in {"BEGIN", "END"}:
            _expect_end(line)
            break
        _refuse_excess(line, number)
        if name not in first:
            first[name] = line
        if len(properties) < MAX_INDEXED_PROPERTIES:
            properties += index_line(line)
    else:
        raise InvalidCard("The vCard has no END:VCARD.")
    _refuse_trailing(lines)
    version = _version(first)
    _refuse_undecodable(octets, version)
    return CardFacts(
        version=version,
        card_uid=_text(first, "UID") or None,
        display_name=_display_name(first)[:MAX_DISPLAY_NAME_LENGTH].rstrip(),
        kind=_kind(first)[:MAX_KIND_LENGTH],
        properties=_limited(properties),
    )


def _limited(properties: list[IndexedProperty]) -> tuple[IndexedProperty, ...]:
    if len(properties) < MAX_INDEXED_PROPERTIES:
        return tuple(properties)
    # Search must know that the index does not say all there is in this card.
    return (*properties[: MAX_INDEXED_PROPERTIES - 1], IndexedProperty(CUT_MARK, ""))


def with_uid(octets: bytes, card_uid: str) -> bytes:
    """Return the card with a ``UID`` line after its VERSION, or after BEGIN if it has no VERSION.

    Every other octet stays, and the new line ends as the card's first line does. For cards whose
    ``card_uid`` is None (RFC 6352, section 5.1 wants a UID in every stored card).

    Raises:
        InvalidCard: the octets are no vCard.
    """
    position = 0
    after_begin = 0
    for line in content_lines(octets):
        position += len(line.octets)
        if line.name == "VERSION":
            break
        after_begin = after_begin or position
    else:
        position = after_begin
    begin, newline, _ = octets.lstrip(_BOM + b" \t\r\n").partition(b"\n")
    if not newline:
        raise InvalidCard("The vCard has no END:VCARD.")
    line_end = b"\r\n" if begin.endswith(b"\r") else b"\n"
    uid_line = fold(b"UID:" + escape_text(card_uid).encode(), line_end) + line_end
    return octets[:position] + uid_line + octets[position:]


def _refuse_unreadable(octets: bytes) -> None:
    if not octets.removeprefix(_BOM).strip():
        raise InvalidCard("The body is empty: it must be one vCard.")
    nul = octets.find(b"\0")
    if nul >= 0:
        line = octets.count(b"\n", 0, nul) + 1
        raise InvalidCard(f"Line {line} holds a NUL octet.", line=line)


def _component(line: ContentLine) -> str:
    return line.raw_value.strip().decode("latin-1").upper()


def _expect_begin(line: ContentLine) -> None:
    if line.name != "BEGIN":
        raise InvalidCard("The body does not begin with BEGIN:VCARD.", line=line.line)
    if _component(line) != "VCARD":
        raise InvalidCard(f"The body is a {_component(line)[:40]}, not a vCard.", line=line.line)


def _expect_end(line: ContentLine) -> None:
    component = _component(line)
    if line.name == "BEGIN":
        what = "a second vCard begins" if component == "VCARD" else f"a {component[:40]} begins"
        raise InvalidCard(f"In line {line.line} {what} before END:VCARD.", line=line.line)
    if component != "VCARD":
        raise InvalidCard(f"Line {line.line} should be END:VCARD.", line=line.line)


def _refuse_excess(line: ContentLine, number: int) -> None:
    if number >= MAX_LINES:
        raise InvalidCard(f"The vCard has more than {MAX_LINES} properties.", line=line.line)
    head = line.head
    if len(head) > MAX_PARAMETERS and head.count(b";") + head.count(b",") > MAX_PARAMETERS:
        raise InvalidCard(
            f"Line {line.line} has more than {MAX_PARAMETERS} parameters.", line=line.line
        )


def _refuse_trailing(lines: Iterator[ContentLine]) -> None:
    line = next(lines, None)
    if line is None:
        return
    if line.name == "BEGIN":
        raise InvalidCard(
            f"In line {line.line} another component begins: a body is one vCard.", line=line.line
        )
    raise InvalidCard(f"Line {line.line} stands after END:VCARD.", line=line.line)


def _version(first: Mapping[str, ContentLine]) -> str:
    line = first.get("VERSION")
    if line is None:
        return "3.0"
    version = line.text.strip()
    if version not in VERSIONS:
        raise InvalidCard(
            f"VERSION {version[:40]!r} is not one of 2.1, 3.0 and 4.0.", line=line.line
        )
    return version


def _refuse_undecodable(octets: bytes, version: str) -> None:
    try:
        octets.decode()
    except UnicodeDecodeError:
        # Lines one by one: a fold inside a character, or the charset of a 2.1 line, explains it.
        for line in content_lines(octets):
            _refuse_undecodable_line(line, version)


def _refuse_undecodable_line(line: ContentLine, version: str) -> None:
    charset = line.charset if version == "2.1" else None
    try:
        unfold(line.octets).decode(charset or "utf-8")
    except (UnicodeDecodeError, LookupError):
        expected = charset or "UTF-8"
        hint = "" if charset or version != "2.1" else " and names no CHARSET"
        raise InvalidCard(f"Line {line.line} is not {expected}{hint}.", line=line.line) from None


def _text(first: Mapping[str, ContentLine], name: str) -> str:
    line = first.get(name)
    return text_value(line).strip() if line else ""


def _kind(first: Mapping[str, ContentLine]) -> str:
    kind = _text(first, "KIND") or _text(first, "X-ADDRESSBOOKSERVER-KIND")
    return kind.lower() or "individual"


def _display_name(first: Mapping[str, ContentLine]) -> str:
    name = " ".join(_text(first, "FN").split())
    if name:
        return name
    family, given, additional, prefix, suffix, *_ = [*_parts(first, "N"), "", "", "", "", ""]
    name = " ".join(part for part in (prefix, given, additional, family, suffix) if part)
    if name:
        return name
    name = ", ".join(part for part in _parts(first, "ORG") if part)
    return name or " ".join((_text(first, "EMAIL") or _text(first, "TEL")).split())


def _parts(first: Mapping[str, ContentLine], name: str) -> list[str]:
    line = first.get(name)
    if line is None:
        return []
    return [" ".join(unescape_text(part).split()) for part in split_structured(line.text)]
