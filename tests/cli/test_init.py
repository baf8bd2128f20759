"""``sharedbooks init``."""

import os
import stat

import pytest

from sharedbooks.cli import init as init_command
from sharedbooks.config import initial_config_text
from sharedbooks.errors import StoreBusy


def test_init_in_another_directory(sharedbooks, tmp_path):
    folder = tmp_path / "etc" / "sharedbooks"
    done = sharedbooks("init", "--directory", str(folder), "--json")
    config = folder / "sharedbooks.toml"
    assert config.read_text() == initial_config_text()
    assert done.document.keys() == {"config", "database", "next"}
    assert done.document["config"] == str(config)
    assert done.document["database"] == str(folder / "sharedbooks.db")
    assert f"export SHAREDBOOKS_CONFIG={config}" in done.document["next"]
    sharedbooks("--config", config, "user", "add", "alice")


def test_next_steps_name_no_file_that_is_found_anyway(sharedbooks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = sharedbooks("init")
    assert "export" not in done.out
    assert done.out.endswith("\n  sharedbooks serve\n")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (tmp_path / "sharedbooks.toml").unlink()
    assert "chown" not in sharedbooks("init").out


def test_contacts_are_nobody_elses_to_read(sharedbooks, tmp_path):
    sharedbooks("init", "--directory", str(tmp_path))
    mode = (tmp_path / "sharedbooks.db").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_existing_configuration_is_never_touched(office):
    config = office.folder / "sharedbooks.toml"
    config.write_text("# mine\n")
    done = office("init", code=1)
    assert done.err.startswith(f"There is a configuration file {config} already, and it stays")
    assert config.read_text() == "# mine\n"


def test_existing_database_is_kept(office):
    (office.folder / "sharedbooks.toml").unlink()
    office("init")
    assert [user["name"] for user in office("user", "list", "--json").document] == ["alice", "bob"]


def test_failure_leaves_nothing(sharedbooks, tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise StoreBusy("The database is busy; try again in a moment.")

    monkeypatch.setattr(init_command, "upgrade_schema", fail)
    folder = tmp_path / "new"
    sharedbooks("init", "--directory", str(folder), code=1)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_directory_that_cannot_be(sharedbooks, tmp_path, name):
    (tmp_path / "file").touch()
    done = sharedbooks("init", "--directory", str(tmp_path / name), code=2 if name == "file" else 1)
    assert str(tmp_path / name) in done.err
    assert done.err.count("\n") == 1
