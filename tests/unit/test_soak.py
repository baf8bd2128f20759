"""What a soak finds, shown with planted faults: lost updates, stale copies, leaks."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from benchmarks.measuring import Meter
from benchmarks.soak.checks import differences
from benchmarks.soak.ledger import Edit, Outcome, Step, check_book, marked, steps_of
from benchmarks.soak.office import IMPORTER, Settling
from benchmarks.soak.phone import Held
from benchmarks.soak.tally import Tally
from benchmarks.soak.verdict import SPARE, courses, judge
from benchmarks.soak.watching import Holding, Look, Watch
from sharedbooks.domain.conditions import make_etag
from sharedbooks.domain.history import Action, CardVersion
from sharedbooks.domain.prepared_cards import hash_content
from tests.support.factories import vcard
from tests.support.network import wait_for

MIB = 2**20
FIRST, MINE, THEIRS = (vcard("ann", "Ann", f"NOTE:{note}") for note in ("", "soak-1-1", "soak-2-2"))


def _tag(octets: bytes) -> str:
    return make_etag(hash_content(octets))


def _version(revision: int, action: Action, before: bytes | None, actor: str) -> CardVersion:
    return CardVersion(revision, action, "ann.vcf", "ann", 0, actor, "phone", "client", before)


def _history(*contents: bytes | None) -> list[Step]:
    """The history of a card that was imported, and then became each of ``contents``."""
    versions = [_version(1, Action.CREATE, None, IMPORTER)]
    for revision, (before, after) in enumerate(pairwise([FIRST, *contents]), start=2):
        action = Action.EDIT if before and after else Action.DELETE if before else Action.CREATE
        versions.append(_version(revision, action, before, "alice"))
    last = contents[-1] if contents else FIRST
    return list(steps_of(versions, {} if last is None else {"ann.vcf": last}))


def _edit(marker: str, base: bytes | None, outcome: Outcome = Outcome.DONE) -> Edit:
    return Edit("sales", "ann.vcf", marker, None if base is None else _tag(base), outcome)


def _complaints(edits: Sequence[Edit], *contents: bytes | None) -> str:
    return " ".join(check_book(edits, _history(*contents), IMPORTER))


def test_edits_that_are_all_in_history_are_no_fault() -> None:
    edits = [
        _edit("soak-1-1", FIRST),
        _edit("soak-2-2", FIRST, Outcome.REFUSED),
        _edit("soak-2-2", MINE),
        _edit("", THEIRS),
    ]
    assert _complaints(edits, MINE, THEIRS, None) == ""
    assert _complaints([]) == ""


def test_an_acknowledged_edit_that_is_nowhere_is_found() -> None:
    edits = [_edit("soak-1-1", FIRST), _edit("soak-2-2", FIRST)]
    assert "soak-1-1: acknowledged, and neither in ann.vcf nor in its history" in _complaints(
        edits, THEIRS
    )
    assert "its deletion was acknowledged" in _complaints([_edit("", FIRST)])


def test_an_edit_stored_over_another_one_that_it_does_not_know_is_a_lost_update() -> None:
    edits = [_edit("soak-1-1", FIRST), _edit("soak-2-2", FIRST)]
    assert "lost update" in _complaints(edits, MINE, THEIRS)
    unconditional = [_edit("soak-1-1", FIRST), _edit("soak-2-2", None)]
    assert _complaints(unconditional, MINE, THEIRS) == ""


def test_what_nobody_sent_or_was_refused_is_found() -> None:
    assert "changed by nobody" in _complaints([], MINE)
    assert "stored 1 times, answered well 0" in _complaints(
        [_edit("soak-1-1", FIRST, Outcome.REFUSED)], MINE
    )
    assert "stored 2 times" in _complaints(
        [_edit("soak-1-1", FIRST), _edit("soak-2-2", MINE)], MINE, THEIRS, MINE
    )
    assert "deleted 1 times, answered well 0" in _complaints([], None)


def test_an_edit_without_an_answer_may_be_there_or_not() -> None:
    doubtful = [_edit("soak-1-1", FIRST, Outcome.UNKNOWN)]
    assert _complaints(doubtful, MINE) == ""
    assert _complaints(doubtful) == ""
    assert _complaints([_edit("", FIRST, Outcome.UNKNOWN)], None) == ""


def test_a_marker_takes_the_place_of_the_note() -> None:
    folded = "BEGIN:VCARD\nFN:Ann\nNOTE:a long\n  one\nTEL:1\nEND:VCARD\n"
    assert marked(folded, "soak-1-1") == ("BEGIN:VCARD\nFN:Ann\nTEL:1\nNOTE:soak-1-1\nEND:VCARD\n")


@pytest.mark.parametrize(
    ("copy", "said"),
    [
        ({}, "a is lost"),
        ({"a": Held("1", "A"), "b": Held("1", "B")}, "b is there still or again"),
        ({"a": Held("0", "A")}, "a is stale"),
        ({"a": Held("1", "AA")}, "a has another text"),
    ],
)
def test_a_copy_that_differs_is_found(copy: dict[str, Held], said: str) -> None:
    truth = {"a": Held("1", "A")}
    assert list(differences(copy, truth)) == [said]
    assert list(differences(dict(truth), truth)) == []


def test_both_states_are_possible_while_one_becomes_the_other() -> None:
    book: Settling[str | None] = Settling(None, None)
    before = time.monotonic()
    assert book.possible(before) == {None}
    with book.changing("write"):
        assert book.possible(time.monotonic()) == {None, "write"}
    assert book.possible(before) == {None, "write"}
    assert book.possible(time.monotonic()) == {"write"}


def test_a_missing_answer_is_excused_only_while_a_worker_is_killed() -> None:
    tally = Tally()
    tally.unanswered(time.monotonic(), "PUT")
    assert tally.wrong == 1
    tally.excuse(60)
    tally.unanswered(time.monotonic(), "PUT")
    assert tally.wrong == 1


def _looks(holding: Callable[[int], Holding], number: int = 60, wal: int = 0) -> list[Look]:
    """Looks over an hour at a server of one process."""
    nothing = Holding(0, 0, 0, 0, 0)
    return [
        Look(60.0 * minute, {1: holding(minute)}, 0.0, 0.0, nothing, {"WAL": wal})
        for minute in range(number)
    ]


def test_a_server_that_grows_at_first_and_then_goes_up_and_down_is_flat() -> None:
    def holding(minute: int) -> Holding:
        memory = 60 * MIB + min(minute, 15) * MIB + minute % 2 * 5 * MIB
        return Holding(memory, memory, 30 + min(minute, 10), minute % 7 * 10, 20)

    assert judge(_looks(holding), sockets_left=0) == []


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        (lambda minute: Holding(80 * MIB + minute * MIB // 4, 0, 9, 9, 9), "grows by 15.0 MiB"),
        (lambda minute: Holding(80 * MIB, 0, 9 + minute, 9, 9), "files in the end"),
        (lambda minute: Holding(80 * MIB, 0, 9, 9, 9 + minute), "threads in the end"),
    ],
)
def test_a_planted_leak_is_found(planted: Callable[[int], Holding], said: str) -> None:
    [fault] = judge(_looks(planted), sockets_left=0)
    assert said in fault


def test_sockets_left_open_and_a_large_log_are_found() -> None:
    looks = _looks(lambda _: Holding(80 * MIB, 0, 9, 9, 9), wal=65 * MIB)
    assert len(judge(looks, sockets_left=SPARE + 1)) == 2


def test_a_process_that_lived_for_minutes_is_not_judged() -> None:
    looks = _looks(lambda _: Holding(80 * MIB, 0, 9, 9, 9))
    for minute, look in enumerate(looks[:7]):
        look.processes[2] = Holding(minute * 20 * MIB, 0, 9, 9, 9)
    assert [course.judged for course in courses(looks)] == [True, False]
    assert judge(looks, sockets_left=0) == []


def test_a_real_process_that_leaks_is_seen() -> None:
    leak = (
        "import os, socket, time\nkept = []\nwhile True:\n"
        "    kept.append((open('/dev/null'), socket.socket(), bytearray(1 << 18)))\n"
        "    time.sleep(0.004)\n"
    )
    with subprocess.Popen([sys.executable, "-c", leak]) as process:
        try:
            watch = Watch(Meter([process.pid]), dict)
            wait_for(lambda: watch.sockets()[process.pid] > 2, 10, "the program")
            for _ in range(9):
                watch.look()
                time.sleep(0.05)
        finally:
            process.kill()
    assert os.getpid() not in watch.looks[0].processes
    faults = " ".join(judge(watch.looks, sockets_left=0, least_seconds=0))
    assert "memory" in faults
    assert "files" in faults
    first, last = (look.processes[process.pid] for look in (watch.looks[0], watch.looks[-1]))
    assert last.sockets - first.sockets == pytest.approx(last.files - first.files, abs=2)
