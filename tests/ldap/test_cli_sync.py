"""``sharedbooks directory sync``, and groups of a directory on the command line."""

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


@pytest.fixture
def people(openldap: OpenLdapServer, openldap_branch: str) -> dict[str, str]:
    """DNs of alice, in two groups called Sales, and of bob."""
    found = {name: openldap.add_person(name, openldap_branch, "x") for name in ("alice", "bob")}
    for unit in ("Berlin", "Lyon"):
        under = f"ou={unit},{openldap_branch}"
        openldap.add(under, {"objectClass": ["organizationalUnit"], "ou": unit})
        # As OpenLDAP writes the DN.
        made = openldap.add_group("Sales, EMEA", under, [found["alice"]])
        found[unit] = made.replace("\\,", "\\2C")
    found["board"] = openldap.add_group("Board", openldap_branch, [found["bob"]])
    return found


@pytest.fixture
def sharedbooks(
    database_url: str,
    openldap: OpenLdapServer,
    openldap_branch: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Program:
    """Runs the program; gives standard output, and standard error behind it."""
    configuration = tmp_path / "sharedbooks.toml"
    configuration.write_text(
        toml({"database.url": database_url}) + describe(openldap, tmp_path, base=openldap_branch)
    )

    def run(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        assert main(["--config", str(configuration), *arguments]) == code, capsys.readouterr()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return captured.out + captured.err

    return run


def document(text: str) -> Any:
    return json.loads(text)


@pytest.mark.usefixtures("people")
def test_summary_for_people_and_for_programs(sharedbooks: Program) -> None:
    planned = document(sharedbooks("directory", "sync", "--dry-run", "--json"))
    (row,) = planned["directories"]
    assert planned["dry_run"] is True
    assert (row["result"], row["added"][:2]) == ("done", ["alice", "bob"])
    assert document(sharedbooks("user", "list", "--json")) == []
    heading, line = sharedbooks("directory", "sync").splitlines()[-2:]
    shown = dict(zip(heading.split()[:4], line.split()[:4], strict=True))
    assert shown == {"Directory": "corp", "People": "2", "Groups": "3", "New": "5"}
    assert [each["name"] for each in document(sharedbooks("user", "list", "--json"))] == [
        "alice",
        "bob",
    ]


def test_grant_to_a_group_by_dn_and_by_short_name(
    sharedbooks: Program, people: dict[str, str], openldap_branch: str
) -> None:
    sharedbooks("directory", "sync")
    sharedbooks("book", "add", "crm")
    spelled = f"CN = sales\\2c emea , OU=LYON,{openldap_branch.upper()}"
    sharedbooks("grant", "add", "crm", f"group:{spelled}", "read")
    (grant,) = document(sharedbooks("grant", "list", "--json"))
    assert grant["grantee"] == "group:Sales, EMEA (Lyon)"
    assert document(sharedbooks("group", "show", spelled, "--json"))["dn"] == people["Lyon"]
    sharedbooks("grant", "add", "crm", "group:board", "write")
    refusal = sharedbooks("grant", "add", "crm", "group:sales, emea", "read", code=1)
    assert people["Lyon"] in refusal
    assert people["Berlin"] in refusal
    assert "There is no group" in sharedbooks(
        "grant", "add", "crm", "group:cn=nobody,dc=example", "read", code=1
    )
    sharedbooks("grant", "remove", "crm", f"group:{people['Lyon']}")
    assert len(document(sharedbooks("grant", "list", "--json"))) == 1


@pytest.mark.usefixtures("people")
def test_only_the_directory_says_who_is_in_its_groups(sharedbooks: Program) -> None:
    sharedbooks("directory", "sync")
    for words in ("group add-member Board alice", "group remove-member Board bob"):
        refusal = sharedbooks(*words.split(), code=1)
        assert "The directory corp says who is in group 'Board'" in refusal
    assert "would come back" in sharedbooks("group", "delete", "Board", code=1)
    assert document(sharedbooks("group", "show", "Board", "--json"))["members"] == ["bob"]


@pytest.mark.usefixtures("people")
def test_a_password_of_the_directory_is_changed_there(sharedbooks: Program) -> None:
    sharedbooks("directory", "sync")
    refusal = sharedbooks("user", "password", "bob", code=1)
    assert "is that of the directory corp" in refusal
    assert "'sharedbooks device add bob LABEL'" in refusal


def test_a_removed_member_loses_the_book(
    sharedbooks: Program, people: dict[str, str], openldap: OpenLdapServer
) -> None:
    sharedbooks("directory", "sync")
    sharedbooks("book", "add", "crm")
    sharedbooks("grant", "add", "crm", "group:Board", "read")
    assert document(sharedbooks("grant", "explain", "bob", "crm", "--json"))["privilege"] == "read"
    openldap.replace(people["board"], {"member": people["alice"]})
    sharedbooks("directory", "sync", "corp")
    assert document(sharedbooks("grant", "explain", "bob", "crm", "--json"))["privilege"] is None


def test_who_the_directory_keeps_out_is_not_let_in_here(
    sharedbooks: Program, people: dict[str, str], openldap: OpenLdapServer
) -> None:
    sharedbooks("directory", "sync")
    openldap.replace(people["bob"], {"pwdAccountLockedTime": "000001010000Z"})
    sharedbooks("directory", "sync")
    shown = document(sharedbooks("user", "show", "bob", "--json"))
    assert (shown["enabled"], shown["barred"], shown["dn"]) == (False, "locked", people["bob"])
    assert "keeps user 'bob' out (locked)" in sharedbooks("user", "enable", "bob", code=1)


def test_a_directory_that_lost_most_people(
    sharedbooks: Program, people: dict[str, str], openldap: OpenLdapServer
) -> None:
    sharedbooks("directory", "sync")
    for name in ("alice", "bob"):
        openldap.delete(people[name])
    refusal = sharedbooks("directory", "sync", code=1)
    assert "holds 0 of the 2 people" in refusal
    assert "'sharedbooks directory sync corp --force'" in refusal
    sharedbooks("directory", "sync", "--force")
    assert not document(sharedbooks("user", "show", "bob", "--json"))["enabled"]


def test_names_and_servers_that_are_not_there(
    sharedbooks: Program, openldap: OpenLdapServer
) -> None:
    assert "There is no [directory.crop]; there is corp" in sharedbooks(
        "directory", "sync", "crop", code=2
    )
    openldap.suspend()
    try:
        assert "cannot be asked" in sharedbooks("directory", "sync", code=1)
    finally:
        openldap.resume()
