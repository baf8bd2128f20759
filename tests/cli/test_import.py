"""``sharedbooks import`` and ``export``."""

import base64
import getpass
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import quiet_environment

SUMMARY = {
    *("book", "added", "changed", "unchanged", "skipped", "kept", "failed", "problems"),
    *("dry_run", "source", "format", "layout", "encoding", "delimiter", "unknown_columns"),
}


def card(uid: str | None, name: str, *lines: str, version: str = "3.0", end: str = "\r\n") -> str:
    uids = [] if uid is None else [f"UID:{uid}"]
    content = ["BEGIN:VCARD", f"VERSION:{version}", *uids, f"FN:{name}", *lines, "END:VCARD"]
    return "".join(line + end for line in content)


def write(folder: Path, *cards: str) -> Path:
    path = folder / "cards.vcf"
    path.write_bytes("".join(cards).encode())
    return path


def revision(office) -> int:
    return int(office("book", "show", "crm", "--json").document["revision"])


def test_summary_in_json(office):
    write(office.folder, card("a", "Anna"), card("b", "Bert"))
    done = office("import", "crm", "cards.vcf", "--json")
    assert done.document.keys() == SUMMARY
    assert done.document["added"] == 2
    assert done.document["problems"] == []
    write(office.folder, card("a", "Anna"), card("b", "Bertha"), card("c", "Carl"))
    done = office("import", "crm", "cards.vcf", "--json")
    assert [done.document[key] for key in ("added", "changed", "unchanged")] == [1, 1, 1]


def test_bad_cards_are_told_with_their_lines_and_the_good_ones_kept(office, sql):
    path = write(
        office.folder,
        card("a", "Anna"),  # lines 1 to 5
        "BEGIN:VCARD\r\nVERSION:3.0\r\nno colon here\r\nFN:x\r\nEND:VCARD\r\n",  # 6 to 10
        card("b", "Old", version="5.0"),  # 11 to 15
        "stray text\r\n",  # 16
        card("a", "Again"),  # 17 to 21
        card("c", "Carl", end="\n"),  # 22 to 26
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:cut off\r\n",  # from 27 on
    )
    done = office("import", "crm", path, code=1)
    told = [line.removeprefix(f"{path}, line ") for line in done.err.splitlines()]
    assert told == [
        "8: Line 8 is no property: it has no name and colon.",
        "12: VERSION '5.0' is not one of 2.1, 3.0 and 4.0.",
        "16: The text in line 16 stands outside of a card.",
        "17: The card has the UID of the one in line 1; that one was taken.",
        "27: The card that begins in line 27 has no END:VCARD.",
    ]
    assert done.out == (
        "Cards imported into 'crm': 2 added, 0 changed, 0 unchanged. "
        "Left out: 5, for the reasons above.\n"
    )
    assert sql.execute("SELECT card_uid, display_name FROM cards ORDER BY 1").fetchall() == [
        ("a", "Anna"),
        ("c", "Carl"),
    ]
    again = office("import", "crm", path, "--json", code=1).document
    assert again["failed"] == len(again["problems"]) == 5
    assert again["problems"][0] == {
        "line": 8,
        "reason": "Line 8 is no property: it has no name and colon.",
    }


def test_import_again_changes_nothing(office, sql):
    write(office.folder, card("a", "Anna"), card(None, "Nobody"), card(None, "Other", end="\n"))
    assert office("import", "crm", "cards.vcf", "--json").document["added"] == 3
    before = list(sql.iterdump())
    assert revision(office) == 3
    assert office("import", "crm", "cards.vcf", "--json").document["unchanged"] == 3
    assert list(sql.iterdump()) == before


def test_export_and_import_give_the_same_octets(office):
    photo = base64.b64encode(os.urandom(2_000_000)).decode()
    path = write(
        office.folder,
        card(
            "a", "Ännä", "X-Odd ; p=1:  kept ", "item1.TEL:1", "item1.X-ABLabel:_$!<Home>!$_"
        ).replace("X-Odd ; p=1", "X-Odd;p=1"),
        card("b", "Photo", f"PHOTO;ENCODING=b;TYPE=JPEG:{photo}"),
        card("c", "Lines", "NOTE:folded\n  in LF", end="\n"),
        card("urn:uuid:6f0c2a1e-5d0b-4d0e-9a57-1c3d1f6b8e42", "New", "EMAIL:x@y", version="4.0"),
    )
    office("import", "crm", path)
    office("export", "crm", "out.vcf")
    out = (office.folder / "out.vcf").read_bytes()
    assert sorted(out.split(b"BEGIN:VCARD")) == sorted(path.read_bytes().split(b"BEGIN:VCARD"))
    office("book", "add", "copy")
    office("import", "copy", "out.vcf")
    assert office("export", "copy").out.encode() == out
    assert office("import", "crm", "out.vcf", "--json").document["unchanged"] == 4


def test_card_without_a_last_line_end_stays_the_same_over_export_and_import(office):
    write(office.folder, card("a", "Anna"), card("z", "Last").removesuffix("\r\n"))
    office("import", "crm", "cards.vcf")
    office("export", "crm", "out.vcf")
    assert office("import", "crm", "out.vcf", "--json").document["unchanged"] == 2
    assert revision(office) == 2


def test_history_names_the_administrator(office, sql):
    office("import", "crm", "-", typed=card("a", "Anna"))
    office("import", "crm", "-", typed=card("a", "Annabel"))
    versions = sql.execute(
        "SELECT revision, action, actor_id, actor_name, device, client, content_before"
        " FROM card_versions ORDER BY revision"
    ).fetchall()
    who = (None, os.environ.get("SUDO_USER") or getpass.getuser(), "", "sharedbooks import")
    assert versions == [
        (1, "create", *who, None),
        (2, "edit", *who, card("a", "Anna").encode()),
    ]


def test_file_that_holds_no_card(office):
    assert office("import", "crm", "-", typed="").out.startswith("Cards imported into 'crm': 0 ")
    done = office("import", "crm", "-", "--format", "vcf", typed="Some text\nand more\n", code=1)
    assert done.err == "standard input, line 1: The text in line 1 stands outside of a card.\n"
    done = office("import", "crm", "-", typed="Some text\nand more\n", code=1)
    assert done.err.startswith("No row of headings that is known was found; say what each column")


def test_card_that_is_too_large(office):
    (office.folder / "sharedbooks.toml").write_text('[books]\nmax_card_size = "1 KiB"\n')
    write(office.folder, card("a", "x" * 2000), card("b", "Bert"))
    done = office("import", "crm", "cards.vcf", code=1)
    assert "cards.vcf, line 1: The card has 2" in done.err
    assert "1 added" in done.out


def test_card_with_an_empty_uid_gets_one(office, sql):
    office("import", "crm", "-", typed=card("", "Anna"))
    [(uid,)] = sql.execute("SELECT card_uid FROM cards").fetchall()
    assert len(uid) == 36


def test_card_that_no_uid_can_be_given(office):
    octets = "BEGIN:VCARD\r\nUID:\r\nVERSION:3.0\r\nFN:x\r\nEND:VCARD\r\n"
    done = office("import", "crm", "-", typed=octets + card("a", "Anna"), code=1)
    assert done.err == "standard input, line 1: The card has an empty UID before its VERSION.\n"
    assert "1 added" in done.out


def test_export_into_a_file_replaces_it_whole(office):
    office("import", "crm", "-", typed=card("a", "Anna"))
    target = office.folder / "out.vcf"
    target.write_text("before")
    target.chmod(0o640)
    (office.folder / "link.vcf").symlink_to(target)
    done = office("export", "crm", "link.vcf", "--json")
    assert done.document == {
        "book": "crm",
        "file": "link.vcf",
        "cards": 1,
        "books": ["crm"],
        "format": "vcf",
        "left_out": {},
    }
    assert target.read_text() == card("a", "Anna").replace("\r\n", "\n")
    assert target.stat().st_mode & 0o777 == 0o640
    assert (office.folder / "link.vcf").is_symlink()
    before = sorted(office.folder.iterdir())
    office("export", "crn", "out.vcf", code=1)
    office("export", "crm", "no/such/folder.vcf", code=1)
    assert sorted(office.folder.iterdir()) == before


def test_what_a_file_says_does_not_reach_the_terminal(office):
    done = office("import", "crm", "-", typed="BEGIN:VCARD\nBEGIN:\x1b[2J\nEND:VCARD\n", code=1)
    assert "\x1b" not in done.err


def test_export_to_the_output_by_name(office):
    office("import", "crm", "-", typed=card("a", "Anna"))
    assert office("export", "crm", "-").out.encode() == card("a", "Anna").encode()


def test_export_onto_a_full_disk(office):
    office("import", "crm", "-", typed=card("a", "Anna"))
    done = office("export", "crm", "/dev/full", code=1)
    assert done.err.startswith("Reading or writing: No space left on device; see that the place")


def test_export_of_an_empty_book(office):
    assert office("export", "crm").out == ""
    assert office("export", "crm", "out.vcf").out == "Cards of 'crm' written into out.vcf: 0.\n"
    assert (office.folder / "out.vcf").read_bytes() == b""


@pytest.mark.parametrize("words", [["export", "crm", "out.vcf"], ["import", "crm", "cards.vcf"]])
def test_progress_is_shown_on_a_terminal_only(office, words):
    write(office.folder, card("a", "Anna"))
    terminal, other_end = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "sharedbooks.cli", *words],
        cwd=office.folder,
        env={**quiet_environment(), "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=other_end,
        check=True,
    )
    os.close(other_end)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert words[0].capitalize() in shown
    assert done.stdout.count(b"\n") == 1
    assert office(*words).err == ""


def test_many_cards_leave_a_search_index_in_one_piece(office, sql):
    pieces = "SELECT count(DISTINCT segid) FROM card_texts_idx"
    write(office.folder, *(card(f"c{number}", f"Carl {number}") for number in range(1200)))
    office("import", "crm", "cards.vcf")
    assert sql.execute(pieces).fetchone() == (1,)
