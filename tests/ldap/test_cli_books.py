"""``sharedbooks directory book``, and what other commands say of such a book."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sharedbooks.cli import main
from tests.support.configured import describe
from tests.support.openldap import OpenLdapServer
from tests.support.process import toml

Program = Callable[..., str]

CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:a\r\nFN:A\r\nEND:VCARD\r\n"

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def sharedbooks(
    database_url: str,
    openldap: OpenLdapServer,
    openldap_branch: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Program:
    """Runs the program; gives standard output and, but for JSON, standard error behind it."""
    configuration = tmp_path / "sharedbooks.toml"
    directories = [
        describe(openldap, tmp_path, base=openldap_branch),
        describe(openldap, tmp_path, "other", base=openldap_branch, suffix="example.org"),
    ]
    configuration.write_text(toml({"database.url": database_url}) + "\n".join(directories))

    def run(*arguments: str | Path, code: int = 0) -> str:
        capsys.readouterr()
        words = [str(argument) for argument in arguments]
        assert main(["--config", str(configuration), *words]) == code, capsys.readouterr()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return captured.out if "--json" in words else captured.out + captured.err

    return run


@pytest.fixture
def people(openldap: OpenLdapServer, openldap_branch: str) -> dict[str, str]:
    """DNs of five people."""
    names = ("ann", "bob", "eve", "kim", "zoe")
    return {name: openldap.add_person(name, openldap_branch, "x", title="Staff") for name in names}


def _json(program: Program, *arguments: str | Path, code: int = 0) -> Any:
    return json.loads(program(*arguments, "--json", code=code))


@pytest.fixture
def staff(sharedbooks: Program, people: dict[str, str], openldap_branch: str) -> Program:
    """The program, with a book ``staff`` that was synced."""
    made = sharedbooks(
        *("directory", "book", "add", "staff", "--directory", "corp", "--groups"),
        *("--filter", "(title=Staff)", "--base", openldap_branch),
        *("--map", "TEL;TYPE=work=mobile", "--map", "NOTE='All of us'"),
    )
    assert "'sharedbooks directory book sync staff'" in made
    sharedbooks("directory", "book", "sync", "staff")
    return sharedbooks


def test_a_book_is_added_synced_and_shown(staff: Program, openldap_branch: str) -> None:
    [listed] = _json(staff, "directory", "book", "list")
    assert {key: listed[key] for key in ("reference", "directory", "entries", "cards")} == {
        "reference": "staff", "directory": "corp", "entries": 5, "cards": 5,
    }  # fmt: skip
    assert listed["synced_at"] is not None
    shown = _json(staff, "directory", "book", "show", "staff")
    assert (shown["base"], shown["filter"]) == (openldap_branch, "(title=Staff)")
    assert (shown["groups"], shown["group_filter"]) == (True, "")
    assert shown["mapping"] == [
        {"property": "TEL;TYPE=work", "attributes": "mobile"},
        {"property": "NOTE", "attributes": "'All of us'"},
    ]
    assert shown["problems"] == []
    assert "NOTE           'All of us'" in staff("directory", "book", "show", "staff")
    assert _json(staff, "book", "show", "staff")["read_only"] is True
    exported = staff("export", "staff")
    assert exported.count("NOTE:All of us\n") + exported.count("NOTE:All of us\r\n") == 5


def test_a_sync_tells_what_it_did(
    staff: Program, openldap: OpenLdapServer, people: dict[str, str]
) -> None:
    openldap.replace(people["ann"], {"mobile": "1"})
    openldap.delete(people["bob"])
    planned = _json(staff, "directory", "book", "sync", "staff", "--dry-run")
    assert planned == {
        "book": "staff", "directory": "corp", "entries": 4, "added": 0, "changed": 1,
        "removed": 1, "problems": [], "dry_run": True,
    }  # fmt: skip
    done = staff("directory", "book", "sync", "staff")
    assert done == (
        "Cards of 'staff' that were added: 0, changed: 1, removed: 1; entries in the directory: 4."
        "\n"
    )


def test_the_sync_of_a_directory_syncs_its_books(
    staff: Program, openldap: OpenLdapServer, people: dict[str, str], openldap_branch: str
) -> None:
    staff(
        "directory",
        "book",
        "add",
        "lost",
        "--directory",
        "corp",
        "--base",
        f"ou=x,{openldap_branch}",
    )
    staff("directory", "book", "add", "elsewhere", "--directory", "other")
    openldap.replace(people["ann"], {"mobile": "1"})
    done = _json(staff, "directory", "sync", "corp", code=1)
    assert [(row["book"], row["changed"], row["result"]) for row in done["books"]] == [
        ("lost", None, "failed"),
        ("staff", 1, "done"),
    ]
    assert "has no entry" in done["books"][0]["problems"][0]
    staff("directory", "book", "remove", "lost", "--delete")
    text = staff("directory", "sync")
    # The second directory is the first one again, with people of the same names.
    shown = [line for line in text.splitlines() if not line.startswith("Left out: ")]
    assert shown[-3].split() == ["Book", "Entries", "Added", "Changed", "Removed", "Result"]
    assert [line.split()[0] for line in shown[-2:]] == ["staff", "elsewhere"]


def test_an_answer_that_is_suspiciously_empty_needs_force(
    staff: Program, openldap: OpenLdapServer, people: dict[str, str]
) -> None:
    for name in ("ann", "bob", "eve"):
        openldap.delete(people[name])
    refused = staff("directory", "book", "sync", "staff", code=1)
    assert "holds 2 of the 5 entries" in refused
    assert refused.endswith("give 'sharedbooks directory book sync staff --force'.\n")
    assert _json(staff, "directory", "book", "sync", "staff", "--force")["removed"] == 3


def test_nobody_imports_into_it_and_explain_tells_why(staff: Program, tmp_path: Path) -> None:
    (tmp_path / "a.vcf").write_text(CARD)
    refused = staff("import", "staff", tmp_path / "a.vcf", code=1)
    assert refused == (
        "The cards of this address book come from a directory; they are changed there.\n"
    )
    staff("user", "add", "alice")
    staff("grant", "add", "staff", "user:alice", "write")
    explained = _json(staff, "grant", "explain", "alice", "staff")
    assert (explained["privilege"], explained["read_only"]) == ("read", True)
    assert explained["reasons"] == [{"privilege": "write", "reason": "granted to the user"}]
    assert "come from a directory" in staff("grant", "explain", "alice", "staff")
    assert _json(staff, "book", "show", "staff")["members"] == [
        {"user": "alice", "privilege": "read"}
    ]
    staff("grant", "add", "staff", "user:alice", "manage")
    assert _json(staff, "grant", "explain", "alice", "staff")["privilege"] == "manage"


def test_remove_leaves_an_ordinary_book_or_none(staff: Program, tmp_path: Path) -> None:
    (tmp_path / "a.vcf").write_text(CARD)
    staff("directory", "book", "remove", "staff")
    assert _json(staff, "directory", "book", "list") == []
    assert _json(staff, "book", "show", "staff")["cards"] == 5
    staff("import", "staff", tmp_path / "a.vcf")
    refused = staff("directory", "book", "sync", "staff", code=1)
    assert "does not come from a directory" in refused
    assert "'sharedbooks directory book list' shows which do." in refused
    staff("directory", "book", "add", "other", "--directory", "corp")
    staff("directory", "book", "remove", "other", "--delete")
    assert "There is no address book 'other'." in staff("book", "show", "other", code=1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "Say which with --directory: there is corp, other."),
        (("--directory", "none"), "There is no [directory.none]; there is corp, other."),
        (("--filter", "title=x"), "it is"),
        (("--base", "nowhere"), "it is"),
        (("--map", "FON=cn"), 'it maps "FON", which is no vCard property'),
        (("--map", "TEL"), "write PROPERTY=ATTRIBUTE"),
    ],
)
def test_what_cannot_be_is_refused(
    sharedbooks: Program, options: tuple[str, ...], sentence: str
) -> None:
    refused = sharedbooks("directory", "book", "add", "staff", *options, code=2)
    assert sentence in refused
    assert "There is no address book 'staff'." in sharedbooks("book", "show", "staff", code=1)


def test_only_an_empty_book_of_the_organisation_can_be_one(
    sharedbooks: Program, tmp_path: Path
) -> None:
    (tmp_path / "a.vcf").write_text(CARD)
    sharedbooks("book", "add", "full")
    sharedbooks("import", "full", tmp_path / "a.vcf")
    sharedbooks("user", "add", "alice")
    sharedbooks("book", "add", "alice/own")
    for name in ("full", "alice/own", "alice/missing"):
        sharedbooks("directory", "book", "add", name, "--directory", "corp", code=1)
    assert "--map, over" not in sharedbooks(
        "directory", "book", "add", "new", "--directory", "corp", "--map", "RELATED=secretary"
    )
