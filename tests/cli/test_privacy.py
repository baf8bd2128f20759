"""``sharedbooks privacy``: finding, handing out and erasing what is stored about a person."""

import base64
import json
import sqlite3
from contextlib import closing

import pytest

from tests.cli.test_import import card

MAIL = "ann@private.example"
UID = "0d3c1c1e-5b1f-4a52-9a3c-64a3f0a4c111"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"x" * 50).decode()
ANN = card(
    UID, "Ann Example", f"EMAIL:{MAIL}", "TEL:+41446681800", f"PHOTO;ENCODING=b;TYPE=PNG:{PNG}",
    "NOTE:<script>alert(1)</script> & secret-thing",
)  # fmt: skip
BOB = card("bob", "Bob", f"NOTE:knows {MAIL}")
TEAM = card(
    "team", "Team", "KIND:group", f"MEMBER:urn:uuid:{UID}", "MEMBER:urn:uuid:bob", version="4.0"
)


@pytest.fixture
def people(office):
    """The book crm with Ann, whose note changed once, Bob who mentions her, and their group."""
    office("import", "crm", "-", typed=ANN.replace("secret-thing", "earlier-thing") + BOB + TEAM)
    office("import", "crm", "-", typed=ANN)
    return office


def lines(program):
    return [json.loads(line) for line in program("audit").out.splitlines()]


def octets_of_database(folder):
    """Every octet of the database's files."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("sharedbooks.db*")))


def test_find_shows_every_place(people):
    rows = people("privacy", "find", MAIL, "--json").document
    assert [(row["place"], row["card"], row["own"]) for row in rows] == [
        ("card", f"{UID}.vcf", True),
        ("card", "bob.vcf", False),
        ("history", f"{UID}.vcf", True),
    ]
    table = people("privacy", "find", "044 668 18 00", "--country", "ch").out
    assert table.splitlines()[0].split()[:4] == ["Where", "Book", "Card", "Name"]
    assert len(table.splitlines()) == 3
    assert people("privacy", "find", "nobody@example.org").out == "Nothing here names them.\n"


def test_export_is_one_page_a_person_can_read(people):
    done = people("privacy", "export", MAIL, "ann.html", "--json")
    assert done.document == {"file": "ann.html", "cards": 1}
    page = (people.folder / "ann.html").read_text(encoding="utf-8")
    assert f'<img src="data:image/png;base64,{PNG}"' in page
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; secret-thing" in page
    assert "earlier-thing" in page
    assert "sharedbooks import" in page
    assert f"knows {MAIL}" in page
    assert "http://" not in page
    assert "https://" not in page


def test_export_of_a_deleted_card(people, sql):
    people("privacy", "erase", "Bob", "--card", "bob", "--yes")
    people("import", "crm", "-", typed=card("z", "Zoe", "EMAIL:zoe@example.org"))
    people("book", "delete", "crm")
    people("privacy", "export", "zoe@example.org", "zoe.html")
    assert "Address book crm (deleted)" in (people.folder / "zoe.html").read_text()


def test_erase_with_a_dry_run_first(people, sql):
    before = list(sql.iterdump())
    done = people("privacy", "erase", MAIL, "--dry-run")
    assert "would lose the line: 1. Nothing is erased." in done.err
    assert list(sql.iterdump()) == before
    assert "say --yes if you are sure" in people("privacy", "erase", MAIL, code=2).err
    assert list(sql.iterdump()) == before


def test_erased_octets_are_gone_from_the_file(people):
    people("import", "crm", "-", typed=ANN.replace("secret-thing", "x" * 5000))
    people("privacy", "erase", "Bob", "--card", "bob", "--yes")
    _leave_in_free_pages(people.folder, MAIL)
    assert MAIL.encode() in octets_of_database(people.folder)
    done = people("privacy", "erase", MAIL, "--yes", "--json").document
    assert (done["cards"], done["versions"], done["references"]) == (1, 3, 1)
    assert done["scrubbed"] is True
    assert done["left"] == []
    after = octets_of_database(people.folder)
    for gone in (MAIL, "private.exa", "secret-thing", "earlier-thing", "Ann Example", PNG):
        assert gone.lower().encode() not in after.lower(), gone
    assert _index_size(people.folder) == _index_size(people.folder, rebuilt=True)
    assert people("db", "status", "--json").document["state"] == "current"


def _leave_in_free_pages(folder, text):
    """Have the file keep deleted octets, also where SQLite is built to overwrite them."""
    with closing(sqlite3.connect(folder / "sharedbooks.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("CREATE TABLE junk (content TEXT)")
        connection.execute("INSERT INTO junk VALUES (?)", (f"{text} " * 5000,))
        connection.execute("DROP TABLE junk")


def _index_size(folder, *, rebuilt=False):
    """Octets of the search index as it is, or made anew of what is there now."""
    with closing(sqlite3.connect(folder / "sharedbooks.db", isolation_level=None)) as connection:
        if rebuilt:
            connection.execute("INSERT INTO card_texts (card_texts) VALUES ('rebuild')")
        # The first rows hold averages and the list of parts.
        statement = "SELECT coalesce(sum(length(block)), 0) FROM card_texts_data WHERE id > 10"
        [(size,)] = connection.execute(statement).fetchall()
        return size


def test_a_reader_keeps_old_pages_alive_until_it_has_finished(people, monkeypatch):
    monkeypatch.setattr("sharedbooks.db.scrubbing._PATIENCE", 0.5)
    with closing(sqlite3.connect(people.folder / "sharedbooks.db")) as reader:
        reader.isolation_level = None
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM cards").fetchall()
        done = people("privacy", "erase", MAIL, "--yes")
        assert "'sharedbooks privacy scrub' when it is less busy" in done.out
        assert b"secret-thing" in octets_of_database(people.folder)
        reader.execute("COMMIT")
    assert people("privacy", "scrub", "--json").document == {"scrubbed": True}
    assert b"secret-thing" not in octets_of_database(people.folder)


def test_what_is_left_to_people_is_told(people):
    done = people("privacy", "erase", MAIL, "--yes")
    assert (
        "Erased contacts: 1, versions in history and trash: 2, lines in other cards: 1." in done.out
    )
    assert "Backups still hold them" in done.out
    assert f"NOTE: knows {MAIL}" in done.out
    assert "left to you" in done.err
    assert MAIL in people("export", "crm").out


def test_the_log_tells_of_it_without_the_data(people):
    people("privacy", "find", MAIL)
    people("privacy", "export", MAIL, "ann.html")
    people("privacy", "erase", MAIL, "--yes")
    told = [event for event in lines(people) if event["action"].startswith("privacy")]
    assert [event["action"] for event in told] == [
        "privacy find", "privacy export", "privacy erase",
    ]  # fmt: skip
    assert told[2]["details"].keys() == {
        *("by", "salt", "person", "uids", "cards", "versions", "references", "books"),
    }
    assert "ann" not in json.dumps(told).lower().replace("command", "")


def test_two_people_of_one_name_are_never_guessed(people):
    people("import", "crm", "-", typed=card("other", "Ann Example", "EMAIL:ann@other.example"))
    for words in (["erase", "Ann Example", "--yes"], ["export", "Ann Example", "x.html"]):
        done = people("privacy", *words, code=1)
        assert "These may be several people" in done.err
        assert f"(UID {UID})" in done.err
        assert "(UID other)" in done.err
    people("privacy", "erase", "Ann Example", "--card", "other", "--yes")
    assert f"UID:{UID}" in people("export", "crm").out
    assert "No contact of 'Ann Example' has the UID 'bob'" in people(
        "privacy", "erase", "Ann Example", "--card", "bob", "--yes", code=1
    ).err  # fmt: skip


def test_a_name_alone_erases_nobody(people):
    assert "Choose with --card" in people("privacy", "erase", "Ann Example", "--yes", code=1).err


def test_an_address_of_several_people_is_not_one_person(people):
    people("import", "crm", "-", typed=card("x", "Office", f"EMAIL:{MAIL}"))
    assert "'Office' in crm (UID x)" in people("privacy", "erase", MAIL, "--yes", code=1).err
    people("privacy", "erase", MAIL, "--card", "x", "--card", UID, "--yes")
    assert f"EMAIL:{MAIL}" not in people("export", "crm").out


def test_copies_of_one_person_in_several_books_go_together(people):
    people("book", "add", "private", "--owner", "bob")
    people("import", "bob/private", "-", typed=card("copy", "ann EXAMPLE", f"EMAIL:{MAIL.upper()}"))
    people("book", "delete", "bob/private")
    done = people("privacy", "erase", MAIL, "--yes", "--json").document
    assert (done["cards"], done["books"]) == (2, 2)


def test_nobody_is_found(people):
    assert "No contact is" in people("privacy", "erase", "x@example.org", "--yes", code=1).err
    assert "--country CH" in people("privacy", "find", "044 668 18 00", code=2).err
    assert "no mail address, phone or name" in people("privacy", "find", "?!", code=2).err


def test_replay_after_an_old_backup_was_restored(people):
    backup = (people.folder / "sharedbooks.db").read_bytes()
    people("privacy", "erase", MAIL, "--yes")
    (people.folder / "audit.jsonl").write_text(people("audit").out + "no line of it\n")
    assert "Contacts that are back: 0." in people("privacy", "replay", "audit.jsonl", "--yes").out
    for path in people.folder.glob("sharedbooks.db*"):
        path.unlink()
    (people.folder / "sharedbooks.db").write_bytes(backup)
    tried = people("privacy", "replay", "audit.jsonl", "--dry-run")
    assert tried.out == "Erasures in the file: 1. Contacts that are back: 1.\n"
    assert "no line of the audit log" in tried.err
    done = people("privacy", "replay", "audit.jsonl", "--yes", "--json").document
    assert (done["contacts"], done["cards"], done["references"]) == (1, 1, 1)
    assert b"secret-thing" not in octets_of_database(people.folder)
    assert lines(people)[-1]["action"] == "privacy erase"
    assert "missing.jsonl" in people("privacy", "replay", "missing.jsonl", code=2).err
