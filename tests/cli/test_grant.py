"""``sharedbooks grant``."""


def test_grant_is_made_and_changed(office):
    done = office("grant", "add", "crm", "group:sales", "read", "--json")
    assert done.document == {
        "book": "crm",
        "grantee": "group:sales",
        "privilege": "read",
        "before": None,
    }
    done = office("grant", "add", "crm", "group:sales", "write")
    assert done.out == "Changed what group:sales has on 'crm': read → write.\n"
    done = office("grant", "add", "crm", "group:sales", "edit-own", "--json")
    assert done.document["before"] == "write"
    done = office("grant", "add", "crm", "group:sales", "edit-own")
    assert done.out == "group:sales has edit-own on 'crm' already.\n"


def test_owner_needs_no_grant(office):
    office("book", "add", "private", "--owner", "alice")
    done = office("grant", "add", "alice/private", "user:alice", "read", code=1)
    assert done.err.startswith("User 'alice' owns the address book 'alice/private'.")
    office("grant", "add", "alice/private", "user:bob", "read")


def test_list_of_one_book_and_of_all(office):
    office("book", "add", "press")
    office("grant", "add", "crm", "group:sales", "read")
    office("grant", "add", "press", "user:bob", "manage")
    [crm, press] = office("grant", "list", "--json").document
    assert crm.keys() == {"book", "grantee", "privilege", "granted_at"}
    assert (crm["book"], crm["grantee"], crm["privilege"]) == ("crm", "group:sales", "read")
    assert (press["book"], press["grantee"], press["privilege"]) == ("press", "user:bob", "manage")
    assert office("grant", "list", "press", "--json").document == [press]
    assert office("grant", "list").out.splitlines()[1].startswith("crm    group:sales  read")


def test_remove(office):
    office("grant", "add", "crm", "group:sales", "read")
    done = office("grant", "remove", "crm", "group:sales")
    assert done.out == "Took the grant of group:sales on 'crm' back.\n"
    assert office("grant", "list", "crm").out.startswith("There are no grants; make one with ")


def test_explain_tells_every_reason_the_strongest_first(office):
    office("grant", "add", "crm", "user:alice", "read")
    office("grant", "add", "crm", "group:sales", "write")
    done = office("grant", "explain", "alice", "crm", "--json")
    assert done.document == {
        "user": "alice",
        "book": "crm",
        "privilege": "write",
        "read_only": False,
        "enabled": True,
        "reasons": [
            {"privilege": "write", "reason": "granted to group sales"},
            {"privilege": "read", "reason": "granted to the user"},
        ],
    }
    text = office("grant", "explain", "alice", "crm").out
    assert "\nPrivilege: write\n" in text
    assert text.endswith("write      granted to group sales\nread       granted to the user\n")


def test_explain_owner(office):
    office("book", "add", "private", "--owner", "alice")
    done = office("grant", "explain", "alice", "alice/private", "--json")
    assert done.document["reasons"] == [{"privilege": "manage", "reason": "owns the book"}]


def test_explain_no_privilege_is_no_failure(office):
    done = office("grant", "explain", "bob", "crm", "--json")
    assert done.document == {
        "user": "bob",
        "book": "crm",
        "privilege": None,
        "read_only": False,
        "enabled": True,
        "reasons": [],
    }
    assert office("grant", "explain", "bob", "crm").out.startswith(
        "User 'bob' has no privilege on 'crm': "
    )
