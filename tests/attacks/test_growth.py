"""The time that an input takes grows with its length and no faster."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import BytesIO

import pytest

from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.errors import SharedbooksError
from sharedbooks.exchange.exporting import OutputFormat, export_cards
from sharedbooks.exchange.jcard import from_jcard
from sharedbooks.exchange.vcard21 import from_vcard21
from sharedbooks.matching.features import read_features
from sharedbooks.matching.union import unite
from sharedbooks.vcard.convert import to_version
from sharedbooks.vcard.differences import differences, side_by_side
from sharedbooks.vcard.jcard import to_jcard
from sharedbooks.vcard.marks import card_marks, merge_source
from sharedbooks.vcard.merge import merge_edit
from sharedbooks.vcard.persons import find_person, parse_person
from sharedbooks.vcard.quality import check_card, fix_card
from sharedbooks.vcard.stream import split_cards
from sharedbooks.vcard.subset import PropertyChoice, select_properties
from tests.attacks.fuzz.targets import TARGETS
from tests.attacks.shapes import CARDS, FILES, Shape, card

Reader = Callable[[bytes], object]

_TIMES_LONGER = 4
_TIMES_SLOWER = 7.0
"""What four times the length may cost; with the square of the length it would be 16."""
_STEPS = 3
"""So often it must cost more, each time with a longer input: a cache that is full costs once."""
_RUNS = 3
_SECONDS = 0.0015
_THOROUGH_SECONDS = 0.05
"""CPU time of the shorter input, so that what every call costs does not count."""
_LONGEST = 20_000
"""Octets of the shorter input: one that is read in less time need not be longer."""
_LARGE = 64 * 1024 * 1024
_PERSON = parse_person("+41440000000", "CH")
_PLAIN = card(b"TEL:1", b"NOTE:x", b"CATEGORIES:a")


def _changed(octets: bytes) -> bytes:
    """Return the card with most of what it says changed."""
    return octets.replace(b"1", b"2").replace(b"a", b"b")


def _taken(octets: bytes) -> None:
    prepare_card(octets, max_size=_LARGE)


def _chosen(octets: bytes) -> None:
    select_properties(octets, [PropertyChoice("TEL"), PropertyChoice("item1.EMAIL", novalue=True)])


def _converted(octets: bytes) -> None:
    to_version(to_version(octets, "4.0"), "3.0")


def _judged(octets: bytes) -> None:
    check_card(octets, None, "CH")
    fix_card(octets, "CH")
    find_person(octets, _PERSON, "CH")
    read_features(octets, "CH")


def _as_jcard(octets: bytes) -> None:
    from_jcard(to_jcard(octets).decode())


def _exported(*kinds: OutputFormat) -> Reader:
    def export(octets: bytes) -> None:
        for kind in kinds:
            export_cards(lambda: [octets], BytesIO(), kind)

    return export


def _compared(octets: bytes) -> None:
    differences(octets, _changed(octets))
    side_by_side(octets, _changed(octets))


def _edited(octets: bytes) -> None:
    # What the card prefers, the edit does.
    stored = to_version(octets.replace(b";TYPE=pref", b""), "4.0")
    merge_edit(stored, to_version(octets, "3.0"))
    merge_edit(stored, _changed(to_version(stored, "3.0")))


def _united(octets: bytes) -> None:
    unite(octets, [_changed(octets)], "CH")
    unite(_PLAIN, [octets], "CH")


def _told_by_source(octets: bytes) -> None:
    merge_source(octets, _changed(octets), card_marks(octets))


def _imported(octets: bytes) -> None:
    list(split_cards([octets]))
    from_vcard21(octets)


_CARD_READERS: Mapping[str, Reader] = {
    "taken": _taken,
    "chosen": _chosen,
    "converted": _converted,
    "judged": _judged,
    "as jCard": _as_jcard,
    # A sheet has the rows of the first; making the file costs more than all of them.
    "as tables": _exported(OutputFormat.CSV, OutputFormat.CSV_GOOGLE, OutputFormat.CSV_OUTLOOK),
    "as LDIF": _exported(OutputFormat.LDIF),
    "compared": _compared,
    "edited": _edited,
    "united": _united,
    "told by its source": _told_by_source,
    "imported": _imported,
}


def _seconds(read: Reader, octets: bytes, runs: int) -> float:
    """Return the least CPU time of some runs; what is refused counts like what is read."""
    taken = []
    for _ in range(runs):
        started = time.process_time()
        with suppress(SharedbooksError):
            read(octets)
        taken.append(time.process_time() - started)
    return min(taken)


def _start(read: Reader, shape: Shape, enough: float) -> int:
    """Return how large an input must be for its time to tell something."""
    size = 64
    while (length := len(octets := shape(size))) < _LONGEST:
        seconds = _seconds(read, octets, 1)
        if seconds >= enough:
            break
        size *= 4 if seconds < enough / 8 and 4 * length < _LONGEST else 2
    return size


def _growth(read: Reader, shape: Shape, enough: float) -> float:
    """Return how many times the time grew with four times the length, where it grew least."""
    size = _start(read, shape, enough)
    least = float("inf")
    for _ in range(_STEPS):
        octets, longer = shape(size), shape(_TIMES_LONGER * size)
        for runs in (1, _RUNS):
            before = max(_seconds(read, octets, runs), enough / 2)
            least = min(least, _seconds(read, longer, runs) / before)
            if least <= _TIMES_SLOWER:
                return least
        size *= _TIMES_LONGER
    return least


def _cards(thorough: bool) -> Mapping[str, Shape]:  # noqa: FBT001
    """Return all cards, or in the short form those with more and more lines or parameters."""
    return {name: shape for name, shape in CARDS.items() if thorough or ": " not in name}


def _grown(read: Reader, shapes: Mapping[str, Shape], *, thorough: bool) -> Mapping[str, float]:
    """Return what grew too fast."""
    enough = _THOROUGH_SECONDS if thorough else _SECONDS
    growths = {what: _growth(read, shape, enough) for what, shape in shapes.items()}
    return {what: growth for what, growth in growths.items() if growth > _TIMES_SLOWER}


@pytest.mark.parametrize("name", _CARD_READERS)
@pytest.mark.timeout(3600)
def test_the_time_of_a_card_grows_with_its_length(name: str, thorough: bool) -> None:  # noqa: FBT001
    assert not _grown(_CARD_READERS[name], _cards(thorough), thorough=thorough)


@pytest.mark.parametrize("name", FILES)
def test_the_time_of_a_file_grows_with_its_length(name: str, thorough: bool) -> None:  # noqa: FBT001
    assert not _grown(TARGETS[name].parse, FILES[name], thorough=thorough)
