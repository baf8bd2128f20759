"""What an entry of a directory looks like as a vCard 4.0.

4.0 has a word for everything there is to say here (RELATED, KIND, MEMBER, media types), and every
client gets its own version of it, see ``vcard.convert``. The same entry always gives the same
octets: no moment is in them, and values, which a directory gives in any order, are sorted. So an
entry that did not change leaves its card with the ETag it had.
"""

import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sharedbooks.config.card_mapping import COMPONENTS, CardLine, Source
from sharedbooks.directory.entries import Entry
from sharedbooks.directory.values import (
    BadEntry,
    date_value,
    texts_of,
    web_address,
)
from sharedbooks.vcard.contentlines import escape_text
from sharedbooks.vcard.properties import Params, Property, write_property

_VERSION = "4.0"
# Makes UIDs of ids that are none; arbitrary, the same in every version.
_ENTRY_UIDS = uuid.UUID("2c9d3d64-5f0e-4a44-9c1b-0d5a5e0b7f61")

_IMAGES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
}
_ONE_VALUE = frozenset({"FN", "N", "ADR", "ORG", "BDAY", "ANNIVERSARY", "NOTE"})
_LISTS = frozenset({"NICKNAME", "CATEGORIES"})
_URIS = frozenset({"URL", "IMPP"})


@dataclass(frozen=True, slots=True)
class Relation:
    """Whom an entry names by DN: a name for people and, if they are in the book, their card."""

    name: str
    card_uid: str | None


Resolve = Callable[[str], Relation]
"""Tells who a DN is."""


@lru_cache(maxsize=16384)
def card_uid(source_id: str) -> str:
    """Return the UID of the card of the entry with that stable id: a UUID as it is usually written.

    Clients find the members of a contact group by it, for which ``urn:uuid:`` goes before it.
    """
    try:
        return str(uuid.UUID(source_id))
    except ValueError:
        return str(uuid.uuid5(_ENTRY_UIDS, source_id))


def entry_name(entry: Entry, lines: Sequence[CardLine]) -> str:
    """Return what the card of an entry is called: its FN, else given and family name.

    Raises:
        BadEntry: it has neither, or it cannot be read.
    """
    for name, order in (("FN", (0,)), ("N", (1, 0))):
        for line in lines:
            if line.name == name:
                values = [_component(entry, line.components, place) for place in order]
                text = " ".join(" ".join(values).split())
                if text:
                    return text
    raise BadEntry("It has no name.")


def person_card(entry: Entry, source_id: str, lines: Sequence[CardLine], resolve: Resolve) -> bytes:
    """Return the card of a person, as ``lines`` map attributes to properties.

    Raises:
        BadEntry: the entry has no name, or text that is not UTF-8.
    """
    properties = [
        Property("UID", escape_text(card_uid(source_id))),
        Property("FN", escape_text(entry_name(entry, lines))),
    ]
    for line in lines:
        if line.name != "FN":
            properties += _properties(entry, line, resolve)
    return _card(properties)


def group_card(source_id: str, name: str, member_uids: Sequence[str]) -> bytes:
    """Return a contact group (RFC 6350, sections 6.1.4 and 6.6.5) of the cards with those UIDs."""
    return _card(
        [
            Property("UID", escape_text(card_uid(source_id))),
            Property("FN", escape_text(name)),
            Property("KIND", "group"),
            *(Property("MEMBER", f"urn:uuid:{uid}") for uid in sorted(set(member_uids))),
        ]
    )


def related_dn(entry: Entry, lines: Sequence[CardLine]) -> str | None:
    """Return the DN of whom an entry names as its manager, or None."""
    for line in lines:
        if line.name == "RELATED":
            return next(iter(_texts(entry, line.components[0])), None)
    return None


def _card(properties: Sequence[Property]) -> bytes:
    frame = [Property("BEGIN", "VCARD"), Property("VERSION", _VERSION)]
    whole = [*frame, *properties, Property("END", "VCARD")]
    return b"".join(write_property(prop, _VERSION) for prop in whole)


def _properties(entry: Entry, line: CardLine, resolve: Resolve) -> Iterator[Property]:
    if line.name in COMPONENTS:
        yield from _structured(entry, line)
        return
    sources = line.components[0]
    if line.name == "PHOTO":
        yield from _photo(entry, sources)
        return
    texts = _texts(entry, sources)
    if line.name == "RELATED":
        yield from (_related(line.params, resolve(dn)) for dn in texts[:1])
    elif line.name in {"BDAY", "ANNIVERSARY"}:
        yield from (_date(line, text) for text in texts[:1])
    elif line.name in _LISTS and texts:
        yield Property(line.name, ",".join(map(escape_text, texts)), line.params)
    else:
        for text in texts[:1] if line.name in _ONE_VALUE else texts:
            value = web_address(text) if line.name in _URIS else escape_text(text)
            if value:
                yield Property(line.name, value, line.params)


def _structured(entry: Entry, line: CardLine) -> Iterator[Property]:
    values = [_component(entry, line.components, place) for place in range(len(line.components))]
    if line.name != "ORG":
        values += [""] * (COMPONENTS[line.name] - len(values))
    escaped = [escape_text(value) for value in values]
    if line.name == "ORG":
        while escaped and not escaped[-1]:
            escaped.pop()
    if any(escaped):
        yield Property(line.name, ";".join(escaped), line.params)


def _component(entry: Entry, components: Sequence[tuple[Source, ...]], place: int) -> str:
    if place >= len(components):
        return ""
    return next(iter(_texts(entry, components[place])), "")


def _texts(entry: Entry, sources: Sequence[Source]) -> list[str]:
    """Return the values of the first source that has any, in an order of their own."""
    for source in sources:
        texts = [source.text] if source.text else texts_of(entry, source.attribute)
        if texts:
            return texts
    return []


def _photo(entry: Entry, sources: Sequence[Source]) -> Iterator[Property]:
    for source in sources:
        for octets in sorted(entry.attributes.get(source.attribute, ())):
            media_type = _media_type(octets)
            if media_type is not None:
                value = f"data:{media_type};base64,{b64encode(octets).decode()}"
                yield Property("PHOTO", value)
                return


def _media_type(octets: bytes) -> str | None:
    if octets[:4] == b"RIFF" and octets[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _IMAGES.items() if octets.startswith(start)), None)


def _related(params: Params, relation: Relation) -> Property:
    # The name, since phones show what they find here. The card stands beside it for programs.
    link = () if relation.card_uid is None else (("X-UID", (relation.card_uid,)),)
    value = (("VALUE", ("text",)),)
    return Property("RELATED", escape_text(relation.name), (*params, *value, *link))


def _date(line: CardLine, text: str) -> Property:
    date = date_value(text)
    if date is None:
        return Property(line.name, escape_text(text), (*line.params, ("VALUE", ("text",))))
    return Property(line.name, date, line.params)
