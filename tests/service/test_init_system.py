"""``sharedbooks init --system``, laid out into a folder that stands for another machine."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sharedbooks.cli import main
from sharedbooks.config import load_config

CONFIG = "etc/sharedbooks/sharedbooks.toml"
UNIT = "etc/systemd/system/sharedbooks.service"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with fail2ban, and without logrotate."""
    for folder in ("etc/fail2ban/filter.d", "etc/fail2ban/jail.d"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def lay_out(machine: Path) -> dict[str, str]:
    """Run the command and return what became of each file."""
    command = [sys.executable, "-m", "sharedbooks.cli", "init", "--system", "--root", machine]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {each["path"].lstrip("/"): each["result"] for each in json.loads(done.stdout)["files"]}


def test_it_lays_out_all_that_a_service_needs(
    machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--system", "--root", str(machine)]) == 0
    told = capsys.readouterr().out
    assert f"Wrote /{CONFIG}.\n" in told
    assert told.splitlines()[-2:] == [
        "  sudo systemctl enable --now sharedbooks",
        "  sudo systemctl enable --now sharedbooks-maintenance.timer sharedbooks-backup.timer",
    ]
    accounts = (machine / "etc/passwd").read_text().splitlines()
    [account] = [line.split(":") for line in accounts if line.startswith("sharedbooks:")]
    config = (machine / CONFIG).stat()
    assert (config.st_uid, config.st_gid, config.st_mode & 0o777) == (0, int(account[3]), 0o640)
    assert load_config(machine / CONFIG).database.url == (
        "sqlite:////var/lib/sharedbooks/sharedbooks.db"
    )
    for folder in ("var/lib/sharedbooks", "var/backups/sharedbooks"):
        status = (machine / folder).stat()
        assert (status.st_uid, status.st_mode & 0o777) == (int(account[2]), 0o700)
    program = f"{sys.prefix}/bin/sharedbooks"
    assert f"\nExecStart={program} --config /{CONFIG} serve\n" in (machine / UNIT).read_text()
    assert (machine / "usr/local/bin/sharedbooks").readlink() == Path(program)
    assert len(list((machine / "etc/systemd/system").iterdir())) == 8
    assert (machine / "etc/fail2ban/jail.d/sharedbooks.conf").exists()
    assert not (machine / "etc/logrotate.d").exists()


def test_again_it_changes_nothing(machine: Path) -> None:
    assert set(lay_out(machine).values()) == {"written"}
    before = {path: path.stat().st_mtime_ns for path in machine.rglob("*") if path.is_file()}
    results = lay_out(machine)
    after = {path: path.stat().st_mtime_ns for path in machine.rglob("*") if path.is_file()}
    assert set(results.values()) == {"unchanged"}
    changed = {path.name for path in after if after[path] != before.get(path)}
    assert changed <= {".written", "passwd", "group"}


def test_what_somebody_changed_stays(machine: Path) -> None:
    lay_out(machine)
    for path in (CONFIG, UNIT):
        with (machine / path).open("a") as file:
            file.write("# mine\n")
    (machine / "etc/systemd/system/sharedbooks.socket").unlink()
    results = lay_out(machine)
    kept = {CONFIG, UNIT, "etc/systemd/system/sharedbooks.socket"}
    assert {path for path, result in results.items() if result == "kept"} == kept
    assert (machine / UNIT).read_text().endswith("# mine\n")
    assert (machine / CONFIG).read_text().endswith("# mine\n")
    assert not list(machine.rglob("*.new"))


def pretend_older(machine: Path, path: str) -> None:
    """Make ``path`` what an older version of the program wrote."""
    text = "[Unit]\nDescription=older\n"
    (machine / path).write_text(text)
    record = machine / "etc/sharedbooks/.written"
    known = json.loads(record.read_text())
    known[path] = hashlib.sha256(text.encode()).hexdigest()
    record.write_text(json.dumps(known))


def test_an_older_version_is_brought_up_to_date(machine: Path) -> None:
    lay_out(machine)
    shipped = (machine / UNIT).read_text()
    pretend_older(machine, UNIT)
    assert lay_out(machine)[UNIT] == "updated"
    assert (machine / UNIT).read_text() == shipped


def test_a_newer_version_of_what_somebody_changed_is_put_beside_it(machine: Path) -> None:
    lay_out(machine)
    shipped = (machine / UNIT).read_text()
    pretend_older(machine, UNIT)
    (machine / UNIT).write_text("# mine\n")
    assert lay_out(machine)[UNIT] == "beside"
    assert (machine / UNIT).read_text() == "# mine\n"
    assert (machine / f"{UNIT}.new").read_text() == shipped
    (machine / UNIT).write_text(shipped)
    assert lay_out(machine)[UNIT] == "unchanged"
    assert not (machine / f"{UNIT}.new").exists()


def test_files_that_were_there_before_stay(machine: Path) -> None:
    (machine / UNIT).parent.mkdir(parents=True)
    (machine / UNIT).write_text("# mine\n")
    assert lay_out(machine)[UNIT] == "beside"
    assert (machine / UNIT).read_text() == "# mine\n"


def test_nobody_but_root_can(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["init", "--system", "--root", str(machine)]) == 2
    assert "give it with sudo" in capsys.readouterr().err
    assert not (machine / CONFIG).exists()


@pytest.mark.parametrize("words", [["--root", "/"], ["--system", "--directory", "."]])
def test_options_that_do_not_go_together(words: list[str]) -> None:
    assert main(["init", *words]) == 2
