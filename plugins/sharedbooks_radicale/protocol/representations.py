"""In which form a card is shown: its own octets, a version of vCard, or jCard; whole or in part."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from sharedbooks.domain.card_contents import CardContent
from sharedbooks.domain.cards import Card
from sharedbooks.vcard.contentlines import unfold
from sharedbooks.vcard.convert import to_version
from sharedbooks.vcard.jcard import to_jcard
from sharedbooks.vcard.subset import PropertyChoice, select_properties
from sharedbooks_radicale.failures import NotAcceptable, Refused
from sharedbooks_radicale.protocol.xml import carddav, octets_text, text

VCARD_TYPE = "text/vcard"
JCARD_TYPE = "application/vcard+json"

_VCARD_NAMES = frozenset({VCARD_TYPE, "text/x-vcard", "text/directory", "text/*"})


class Form(StrEnum):
    """How the octets of an answer come about."""

    STORED = "stored"
    VCARD_3 = "3.0"
    VCARD_4 = "4.0"
    JCARD = "jcard"

    @property
    def content_type(self) -> str:
        """The media type of a card in this form."""
        return JCARD_TYPE if self is Form.JCARD else f"{VCARD_TYPE}; charset=utf-8"

    def of(self, card: Card | CardContent) -> bytes:
        """Return a card in this form."""
        if self is Form.STORED or card.version == self:
            return card.content
        if self is Form.JCARD:
            return to_jcard(card.content)
        return to_version(card.content, self.value)


@dataclass(frozen=True, slots=True)
class AddressData:
    """What an ``address-data`` element asks for (RFC 6352, section 10.4).

    ``choices`` are the properties wanted, or None for all of them.
    """

    form: Form
    choices: tuple[PropertyChoice, ...] | None = None

    def xml_of(self, card: Card | CardContent) -> bytes:
        """Return what is asked for of a card as XML character data in UTF-8."""
        content = self.form.of(card)
        if self.choices is not None:
            content = select_properties(content, self.choices)
        try:
            return octets_text(content)
        except UnicodeDecodeError:
            return text(card_text(content)).encode()


def card_text(content: bytes) -> str:
    """Return a card's octets as text; one folded inside a character, without its folds."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        # Some clients fold so; such a card is whole only without its folds.
        return unfold(content).decode(errors="replace")


def read_address_data(node: ET.Element) -> AddressData:
    """Return what a client wants to see of cards in a REPORT.

    A client that names no version gets 3.0: it is the RFC's default, and all that Apple reads.

    Raises:
        Refused: a media type or version that cannot be made.
    """
    media_type = node.get("content-type", VCARD_TYPE).strip().lower()
    version = node.get("version", "").strip() or Form.VCARD_3.value
    if media_type == JCARD_TYPE:
        return AddressData(Form.JCARD)
    if media_type not in _VCARD_NAMES or version not in {Form.VCARD_3, Form.VCARD_4}:
        raise Refused(
            f"Cards are shown as {VCARD_TYPE} 3.0 and 4.0, and as {JCARD_TYPE}.",
            element="<CARD:supported-address-data-conversion/>",
        )
    named = node.findall(carddav("prop"))
    if not named:
        return AddressData(Form(version))
    choices = (
        PropertyChoice(prop.get("name", ""), novalue=prop.get("novalue", "no") == "yes")
        for prop in named
    )
    return AddressData(Form(version), tuple(choices))


@lru_cache(maxsize=64)
def negotiate(accept: str) -> Form:
    """Return the form that an ``Accept`` header prefers (RFC 9110, section 12.5.1).

    Where the card's own octets will do, they are preferred to anything made of them.

    Raises:
        NotAcceptable: there is no form that the client takes.
    """
    best: tuple[float, bool, Form] | None = None
    for media_type, parameters in _media_ranges(accept):
        form = _form(media_type, parameters.get("version"))
        quality = _quality(parameters.get("q", "1"))
        if form is not None and quality > 0:
            offer = (quality, form is Form.STORED, form)
            best = offer if best is None or offer[:2] > best[:2] else best
    if best is None and accept.strip():
        raise NotAcceptable(f"Cards are given as {VCARD_TYPE} 3.0 and 4.0, and as {JCARD_TYPE}.")
    return Form.STORED if best is None else best[2]


def _media_ranges(accept: str) -> Iterator[tuple[str, dict[str, str]]]:
    for part in accept.split(","):
        media_type, *rest = (piece.strip() for piece in part.split(";"))
        pairs = (piece.partition("=") for piece in rest)
        yield (
            media_type.lower(),
            {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs},
        )


def _form(media_type: str, version: str | None) -> Form | None:
    if media_type == "*/*":
        return Form.STORED
    if media_type == JCARD_TYPE:
        return Form.JCARD
    if media_type not in _VCARD_NAMES:
        return None
    if version is None:
        return Form.STORED
    return Form(version) if version in {Form.VCARD_3, Form.VCARD_4} else None


def _quality(value: str) -> float:
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 1.0
