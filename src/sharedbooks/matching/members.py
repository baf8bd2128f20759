"""References to cards by UID: the members of groups, and who is related to whom."""

from collections.abc import Set as AbstractSet

from sharedbooks.vcard.convert import stated_version
from sharedbooks.vcard.persons import REFERENCES, plain_uid
from sharedbooks.vcard.properties import Property, card_lines, read_property, write_property

_URN = "urn:uuid:"


def refer_to(octets: bytes, gone: AbstractSet[str], kept: str | None) -> bytes:
    """Return a card in which every reference to a card that is gone names the kept one.

    A member that is named already is not named twice. All other lines keep their octets.

    Args:
        octets: the card that refers.
        gone: UIDs of the cards that are gone, as ``plain_uid`` gives them.
        kept: UID of the card that took their place; None: the references go.

    Raises:
        InvalidCard: the octets are no vCard.
    """
    lines = card_lines(octets)
    version = stated_version(lines)
    props = {line.line: read_property(line, version) for line in lines if line.name in REFERENCES}
    named = {_meaning(prop) for prop in props.values() if plain_uid(prop.value) not in gone}
    written = []
    for line in lines:
        prop = props.get(line.line)
        if prop is None or plain_uid(prop.value) not in gone:
            written.append(line.octets)
        elif kept is not None:
            prop = prop._replace(value=_reference(prop.value, kept))
            if _meaning(prop) not in named:
                named.add(_meaning(prop))
                written.append(write_property(prop, version))
    return b"".join(written)


def _reference(like: str, card_uid: str) -> str:
    """Return a reference to a UID in the form of another one."""
    if not like.strip().lower().startswith(_URN):
        return card_uid
    is_urn = card_uid.lower().startswith(_URN)
    return card_uid if is_urn else _URN + card_uid


def _meaning(prop: Property) -> tuple[str, str, tuple[str, ...]]:
    # Members have no types; somebody may be related in several ways.
    return prop.name, plain_uid(prop.value), tuple(sorted(map(str.upper, prop.types())))
