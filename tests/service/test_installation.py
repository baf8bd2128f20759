"""A Debian made for it, with systemd running: installed as the guide says, and what happens then.

It takes minutes and a Debian mirror, so it is part of the long form only. It also needs root, the
packages debootstrap and systemd-container, and the Python that this Debian has: the wheels that are
installed there are made here.
"""

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, family_of
from tests.support.network import wait_for

PROJECT = Path(__file__).parents[2]
_PACKAGES = "systemd,systemd-sysv,dbus,python3-venv,logrotate,procps,iproute2,curl"
_START = "/opt/sharedbooks/bin/pip install --quiet --no-index --find-links /opt/wheels sharedbooks"


class Machine:
    """A Debian in a folder, booted in namespaces of its own, without a network.

    Args:
        folder: an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        sources = Path("/etc/apt/sources.list.d/debian.sources").read_text()
        mirror = re.findall(r"^URIs: (\S+)", sources, re.MULTILINE)[0]
        suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
        run(
            "debootstrap",
            "--variant=minbase",
            f"--include={_PACKAGES}",
            suite,
            self.root,
            mirror,
        )
        wheels = self.root / "opt/wheels"
        # What this machine's pip gets from where it is told to; the other one has no network.
        run(sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", wheels, PROJECT)
        nspawn = ("systemd-nspawn", "--boot", "--register=no", "--keep-unit", "--private-network")
        options = ("--console=passive", "--directory", self.root)
        self._daemon = Daemon([*nspawn, *options], folder, stop_signal=signal.SIGTERM)

    def start(self) -> None:
        """Boot it."""
        self._daemon.start(lambda: self._init() and self._is_up(), timeout=120)

    def kill(self) -> None:
        """Turn it off by force."""
        self._daemon.kill()

    def __call__(self, script: str, *, code: int = 0) -> str:
        """Run a shell script there as root and return what it prints."""
        enter = ("nsenter", "--target", str(self._init()), "--all")
        done = subprocess.run(
            [*enter, "bash", "-c", f"cd /; {script}"], capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def property(self, name: str) -> str:
        """Return a property of the server's unit, as systemd has it."""
        return self(f"systemctl show --property {name} --value sharedbooks").strip()

    def _init(self) -> int | None:
        """The process that is the first one in there."""
        for pid in family_of(self._daemon.pid) - {self._daemon.pid}:
            status = Path(f"/proc/{pid}/status").read_text()
            if re.search(r"^NSpid:\t\d+\t1$", status, re.MULTILINE):
                return pid
        return None

    def _is_up(self) -> bool:
        state = self("systemctl is-system-running || true").strip()
        return state in {"running", "degraded"}


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@pytest.fixture
def machine(tmp_path: Path, thorough: bool) -> Iterator[Machine]:  # noqa: FBT001
    if not thorough:
        pytest.skip("only in the long form: --thorough")
    if os.geteuid() != 0 or not shutil.which("debootstrap") or not shutil.which("systemd-nspawn"):
        pytest.skip("needs root, debootstrap and systemd-container")
    made = Machine(tmp_path)
    made.start()
    try:
        yield made
    finally:
        made.kill()


@pytest.mark.timeout(1800)
def test_installed_as_a_service_it_is_what_the_units_promise(machine: Machine) -> None:
    machine(f"python3 -m venv /opt/sharedbooks && {_START}")
    laid = json.loads(machine("/opt/sharedbooks/bin/sharedbooks init --system --json"))
    assert {each["result"] for each in laid["files"]} == {"written"}
    owner = "setpriv --reuid sharedbooks --regid sharedbooks --clear-groups"
    machine(f"{owner} sharedbooks db upgrade && {owner} sharedbooks user add alice")
    machine("systemctl enable --now sharedbooks")
    assert machine.property("StatusText") == "2 workers serve port 5232"
    health = "curl --silent --fail http://127.0.0.1:5232/-/health"
    assert machine(health) == "ok\n"
    main = machine.property("MainPID")
    status = machine(f"cat /proc/{main}/status")
    assert re.search(r"^CapBnd:\t0+$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE)

    # Timers' services do their work closed in as they are.
    machine("systemctl start sharedbooks-backup sharedbooks-maintenance")
    [backup] = machine("ls /var/backups/sharedbooks").split()
    machine(f"{owner} sharedbooks backup verify /var/backups/sharedbooks/{backup}")

    # A reload is over when new workers serve.
    before = machine(f"pgrep --parent {main}").split()
    machine("systemctl reload sharedbooks")
    after = machine(f"pgrep --parent {main}").split()
    assert len(after) == 2
    assert not set(before) & set(after)

    # A worker killed is replaced by the main process, not by systemd.
    machine(f"kill -KILL {after[0]}")
    wait_for(lambda: len(machine(f"pgrep --parent {main}").split()) == 2, 60, "another worker")
    wait_for(lambda: machine(health) == "ok\n", 60, "health")
    assert machine.property("NRestarts") == "0"
    machine("systemctl kill --signal=KILL --kill-whom=main sharedbooks")
    wait_for(lambda: machine.property("NRestarts") == "1", 60, "a restart")
    wait_for(lambda: machine.property("ActiveState") == "active", 60, "the server")

    # The watchdog bites when a worker hangs; sooner than it is set up to, here.
    shorter = "/run/systemd/system/sharedbooks.service.d"
    machine(f"mkdir -p {shorter}; printf '[Service]\\nWatchdogSec=6\\n' > {shorter}/test.conf")
    machine("systemctl daemon-reload; systemctl restart sharedbooks")
    machine("kill -STOP $(pgrep --parent $(systemctl show -P MainPID sharedbooks) | head -1)")
    wait_for(lambda: int(machine.property("NRestarts")) > 0, 60, "a restart")
    wait_for(lambda: machine.property("ActiveState") == "active", 60, "the server")
    assert "Watchdog timeout" in machine("journalctl --unit sharedbooks --output cat")

    # A configuration that cannot be used is not tried again.
    config = "/etc/sharedbooks/sharedbooks.toml"
    machine(f"cp --archive {config} /root; echo 'nonsense = 1' >> {config}")
    machine("systemctl restart sharedbooks", code=1)
    machine("sleep 7")
    assert machine.property("ActiveState") == "failed"
    assert machine.property("ExecMainStatus") == "2"
    machine(f"cp --archive /root/sharedbooks.toml {config}; systemctl reset-failed sharedbooks")

    # With its socket it serves a port that it could not open, from the first client on.
    machine("systemctl start sharedbooks.socket")
    assert machine("curl --silent --fail http://127.0.0.1:443/-/health") == "ok\n"
    machine("systemctl restart --no-block sharedbooks; sleep 2")
    assert machine("curl --silent --fail http://127.0.0.1:443/-/health") == "ok\n"

    # Again, nothing is changed.
    laid = json.loads(machine("sharedbooks init --system --json"))
    assert {each["result"] for each in laid["files"]} <= {"unchanged", "kept"}
    machine("systemctl stop sharedbooks.socket sharedbooks")
