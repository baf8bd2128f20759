"""The program as its users see it: arguments in; exit code, output and database out."""

import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sharedbooks.cli import main


@dataclass(frozen=True)
class Outcome:
    """What one call of the program did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document it printed."""
        return json.loads(self.out)


class InProcess:
    """Runs the program inside the test: fast."""

    def __init__(
        self,
        folder: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.folder = folder
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: str | Path, code: int = 0, typed: str = "") -> Outcome:
        self._capsys.readouterr()
        stdin = io.TextIOWrapper(io.BytesIO(typed.encode()), encoding="utf-8")
        self._monkeypatch.setattr(sys, "stdin", stdin)
        outcome = Outcome(main([str(argument) for argument in arguments]), *self._output())
        assert outcome.code == code, outcome
        assert "Traceback" not in outcome.err
        return outcome

    def _output(self) -> tuple[str, str]:
        captured = self._capsys.readouterr()
        return captured.out, captured.err


class Subprocess:
    """Runs the program as a process of its own: what scripts and people do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str | Path, code: int = 0, typed: str = "") -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", "sharedbooks.cli", *arguments],
            cwd=self.folder,
            input=typed.encode(),
            capture_output=True,
            env=quiet_environment(),
            check=False,
        )
        outcome = Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert outcome.code == code, outcome
        assert "Traceback" not in outcome.err
        return outcome


def quiet_environment() -> dict[str, str]:
    """The environment without what changes how the program finds its files or prints."""
    changing = ("SHAREDBOOKS_", "XDG_CONFIG_HOME", "FORCE_COLOR", "COLUMNS", "TTY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(changing)}
    return {**kept, "HOME": "/nonexistent"}


@pytest.fixture(scope="session")
def empty_installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as ``sharedbooks init`` leaves it; to be copied."""
    folder = tmp_path_factory.mktemp("empty")
    Subprocess(folder)("init")
    return folder


@pytest.fixture(scope="session")
def office_installation(empty_installation: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with users, a group and a book; to be copied."""
    folder = tmp_path_factory.mktemp("office") / "installation"
    shutil.copytree(empty_installation, folder)
    program = Subprocess(folder)
    for words in (
        "user add alice",
        "user add bob",
        "group add sales",
        "group add-member sales alice",
        "book add crm",
    ):
        program(*words.split())
    return folder


@pytest.fixture
def folder(tmp_path: Path, empty_installation: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh installation, in which the test stands."""
    made = tmp_path / "installation"
    shutil.copytree(empty_installation, made)
    for name in set(os.environ) - set(quiet_environment()):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def sharedbooks(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> InProcess:
    """The program, run inside the test."""
    return InProcess(folder, capsys, monkeypatch)


@pytest.fixture
def program(folder: Path) -> Subprocess:
    """The program, run as a process."""
    return Subprocess(folder)


@pytest.fixture
def sql(folder: Path) -> Iterator[sqlite3.Connection]:
    """The database itself, to see what is really there."""
    with closing(sqlite3.connect(folder / "sharedbooks.db", isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def office(sharedbooks: InProcess, office_installation: Path) -> InProcess:
    """An installation with the users alice and bob, the group sales of alice, and the book crm."""
    shutil.copytree(office_installation, sharedbooks.folder, dirs_exist_ok=True)
    return sharedbooks
