"""From an empty folder to a book in use and back, by the program as a process."""

import re
from importlib.metadata import entry_points
from pathlib import Path

from tests.cli.conftest import Subprocess

CARDS = (
    b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:anna\r\nFN:Anna\r\nEND:VCARD\r\n"
    b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:bert\r\nFN:Bert\r\nEND:VCARD\r\n"
)


def test_walk(tmp_path: Path):
    run = Subprocess(tmp_path)

    made = run("init")
    assert (tmp_path / "sharedbooks.toml").is_file()
    assert (tmp_path / "sharedbooks.db").is_file()
    assert "sharedbooks user add NAME" in made.out

    added = run("user", "add", "alice", "--display-name", "Alice Müller")
    assert "'sharedbooks device add alice LABEL'" in added.out
    run("user", "add", "bob", "--password-stdin", typed="correct horse\n")
    run("group", "add", "sales")
    run("group", "add-member", "sales", "alice")
    run("book", "add", "customers", "--display-name", "Customers")
    granted = run("grant", "add", "customers", "group:sales", "write")
    assert granted.out == "group:sales has write on 'customers' now.\n"

    device = run("device", "add", "alice", "phone")
    assert re.search(r"\n    ([a-z2-9]{4}-){4}[a-z2-9]{4}\n", device.out)

    (tmp_path / "cards.vcf").write_bytes(CARDS)
    imported = run("import", "customers", "cards.vcf")
    assert imported.out == ("Cards imported into 'customers': 2 added, 0 changed, 0 unchanged.\n")
    assert run("export", "customers").out.encode() == CARDS
    run("export", "customers", "copy.vcf")
    assert (tmp_path / "copy.vcf").read_bytes() == CARDS

    explained = run("grant", "explain", "alice", "customers")
    assert "granted to group sales" in explained.out
    assert "has no privilege" in run("grant", "explain", "bob", "customers").out

    assert run("doctor").code == 0
    assert "trash" in run("user", "delete", "alice").out
    assert "trash" in run("book", "delete", "customers").out
    assert run("book", "list").out == (
        "There are no address books yet; add one with 'sharedbooks book add NAME'.\n"
    )


def test_console_script_is_this_program():
    [script] = entry_points(group="console_scripts", name="sharedbooks")
    assert script.value == "sharedbooks.cli:main"
