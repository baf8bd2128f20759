"""Every edit that phones sent, and whether the books and their history have it as was answered."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import groupby

from sharedbooks.domain.conditions import make_etag
from sharedbooks.domain.history import Action, CardVersion
from sharedbooks.domain.prepared_cards import hash_content

_MARKER = re.compile(r"NOTE:(soak-\d+-\d+)")
_MARKER_OCTETS = re.compile(_MARKER.pattern.encode())


class Outcome(Enum):
    """What the server said of an edit; ``UNKNOWN`` if no answer came: it may be done or not."""

    UNKNOWN = auto()
    DONE = auto()
    REFUSED = auto()


@dataclass(slots=True)
class Edit:
    """One PUT or DELETE.

    Attributes:
        book: reference of the book.
        name: resource name of the card.
        marker: stands in the card sent, and nowhere else; "" for a deletion.
        base: the tag that the card had to have; None without such a condition.
    """

    book: str
    name: str
    marker: str
    base: str | None
    outcome: Outcome = Outcome.UNKNOWN


@dataclass(frozen=True, slots=True)
class Step:
    """One change in the history of a card, with the octets before and after (None: no card)."""

    version: CardVersion
    after: bytes | None

    @property
    def base(self) -> str:
        """The tag the card had before."""
        before = self.version.content_before
        return "" if before is None else make_etag(hash_content(before))

    @property
    def marker(self) -> str:
        """The marker of the edit that made this change."""
        found = _MARKER_OCTETS.search(self.after or b"")
        return found[1].decode() if found else ""


def marked(text: str, marker: str) -> str:
    """Return a card, its lines ended by LF, with ``marker`` as its only note."""
    kept, in_note = [], False
    for line in text.rstrip("\n").split("\n"):
        in_note = line.startswith("NOTE") or (in_note and line.startswith((" ", "\t")))
        if not in_note:
            kept.append(line)
    return "\n".join([*kept[:-1], f"NOTE:{marker}", kept[-1], ""])


def steps_of(versions: Iterable[CardVersion], present: dict[str, bytes]) -> Iterator[Step]:
    """Yield the changes of every card of a book, oldest first for each; ``present`` is now."""
    ordered = sorted(versions, key=lambda version: (version.resource_name, version.revision))
    for name, of_card in groupby(ordered, key=lambda version: version.resource_name):
        changes = list(of_card)
        after = [change.content_before for change in changes[1:]] + [present.get(name)]
        for change, content in zip(changes, after, strict=True):
            yield Step(change, content)


def check_book(edits: Sequence[Edit], steps: Sequence[Step], importer: str) -> list[str]:
    """Return what is wrong with a book's history, given every edit that was sent to it.

    Each edit that was answered well is there once, on top of the very card it was made for; each
    one refused is not; and nothing is there that nobody sent.
    """
    return [
        *_check_stored([edit for edit in edits if edit.marker], steps, importer),
        *_check_deletions([edit for edit in edits if not edit.marker], steps),
    ]


def _check_stored(edits: Sequence[Edit], steps: Sequence[Step], importer: str) -> Iterator[str]:
    sent: dict[str, list[Edit]] = {}
    for edit in edits:
        sent.setdefault(edit.marker, []).append(edit)
    made: dict[str, list[Step]] = {}
    for step in steps:
        version = step.version
        if (version.action is Action.DELETE) != (step.after is None):
            yield f"{version.resource_name}: history and card do not fit at {version.revision}"
        elif step.marker in sent:
            made.setdefault(step.marker, []).append(step)
        elif step.after is not None and version.actor_name != importer:
            yield f"{version.resource_name}: changed by nobody at revision {version.revision}"
    for marker, tries in sent.items():
        done = [edit for edit in tries if edit.outcome is Outcome.DONE]
        found = made.get(marker, [])
        doubtful = any(edit.outcome is Outcome.UNKNOWN for edit in tries)
        if len(found) > 1 or (found and not done and not doubtful):
            yield f"{marker}: stored {len(found)} times, answered well {len(done)} times"
        elif done and not found:
            yield f"{marker}: acknowledged, and neither in {done[0].name} nor in its history"
        elif done and done[0].base not in {None, found[0].base}:
            yield f"{marker}: stored over a card it was not made for ({done[0].name}): lost update"


def _check_deletions(edits: Sequence[Edit], steps: Sequence[Step]) -> Iterator[str]:
    there = [step for step in steps if step.version.action is Action.DELETE]
    done = [edit for edit in edits if edit.outcome is Outcome.DONE]
    found = Counter((step.version.resource_name, step.base) for step in there)
    found_of = Counter(step.version.resource_name for step in there)
    named = Counter((edit.name, edit.base) for edit in done if edit.base is not None)
    for key, count in named.items():
        if found[key] < count:
            yield f"{key[0]}: its deletion was acknowledged, and is not in history"
    counted = Counter(edit.name for edit in done)
    possible = counted + Counter(edit.name for edit in edits if edit.outcome is Outcome.UNKNOWN)
    for name in counted.keys() | found_of.keys():
        if not counted[name] <= found_of[name] <= possible[name]:
            yield f"{name}: deleted {found_of[name]} times, answered well {counted[name]} times"


class Ledger:
    """The edits of all phones, by book."""

    def __init__(self) -> None:
        self._books: dict[str, list[Edit]] = {}
        self._markers = 0

    def marker(self, phone: int) -> str:
        """Return a marker for a new edit."""
        self._markers += 1
        return f"soak-{phone}-{self._markers}"

    def send(self, book: str, name: str, marker: str, base: str | None) -> Edit:
        """Note an edit that is about to be sent; the outcome is noted in what is returned."""
        edit = Edit(book, name, marker, base)
        self._books.setdefault(book, []).append(edit)
        return edit

    def of_book(self, book: str) -> list[Edit]:
        """Return the edits sent to a book."""
        return self._books.get(book, [])

    def count(self, outcome: Outcome) -> int:
        """Return how many edits ended so."""
        return sum(edit.outcome is outcome for edits in self._books.values() for edit in edits)
