"""``--config``, ``--json`` and ``sharedbooks config``."""

import sys

import pytest

from sharedbooks.config import OPTIONS


@pytest.mark.parametrize("place", [0, 1, 2])
def test_common_options_may_stand_anywhere(office, tmp_path, monkeypatch, place):
    config = office.folder / "sharedbooks.toml"
    monkeypatch.chdir(tmp_path)
    words = ["user", "list"]
    words[place:place] = ["--json", "--config", str(config)]
    assert [user["name"] for user in office(*words).document] == ["alice", "bob"]


def test_environment_names_the_file_and_the_option_goes_before(office, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = office.folder / "sharedbooks.toml"
    monkeypatch.setenv("SHAREDBOOKS_CONFIG", str(config))
    assert office("config", "check").out == f"{config} is fine.\n"
    other = tmp_path / "other.toml"
    other.write_text("")
    assert office("config", "check", "--config", "other.toml", "--json").document == {
        "file": str(other),
        "problems": [],
    }


def test_show_masks_secrets_and_tells_origins(sharedbooks):
    config = sharedbooks.folder / "sharedbooks.toml"
    config.write_text('[database]\nurl = "postgresql://me:hunter2@db/books"\n')
    document = sharedbooks("config", "show", "--json").document
    assert document["file"] == str(config)
    assert document["options"]["database"]["url"] == {
        "value": "postgresql+psycopg://me:********@db/books",
        "origin": "file",
    }
    assert document["options"]["server"]["port"] == {"value": 5232, "origin": "default"}
    text = sharedbooks("config", "show").out
    assert "hunter2" not in text
    for option in OPTIONS:
        assert f"\n{option} " in text


def test_missing_driver_is_a_configuration_problem(sharedbooks, monkeypatch):
    config = sharedbooks.folder / "sharedbooks.toml"
    config.write_text('[database]\nurl = "mariadb://me@db/books"\n')
    monkeypatch.setitem(sys.modules, "pymysql", None)
    done = sharedbooks("user", "list", code=2)
    assert done.err == (
        "[database] url needs the Python package pymysql, which is not installed; install "
        "sharedbooks[postgresql] or sharedbooks[mariadb].\n"
    )
