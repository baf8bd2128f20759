"""One sentence and the right exit code for everything that can go wrong; nothing half done."""

import sqlite3
import subprocess
import sys

import pytest

from sharedbooks.cli import user as user_commands
from sharedbooks.db.engine import Database
from sharedbooks.errors import StoreBusy

FIVE = "'read', 'create', 'edit-own', 'write', 'manage'"


def rows(sql: sqlite3.Connection, table: str) -> int:
    return int(sql.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("user show alcie", "There is no user 'alcie'. Did you mean 'alice'? "),
        ("user show ALICE", "There is no user 'ALICE'. Did you mean 'alice'? "),
        ("user delete nobody", "There is no user 'nobody'. 'sharedbooks user list' shows"),
        ("user disable alcie", "There is no user 'alcie'."),
        ("group show sale", "There is no group 'sale'. Did you mean 'sales'? "),
        ("group add-member sales carol", "There is no user 'carol'."),
        ("group remove-member sales bob", "User 'bob' is not in group 'sales'. 'sharedbooks group"),
        ("book show crn", "There is no address book 'crn'. Did you mean 'crm'? 'sharedbooks book"),
        ("book show alice/crm", "There is no address book 'alice/crm'."),
        ("book add crm", "There is already an address book 'crm'. 'sharedbooks book show crm'"),
        ("book add contacts --owner carol", "There is no user 'carol'."),
        ("user add alice", "There is already a user 'alice'. 'sharedbooks user show alice' shows"),
        ("group add sales", "There is already a group 'sales'. 'sharedbooks group show sales'"),
        ("grant add crn user:bob read", "There is no address book 'crn'."),
        ("grant add crm group:bob read", "There is no group 'bob'."),
        ("grant remove crm user:bob", "There is no grant on 'crm' for user:bob. 'sharedbooks"),
        ("grant explain bob crn", "There is no address book 'crn'."),
        ("device add carol phone", "There is no user 'carol'."),
        ("device revoke alice phone", "User 'alice' has no device 'phone'. 'sharedbooks device"),
        ("export crn", "There is no address book 'crn'."),
        ("healthcheck", "No answer from http://127.0.0.1:1"),
    ],
)
def test_what_cannot_be_done_is_code_1(office, sql, words, sentence):
    office.folder.joinpath("sharedbooks.toml").write_text("[server]\nport = 1\n")
    before = list(sql.iterdump())
    done = office(*words.split(), code=1)
    assert done.err.startswith(sentence)
    assert done.err.count("\n") == 1
    assert done.out == ""
    assert list(sql.iterdump()) == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["usr"], "No such command 'usr'; did you mean 'user'? See 'sharedbooks --help'."),
        (["zzz"], "No such command 'zzz'; there are init, user, "),
        (["user", "lst"], "No such command 'lst'; did you mean 'list'? See 'sharedbooks user"),
        (["user", "list", "--foo"], "No such option '--foo'. See 'sharedbooks user list --help'."),
        (["user", "add"], "Missing argument 'NAME'. See 'sharedbooks user add --help'."),
        (["user", "list", "x"], "Got unexpected extra argument (x). See"),
        (["user", "add", "a/b"], "'a/b' is no principal name: it would be another path."),
        (["user", "add", "a:b"], "'a:b' is no principal name: "),
        (["user", "show", "a\x07"], "'a\\x07' is no principal name: it holds a control character"),
        (["book", "add", ".."], "'..' is no resource name: "),
        (["book", "add", "alice/x", "--owner", "bob"], "'alice/x' belongs to 'alice', not 'bob'."),
        (["book", "set", "crm"], "Say what to change: --display-name, --description"),
        (["book", "add", "x", "--display-name", "a\x1bb"], "Invalid value for '--display-name': "),
        (["book", "add", "x", "--display-name", "a" * 256], "Invalid value for '--display-name': "),
        (["device", "add", "alice", " "], "Invalid value for 'LABEL': it may not be empty. See"),
        (["grant", "add", "crm", "alice", "read"], "'alice' is no grantee: write user:NAME or"),
        (
            ["grant", "add", "crm", "user:bob", "owner"],
            f"Invalid value for 'PRIVILEGE': 'owner' is not one of {FIVE}. See",
        ),
        (
            ["import", "crm", "missing.vcf"],
            "Invalid value for '[FILE]': File 'missing.vcf' does not exist. See",
        ),
        (["export", "crm", "--json"], "With --json the cards need a FILE to go to."),
        (["export", "crm", "."], "Invalid value for '[FILE]': File '.' is a directory."),
        (["serve", "--port", "0"], "Invalid value for '--port': 0 is not in the range 1<=x<=65535"),
        (["user", "password", "bob"], "There is no terminal to ask for the password; pipe it"),
        (["init", "--config", "x.toml"], "It makes sharedbooks.toml in a folder: give --directory"),
    ],
)
def test_what_is_misused_is_code_2(office, sql, words, sentence):
    before = list(sql.iterdump())
    done = office(*words, code=2)
    assert done.err.startswith(sentence)
    assert done.err.count("\n") == 1
    assert done.out == ""
    assert list(sql.iterdump()) == before


def test_bad_configuration_lists_every_problem(office):
    config = office.folder / "sharedbooks.toml"
    config.write_text('[server]\nport = "x"\nhots = "y"\n[log]\nlevel = "loud"\n')
    for words in ("user list", "db status", "config check", "serve", "healthcheck"):
        done = office(*words.split(), code=2)
        lines = done.err.splitlines()
        assert [line.partition(": ")[0] for line in lines] == [
            f"{config}, line {number}" for number in (2, 3, 5)
        ]


def test_missing_configuration(sharedbooks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = sharedbooks("user", "list", code=2)
    assert done.err.startswith("No configuration file found; ")
    assert "'sharedbooks init'" in done.err
    done = sharedbooks("--config", "nope.toml", "user", "list", code=2)
    assert done.err.startswith("The configuration file nope.toml, named by --config, does not")
    monkeypatch.setenv("SHAREDBOOKS_CONFIG", "gone.toml")
    done = sharedbooks("user", "list", code=2)
    assert "gone.toml, named by SHAREDBOOKS_CONFIG" in done.err


@pytest.mark.parametrize("words", ["user list", "user add carol", "export crm", "serve"])
def test_schema_of_another_version(office, sql, words):
    sql.execute("UPDATE alembic_version SET version_num = '9999'")
    done = office(*words.split(), code=2)
    assert done.err.startswith("The database has schema 9999, newer than this program knows")
    assert done.err.count("\n") == 1


def test_database_without_tables(sharedbooks):
    (sharedbooks.folder / "sharedbooks.db").unlink()
    done = sharedbooks("user", "list", code=2)
    assert done.err == "The database has no tables yet: run 'sharedbooks db upgrade'.\n"
    sharedbooks("db", "upgrade")
    sharedbooks("user", "list")


def test_database_that_cannot_be_reached(sharedbooks):
    config = sharedbooks.folder / "sharedbooks.toml"
    config.write_text('[database]\nurl = "sqlite:///no/such/folder.db"\n')
    done = sharedbooks("user", "list", code=1)
    assert done.err.startswith("The database cannot be reached: ")
    assert done.err.count("\n") == 1


def test_busy_database(office, sql):
    config = office.folder / "sharedbooks.toml"
    config.write_text('[database]\nbusy_timeout = "1 s"\n')
    sql.execute("BEGIN IMMEDIATE")
    done = office("user", "delete", "alice", code=1)
    assert done.err == "The database is busy; try again in a moment.\n"


def test_defect_names_its_type_and_shows_its_traceback_when_asked(office, capsys, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(user_commands, "add_principal", fail)
    done = office("user", "add", "carol", code=1)
    assert done.err.startswith("Unexpected KeyError: ")
    assert "--debug" in done.err
    assert "secret" not in done.err
    assert done.err.count("\n") == 1
    for words in (["--debug", "user", "add", "carol"], ["user", "add", "carol", "--debug"]):
        with pytest.raises(AssertionError, match="Traceback"):
            office(*words, code=1)
    monkeypatch.setenv("SHAREDBOOKS_DEBUG", "1")
    with pytest.raises(AssertionError, match="Traceback"):
        office("user", "add", "carol", code=1)


def test_failure_after_the_first_change_leaves_nothing(office, sql, monkeypatch):
    def fail(*_: object) -> None:
        raise StoreBusy("The database is busy; try again in a moment.")

    monkeypatch.setattr(user_commands, "set_password", fail)
    office("user", "add", "carol", "--password-stdin", typed="long enough\n", code=1)
    assert sql.execute("SELECT name FROM principals WHERE name = 'carol'").fetchall() == []
    assert rows(sql, "credentials") == 0


def test_interruption(office, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Database, "run_read", interrupt)
    done = office("user", "list", code=130)
    assert done.err.strip() == "Interrupted."


def test_reader_that_stops_early(office):
    card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:a\r\nFN:x\r\nNOTE:{}\r\nEND:VCARD\r\n"
    office("import", "crm", "-", typed=card.format("x" * 500_000))
    pipe = f"{sys.executable} -m sharedbooks.cli export crm | head -c 1 >/dev/null"
    done = subprocess.run(["bash", "-c", pipe], capture_output=True, check=True)
    assert done.stderr == b""
