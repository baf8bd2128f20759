"""The walk of the manual from top to bottom: its commands, a phone in between, what they did."""

import csv
import re
import shlex
import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sharedbooks.cli import main
from sharedbooks.db.engine import Database
from tests.http.client import Client
from tests.support.contents import everything
from tests.support.databases import PostgresDatabases
from tests.support.process import RunningServer, toml

PROJECT = Path(__file__).parents[2]
WALK = (PROJECT / "docs/walk.md").read_text(encoding="utf-8")
MOMENT = "2026-11-20 14:00"
BOOK = "/alice/customers/"

Run = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files, and an installation with nothing in it."""
    shutil.copytree(PROJECT / "tests/samples", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SHAREDBOOKS_CONFIG", raising=False)
    assert main(["init"]) == 0
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], folder: Path) -> Run:
    """Give a command as the walk writes it, and return what it printed."""

    def run(*words: str, code: int = 0) -> str:
        capsys.readouterr()
        arguments, _, redirection = " ".join(map(shlex.quote, words)).partition(" '>' ")
        outcome = main(shlex.split(arguments))
        captured = capsys.readouterr()
        assert outcome == code, (words, captured)
        if redirection:
            (folder / redirection).write_text(captured.out, encoding="utf-8")
        return captured.out

    return run


def chapter(title: str) -> list[list[str]]:
    """The calls of the program in the chapter with that heading, without the program's name."""
    text = WALK.split(f"\n## {title}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [shlex.split(line)[1:] for block in blocks for line in block.splitlines()]


def follow(run: Run, title: str, codes: dict[int, int] | None = None) -> list[str]:
    """Give the commands of a chapter; ``codes`` has the exit status of those that are not 0."""
    expected = codes or {}
    return [
        run(*words, code=expected.get(number, 0)) for number, words in enumerate(chapter(title))
    ]


class Phone:
    """Alice's phone: what it knows of the book, and the sync token that stands for it."""

    def __init__(self, password: str) -> None:
        self._login = ("alice", password)
        self.cards: dict[str, str] = {}
        self.token = ""

    def sync(self, port: int) -> None:
        with Client(port, self._login) as client:
            answer = client.sync(BOOK, self.token)
            for href, resource in answer.resources.items():
                if resource.status == 404:
                    self.cards.pop(href, None)
                else:
                    self.cards[href] = resource.text("D:getetag")
            self.token = answer.sync_token

    def delete_all(self, port: int) -> None:
        with Client(port, self._login) as client:
            for href in self.cards:
                assert client.delete(href).status == 204

    def refused(self, port: int) -> bool:
        with Client(port, self._login) as client:
            answer = client.sync(BOOK, self.token)
            return answer.status == 403 and answer.conditions == ["D:valid-sync-token"]


def names(listed: str) -> list[str]:
    """The names in a table of cards."""
    return [re.split(r"\s{2,}", line)[0] for line in listed.splitlines()[1:]]


def local(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def serve(folder: Path, name: str, database_url: str) -> RunningServer:
    (folder / name).mkdir()
    return RunningServer(folder / name, database_url)


def clean_up(run: Run, folder: Path) -> None:
    """Import, check and merge."""
    *_, listed = follow(run, "Three sources, one book", {6: 1})
    assert len(names(listed)) == 12
    with (folder / "left-out.csv").open(encoding="utf-8-sig") as report:
        assert len(list(csv.reader(report))) == 2
    assert "PHOTO" in run("card", "show", "customers", "Anna Müller")

    follow(run, "Clean", {0: 1})
    assert "06 12 55 50 34" in run("card", "show", "customers", "Jean-Luc Dubois")
    assert "+491715550101" in run("card", "show", "customers", "Anna Müller")

    _, planned, _, listed = follow(run, "Each person once")
    assert "Lena Schmidt" not in planned
    assert len(names(listed)) == 9
    assert names(listed).count("Lena Schmidt") == 2
    assert {"Anna Müller", "Sofia Rossi", "Françoise Lefèvre"} <= set(names(listed))


def lose_and_find(run: Run, phone: Phone, port: int) -> None:
    """Let the phone delete everything, and go back to the moment before."""
    phone.sync(port)
    whole = dict(phone.cards)
    assert len(whole) == 9
    exported = run("export", "customers")
    moment = local(datetime.now().astimezone() - timedelta(microseconds=1))
    phone.delete_all(port)
    phone.sync(port)
    assert phone.cards == {}
    history, trash, planned, done = (
        run(*(moment if word == MOMENT else word for word in words))
        for words in chapter("A phone deletes everything")
    )
    assert history.count("Alice's phone") == 9
    assert "Sofia Rossi" in trash
    assert "created: 9" in planned
    assert "9 cards created" in done
    assert run("export", "customers") == exported
    phone.sync(port)
    assert phone.cards == whole


def forget(run: Run, folder: Path) -> None:
    """Find, hand out and erase a person."""
    found, _, _, _, left, _ = follow(run, "A person wants to be forgotten")
    assert "Rossi" in found
    assert "Rossi" not in left
    assert "Rossi" in (folder / "sofia.html").read_text(encoding="utf-8")
    assert "erase" in (folder / "audit.jsonl").read_text(encoding="utf-8")
    assert "Rossi" not in run("book", "restore", "customers", "--revision", "6", "--dry-run")


@pytest.mark.timeout(600)
@pytest.mark.databases("postgresql")
def test_walk(
    folder: Path, run: Run, database_kind: str, postgresql_databases: PostgresDatabases
) -> None:
    clean_up(run, folder)
    added = run("device", "add", "alice", "Alice's phone")
    [password] = re.findall(r"\n    (\S+)\n", added)
    url = f"sqlite:///{folder}/sharedbooks.db"
    with serve(folder, "sqlite", url) as server:
        lose_and_find(run, Phone(password), server.port)
        forget(run, folder)
        phone = Phone(password)
        phone.sync(server.port)
    known = dict(phone.cards)
    assert len(known) == 8

    with postgresql_databases.blank() as bigger, postgresql_databases.blank() as other:
        (folder / "postgresql.toml").write_text(toml({"database.url": bigger}))
        (folder / "other.toml").write_text(toml({"database.url": other}))
        follow(run, "Backup, and a bigger database")
        with closing(Database(url)) as before, closing(Database(bigger)) as after:
            rows = everything(before)
            restored = everything(after)
            *events, restoring = restored["audit_events"]
            assert restoring[3] == "restore"
            assert {**restored, "audit_events": events} == rows
        assert "studiorossi" not in repr(rows)
        run("--config", "other.toml", "restore", "office.backup")
        with serve(folder, "postgresql", bigger) as server:
            phone.sync(server.port)
            assert phone.cards == known
        with serve(folder, "other", other) as server:
            assert phone.refused(server.port)
            phone.token = ""
            phone.sync(server.port)
            assert phone.cards == known
