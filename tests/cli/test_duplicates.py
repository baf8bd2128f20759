"""``sharedbooks duplicates``."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import pytest

from tests.cli.conftest import quiet_environment

CARDS = {
    "ann": ("Ann Baumgartner", "TEL:+41791112233", "NOTE:first"),
    "anna": ("Anna Baumgartner", "TEL:079 111 22 33", "EMAIL:anna@example.org"),
    "igor": ("Igor Petrenko", "EMAIL:igor@example.org"),
    "igor2": ("Петренко Игорь", "EMAIL:igor@example.org", "BDAY:1970-02-03"),
    "other": ("Somebody Else", "TEL:+41780000000"),
}
KEYS = {
    *("score", "book", "card", "uid", "name", "other_book", "other_card", "other_uid"),
    *("other_name", "reasons", "evidence"),
}


def vcards(*uids: str) -> str:
    lines = []
    for uid in uids:
        name, *more = CARDS[uid]
        lines += ["BEGIN:VCARD", "VERSION:3.0", f"UID:{uid}", f"FN:{name}", *more, "END:VCARD"]
    return "".join(line + "\r\n" for line in lines)


@pytest.fixture
def crm(office):
    """The office with five cards of three people in the book crm."""
    office("book", "set", "crm", "--country", "CH")
    office("import", "crm", "-", typed=vcards(*CARDS))
    return office


def exported(office) -> str:
    return office("export", "crm").out


BOTH = [("ann", "anna"), ("igor", "igor2")]


def pairs(office, *words: str) -> list[tuple[str, str]]:
    found = office("duplicates", "find", "crm", "--json", *words).document
    return [(row["uid"], row["other_uid"]) for row in found]


def test_find(crm):
    found = crm("duplicates", "find", "crm", "--json").document
    assert all(row.keys() == KEYS for row in found)
    assert pairs(crm) == BOTH
    assert found[0]["book"] == found[0]["other_book"] == "crm"
    assert "same mail igor@example.org" in found[1]["reasons"]
    assert {row["kind"] for row in found[1]["evidence"]} == {"name", "mail"}
    assert pairs(crm, "--limit", "1") == BOTH[:1]
    assert pairs(crm, "--threshold", "1") == []
    lines = crm("duplicates", "find", "crm").out.splitlines()
    assert lines[0].split() == ["Score", *["Book", "Card", "Name"] * 2, "Reasons"]
    assert "similar name" in lines[1]
    crm("duplicates", "dismiss", "crm", "ann", "anna")
    crm("duplicates", "dismiss", "crm", "igor.vcf", "igor2.vcf")
    assert crm("duplicates", "find", "crm").out == "No duplicates were found.\n"


def test_find_across_books(crm):
    crm("book", "add", "press")
    crm("import", "press", "-", typed=vcards("anna"))
    found = crm("duplicates", "find", "press", "crm", "--country", "CH", "--json").document
    across = [row for row in found if row["book"] != row["other_book"]]
    assert {(row["book"], row["uid"]) for row in across} == {("press", "anna")}
    assert len(across) == 2
    done = crm("duplicates", "merge", "crm", "ann", "--from", "press", "anna", "--json").document
    assert done["gone"] == ["anna"]
    assert crm("export", "press").out == ""
    crm("duplicates", "undo", str(done["merge"]))
    assert crm("export", "press").out.count("BEGIN") == 1


def test_usage(crm):
    for words in (
        ["find"],
        ["find", "crm", "--threshold", "2"],
        ["find", "crm", "--country", "XX"],
        ["merge", "crm"],
        ["merge", "crm", "ann"],
        ["merge", "crm", "ann", "ann.vcf"],
        ["merge", "crm", "ann", "anna", "--auto"],
        ["merge", "crm", "ann", "anna", "--dry-run"],
        ["dismiss", "crm", "ann"],
        ["review", "crm", "--json"],
        ["undo", "x"],
    ):
        crm("duplicates", *words, code=2)
    assert "Did you mean 'crm'?" in crm("duplicates", "find", "crn", code=1).err
    assert "'nobody'" in crm("duplicates", "merge", "crm", "ann", "nobody", code=1).err
    assert crm("duplicates", "undo", "7", code=1).err == "There is no merge 7.\n"


def test_merge_and_undo(crm, sql):
    before = exported(crm)
    done = crm("duplicates", "merge", "crm", "ann.vcf", "Anna Baumgartner", "--json").document
    assert {key: done[key] for key in ("book", "kept", "gone", "repaired")} == {
        "book": "crm",
        "kept": "ann",
        "gone": ["anna"],
        "repaired": 0,
    }
    assert exported(crm).count("BEGIN:VCARD") == 4
    assert "anna@example.org" in exported(crm)
    assert exported(crm).count("TEL") == 2
    (listed,) = crm("duplicates", "merges", "crm", "--json").document
    assert (listed["merge"], listed["kept"], listed["undone_at"]) == (done["merge"], "ann", None)
    actors = sql.execute("SELECT DISTINCT client FROM card_versions ORDER BY id DESC LIMIT 1")
    assert actors.fetchone() == ("sharedbooks duplicates merge",)
    undone = crm("duplicates", "undo", str(done["merge"]))
    assert "anna.vcf" in undone.out
    assert exported(crm) == before
    again = crm("duplicates", "undo", str(done["merge"]), code=1)
    assert again.err == f"The merge {done['merge']} is undone already.\n"


def test_undo_after_an_edit_needs_force(crm):
    before = exported(crm)
    number = str(crm("duplicates", "merge", "crm", "ann", "anna", "--json").document["merge"])
    crm("import", "crm", "-", typed=vcards("ann").replace("first", "second"))
    refused = crm("duplicates", "undo", number, code=1)
    assert "was changed since the merge" in refused.err
    assert f"'sharedbooks duplicates undo {number} --force'" in refused.err
    crm("duplicates", "undo", number, "--force")
    assert exported(crm) == before


def test_auto(crm):
    before = exported(crm)
    planned = crm("duplicates", "merge", "crm", "--auto", "--threshold", "0.8", "--dry-run")
    assert planned.out.count("\n") == 3
    assert exported(crm) == before
    document = crm("duplicates", "merge", "crm", "--auto", "--threshold", "0.8", "--json").document
    assert sorted((each["kept"], each["gone"]) for each in document["merges"]) == [
        ("ann", ["anna"]),
        ("igor2", ["igor"]),
    ]
    assert document["refused"] == []
    assert exported(crm).count("BEGIN") == 3
    done = crm("duplicates", "merge", "crm", "--auto")
    assert done.out == "Merged 0 cards of 'crm' into 0.\n"
    for each in document["merges"]:
        crm("duplicates", "undo", str(each["merge"]))
    assert exported(crm) == before


def test_auto_leaves_out_what_cannot_be_merged(crm):
    (crm.folder / "sharedbooks.toml").write_text('[books]\nmax_card_size = "1 KiB"\n')
    crm("book", "add", "big")
    long = vcards("igor", "igor2").replace("END:", f"NOTE:{'x' * 400}\r\n X-A:{'y' * 300}\r\nEND:")
    long = long.replace("x" * 400, "z" * 400, 1)
    crm("import", "big", "-", typed=long)
    done = crm("duplicates", "merge", "big", "--auto", "--threshold", "0.8", code=1)
    assert "this server keeps at most 1024" in done.err
    assert "Left out: 1" in done.out


def test_dismiss(crm):
    crm("duplicates", "dismiss", "crm", "ann", "anna", "igor")
    assert pairs(crm) == [("igor", "igor2")]
    listed = crm("duplicates", "dismissed", "crm", "--json").document
    assert [(row["uid"], row["other_uid"]) for row in listed] == [
        ("ann", "anna"),
        ("ann", "igor"),
        ("anna", "igor"),
    ]
    again = crm("duplicates", "dismiss", "crm", "anna", "ann", "--json").document
    assert again == {"pairs": 0, "forgotten": False}
    crm("duplicates", "dismiss", "crm", "anna", "ann", "--forget")
    assert pairs(crm) == BOTH


def test_review(crm):
    shown = crm("duplicates", "review", "crm", typed="s\nq\n").out
    assert "Pair 1 of 2" in shown
    assert "≠" in shown
    assert shown.endswith("Merged: 0. Different: 0. Skipped: 1. Pairs found: 2.\n")
    before = exported(crm)
    done = crm("duplicates", "review", "crm", typed="x\nm\nd\n").out
    assert done.endswith("Merged: 1. Different: 1. Skipped: 0. Pairs found: 2.\n")
    assert exported(crm) != before
    # What was answered does not come again.
    assert crm("duplicates", "review", "crm").out.endswith("Pairs found: 0.\n")
    (merge,) = crm("duplicates", "merges", "crm", "--json").document
    crm("duplicates", "undo", str(merge["merge"]))
    assert exported(crm) == before
    assert len(pairs(crm)) == 1


def test_review_of_three_cards_of_one_person(office):
    third = vcards("igor").replace("UID:igor", "UID:third")
    office("import", "crm", "-", typed=vcards("igor", "igor2") + third)
    done = office("duplicates", "review", "crm", typed="m\nm\nm\n").out
    assert "Merged: 2." in done
    assert exported(office).count("BEGIN") == 1


def test_review_offers_no_merge_across_books(crm):
    crm("book", "add", "press")
    crm("import", "press", "-", typed=vcards("igor2"))
    crm("duplicates", "dismiss", "crm", "igor", "igor2")
    crm("duplicates", "dismiss", "crm", "ann", "anna")
    done = crm("duplicates", "review", "crm", "press", typed="m\nd\ns\n").out
    assert "[d]ifferent people, [s]kip, [q]uit" in done
    assert "[m]erge" not in done
    assert "Merged: 0. Different: 1. Skipped: 1." in done


def test_names_do_not_reach_the_terminal(office):
    cards = vcards("igor", "igor2").replace("FN:", "FN:\x1b[2J\x07")
    office("import", "crm", "-", typed=cards)
    for words, typed in ((["find", "crm"], ""), (["review", "crm"], "q\n")):
        shown = office("duplicates", *words, typed=typed).out
        assert "\x1b[2J" not in shown
        assert "\x07" not in shown


class Terminal:
    """The program at a terminal, with somebody who reads and types."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._end, other_end = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sharedbooks.cli", *words],
            cwd=folder,
            env={**quiet_environment(), "TERM": "xterm", "COLUMNS": "120"},
            stdin=other_end,
            stdout=other_end,
            stderr=other_end,
            close_fds=True,
        )
        os.close(other_end)
        self.shown = ""

    def wait_for(self, text: str, times: int = 1) -> None:
        deadline = time.monotonic() + 60
        while self.shown.count(text) < times:
            assert time.monotonic() < deadline, self.shown
            if select.select([self._end], [], [], 1)[0]:
                try:
                    self.shown += os.read(self._end, 65536).decode(errors="replace")
                except OSError:
                    assert self.shown.count(text) >= times, self.shown

    def type(self, text: str) -> None:
        os.write(self._end, text.encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._end)


def test_review_at_a_terminal_survives_an_edit_and_can_be_left(crm):
    with Terminal(crm.folder, "duplicates", "review", "crm") as terminal:
        _answer(crm, terminal)
    assert exported(crm).count("BEGIN") == 4
    assert "edited now" in exported(crm)


def _answer(crm, terminal: Terminal) -> None:
    terminal.wait_for("[q]uit")
    # Somebody edits one of the cards while the pair is on the screen.
    crm("import", "crm", "-", typed=vcards("ann").replace("first", "edited now"))
    terminal.type("m\n")
    terminal.wait_for("changed meanwhile")
    terminal.wait_for("[q]uit", times=2)
    assert "edited now" in terminal.shown
    terminal.type("m\n")
    terminal.wait_for("[q]uit", times=3)
    terminal.type("q\n")
    terminal.wait_for("Merged: 1. Different: 0. Skipped: 0.")
    assert terminal.process.wait(60) == 0
