"""What the doctor looks at in the file system, and in the limits of processes."""

import os
import re
import resource
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sqlalchemy.engine import make_url

from sharedbooks.cli.findings import BadError, Check, DoubtfulError
from sharedbooks.cli.store import Store, system_user
from sharedbooks.config import Config, load_config
from sharedbooks.serving import FEWEST_CONNECTIONS, files_beside_connections

_NETWORK_SYSTEMS = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|9p|afs|ceph|lustre|glusterfs|ocfs2|gfs2"
    r"|fuse\.(sshfs|glusterfs|s3fs|rclone|davfs.*)"
)
_GIB = 1024**3
_LITTLE, _LEAST = 0.10, 0.03
"""Shares of a disk: what is little, and what is too little."""
_PLENTY, _ENOUGH = 5 * _GIB, 1 * _GIB
"""Octets that are plenty or enough, however large the disk is."""


def database_file(store: Store) -> Path | None:
    """Return SQLite's file; None if the database is a server."""
    name = make_url(store.config.database.url).database
    return Path(name) if store.database.dialect == "sqlite" and name else None


def _look_at_folder(store: Store) -> str:
    file = database_file(store)
    if file is None:
        return "the database is a server"
    # SQLite makes files beside the database while it works.
    for path in (file.parent, file, file.with_name(f"{file.name}-wal")):
        if path.exists() and not os.access(path, os.W_OK):
            raise BadError(f"{path} cannot be written by the user {system_user()}")
    return str(file.parent)


def _look_at_secrets(store: Store) -> str:
    secrets = [path for path in _secrets(store.config) if path.exists()]
    if store.config.source is not None and _holds_password(store.config.source):
        secrets.append(store.config.source)
    file = database_file(store)
    if file is not None and file.exists():
        secrets.append(file)
    for path in secrets:
        if path.stat().st_mode & 0o006 and _reachable(path):
            raise BadError(
                f"every user of this machine may read {path}", f"Give 'chmod o= {path}'."
            )
    return "for their owners alone"


def _secrets(config: Config) -> Iterator[Path]:
    named = [config.database.password_file, config.server.tls_key]
    for directory in config.directories:
        named += [directory.bind_password_file, directory.client_key]
    return (path for path in named if path is not None)


def _holds_password(source: Path) -> bool:
    return make_url(load_config(source).database.url).password is not None and not re.search(
        r"^\s*password_file\s*=", source.read_text(encoding="utf-8"), re.MULTILINE
    )


def _reachable(path: Path) -> bool:
    """True if other users may pass every folder above."""
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


def _look_at_space(store: Store) -> str:
    file = database_file(store)
    if file is None:
        return "the database is a server"
    usage = shutil.disk_usage(file.parent)
    share = usage.free / usage.total
    detail = f"{usage.free / _GIB:.1f} GiB ({share:.0%}) free in {file.parent}"
    if share < _LEAST and usage.free < _ENOUGH:
        raise BadError(detail)
    if share < _LITTLE and usage.free < _PLENTY:
        raise DoubtfulError(detail)
    return detail


def _look_at_file_system(store: Store) -> str:
    file = database_file(store)
    if file is None:
        return "the database is a server"
    kind = file_system_of(file.parent.resolve(), Path("/proc/self/mountinfo").read_text())
    if _NETWORK_SYSTEMS.fullmatch(kind):
        raise BadError(f"{file.parent} is on {kind}, a file system of the network")
    return kind


def file_system_of(folder: Path, mounts: str) -> str:
    """Return the type of the file system that ``folder`` is on.

    Args:
        folder: an absolute path without links.
        mounts: what the kernel says in ``/proc/self/mountinfo``; of two at one place the later
            hides the other.
    """
    found, longest = "unknown", -1
    for line in mounts.splitlines():
        place, _, rest = line.partition(" - ")
        point = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), place.split()[4]))
        if folder.is_relative_to(point) and len(point.parts) >= longest:
            found, longest = rest.split()[0], len(point.parts)
    return found


def _look_at_limit(store: Store) -> str:
    server = store.config.server
    pool_size = store.config.database.pool_size
    needed = FEWEST_CONNECTIONS + files_beside_connections(pool_size, server.threads)
    process = _listening_process(server.port)
    allowed = _allowed_files(process)
    whose = "of this shell" if process is None else f"of the server's process {process}"
    detail = f"the limit {whose} is {allowed}; a worker may need {needed}"
    if allowed < needed:
        raise BadError(detail)
    return detail


def _listening_process(port: int) -> int | None:
    """Return a process that listens on a TCP port, as far as this user may know."""
    sockets = {
        f"socket:[{fields[9]}]"
        for table in ("tcp", "tcp6")
        for fields in map(str.split, _lines(Path("/proc/net", table)))
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port
    }
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                for handle in (folder / "fd").iterdir():
                    if str(handle.readlink()) in sockets:
                        return int(folder.name)
    return None


def _lines(table: Path) -> list[str]:
    with suppress(OSError):
        return table.read_text(encoding="ascii").splitlines()[1:]
    return []


def _allowed_files(process: int | None) -> int:
    if process is None:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    else:
        soft, _ = resource.prlimit(process, resource.RLIMIT_NOFILE)
    return 2**31 if soft == resource.RLIM_INFINITY else soft


FILE_CHECKS = (
    Check("database folder", _look_at_folder, "Let the user who runs the server write there."),
    Check("secrets", _look_at_secrets, "Let nobody but the user who runs the server read it."),
    Check(
        "disk space",
        _look_at_space,
        "Make space, give 'sharedbooks maintenance', or move the database to a larger disk.",
    ),
    Check(
        "file system",
        _look_at_file_system,
        "Move the database to a disk of this machine: SQLite relies on locks that others get wrong;"
        " or use PostgreSQL.",
    ),
    Check(
        "open files",
        _look_at_limit,
        "Raise LimitNOFILE= of the service, or lower [server] threads and [database] pool_size.",
    ),
)
