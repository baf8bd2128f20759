"""vCard files: 2.1, 3.0 and 4.0 read, each in its own version or 2.1 as 3.0."""

from collections.abc import Iterable, Iterator

from sharedbooks.domain.bulk import with_content_uid
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.errors import CardTooLarge, InvalidCard, UnsupportedCard
from sharedbooks.exchange.matching import person_key
from sharedbooks.exchange.records import BadRecord, Place, Record
from sharedbooks.exchange.vcard21 import from_vcard21, is_vcard21
from sharedbooks.vcard.card import inspect_card
from sharedbooks.vcard.stream import MAX_CARD_OCTETS, RawCard, split_cards

_SHOWN_OCTETS = 2000
"""As much of a bad piece is told."""


def read_vcf(chunks: Iterable[bytes], *, max_card_size: int) -> Iterator[Record | BadRecord]:
    """Yield the cards of a vCard file, and every piece of it that is none or cannot be kept.

    Args:
        chunks: the octets of the file in order.
        max_card_size: largest card that is kept, in octets.
    """
    for raw in split_cards(chunks, max_octets=max(MAX_CARD_OCTETS, max_card_size)):
        place = Place("line", raw.line)
        if raw.problem is not None:
            yield BadRecord(place, raw.problem, _shown(raw))
            continue
        try:
            yield read_card(raw.octets, place, max_card_size=max_card_size)
        except InvalidCard as error:
            yield _placed(raw, error)
        except (UnsupportedCard, CardTooLarge) as error:
            yield BadRecord(place, str(error), _shown(raw))


def read_card(
    octets: bytes, place: Place, *, max_card_size: int, resource_name: str | None = None
) -> Record:
    """Return one card as a record: known by its UID, its name on a server, or whom it is about.

    Raises:
        CardTooLarge: it has more than ``max_card_size`` octets.
        InvalidCard: it is not one well-formed vCard.
        UnsupportedCard: it is of a version there is not.
    """
    if is_vcard21(octets):
        octets = from_vcard21(octets)
    prepared = prepare_card(octets, max_size=max_card_size)
    has_uid = prepared.facts.card_uid is not None
    card = with_content_uid(prepared)
    if has_uid:
        key = f"uid\n{card.card_uid}"
    elif resource_name is not None:
        key = f"resource\n{resource_name}"
    else:
        key = person_key(card)
    key_is_own = has_uid or resource_name is not None
    return Record(place, card, key, key_is_own, has_uid, resource_name)


def _placed(raw: RawCard, error: InvalidCard) -> BadRecord:
    """Tell what is wrong with the lines counted as in the file, not as in the card."""
    if error.line is not None:
        try:
            inspect_card(b"\n" * (raw.line - 1) + raw.octets)
        except InvalidCard as same:
            return BadRecord(Place("line", same.line or raw.line), str(same), _shown(raw))
    return BadRecord(Place("line", raw.line), str(error), _shown(raw))


def _shown(raw: RawCard) -> tuple[str, ...]:
    return (raw.octets[:_SHOWN_OCTETS].decode("utf-8", "replace"),)
