"""``sharedbooks device``."""

import re

from sharedbooks.domain.credentials import hash_device_password


def test_app_password_is_shown_once_and_works(office, sql):
    done = office("device", "add", "alice", "phone", "--json")
    assert done.document.keys() == {"user", "label", "password"}
    [(stored,)] = sql.execute("SELECT secret_hash FROM credentials")
    assert stored == hash_device_password(done.document["password"])
    listed = office("device", "list", "alice")
    assert done.document["password"] not in listed.out + office("user", "show", "alice").out


def test_list(office, sql):
    office("device", "add", "alice", "phone")
    office("device", "add", "alice", "laptop at home")
    sql.execute(
        "UPDATE credentials SET last_used_at = 1767225600000000, last_used_client = 'DAVx5'"
        " WHERE label = 'phone'"
    )
    [phone, laptop] = office("device", "list", "alice", "--json").document
    assert phone.keys() == {"label", "created_at", "last_used_at", "last_used_client"}
    assert phone["last_used_at"] == "2026-01-01T00:00:00.000000Z"
    assert phone["last_used_client"] == "DAVx5"
    assert laptop["label"] == "laptop at home"
    assert laptop["last_used_at"] is None
    assert re.search(
        r"\nphone +\d{4}-\d\d-\d\d \d\d:\d\d  .* DAVx5\n", office("device", "list", "alice").out
    )


def test_label_is_taken(office):
    office("device", "add", "alice", "phone")
    done = office("device", "add", "alice", "phone", code=1)
    assert "'sharedbooks device revoke alice phone'" in done.err
    office("device", "add", "bob", "phone")


def test_revoke(office):
    office("device", "add", "alice", "phone")
    done = office("device", "revoke", "alice", "phone", "--json")
    assert done.document == {"user": "alice", "label": "phone", "revoked": True}
    assert office("device", "list", "alice").out == (
        "User 'alice' has no devices; add one with 'sharedbooks device add alice LABEL'.\n"
    )
