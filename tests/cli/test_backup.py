"""``sharedbooks backup`` and ``restore``."""

import shutil
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta

CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:a\r\nFN:A\r\nEND:VCARD\r\n"


def new_configuration(office, name):
    """A configuration file for a database that is not there yet."""
    path = office.folder / f"{name}.toml"
    path.write_text(f'[database]\nurl = "sqlite:///{name}.db"\n')
    return path


def keys(folder, name):
    with closing(sqlite3.connect(folder / f"{name}.db")) as connection:
        return connection.execute("SELECT sync_key FROM address_books").fetchall()


def test_backup_verify_and_restore(office):
    office("import", "crm", "-", typed=CARD)
    made = office("backup", "office.backup")
    assert made.out.startswith("Backup written into office.backup and read back: ")
    assert stat.S_IMODE((office.folder / "office.backup").stat().st_mode) == 0o600
    verified = office("backup", "verify", "office.backup", "--json").document
    assert verified["rows"]["cards"] == 1
    assert verified["rows"]["principals"] == 4
    assert "is whole" in office("backup", "verify", "office.backup").out
    config = new_configuration(office, "new")
    done = office("--config", config, "restore", "office.backup")
    assert "'sharedbooks doctor'" in done.out
    assert stat.S_IMODE((office.folder / "new.db").stat().st_mode) == 0o600
    assert office("--config", config, "export", "crm").out == CARD
    assert keys(office.folder, "new") != keys(office.folder, "sharedbooks")


def test_a_move_keeps_what_apps_know(office):
    document = office("backup", "create", "office.backup", "--json").document
    assert document["octets"] == (office.folder / "office.backup").stat().st_size
    config = new_configuration(office, "moved")
    moved = office("--config", config, "restore", "office.backup", "--move", "--json").document
    assert moved["rows"] == document["rows"]
    assert moved["sha256"] == document["sha256"]
    assert keys(office.folder, "moved") == keys(office.folder, "sharedbooks")


def test_restore_needs_an_empty_database(office):
    office("backup", "office.backup")
    refused = office("restore", "office.backup", code=1)
    assert "The database is not empty" in refused.err
    assert "[database] url" in refused.err


def test_a_damaged_file_leaves_no_database_behind(office):
    office("backup", "office.backup")
    content = (office.folder / "office.backup").read_bytes()
    (office.folder / "cut.backup").write_bytes(content[: len(content) // 2])
    assert "damaged" in office("backup", "verify", "cut.backup", code=1).err
    config = new_configuration(office, "new")
    assert "damaged" in office("--config", config, "restore", "cut.backup", code=1).err
    assert not (office.folder / "new.db").exists()


def test_files_that_are_none(office):
    config = new_configuration(office, "new")
    assert "no backup" in office("backup", "verify", "sharedbooks.toml", code=1).err
    for words in (["backup", "verify", "missing"], ["--config", config, "restore", "missing"]):
        assert office(*words, code=1).err.startswith("missing: No such file")
    assert not (office.folder / "new.db").exists()
    office("backup", "missing/office.backup", code=1)
    assert not (office.folder / "missing").exists()


def test_a_command_misspelt_is_no_file(office):
    wrong = office("backup", "verfy", "office.backup", code=2)
    assert "did you mean 'verify'?" in wrong.err
    assert not (office.folder / "verfy").exists()
    office("backup", code=2)
    office("backup", "./verify")
    assert (office.folder / "verify").is_file()


def test_a_backup_that_fails_leaves_the_one_before(office, monkeypatch):
    office("backup", "office.backup")
    before = (office.folder / "office.backup").read_bytes()
    shutil.move(office.folder / "sharedbooks.db", office.folder / "away.db")
    office("backup", "office.backup", code=2)
    assert (office.folder / "office.backup").read_bytes() == before


def test_rotation_keeps_the_last_days_and_what_is_called_otherwise(office):
    folder = office.folder / "backups"
    folder.mkdir()
    today = datetime.now(UTC).date()
    names = {days: f"sharedbooks-{today - timedelta(days)}.backup" for days in range(5)}
    for days in (1, 2, 3, 4):
        (folder / names[days]).write_text("old")
    (folder / "sharedbooks-2020-02-30.backup").write_text("no day")
    (folder / "sharedbooks-2020-01-01.backup.gpg").write_text("somebody else's")
    done = office("backup", "rotate", "--keep", "3", folder, "--json").document
    assert done["file"] == str(folder / names[0])
    assert done["removed"] == [str(folder / names[4]), str(folder / names[3])]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*(names[days] for days in (0, 1, 2)), "sharedbooks-2020-02-30.backup",
         "sharedbooks-2020-01-01.backup.gpg"]
    )  # fmt: skip
    office("backup", "verify", folder / names[0])


def test_a_rotation_that_fails_removes_nothing(office):
    folder = office.folder / "backups"
    folder.mkdir()
    (folder / "sharedbooks-2020-01-01.backup").write_text("the only one")
    (office.folder / "sharedbooks.db").unlink()
    office("backup", "rotate", folder, code=2)
    assert (folder / "sharedbooks-2020-01-01.backup").exists()
