"""``sharedbooks maintenance``, and how long a book keeps things."""

import re
import shlex
from pathlib import Path

import pytest

CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:a\r\nFN:{}\r\nEND:VCARD\r\n"
SYSTEMD = Path(__file__).parents[2] / "systemd"


def age(sql, days):
    microseconds = days * 86_400_000_000
    sql.execute("UPDATE card_versions SET at = at - ?", (microseconds,))
    sql.execute("UPDATE address_books SET deleted_at = deleted_at - ?", (microseconds,))


def taken(office):
    return office("maintenance", "--json").document


@pytest.fixture
def versions(office, sql):
    """A book whose card was made and changed 400 days ago, and a deleted one."""
    for name in ("A", "B"):
        office("import", "crm", "-", typed=CARD.format(name))
    office("book", "add", "old")
    office("book", "delete", "old")
    age(sql, 400)
    return office


def test_by_default_only_trash_goes(versions):
    done = versions("maintenance")
    assert done.out == (
        "Taken away: 0 versions of cards, 0 cards and 1 address books from the trash, 0 counters "
        "of failed logins.\n"
    )
    assert len(versions("history", "crm", "--json").document) == 2


def test_a_book_may_keep_less(versions):
    versions("book", "set", "crm", "--keep-versions", "90 d", "--keep-trash", "forever")
    shown = versions("book", "show", "crm", "--json").document
    assert (shown["keep_versions"], shown["keep_trash"]) == ("90 d", "forever")
    assert taken(versions) == {"versions": 2, "cards": 0, "books": 1, "login_failures": 0}
    assert versions("export", "crm").out == CARD.format("B")


def test_the_configuration_says_what_books_do_not(versions):
    configuration = versions.folder / "sharedbooks.toml"
    configuration.write_text(
        f'{configuration.read_text()}\n[books]\nkeep_versions = "90 d"\nkeep_trash = 0\n'
    )
    assert taken(versions) == {"versions": 2, "cards": 0, "books": 0, "login_failures": 0}


def test_back_to_the_default(office):
    office("book", "set", "crm", "--keep-versions", "3600")
    assert office("book", "show", "crm", "--json").document["keep_versions"] == "3600 s"
    office("book", "set", "crm", "--keep-versions", "default")
    shown = office("book", "show", "crm", "--json").document
    assert (shown["keep_versions"], shown["keep_trash"]) == ("default", "default")


@pytest.mark.parametrize("wrong", ["soon", "0", "-1", "10 y", ""])
def test_a_time_that_is_none(office, wrong):
    refused = office("book", "set", "crm", f"--keep-trash={wrong}", code=2)
    assert "forever or default" in refused.err


def test_the_timer_gives_the_command():
    unit = (SYSTEMD / "sharedbooks-maintenance.service").read_text()
    [start] = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    assert shlex.split(start)[-1] == "maintenance"
    assert "OnCalendar=" in (SYSTEMD / "sharedbooks-maintenance.timer").read_text()
