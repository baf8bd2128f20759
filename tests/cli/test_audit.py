"""``sharedbooks audit``: who did what."""

import getpass
import json
import os

from tests.cli.test_import import card

SECRET = "correct horse battery staple"


def events(program, *words):
    return [json.loads(line) for line in program("audit", *words).out.splitlines()]


def commands(program, *words):
    return [
        (event["action"], event["details"])
        for event in events(program, *words)
        if event["kind"] == "command"
    ]


def test_every_command_that_changes_something_is_there(office):
    before = len(events(office))
    calls = [
        ("grant", "add", "crm", "group:sales", "write"),
        ("book", "set", "crm", "--display-name", "Secret plans", "--check-policy", "warn"),
        ("device", "add", "alice", "Alice's phone"),
        ("user", "disable", "bob"),
        ("group", "remove-member", "sales", "alice"),
        ("grant", "remove", "crm", "group:sales"),
        ("book", "delete", "crm"),
    ]
    for words in calls:
        office(*words)
    told = commands(office)[before:]
    assert [action for action, _ in told] == [" ".join(words[:2]) for words in calls]
    assert told[0][1] == {"reference": "crm", "grantee": "group:sales", "privilege": "write"}
    assert told[1][1] == {"reference": "crm", "display_name": "given", "check_policy": "warn"}
    assert told[2][1] == {"user_name": "alice", "label": "Alice's phone"}
    who = os.environ.get("SUDO_USER") or getpass.getuser()
    assert {event["who"] for event in events(office)} == {who}


def test_what_reads_fails_or_only_tries_is_no_event(office):
    office("import", "crm", "-", typed=card("a", "Anna", "TEL:044 668 18 00"))
    before = events(office)
    office("book", "list")
    office("grant", "add", "nowhere", "user:alice", "read", code=1)
    office("user", "add", "alice", code=1)
    office("check", "crm", "--country", "CH", "--fix", "--dry-run")
    assert events(office) == before


def test_no_secret_and_no_contents(office, sql):
    office("user", "password", "alice", "--password-stdin", typed=SECRET + "\n")
    office("user", "add", "carol", "--email", "carol@private.example")
    secret = office("device", "add", "alice", "phone").out
    office("import", "crm", "-", typed=card("a", "Anna", "NOTE:very private"))
    text = office("audit").out
    stored = str(sql.execute("SELECT * FROM audit_events").fetchall())
    for hidden in (SECRET, "carol@private.example", "very private"):
        assert hidden not in text + stored
    words = [word for word in secret.split() if word.count("-") == 4 and len(word) == 24]
    assert words
    assert all(word not in text + stored for word in words)


def test_an_import_is_one_command_and_a_line_for_each_card(office):
    before = len(events(office))
    office("import", "crm", "-", typed="".join(card(f"u{n}", f"Nr. {n}") for n in range(1200)))
    first, *rest = events(office)[before:]
    assert (first["kind"], first["action"]) == ("command", "import")
    assert [event["revision"] for event in rest] == [*range(1, 1201)]
    assert rest[0].keys() == {
        *("at", "kind", "who", "action", "book", "revision", "card", "uid", "device", "client"),
    }
    assert rest[0]["client"] == "sharedbooks import"
    moments = [event["at"] for event in events(office)]
    assert moments == sorted(moments)


def test_part_of_the_log(office):
    office("book", "add", "press")
    office("import", "crm", "-", typed=card("a", "Anna"))
    office("import", "press", "-", typed=card("b", "Bert"))
    assert [(e["kind"], e["action"]) for e in events(office, "--book", "press")] == [
        ("command", "book add"),
        ("command", "import"),
        ("card", "create"),
    ]
    assert [action for action, _ in commands(office, "--user", "alice")] == [
        "user add",
        "group add-member",
    ]
    assert events(office, "--until", "2020-01-01") == []
    assert events(office, "--since", "2120-01-01") == []
    everything = events(office)
    assert events(office, "--since", everything[2]["at"]) == everything[2:]
    assert events(office, "--until", everything[2]["at"]) == everything[:2]


def test_books_that_are_gone_keep_their_name(office):
    office("book", "add", "projects", "--owner", "bob")
    office("import", "bob/projects", "-", typed=card("a", "Anna"))
    office("user", "delete", "bob")
    [event] = [each for each in events(office) if each["kind"] == "card"]
    assert event["book"] == "bob/projects"


def test_a_restore_is_an_event_of_the_database_it_made(office):
    office("backup", "all.backup")
    for path in office.folder.glob("sharedbooks.db*"):
        path.unlink()
    office("restore", "all.backup")
    assert commands(office)[-1] == ("restore", {"path": "all.backup"})
