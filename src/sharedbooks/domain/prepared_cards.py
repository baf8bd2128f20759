"""Cards checked and ready to be stored; nothing here needs the database."""

import uuid
from collections.abc import Container
from dataclasses import dataclass
from hashlib import blake2b

from sharedbooks.errors import CardTooLarge, InvalidCard, UnsupportedCard
from sharedbooks.vcard.card import CardFacts, inspect_card, with_uid
from sharedbooks.vcard.merge import merge_edit

_KEPT_VERSIONS = {"3.0", "4.0"}
_MAX_UID_LENGTH = 255


@dataclass(frozen=True, slots=True)
class PreparedCard:
    """A checked card ready to be stored: its octets, their hash, and what they say."""

    octets: bytes
    content_hash: str
    facts: CardFacts

    @property
    def card_uid(self) -> str:
        """The UID; to be asked only of cards that have one."""
        assert self.facts.card_uid is not None  # noqa: S101 - storing adds one where it is missing
        return self.facts.card_uid


def prepare_card(octets: bytes, *, max_size: int) -> PreparedCard:
    """Check what a client sent and return it ready to be stored; needs no database.

    Raises:
        CardTooLarge: more than ``max_size`` octets.
        InvalidCard: not one well-formed vCard, or a UID too long to keep.
        UnsupportedCard: a vCard of a version other than 3.0 and 4.0.
    """
    if len(octets) > max_size:
        raise CardTooLarge(
            f"The card has {len(octets)} octets; this server keeps at most {max_size}."
        )
    facts = inspect_card(octets)
    if facts.version not in _KEPT_VERSIONS:
        raise UnsupportedCard(
            f"A vCard of version {facts.version} is not kept here; send version 3.0 or 4.0."
        )
    if facts.card_uid is not None and len(facts.card_uid) > _MAX_UID_LENGTH:
        raise InvalidCard(f"The UID has more than {_MAX_UID_LENGTH} characters.")
    return PreparedCard(octets, hash_content(octets), facts)


def hash_content(octets: bytes) -> str:
    """Return the hash that stands for these octets in tags and comparisons: 32 hex digits."""
    return blake2b(octets, digest_size=16).hexdigest()


def add_uid(card: PreparedCard, card_uid: str) -> PreparedCard:
    """Return a card that has no UID with this one.

    Raises:
        InvalidCard: an empty UID stands before the place where the new one belongs.
    """
    octets = with_uid(card.octets, card_uid)
    facts = inspect_card(octets)
    if facts.card_uid is None:
        raise InvalidCard("The card has an empty UID before its VERSION.")
    return PreparedCard(octets, hash_content(octets), facts)


def merge_into(stored: bytes, edited: PreparedCard) -> PreparedCard:
    """Return a stored 4.0 card with the edit of a client that was shown it as 3.0."""
    octets = merge_edit(stored, edited.octets)
    return PreparedCard(octets, hash_content(octets), inspect_card(octets))


def safe_resource_name(card_uid: str, taken: Container[str] = ()) -> str:
    """Return a file name for a card with that UID, made of letters every client can handle."""
    plain = card_uid.removeprefix("urn:uuid:")
    simple = plain.isascii() and len(plain) <= 200 and plain.replace("-", "").isalnum()
    name = f"{plain}.vcf" if simple else f"{uuid.uuid5(uuid.NAMESPACE_URL, card_uid)}.vcf"
    return f"{uuid.uuid4()}.vcf" if name in taken else name
