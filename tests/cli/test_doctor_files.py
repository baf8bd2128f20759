"""What ``sharedbooks doctor`` finds in the file system, in limits, and among backups."""

import os
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sharedbooks.cli.doctor_files import file_system_of
from tests.cli.conftest import InProcess
from tests.support.network import free_port


def look(office: InProcess, check: str, *options: str | Path) -> dict[str, str]:
    """What one check finds, whatever the others do."""
    code = 1 if check.startswith("!") else 0
    rows = office("doctor", "--json", *options, code=code).document
    [found] = [row for row in rows if row["check"] == check.removeprefix("!")]
    assert isinstance(found, dict)
    return found


@pytest.fixture
def office(office: InProcess) -> InProcess:
    """An installation with a port of its own, in a folder that others may pass."""
    config = office.folder / "sharedbooks.toml"
    config.write_text(f"[server]\nport = {free_port()}\n")
    return office


@contextmanager
def _passable(folder: Path) -> Iterator[None]:
    """Let everybody pass the folders above, as those of a service are."""
    closed = [each for each in (folder, *folder.parents) if not each.stat().st_mode & 0o001]
    modes = {each: each.stat().st_mode for each in closed}
    for each, mode in modes.items():
        each.chmod(mode | 0o001)
    try:
        yield
    finally:
        for each, mode in modes.items():
            each.chmod(mode)


def test_a_database_that_everybody_reads(office: InProcess) -> None:
    file = office.folder / "sharedbooks.db"
    file.chmod(0o644)
    # Nobody comes that far through closed folders.
    office.folder.chmod(0o700)
    assert look(office, "secrets")["result"] == "ok"
    office.folder.chmod(0o711)
    with _passable(office.folder):
        found = look(office, "!secrets")
    assert found["result"] == "failed"
    assert found["remedy"] == f"Give 'chmod o= {file}'."
    assert str(file) in found["detail"]


@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_a_configuration_with_a_password(office: InProcess, mode: int) -> None:
    config = office.folder / "sharedbooks.toml"
    config.write_text('[database]\nurl = "mariadb://me:secret@127.0.0.1:1/books"\n')
    config.chmod(mode)
    with _passable(office.folder):
        found = look(office, "!secrets")
    assert (found["result"], str(config) in found["detail"]) == (
        ("failed", True) if mode == 0o644 else ("ok", False)
    )


def test_a_password_file_that_everybody_reads(office: InProcess) -> None:
    secret = office.folder / "password"
    secret.write_text("secret\n")
    secret.chmod(0o644)
    (office.folder / "sharedbooks.toml").write_text(
        f'[database]\nurl = "mariadb://me@127.0.0.1:1/books"\npassword_file = "{secret}"\n'
    )
    with _passable(office.folder):
        assert str(secret) in look(office, "!secrets")["detail"]
        secret.chmod(0o600)
        assert look(office, "!secrets")["result"] == "ok"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 16 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(
    ("left", "result"), [(8, "ok"), (1, "warning"), (0.3, "failed")], ids=["half", "little", "none"]
)
def test_a_disk_that_fills_up(
    office: InProcess, small_disk: Path, left: float, result: str
) -> None:
    database = small_disk / "sharedbooks.db"
    database.write_bytes((office.folder / "sharedbooks.db").read_bytes())
    database.chmod(0o600)
    config = office.folder / "sharedbooks.toml"
    config.write_text(f'{config.read_text()}[database]\nurl = "sqlite:///{database}"\n')
    with (small_disk / "filling").open("wb") as file:
        space = os.statvfs(small_disk)
        file.write(bytes(int(space.f_bavail * space.f_frsize - left * 1024 * 1024)))
    found = look(office, "!disk space" if result == "failed" else "disk space")
    assert found["result"] == result
    assert str(small_disk) in found["detail"]
    files = look(office, "!file system" if result == "failed" else "file system")
    assert (files["result"], files["detail"]) == ("ok", "tmpfs")


MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:35 / /srv/books rw,relatime shared:20 - nfs4 server:/books rw,vers=4.2
41 40 0:36 / /srv/books/local rw - xfs /dev/vdb rw
42 22 0:37 / /mnt/two\\040words rw - cifs //server/share rw
43 22 0:38 / /home/x rw - ext4 /dev/vdc rw
44 22 0:39 / /home/x rw - fuse.sshfs x@server: rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib/sharedbooks", "ext4"),
        ("/srv/books", "nfs4"),
        ("/srv/books/a/b", "nfs4"),
        ("/srv/bookshelf", "ext4"),
        ("/srv/books/local", "xfs"),
        ("/mnt/two words/a", "cifs"),
        ("/home/x/y", "fuse.sshfs"),
    ],
)
def test_the_file_system_of_a_folder(folder: str, kind: str) -> None:
    assert file_system_of(Path(folder), MOUNTS) == kind


def test_a_database_on_a_file_system_of_the_network(
    office: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = "sharedbooks.cli.doctor_files.file_system_of"
    monkeypatch.setattr(place, lambda *_: file_system_of(Path("/srv/books"), MOUNTS))
    found = look(office, "!file system")
    assert found["result"] == "failed"
    assert "nfs4" in found["detail"]


def test_too_few_open_files(office: InProcess) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
    try:
        found = look(office, "!open files")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found["result"] == "failed"
    assert "is 300" in found["detail"]
    assert "LimitNOFILE=" in found["remedy"]


def test_the_limit_is_that_of_the_server_that_runs(office: InProcess) -> None:
    port = free_port()
    (office.folder / "sharedbooks.toml").write_text(f"[server]\nport = {port}\n")
    listening = f"import socket, time; s = socket.create_server(('127.0.0.1', {port}));"
    program = ["python3", "-c", f"{listening} print(flush=True); time.sleep(60)"]
    shell = f'ulimit -Sn 256; exec {program[0]} -c "{program[2]}"'
    with subprocess.Popen(["bash", "-c", shell], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        found = look(office, "!open files")
        process.kill()
    assert f"the server's process {process.pid} is 256" in found["detail"]
    assert found["result"] == "failed"


@pytest.mark.parametrize(("days", "result"), [(1, "ok"), (4, "warning"), (20, "failed")])
def test_the_age_of_the_last_backup(
    office: InProcess, tmp_path: Path, days: int, result: str
) -> None:
    folder = tmp_path / "backups"
    office("backup", "rotate", folder)
    [file] = folder.iterdir()
    moment = time.time() - days * 86400
    os.utime(file, (moment, moment))
    found = look(office, "!backup" if result == "failed" else "backup", "--backups", folder)
    assert (found["result"], str(folder) in found["detail"]) == (result, True)


def test_no_backup_at_all(office: InProcess, tmp_path: Path) -> None:
    assert "none" in look(office, "!backup", "--backups", tmp_path)["detail"]
