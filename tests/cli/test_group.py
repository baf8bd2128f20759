"""``sharedbooks group``."""


def test_members_come_and_go(office):
    done = office("group", "add-member", "sales", "bob", "--json")
    assert done.document == {"group": "sales", "user": "bob", "changed": True}
    assert office("group", "add-member", "sales", "bob", "--json").document["changed"] is False
    assert office("group", "show", "sales", "--json").document["members"] == ["alice", "bob"]
    done = office("group", "remove-member", "sales", "alice")
    assert done.out == "User 'alice' is no longer in group 'sales'.\n"
    [listed] = office("group", "list", "--json").document
    keys = {"name", "display_name", "source", "dn", "barred", "created_at", "members", "size"}
    assert listed.keys() == keys
    assert listed["members"] == ["bob"]
    assert office("group", "list").out.splitlines()[1].split() == ["sales", "sales", "local", "1"]


def test_delete_takes_its_grants_with_it(office):
    office("grant", "add", "crm", "group:sales", "read")
    assert office("group", "delete", "sales", "--json").document == {"deleted": "sales"}
    assert office("grant", "list", "--json").document == []
    assert office("grant", "explain", "alice", "crm", "--json").document["privilege"] is None
    assert office("group", "list").out == (
        "There are no groups yet; add one with 'sharedbooks group add NAME'.\n"
    )


def test_a_user_and_a_group_may_have_one_name(office):
    office("group", "add", "alice")
    office("grant", "add", "crm", "group:alice", "read")
    assert office("grant", "explain", "alice", "crm", "--json").document["privilege"] is None


def test_next_step_is_quoted_for_the_shell(office):
    done = office("group", "add", "Sales, EMEA")
    assert "'sharedbooks group add-member 'Sales, EMEA' USER'" in done.out
