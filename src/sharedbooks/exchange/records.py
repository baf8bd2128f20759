"""What every format gives: the cards of a source, one by one, and what of it is none."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sharedbooks.domain.prepared_cards import PreparedCard

# Makes UIDs that no other program makes; arbitrary, the same in every version.
_ROW_UIDS = uuid.UUID("0c4f7c0e-6a55-4d0f-8f0b-6a4d5b3e9a11")


class Place(NamedTuple):
    """Where in a source something stands: ``line 7``, ``row 12``, ``resource "x.vcf"``."""

    unit: str
    number: int | str

    def __str__(self) -> str:
        return f"{self.unit} {self.number}"


@dataclass(frozen=True, slots=True)
class Record:
    """One card of a source.

    Attributes:
        place: where it stands.
        card: the card, with a UID.
        key: what it is known by in the source, so that it is found again when it has changed.
        key_is_own: whether the source gives the key (an id, a UID) and it is there only once; else
            it was made of a name and an address, and may be that of several.
        uid_is_own: whether the source gave the UID; else it is made, and says nothing.
        resource_name: the name it had on a server, or None.
    """

    place: Place
    card: PreparedCard
    key: str
    key_is_own: bool
    uid_is_own: bool
    resource_name: str | None = None


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A piece of a source that is left out.

    Attributes:
        place: where it stands.
        reason: a sentence.
        data: the values of the row, or the text of the piece, as far as it is text.
    """

    place: Place
    reason: str
    data: Sequence[str] = ()


def row_uid(source: str, key: str) -> str:
    """Return the UID of a card that has none: the same for the same row of the same source."""
    return str(uuid.uuid5(_ROW_UIDS, f"{source}\n{key}"))
