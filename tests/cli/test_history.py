"""``sharedbooks history``, ``card``, ``trash`` and ``book restore``."""

from datetime import datetime

import pytest


def card(uid, name, *lines):
    whole = ("BEGIN:VCARD", "VERSION:3.0", f"UID:{uid}", f"FN:{name}", *lines, "END:VCARD", "")
    return "\r\n".join(whole)


def put(office, *cards):
    office("import", "crm", "-", typed="".join(cards))


def revision(office):
    return office("book", "show", "crm", "--json").document["revision"]


@pytest.fixture
def story(office):
    """A book in which a card was made, changed and another one made; the last deletes all."""
    put(office, card("anna", "Anna", "TEL;TYPE=work:1", "PHOTO;ENCODING=b:QUJD"))
    put(office, card("anna", "Anna B", "TEL;TYPE=work:2", "PHOTO;ENCODING=b:QUJDQUJD"))
    put(office, card("bert", "Bert"))
    return office


def empty_by_restore(office):
    office("book", "restore", "crm", "--revision", "0", "--yes")


def test_history_tells_who_did_what(story):
    changes = story("history", "crm", "--json").document
    assert [(each["revision"], each["action"], each["card"]) for each in changes] == [
        (3, "create", "Bert"),
        (2, "edit", "Anna B"),
        (1, "create", "Anna"),
    ]
    assert changes[1]["changes"] == [
        {"name": "FN", "before": "Anna", "after": "Anna B"},
        {"name": "TEL (work)", "before": "1", "after": "2"},
        {"name": "PHOTO", "before": "(3 octets)", "after": "(6 octets)"},
    ]
    assert changes[1]["client"] == "sharedbooks import"
    assert datetime.fromisoformat(changes[0]["at"])
    text = story("history", "crm").out
    told = "FN: Anna → Anna B; TEL (work): 1 → 2; PHOTO: (3 octets) → (6 octets)"
    assert told in text
    assert "QUJD" not in text


def test_history_of_one_card_since_and_limited(story):
    for name in ("anna", "Anna B", "anna.vcf"):
        changes = story("history", "crm", name, "--json").document
        assert [each["revision"] for each in changes] == [2, 1]
    at = story("history", "crm", "--json").document[1]["at"]
    assert len(story("history", "crm", "--since", at, "--json").document) == 2
    assert len(story("history", "crm", "--limit", "1", "--json").document) == 1
    assert story("history", "crm", "--since", "2999-01-01 10:00").out == (
        "There are no such changes.\n"
    )
    wrong = story("history", "crm", "--since", "yesterday", code=2)
    assert "write '2026-11-20 14:00'" in wrong.err
    nobody = story("history", "crm", "nobody", code=1)
    assert "'sharedbooks card list crm'" in nobody.err


def test_cards_are_listed_and_shown(story):
    listed = story("card", "list", "crm", "--json").document
    assert [(each["name"], each["uid"]) for each in listed] == [
        ("Anna B", "anna"),
        ("Bert", "bert"),
    ]
    shown = story("card", "show", "crm", "Anna B", "--json").document
    assert {"name": "TEL (work)", "value": "2"} in shown["properties"]
    assert {"name": "PHOTO", "value": "(6 octets)"} in shown["properties"]
    assert "Name:     Anna B\n" in story("card", "show", "crm", "anna.vcf").out
    empty_by_restore(story)
    gone = story("card", "show", "crm", "anna", code=1)
    assert "'sharedbooks trash restore crm anna'" in gone.err


def test_card_back_to_a_version(story):
    done = story("card", "restore", "crm", "Anna B", "--version", "1")
    assert done.out == "Card 'Anna B' of 'crm' is again what it was at revision 1.\n"
    assert "TEL;TYPE=work:1" in story("export", "crm").out
    again = story("card", "restore", "crm", "anna", "--version", "1", "--json").document
    assert again == {"book": "crm", "resource_name": "anna.vcf", "revision": 1, "changed": False}
    missing = story("card", "restore", "crm", "bert", "--version", "2", code=1)
    assert "'sharedbooks history crm bert' shows its versions" in missing.err


def test_trash_and_back(story):
    before = story("export", "crm").out
    empty_by_restore(story)
    assert story("export", "crm").out == ""
    assert story("trash", "list", "--json").document == {
        "books": [],
        "cards": [{"book": "crm", "cards": 2}],
    }
    deleted = story("trash", "list", "crm", "--json").document
    assert {each["uid"] for each in deleted} == {"anna", "bert"}
    assert "sharedbooks book restore" in {each["client"] for each in deleted}
    assert "Anna B" in story("trash", "list", "crm").out
    done = story("trash", "restore", "crm", "anna")
    assert done.out == "Cards of 'crm' brought back: 1.\n"
    assert "not in the trash" not in story("trash", "restore", "crm", "--all").out
    assert story("export", "crm").out == before
    assert story("trash", "list").out == "The trash is empty.\n"
    nothing = story("trash", "restore", "crm", "anna", code=1)
    assert "'sharedbooks trash list crm'" in nothing.err


@pytest.mark.parametrize(
    "words",
    ["", "crm", "crm anna --all", "crm --book crm", "--book crm --all", "crm anna --as other"],
)
def test_what_to_bring_back_must_be_said(office, words):
    wrong = office("trash", "restore", *words.split(), code=2)
    assert "or --book NAME alone" in wrong.err


def test_deleted_book_comes_back(story):
    before = story("export", "crm").out
    story("book", "delete", "crm")
    [book] = story("trash", "list", "--json").document["books"]
    assert (book["book"], book["cards"]) == ("crm", 2)
    assert "Deleted book" in story("trash", "list").out
    story("book", "add", "crm")
    taken = story("trash", "restore", "--book", "crm", code=1)
    assert "--as" in taken.err
    done = story("trash", "restore", "--book", "crm", "--as", "old")
    assert done.out == "Address book 'old' is back with its cards (2).\n"
    assert story("export", "old").out == before
    for _ in range(2):
        story("book", "delete", "old" if _ else "crm")
    story("book", "add", "old")
    story("book", "delete", "old")
    several = story("trash", "restore", "--book", "old", code=1)
    assert "several address books 'old'" in several.err
    story("trash", "restore", "--book", str(book["number"]))
    assert story("export", "old").out == before
    assert "'sharedbooks trash list'" in story("trash", "restore", "--book", "x", code=1).err


def test_book_of_a_deleted_user_needs_a_name(office):
    office("book", "add", "private", "--owner", "alice")
    office("user", "delete", "alice")
    assert "--as" in office("trash", "restore", "--book", "alice/private", code=1).err
    office("trash", "restore", "--book", "alice/private", "--as", "bob/from-alice")
    assert office("book", "show", "bob/from-alice", "--json").document["owner"] == "bob"


def test_book_back_to_a_moment(story):
    before, at = story("export", "crm").out, story("history", "crm", "--json").document[0]["at"]
    put(story, card("anna", "Anna C"), card("carl", "Carl"))
    undo = revision(story)
    planned = story("book", "restore", "crm", "--at", at, "--dry-run", "--json").document
    assert planned == {
        "book": "crm",
        "revision": 3,
        "dry_run": True,
        "created": [],
        "changed": ["Anna B"],
        "removed": ["Carl"],
    }
    text = story("book", "restore", "crm", "--at", at, "--dry-run").out
    assert "  changed: 1 (Anna B)\n  removed: 1 (Carl)\n" in text
    assert revision(story) == undo
    done = story("book", "restore", "crm", "--at", at, typed="y\n")
    assert f"'sharedbooks book restore crm --revision {undo}' undoes it." in done.out
    assert story("export", "crm").out == before
    story("book", "restore", "crm", "--revision", str(undo), "--yes")
    assert "Carl" in story("export", "crm").out
    nothing = story("book", "restore", "crm", "--revision", str(undo), "--yes")
    assert nothing.out == "Address book 'crm' is as it was then; nothing changes.\n"


def test_without_an_answer_nothing_is_restored(story):
    before = story("export", "crm").out
    assert story("book", "restore", "crm", "--revision", "0", typed="n\n", code=130).err
    assert story("export", "crm").out == before
    refused = story("book", "restore", "crm", "--revision", "0", "--json", code=2)
    assert "--yes or --dry-run" in refused.err
    story("book", "restore", "crm", code=2)
    story("book", "restore", "crm", "--at", "2026-01-01", "--revision", "1", code=2)


def test_many_names_are_cut_in_the_text_alone(office):
    put(office, *(card(f"uid-{number}", f"Nr {number:02}") for number in range(30)))
    text = office("book", "restore", "crm", "--revision", "0", "--dry-run").out
    assert "Nr 19 and 10 more)" in text
    planned = office("book", "restore", "crm", "--revision", "0", "--dry-run", "--json").document
    assert len(planned["removed"]) == 30
