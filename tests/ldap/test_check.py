"""``sharedbooks directory check``: what an administrator is shown, and told."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sharedbooks.cli import main
from sharedbooks.db.engine import Database
from tests.support.certificates import Authority
from tests.support.configured import describe
from tests.support.factories import make_user
from tests.support.network import free_port
from tests.support.openldap import OpenLdapServer
from tests.support.process import toml
from tests.support.samba import SambaServer

Check = Callable[..., Any]

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def run(
    database_url: str,
    openldap: OpenLdapServer,
    openldap_branch: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Check:
    """Run a command for a directory that is the test's branch; return what it printed."""
    configuration = tmp_path / "sharedbooks.toml"

    def run_command(*arguments: str, code: int = 0, server: Any = openldap, **values: Any) -> str:
        where = {"base": openldap_branch} if server is openldap else {}
        text = describe(server, tmp_path, **{**where, **values}) if server else ""
        configuration.write_text(toml({"database.url": database_url}) + text)
        capsys.readouterr()
        found = main(["--config", str(configuration), *arguments])
        printed = capsys.readouterr()
        assert found == code, printed
        assert "Traceback" not in printed.err
        return printed.out + printed.err

    return run_command


@pytest.fixture
def check(run: Check) -> Check:
    """Check the directory; return the JSON document."""
    return lambda *arguments, **more: json.loads(
        run("directory", "check", *arguments, "--json", **more)
    )


@pytest.fixture
def staff(openldap: OpenLdapServer, openldap_branch: str) -> str:
    """DN of Alice, who is in *Sales*, which is in *Everybody*."""
    alice = openldap.add_person("alice", openldap_branch, "secret", mail="alice@example.org")
    sales = openldap.add_group("Sales, EMEA", openldap_branch, [alice])
    openldap.add_group("Everybody", openldap_branch, [sales])
    return alice


def test_servers_and_counts(check: Check, openldap: OpenLdapServer, staff: str) -> None:
    document = check(servers=[openldap.url, openldap.plain_url])
    assert [each["result"] for each in document["servers"]] == ["ok", "ok"]
    for each in document["servers"]:
        assert each["encryption"].startswith("TLSv1")
        assert each["issuer"] == "commonName=sharedbooks test CA"
        assert each["subject"].startswith("commonName=sharedbooks-")
        assert each["valid_until"] > "2026"
    (totals,) = document["directories"]
    assert (totals["people"], totals["groups"]) == (1, 2)
    assert document["problems"] == []


def test_how_somebody_would_log_in(run: Check, check: Check, staff: str) -> None:
    document = check("Alice@example.org")
    login = document["login"]
    assert login["filter"] == (
        "(&(objectClass=inetOrgPerson)(|(uid=Alice@example.org)(mail=Alice@example.org)))"
    )
    assert login["found"] == [staff]
    assert (login["may_log_in"], login["principal"], login["principal_to_be"]) == (
        True,
        None,
        "alice",
    )
    assert (login["groups_unknown_here"], document["groups"]) == (2, [])
    run("directory", "sync")
    run("book", "add", "crm")
    run("grant", "add", "crm", "group:Everybody", "write")
    document = check("alice")
    assert (document["login"]["principal"], document["login"]["groups_unknown_here"]) == (
        "alice",
        0,
    )
    assert [each["group"] for each in document["groups"]] == ["Everybody", "Sales, EMEA"]
    assert document["books"] == [
        {"book": "crm", "privilege": "write", "through": "group:Everybody"}
    ]
    text = run("directory", "check", "alice")
    for words in ("ldaps://", "commonName=sharedbooks test CA", staff, "crm", "group:Everybody"):
        assert words in text


def test_why_not(
    check: Check, openldap: OpenLdapServer, openldap_branch: str, staff: str, database_url: str
) -> None:
    (problem,) = check("nobody", code=1)["problems"]
    assert problem == (
        "'nobody' cannot log in: no entry fits; see user_base, user_filter and login_attributes."
    )
    openldap.add_person("bob", openldap_branch, "x", mail="alice@example.org")
    document = check("alice@example.org", code=1)
    assert document["problems"] == [
        "'alice@example.org' cannot log in: several entries fit, and none better than the others."
    ]
    assert len(document["login"]["found"]) == 2
    openldap.replace(staff, {"pwdAccountLockedTime": "000001010000Z"})
    document = check("alice", code=1)
    assert document["problems"] == [
        "'alice' cannot log in: the account is locked in the directory."
    ]
    assert document["login"]["may_log_in"] is False
    openldap.replace(staff, {"pwdAccountLockedTime": []})
    with closing(Database(database_url)) as database:
        make_user(database, "alice")
    (problem,) = check("alice", code=1)["problems"]
    assert problem == "'alice' is a local user, who has a password here; no directory is asked."
    assert check("bob")["problems"] == []


def test_disabled_in_active_directory(check: Check, samba: SambaServer, samba_branch: str) -> None:
    dn = samba.add_person("alice", samba_branch, "secret")
    assert check("alice", server=samba, user_base=samba_branch)["login"]["may_log_in"] is True
    samba.set_enabled(dn, enabled=False)
    (problem,) = check("alice", server=samba, user_base=samba_branch, code=1)["problems"]
    assert problem == "'alice' cannot log in: the account is disabled in the directory."


def test_servers_that_do_not_answer(
    check: Check, openldap: OpenLdapServer, staff: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    nobody = f"ldap://127.0.0.1:{free_port()}"
    document = check(servers=[openldap.url, nobody], code=1)
    assert [each["result"] for each in document["servers"]] == ["ok", "failed"]
    (problem,) = document["problems"]
    assert problem.startswith(f"{nobody}: ")
    assert "refused" in problem
    other = Authority(tmp_path_factory.mktemp("other"))
    document = check(ca_file=str(other.file), code=1)
    (server,) = document["servers"]
    # Whose certificate it is helps to see why it is not trusted.
    assert server["issuer"] == "commonName=sharedbooks test CA"
    assert "certificate verify failed" in server["problem"]


def test_wrong_account_and_wrong_base(check: Check, openldap: OpenLdapServer, staff: str) -> None:
    document = check(bind_password="hunter2", code=1)
    assert "refuses the login of cn=service" in document["problems"][0]
    assert "hunter2" not in json.dumps(document)
    document = check(base=f"ou=nowhere,{openldap.base}", code=1)
    assert "it has no ou=nowhere" in document["problems"][0]
    assert "there are no people" in document["problems"][1]


def test_without_a_directory(run: Check) -> None:
    printed = run("directory", "check", server=None, code=2)
    assert "has no [directory.NAME]" in printed
