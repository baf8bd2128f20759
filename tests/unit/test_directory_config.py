"""Directories in the configuration: a file is written, loaded, and looked at."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sharedbooks.config import (
    Config,
    DirectoryConfig,
    DirectoryPreset,
    LdapServer,
    dump,
    load_config,
)
from sharedbooks.errors import ConfigProblem

SHORTEST = '[directory.corp]\nservers = ["ldaps://dc1"]\nbase = "dc=example,dc=org"\n'
OTHER = '[directory.other]\nservers = ["ldaps://dc2"]\nbase = "dc=other"\n'

Load = Callable[[str], Config]
Problem = Callable[[str], str]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def write_and_load(text: str) -> Config:
        file = tmp_path / "sharedbooks.toml"
        file.write_text(text, encoding="utf-8")
        return load_config(file)

    return write_and_load


@pytest.fixture
def problem(load: Load, tmp_path: Path) -> Problem:
    """Load a file with exactly one problem, with the file's path as FILE."""

    def write_and_fail(text: str) -> str:
        with pytest.raises(ConfigProblem) as caught:
            load(text)
        (sentence,) = caught.value.problems
        return sentence.replace(str(tmp_path / "sharedbooks.toml"), "FILE")

    return write_and_fail


def only(config: Config) -> DirectoryConfig:
    (directory,) = config.directories
    return directory


def test_without_a_section_there_is_no_directory(load: Load) -> None:
    assert load("").directories == ()


def test_shortest_directory_is_completed_by_preset_and_base(load: Load) -> None:
    directory = only(load(SHORTEST))
    assert directory.name == "corp"
    assert directory.preset is DirectoryPreset.OPENLDAP
    assert directory.servers == (LdapServer("dc1", 636, tls=True),)
    assert directory.user_base == directory.group_base == "dc=example,dc=org"
    assert (directory.name_attribute, directory.id_attribute) == ("uid", "entryUUID")
    assert (directory.start_tls, directory.verify, directory.nested) == (True, True, True)
    assert (directory.timeout, directory.cache) == (5, 600)
    assert ("TEL;TYPE=cell", "mobile") in directory.card


def test_own_values_override_those_of_the_preset(load: Load) -> None:
    directory = only(
        load(
            SHORTEST + 'preset = "active-directory"\nuser_filter = "(mail=*)"\n'
            'user_base = "ou=People,dc=example,dc=org"\n'
            '[directory.corp.card]\n"TEL;TYPE=cell" = "ipPhone"\nPHOTO = ""\nNOTE = "info"\n'
        )
    )
    assert directory.id_attribute == "objectGUID"
    assert directory.user_filter == "(mail=*)"
    assert (directory.user_base, directory.group_base) == (
        "ou=People,dc=example,dc=org",
        "dc=example,dc=org",
    )
    mapping = dict(directory.card)
    assert (mapping["TEL;TYPE=cell"], mapping["NOTE"]) == ("ipPhone", "info")
    assert mapping["TITLE"] == "title"
    assert "PHOTO" not in mapping


def test_directories_keep_the_order_of_the_file(load: Load) -> None:
    config = load(SHORTEST + 'suffix = "@Example.ORG"\n' + OTHER)
    assert [directory.name for directory in config.directories] == ["corp", "other"]
    assert config.directories[0].suffix == "example.org"


@pytest.mark.parametrize(
    ("written", "server"),
    [
        ("ldap://h", LdapServer("h", 389, tls=False)),
        ("ldaps://h:1636/", LdapServer("h", 1636, tls=True)),
        ("LDAPS://dc1.example.org", LdapServer("dc1.example.org", 636, tls=True)),
        ("ldap://[::1]:3389", LdapServer("::1", 3389, tls=False)),
    ],
)
def test_servers(load: Load, written: str, server: LdapServer) -> None:
    text = SHORTEST.replace("ldaps://dc1", written)
    assert only(load(text)).servers == (server,)


@pytest.mark.parametrize(
    "written",
    [
        '"ldaps://h"', "[]", '["https://h"]', '["h"]', '["ldap://"]', '["ldap://h/dc=org"]',
        '["ldap://h:x"]', '["ldap://h?x"]', "[3]", '["ldap://-h"]', '["ldap://cn=x:hunter2@h"]',
    ],
)  # fmt: skip
def test_refused_servers(problem: Problem, written: str) -> None:
    found = problem(SHORTEST.replace('["ldaps://dc1"]', written))
    assert found.startswith("FILE, line 2: [directory.corp] servers ")
    assert "write a list of servers" in found
    assert "hunter2" not in found


@pytest.mark.parametrize(
    "dn",
    [
        "dc=org", "ou=People, dc=example , dc=org", r"cn=Sales\, EMEA,dc=org", r"cn=a\2Cb,dc=org",
        "cn=a+sn=b,dc=org", "cn=Müller (x) *,dc=org", "2.5.4.3=x,dc=org",
    ],
)  # fmt: skip
def test_bases(load: Load, dn: str) -> None:
    assert only(load(SHORTEST.replace("dc=example,dc=org", dn.replace("\\", "\\\\")))).base == dn


@pytest.mark.parametrize("dn", ["example.org", "dc=org,", "dc", "=org", "cn=a;b,dc=org", "cn=a,b"])
def test_refused_bases(problem: Problem, dn: str) -> None:
    found = problem(SHORTEST.replace("dc=example,dc=org", dn))
    assert found.startswith(f'FILE, line 3: [directory.corp] base is "{dn}"; write a distinguished')


@pytest.mark.parametrize(
    "text",
    [
        "(mail=*)", "(&(objectClass=person)(!(mail=*)))", r"(cn=a\28b\29)", "(|(a=1)(b=x*y)(c>=2))",
        "(memberOf:1.2.840.113556.1.4.1941:=cn=x,dc=y)", "(userAccountControl:1.2.3:=2)",
        "( & (a=1) (b=2) )", "(cn:dn:=x)", "(photo;binary=*)", "(a~=b)",
    ],
)  # fmt: skip
def test_filters(load: Load, text: str) -> None:
    written = json.dumps(text)
    assert only(load(f"{SHORTEST}user_filter = {written}")).user_filter == text


@pytest.mark.parametrize(
    "text",
    [
        "mail=*", "(mail=*", "mail=*)", "(mail)", "((mail=*))", "(&)", "(!(a=1)(b=2))",
        "(a=1)(b=2)", "(=x)", r"(cn=a\zz)", "(&(a=1)b=2)", "(a b=1)",
    ],
)  # fmt: skip
def test_refused_filters(problem: Problem, text: str) -> None:
    found = problem(f"{SHORTEST}group_filter = {json.dumps(text)}")
    assert found.startswith("FILE, line 4: [directory.corp] group_filter is ")
    assert "write a search filter" in found


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('"TEL TYPE=x" = "mobile"', 'maps "TEL TYPE=x", which is no vCard property'),
        ('"TEL;" = "mobile"', 'gives TEL the parameter ""'),
        ('"TEL;SORT=x" = "mobile"', 'gives TEL the parameter "SORT=x"'),
        ('FON = "cn"', 'maps "FON", which is no vCard property'),
        ('TEL = "mobile phone"', 'maps "TEL" to "mobile phone", which is no attribute'),
        ('N = ";"', 'maps "N" to ";", which names no attribute'),
        ("TEL = 3", 'maps "TEL" to something that is no text'),
    ],
)
def test_refused_mappings(problem: Problem, line: str, complaint: str) -> None:
    found = problem(f"{SHORTEST}[directory.corp.card]\n{line}")
    assert found.startswith(f"FILE, line 4: [directory.corp] card {complaint}")


def test_unknown_key_is_refused_with_the_nearest(problem: Problem) -> None:
    assert problem(f'{SHORTEST}user_filer = "(a=b)"') == (
        "FILE, line 4: There is no option [directory.corp] user_filer. "
        "Did you mean [directory.corp] user_filter?"
    )
    assert problem(f"{SHORTEST}xyz = 1") == (
        "FILE, line 4: There is no option [directory.corp] xyz. "
        "Remove it; docs/configuration.md lists the options."
    )


def test_servers_and_base_have_to_be_set(load: Load) -> None:
    with pytest.raises(ConfigProblem) as caught:
        load('[directory.corp]\nsuffix = "example.org"')
    base, servers = caught.value.problems
    assert "line 1: [directory.corp] servers is not set; write a list of servers" in servers
    assert "line 1: [directory.corp] base is not set; write a distinguished name" in base


@pytest.mark.parametrize("name", ["local", "Corp", '"a.b"', '"x y"', f"{'x' * 64}"])
def test_refused_names(problem: Problem, name: str) -> None:
    assert "is no name for a directory" in problem(SHORTEST.replace("corp", name))


def test_options_without_a_name_of_a_directory(problem: Problem) -> None:
    assert problem('[directory]\nbase = "dc=org"') == (
        "FILE, line 2: [directory] base belongs to no directory; write [directory.NAME] above it."
    )
    assert "[directory] is a section" in problem("directory = 3")


def test_misspelt_section(problem: Problem) -> None:
    found = problem(SHORTEST.replace("directory.", "directry."))
    assert "There is no section [directry]. Did you mean [directory.NAME]?" in found


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ('bind_dn = "cn=x"', "bind_dn needs bind_password_file; set it too, or remove bind_dn."),
        ('bind_password_file = "pw"', "bind_password_file needs bind_dn; set it too"),
        ('client_certificate = "pw"', "client_certificate needs client_key; set it too"),
        ('client_key = "pw"', "client_key needs client_certificate; set it too"),
        ("qualified_names = true", "qualified_names needs suffix; set it too."),
    ],
)
def test_options_that_need_another(
    problem: Problem, tmp_path: Path, lines: str, complaint: str
) -> None:
    (tmp_path / "pw").write_text("pw")
    found = problem(SHORTEST + lines)
    assert f"FILE, line 4: [directory.corp] {complaint}" in found


def test_several_directories_are_told_apart(problem: Problem, load: Load) -> None:
    assert problem(SHORTEST + OTHER) == (
        "FILE, line 4: [directory.other] suffix is not set, nor is that of [directory.corp]; with "
        "several directories all but one need it, so that a login tells which to ask."
    )
    alike = problem(f'{SHORTEST}suffix = "a.org"\n{OTHER}suffix = "A.org"')
    assert "suffix is that of [directory.corp] too; each needs its own." in alike
    alike = problem(f'{SHORTEST}suffix = "a.org"\nrealm = "X"\n{OTHER}realm = "x"')
    assert "realm is that of [directory.corp] too; each needs its own." in alike
    assert len(load(f'{SHORTEST}suffix = "a.org"\n{OTHER}suffix = "b.org"').directories) == 2


def test_files_are_looked_at(problem: Problem, tmp_path: Path) -> None:
    assert f"[directory.corp] ca_file names {tmp_path}/ca, which cannot be read" in problem(
        f'{SHORTEST}ca_file = "ca"'
    )
    missing = problem(f'{SHORTEST}bind_dn = "cn=x"\nbind_password_file = "pw"')
    assert f"[directory.corp] bind_password_file names {tmp_path}/pw, which cannot" in missing


def test_password_is_read_and_never_shown(load: Load, tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("hunter2\n")
    config = load(f'{SHORTEST}bind_dn = "svc@example.org"\nbind_password_file = "pw"')
    assert only(config).bind_password == "hunter2"
    assert "hunter2" not in json.dumps(dump(config)) + repr(config)


def test_dump_tells_file_preset_and_default_apart(load: Load) -> None:
    shown = dump(load(f"{SHORTEST}[directory.corp.card]\nNOTE = 'info'"))["directory.corp"]
    assert shown["servers"] == {"value": ["ldaps://dc1:636"], "origin": "file"}
    assert shown["user_filter"] == {"value": "(objectClass=inetOrgPerson)", "origin": "preset"}
    assert shown["timeout"] == {"value": 5, "origin": "default"}
    assert shown["start_tls"] == {"value": True, "origin": "default"}
    card = shown["card"]["value"]
    assert isinstance(card, dict)
    assert (card["NOTE"], card["TITLE"]) == ("info", "title")
