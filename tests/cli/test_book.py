"""``sharedbooks book``."""

KEYS = {
    "read_only",
    *("reference", "name", "owner", "display_name", "description"),
    *("cards", "revision", "created_at", "changed_at"),
}
RULES = {"check_policy", "check_rule", "check_country", "keep_versions", "keep_trash"}
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:a\r\nFN:A\r\nEND:VCARD\r\n"


def test_book_of_the_organisation(office):
    made = office("book", "add", "press", "--display-name", "Press", "--description", "For all")
    assert "'sharedbooks grant add press group:NAME PRIVILEGE'" in made.out
    shown = office("book", "show", "press", "--json").document
    assert shown.keys() == KEYS | RULES | {"grants", "members"}
    assert shown["reference"] == shown["name"] == "press"
    assert shown["owner"] is None
    assert shown["display_name"] == "Press"
    assert shown["description"] == "For all"


def test_book_of_a_user_is_in_their_home(office, sql):
    office("book", "add", "private", "--owner", "alice")
    office("book", "add", "bob/other", "--json")
    mounted = sql.execute(
        "SELECT p.name, m.name FROM mounts m JOIN principals p ON p.id = m.principal_id"
    )
    assert sorted(mounted) == [("alice", "private"), ("bob", "other")]
    assert office("book", "show", "alice/private", "--json").document["members"] == [
        {"user": "alice", "privilege": "manage"}
    ]
    office("book", "add", "private", "--owner", "alice", code=1)


def test_list(office):
    office("import", "crm", "-", typed=CARD)
    office("book", "add", "private", "--owner", "alice")
    listed = office("book", "list", "--json").document
    assert [book["reference"] for book in listed] == ["crm", "alice/private"]
    assert all(book.keys() == KEYS for book in listed)
    assert listed[0]["cards"] == listed[0]["revision"] == 1
    lines = [line.split() for line in office("book", "list").out.splitlines()]
    assert lines == [
        ["Book", "Display", "name", "Owner", "Cards", "Revision"],
        ["crm", "crm", "1", "1"],
        ["alice/private", "private", "alice", "0", "0"],
    ]


def test_show_tells_who_may_see_it(office):
    office("grant", "add", "crm", "group:sales", "read")
    office("grant", "add", "crm", "user:bob", "create")
    office("grant", "add", "crm", "user:alice", "write")
    shown = office("book", "show", "crm", "--json").document
    assert shown["members"] == [
        {"user": "alice", "privilege": "write"},
        {"user": "bob", "privilege": "create"},
    ]
    assert [(grant["grantee"], grant["privilege"]) for grant in shown["grants"]] == [
        ("group:sales", "read"),
        ("user:alice", "write"),
        ("user:bob", "create"),
    ]
    text = office("book", "show", "crm").out
    assert "\nCards:          0\n" in text
    assert "\nGrantee      Privilege  Granted\n" in text
    assert text.endswith("\nMember  May\nalice   write\nbob     create\n")


def test_set(office):
    office("book", "set", "crm", "--display-name", "Customers", "--description", "All of them")
    done = office("book", "set", "crm", "--description", "", "--json")
    assert done.document["display_name"] == "Customers"
    assert done.document["description"] == ""


def test_delete_puts_it_into_the_trash(office, sql):
    office("import", "crm", "-", typed=CARD)
    done = office("book", "delete", "crm")
    assert done.out.startswith("Address book 'crm' is in the trash with its cards (1); ")
    assert sql.execute("SELECT count(*) FROM cards").fetchone() == (1,)
    assert office("book", "add", "crm", "--json").document["cards"] == 0
    assert office("book", "delete", "crm", "--json").document == {
        "deleted": "crm",
        "cards_in_trash": 0,
    }


def test_control_characters_from_a_client_do_not_reach_the_terminal(office, sql):
    sql.execute("UPDATE address_books SET display_name = 'a\x1b[31mb\nc\x9b'")
    assert "a [31mb c" in office("book", "list").out
    assert "a [31mb c" in office("book", "show", "crm").out
    assert office("book", "list", "--json").document[0]["display_name"] == "a\x1b[31mb\nc\x9b"
