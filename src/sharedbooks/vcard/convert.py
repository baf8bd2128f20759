"""Cards in the version that a request asks for: vCard 3.0 said in 4.0, and 4.0 in 3.0."""

import re
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sharedbooks.errors import InvalidCard, UnsupportedCard
from sharedbooks.vcard.card import inspect_card
from sharedbooks.vcard.contentlines import ContentLine, escape_text, text_value
from sharedbooks.vcard.dialects import ONE_IN_30, RULES_30, RULES_40
from sharedbooks.vcard.properties import (
    Params,
    Property,
    card_lines,
    convert_params,
    read_head,
    read_property,
    write_property,
)
from sharedbooks.vcard.surroundings import Surroundings, look_around

CONVERTIBLE = ("3.0", "4.0")
"""The versions that cards are converted between."""

_RULES = {"3.0": RULES_30, "4.0": RULES_40}
_BEGINNING = re.compile(rb"BEGIN:VCARD\r?\nVERSION:([34]\.0)\r?\n")


class Piece(NamedTuple):
    """What becomes of a line.

    Attributes:
        source: the line, or None for what only the other version needs.
        octets: the line in the other version: one or several lines.
    """

    source: ContentLine | None
    octets: bytes


def to_version(octets: bytes, version: str) -> bytes:
    """Return a card as ``version`` (3.0 or 4.0) says it; a card of that version as it is.

    Lines that both versions say alike keep their octets, all others are folded and end in CRLF. The
    same card always gives the same octets. The UID stays the same string, ``urn:uuid:`` or not:
    clients and groups know a card by it.

    Going from 3.0 to 4.0 loses nothing. Going to 3.0 leaves out what neither RFC 2426 nor Apple has
    words for, such as LANG, PID, or a birthday that is only a year: ``merge.merge_edit`` puts it
    back when a client returns the card.

    Raises:
        InvalidCard: the octets are not one vCard.
        UnsupportedCard: the card is vCard 2.1, or ``version`` is neither 3.0 nor 4.0.
    """
    if version not in CONVERTIBLE:
        raise UnsupportedCard(f"vCard {version[:40]} cannot be made, only 3.0 and 4.0.")
    beginning = _BEGINNING.match(octets)
    if beginning and beginning[1].decode() == version:
        return octets
    lines = card_lines(octets)
    if stated_version(lines) == version:
        return octets
    return b"".join(piece.octets for piece in convert_lines(lines, version))


def stated_version(lines: Sequence[ContentLine]) -> str:
    """Return the version of a card: 3.0 or 4.0; 3.0 if it names none.

    Raises:
        InvalidCard: the version is not one there is.
        UnsupportedCard: the card is vCard 2.1.
    """
    line = next((line for line in lines if line.name == "VERSION"), None)
    version = line.text.strip() if line else "3.0"
    if version == "2.1":
        raise UnsupportedCard("vCard 2.1 cannot be converted.")
    if version not in CONVERTIBLE:
        raise InvalidCard(f"VERSION {version[:40]!r} is not one of 2.1, 3.0 and 4.0.")
    return version


def convert_lines(lines: Sequence[ContentLine], version: str) -> list[Piece]:
    """Return the lines of a card of the other version as ``version`` says them, in order.

    Args:
        lines: the lines of the whole card, as ``card_lines`` gives them.
        version: 3.0 or 4.0, whichever the card is not.
    """
    around = look_around(lines)
    names = around.claimed
    begin, *body, end = lines
    pieces = [
        Piece(begin, begin.octets),
        Piece(None, b"VERSION:" + version.encode() + b"\r\n"),
    ]
    if "FN" not in names:
        pieces.append(_made_name("FN", lines, version))
    if version == "4.0":
        pieces += _body_40(body, around)
    else:
        if "N" not in names:
            pieces.append(_made_name("N", lines, version))
        pieces += _body_30(body, around)
    pieces.append(Piece(end, end.octets))
    return pieces


def _made_name(name: str, lines: Sequence[ContentLine], version: str) -> Piece:
    """Return the FN or N that a version wants and the card lacks.

    The whole name goes into the first component of N: Apple makes FN anew from N, and where a name
    would have to be split depends on the language.
    """
    text = escape_text(inspect_card(b"".join(line.octets for line in lines)).display_name)
    value = text if name == "FN" else f"{text};;;;"
    return Piece(None, write_property(Property(name, value), version))


def _body_30(body: Sequence[ContentLine], around: Surroundings) -> list[Piece]:
    pieces = []
    shown: set[tuple[str, ...]] = set()
    for line in body:
        if line.name == "VERSION":
            continue
        if line.name in ONE_IN_30 or b"ALTID" in line.head.upper():
            # 3.0 has no alternatives (RFC 6350, section 5.4): it would take them for several.
            alternative = [] if line.name in ONE_IN_30 else line.param_values("ALTID")
            key = (line.name, *alternative)
            if key in shown:
                continue
            shown.add(key)
        octets = _convert(line, "3.0", around)
        if octets:
            pieces.append(Piece(line, octets))
    return pieces


def _body_40(body: Sequence[ContentLine], around: Surroundings) -> list[Piece]:
    additions = _additions(body, around.claimed)
    pieces = []
    for line in body:
        addition = additions.get(line.line, ())
        if line.name == "VERSION" or addition is None:
            continue
        octets = _convert(line, "4.0", around, addition)
        if octets:
            pieces.append(Piece(line, octets))
    if around.absorbed:
        pieces = [piece for piece in pieces if not _is_absorbed(piece.source, around.absorbed)]
    return pieces


def _is_absorbed(line: ContentLine | None, absorbed: set[str]) -> bool:
    if line is None or line.name != "X-ABLABEL" or line.prop_group is None:
        return False
    return line.prop_group.lower() in absorbed


def _convert(line: ContentLine, version: str, around: Surroundings, addition: Params = ()) -> bytes:
    """Return a line in ``version``, with ``addition`` in its parameters; empty if left out."""
    source = "3.0" if version == "4.0" else "4.0"
    rule = _RULES[version].get(line.name)
    head = read_head(line.head, source)
    is_plain = head.is_kept and not addition
    if rule is None and is_plain:
        return line.octets
    before = read_property(line, source)
    written = []
    for after in rule(before, around) if rule else [before]:
        if is_plain and after == before:
            written.append(line.octets)
        else:
            params = (*convert_params(after.params, version), *addition)
            written.append(write_property(after._replace(params=params), version))
    return b"".join(written)


def _additions(body: Sequence[ContentLine], names: set[str]) -> dict[int, Params | None]:
    """Return what 4.0 says in a parameter of another line, by the number of that line.

    The lines of 3.0 that are said so, LABEL and SORT-STRING, have None.
    """
    additions: dict[int, Params | None] = {}
    if "SORT-STRING" in names and "N" in names:
        sort_string, name = (_first(body, wanted) for wanted in ("SORT-STRING", "N"))
        additions[sort_string.line] = None
        additions[name.line] = (("SORT-AS", (text_value(sort_string),)),)
    if "LABEL" in names:
        for line, address in _labelled_addresses(body):
            additions[line.line] = None
            additions[address.line] = (("LABEL", (text_value(line),)),)
    return additions


def _first(lines: Sequence[ContentLine], name: str) -> ContentLine:
    return next(line for line in lines if line.name == name)


def _labelled_addresses(
    body: Sequence[ContentLine],
) -> Iterator[tuple[ContentLine, ContentLine]]:
    """Yield each LABEL with the ADR it belongs to; one that has none is left out.

    RFC 2426, section 3.2.2, ties them by nothing but TYPE: of several such addresses it is the one
    right before the LABEL, else the first.
    """
    waiting: dict[frozenset[str], OrderedDict[int, ContentLine]] = defaultdict(OrderedDict)
    for line in body:
        if line.name == "ADR" and not line.param_values("LABEL"):
            waiting[_types(line)][line.line] = line
    before = 0
    for line in body:
        if line.name == "LABEL":
            alike = waiting[_types(line)]
            if alike:
                address = alike.pop(before, None) or alike.popitem(last=False)[1]
                yield line, address
        before = line.line


def _types(line: ContentLine) -> frozenset[str]:
    types = {value.upper() for value in read_property(line, "3.0").types()}
    return frozenset(types - {"PREF"})
