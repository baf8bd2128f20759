"""What is kept of an erasure: enough to do it again, and nothing of whom it was about.

A record is an event of the audit log. It has no name, address or UID, only digests with a key of
the record's own: who has the person before their eyes can tell that they are meant, and nobody can
read from a record who it was.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

from sharedbooks.vcard.persons import Person, PersonKind, normalise, plain_uid

ERASE = "privacy erase"
"""The action of such an event."""


@dataclass(frozen=True, slots=True)
class ErasureRecord:
    """An erasure without the data.

    Attributes:
        by: by what the person was looked for.
        salt: key of the digests, in hex.
        person: digest of the person's normalised address, number or name.
        uids: digests of the UIDs of the erased cards.
    """

    by: str
    salt: str
    person: str
    uids: tuple[str, ...]

    def is_person(self, value: str) -> bool:
        """Tell whether an address or number of a card is the one that was erased."""
        if self.by == PersonKind.NAME:
            return False
        key = normalise(PersonKind(self.by), value)
        return bool(key) and _digest(self.salt, key) == self.person

    def is_erased(self, card_uid: str) -> bool:
        """Tell whether a card is one of those that were erased."""
        return _digest(self.salt, plain_uid(card_uid)) in self.uids

    def details(self) -> dict[str, Any]:
        """Return the record as the details of an event."""
        return asdict(self)


def make_record(person: Person, card_uids: Iterable[str]) -> ErasureRecord:
    """Return the record of the erasure of cards of a person."""
    salt = secrets.token_hex(16)
    uids = sorted({_digest(salt, plain_uid(uid)) for uid in card_uids})
    return ErasureRecord(person.kind.value, salt, _digest(salt, person.key), tuple(uids))


def reference_of(person: Person) -> dict[str, str]:
    """Return what an event says of a person who was looked for or exported."""
    record = make_record(person, ())
    return {"by": record.by, "salt": record.salt, "person": record.person}


def read_records(lines: Iterable[str], report: Callable[[int], None]) -> Iterator[ErasureRecord]:
    """Yield the records among the lines that ``sharedbooks audit`` has written.

    Args:
        lines: JSON objects, one a line.
        report: called with the number of each line that cannot be read.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
            if event["kind"] == "command" and event["action"] == ERASE:
                yield _record(event["details"])
        except (ValueError, TypeError, LookupError):
            report(number)


def _record(details: Mapping[str, Any]) -> ErasureRecord:
    uids = tuple(str(uid) for uid in details["uids"])
    bytes.fromhex(details["salt"])
    by = PersonKind(details["by"])
    return ErasureRecord(by.value, details["salt"], str(details["person"]), uids)


def _digest(salt: str, text: str) -> str:
    return blake2b(text.encode(), key=bytes.fromhex(salt), digest_size=16).hexdigest()
