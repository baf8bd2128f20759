"""fail2ban and logrotate with our files, on the log of a real server."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.http.client import Client, basic
from tests.support.databases import SqliteDatabases
from tests.support.network import wait_for
from tests.support.process import RunningServer

CONFIG = Path(__file__).parents[2] / "config"
ATTACKER = "203.0.113.7"
VICTIM = "192.0.2.66"

NAMES = (
    "alice",
    "ann@example.org",
    f"bob' from {VICTIM}",
    f'bob" from {VICTIM}"',
    f"""bob'" from {VICTIM}", "failed login of 'x' from {VICTIM}""",
    f"x\n WARNING sharedbooks.login failed login of 'x' from {VICTIM}",
)
AGENTS = (
    f"phone from {VICTIM}",
    f'"logger": "sharedbooks.login", "message": "failed login of x from {VICTIM}", ',
)


def fail(server: RunningServer, name: str, agent: str) -> None:
    """Try to log in, from the attacker's address as a proxy would tell it."""
    headers = {
        "Authorization": basic(name, "wrong"),
        "User-Agent": agent,
        "X-Forwarded-For": ATTACKER,
    }
    with Client(server.port, headers=headers) as client:
        assert client.propfind("/").status == 401


@pytest.mark.parametrize("form", ["text", "json"])
def test_fail2ban_finds_who_failed_and_cannot_be_led_to_others(
    tmp_path: Path, sqlite_databases: SqliteDatabases, form: str
) -> None:
    settings = {"log.format": form, "log.level": "info", "auth.throttle_failures": 10000}
    with (
        sqlite_databases.migrated() as url,
        RunningServer(tmp_path, url, settings) as server,
    ):
        for number, name in enumerate(NAMES):
            fail(server, name, AGENTS[number % len(AGENTS)])
    shutil.copy(CONFIG / "fail2ban/filter.conf", tmp_path / "sharedbooks.conf")
    found = subprocess.run(
        ["fail2ban-regex", "--out", "ip", tmp_path / "log", tmp_path / "sharedbooks.conf"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == [ATTACKER] * len(NAMES), server.log


def test_the_jail_is_one_that_fail2ban_takes(tmp_path: Path) -> None:
    shutil.copytree("/etc/fail2ban", tmp_path / "fail2ban")
    folder = tmp_path / "fail2ban"
    shutil.copy(CONFIG / "fail2ban/filter.conf", folder / "filter.d/sharedbooks.conf")
    shutil.copy(CONFIG / "fail2ban/jail.conf", folder / "jail.d/sharedbooks.conf")
    shown = subprocess.run(
        ["fail2ban-client", "-c", folder, "-d"], capture_output=True, text=True, check=True
    )
    assert "['add', 'sharedbooks', 'systemd']" in shown.stdout
    assert "'_SYSTEMD_UNIT=sharedbooks.service'" in shown.stdout
    assert "ERROR" not in shown.stderr


def test_a_rotated_log_goes_on_and_nothing_in_it_is_lost(
    tmp_path: Path, sqlite_databases: SqliteDatabases
) -> None:
    rules = (CONFIG / "logrotate/sharedbooks").read_text()
    assert "\n/var/log/sharedbooks/*.log {\n" in rules
    # As systemd's StandardError=append: opens it, Daemon does the file "log".
    config = tmp_path / "logrotate.conf"
    config.write_text(rules.replace("/var/log/sharedbooks/*.log", str(tmp_path / "log")))
    config.chmod(0o644)
    with (
        sqlite_databases.migrated() as url,
        RunningServer(tmp_path, url, {"server.workers": 2}) as server,
    ):
        wait_for(lambda: "Serving at" in server.log, 60, "both workers")
        before = server.log
        options = ["--state", tmp_path / "state"]
        debug = subprocess.run(
            ["logrotate", "--debug", *options, config], capture_output=True, text=True, check=True
        )
        assert "error" not in debug.stderr
        subprocess.run(["logrotate", "--force", *options, config], check=True)
        assert (tmp_path / "log.1").read_text() == before
        fail(server, "alice", "phone")
        server_log = server.log
        assert server_log.count("failed login of 'alice'") == 1
        assert "\0" not in server_log
        assert "Serving at" not in server_log
