"""The units of systemd: understood by it, closed in, and alike."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "systemd"
SERVICES = sorted(SYSTEMD.glob("*.service"))
TIMERS = sorted(SYSTEMD.glob("*.timer"))

# Of 10; what systemd calls "OK" goes on to 5.
_MOST_EXPOSURE = 2.0


def analyze(*arguments: str | Path) -> str:
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """A copy of the units that start a program that is there."""
    for unit in SYSTEMD.iterdir():
        text = unit.read_text().replace("/opt/sharedbooks", sys.prefix)
        (tmp_path / unit.name).write_text(text)
    return tmp_path


def test_systemd_understands_every_line(units: Path) -> None:
    names = [unit for unit in units.iterdir() if unit.suffix in {".service", ".socket", ".timer"}]
    assert len(names) == 8
    assert analyze("verify", "--man=no", *names) == ""


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.stem)
def test_a_service_is_hardly_exposed(service: Path) -> None:
    threshold = f"--threshold={round(_MOST_EXPOSURE * 10)}"
    told = analyze("security", "--offline=true", threshold, service)
    exposure = re.search(r"Overall exposure level for .*: ([\d.]+)", told)
    assert exposure
    assert float(exposure[1]) <= _MOST_EXPOSURE


def test_all_services_are_closed_in_to_the_same_degree() -> None:
    kinds = r"^(?:NoNew|Protect|Private|Restrict[A-Z]+|SystemCall|Capab|Lock|MemoryDeny|UMask).*$"
    measures = {
        service.stem: set(re.findall(kinds, service.read_text(), re.MULTILINE))
        - {"RestartPreventExitStatus=2"}
        for service in SERVICES
    }
    assert len(measures["sharedbooks"]) > 20
    assert {name for name, taken in measures.items() if taken != measures["sharedbooks"]} == set()
    for service in SERVICES:
        assert re.findall(r"^(?:MemoryMax|TasksMax)=", service.read_text(), re.MULTILINE)


def test_every_timer_has_its_service() -> None:
    assert len(TIMERS) == 3
    for timer in TIMERS:
        assert timer.with_suffix(".service") in SERVICES
        assert "WantedBy=timers.target" in timer.read_text()


def test_the_account_and_its_folders_can_be_made(tmp_path: Path) -> None:
    for folder, name in (("sysusers.d", "sysusers"), ("tmpfiles.d", "tmpfiles")):
        (tmp_path / "etc" / folder).mkdir(parents=True)
        source = SYSTEMD / f"sharedbooks.{name}"
        shutil.copy(source, tmp_path / "etc" / folder / "sharedbooks.conf")
    file = "sharedbooks.conf"
    root = f"--root={tmp_path}"
    subprocess.run(["systemd-sysusers", root, file], check=True, capture_output=True)
    subprocess.run(["systemd-tmpfiles", "--create", root, file], check=True, capture_output=True)
    [account] = [
        line.split(":")
        for line in (tmp_path / "etc/passwd").read_text().splitlines()
        if line.startswith("sharedbooks:")
    ]
    state = (tmp_path / "var/lib/sharedbooks").stat()
    assert (state.st_uid, state.st_mode & 0o777) == (int(account[2]), 0o700)
    assert account[6] == "/usr/sbin/nologin"
