"""``sharedbooks user``."""

import os
import pty
import subprocess
import sys
import time

import pytest

from sharedbooks.domain.credentials import PasswordHasher
from tests.cli.conftest import quiet_environment

KEYS = {
    *("name", "display_name", "email", "enabled", "source", "dn", "barred"),
    *("created_at", "first_login_at"),
}


def password_hash(sql, name):
    found = sql.execute(
        "SELECT secret_hash FROM credentials c JOIN principals p ON p.id = c.principal_id"
        " WHERE p.name = ? AND c.kind = 'password'",
        [name],
    ).fetchall()
    return found[0][0] if found else None


def test_add_without_password_says_what_to_do_next(sharedbooks, sql):
    done = sharedbooks("user", "add", "o'brien", "--display-name", "Pat", "--email", "p@x.org")
    assert done.out.startswith('Added user "o\'brien".\nThey cannot log in yet: ')
    assert password_hash(sql, "o'brien") is None
    [shown] = sharedbooks("user", "list", "--json").document
    assert shown.keys() == KEYS
    assert shown["name"] == "o'brien"
    assert shown["display_name"] == "Pat"
    assert shown["email"] == "p@x.org"
    assert shown["enabled"] is True
    assert shown["created_at"].endswith("Z")
    assert shown["first_login_at"] is None


@pytest.mark.parametrize("typed", ["correct horse\n", "correct horse", "correct horse\r\n"])
def test_add_with_password(sharedbooks, sql, typed):
    done = sharedbooks("user", "add", "carol", "--password-stdin", "--json", typed=typed)
    assert done.document["has_password"] is True
    assert PasswordHasher("argon2").verify("correct horse", password_hash(sql, "carol"))


def test_add_with_short_password_adds_nobody(sharedbooks, sql):
    done = sharedbooks("user", "add", "carol", "--password-stdin", typed="short\n", code=2)
    assert done.err.startswith("A password has at least 8 characters ([auth] minimum_password_l")
    assert sharedbooks("user", "list", "--json").document == []


def test_minimum_length_is_configured(office):
    (office.folder / "sharedbooks.toml").write_text("[auth]\nminimum_password_length = 3\n")
    office("user", "password", "bob", "--password-stdin", typed="abc\n")
    office("user", "password", "bob", "--password-stdin", typed="ab\n", code=2)


@pytest.mark.parametrize("typed", ["", "\n", "x" * 1025, "has a \0 in it"])
def test_passwords_that_nobody_could_log_in_with(office, sql, typed):
    office("user", "password", "bob", "--password-stdin", typed=typed, code=2)
    assert password_hash(sql, "bob") is None


def test_password_replaces_the_one_before(office, sql):
    for typed in ("the first one", "the second one"):
        done = office("user", "password", "bob", "--password-stdin", typed=typed)
        assert done.out == "Set the password of 'bob'.\n"
        assert PasswordHasher("argon2").verify(typed, password_hash(sql, "bob"))
    assert sql.execute("SELECT count(*) FROM credentials").fetchone() == (1,)


def test_password_is_asked_for_on_a_terminal_without_showing_it(office, sql):
    terminal, other_end = pty.openpty()
    asking = subprocess.Popen(
        [sys.executable, "-m", "sharedbooks.cli", "user", "password", "bob"],
        cwd=office.folder,
        env=quiet_environment(),
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
        start_new_session=True,
    )
    os.close(other_end)
    seen = b""
    for prompt in (b"New password", b"Once more"):
        while not seen.endswith(prompt + b": "):
            seen += os.read(terminal, 1000)
        # The echo is turned off only after the prompt is there.
        time.sleep(0.3)
        os.write(terminal, b"correct horse\n")
        seen += os.read(terminal, 1000)
    assert asking.wait(timeout=30) == 0
    os.close(terminal)
    assert b"correct" not in seen
    assert PasswordHasher("argon2").verify("correct horse", password_hash(sql, "bob"))


def test_show(office):
    office("device", "add", "alice", "phone")
    shown = office("user", "show", "alice", "--json").document
    assert shown.keys() == KEYS | {"has_password", "devices", "groups"}
    assert shown["devices"] == ["phone"]
    assert shown["groups"] == ["sales"]
    assert shown["has_password"] is False
    text = office("user", "show", "alice").out
    assert "\nGroups:       sales\n" in text
    assert "\nOwn password: no\n" in text


def test_disable_and_enable(office, sql):
    assert office("user", "disable", "bob").out == "User 'bob' is disabled.\n"
    assert office("user", "disable", "bob").out == "User 'bob' was already disabled.\n"
    assert sql.execute("SELECT enabled FROM principals WHERE name = 'bob'").fetchone() == (0,)
    assert office("user", "enable", "bob", "--json").document == {
        "name": "bob",
        "enabled": True,
        "changed": True,
    }


def test_delete_tells_of_the_trash(office):
    office("book", "add", "private", "--owner", "bob")
    done = office("user", "delete", "bob", "--json")
    assert done.document == {"deleted": "bob", "books_in_trash": 1}
    assert (
        "went to the trash: 0. Books of the organisation" in office("user", "delete", "alice").out
    )
    assert office("user", "list").out == (
        "There are no users yet; add one with 'sharedbooks user add NAME'.\n"
    )
    assert [row["reference"] for row in office("book", "list", "--json").document] == ["crm"]


def test_list_of_nobody_is_an_empty_document(sharedbooks):
    assert sharedbooks("user", "list", "--json").document == []


def test_names_are_normalised(sharedbooks):
    sharedbooks("user", "add", "Zoe\u0308")
    assert sharedbooks("user", "show", "Zo\u00eb", "--json").document["name"] == "Zo\u00eb"
