"""The files of a service on a machine: what goes where, and what the administrator made of it.

A record of what was written lies in the folder of the configuration. A file that is as it was
written is brought up to date; one that somebody changed stays, and the new version is put beside
it.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from sharedbooks.config import initial_config_text

RECORD = Path("etc/sharedbooks/.written")
CONFIG = Path("etc/sharedbooks/sharedbooks.toml")
SYSUSERS = Path("etc/sysusers.d/sharedbooks.conf")
TMPFILES = Path("etc/tmpfiles.d/sharedbooks.conf")

_UNITS = Path("etc/systemd/system")
_NEW = ".new"
_SHIPPED_PROGRAM = "/opt/sharedbooks/bin/sharedbooks"
_SHIPPED_DATABASE = '#url = "sqlite:///sharedbooks.db"'
_DATABASE = 'url = "sqlite:////var/lib/sharedbooks/sharedbooks.db"'


class Result(StrEnum):
    """What became of a file; ``BESIDE`` is kept, with this program's version beside it."""

    WRITTEN = "written"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    KEPT = "kept"
    BESIDE = "beside"


@dataclass(frozen=True, slots=True)
class SystemFile:
    """A file of the service.

    Attributes:
        path: where it goes, from the root of the machine.
        text: what is in it.
    """

    path: Path
    text: str


def system_files(root: Path, program: str) -> list[SystemFile]:
    """Return the files for the machine at ``root``, where ``program`` is the command's path.

    Those of other programs only where these are installed.
    """
    shipped = files("sharedbooks") / "system"
    units = shipped / "systemd"
    found = [
        SystemFile(CONFIG, _configuration()),
        SystemFile(SYSUSERS, _text(units / "sharedbooks.sysusers")),
        SystemFile(TMPFILES, _text(units / "sharedbooks.tmpfiles")),
    ]
    for unit in sorted(units.iterdir(), key=lambda each: each.name):
        if unit.name.endswith((".service", ".socket", ".timer")):
            text = _text(unit).replace(_SHIPPED_PROGRAM, program)
            found.append(SystemFile(_UNITS / unit.name, text))
    others = {
        "etc/fail2ban/filter.d/sharedbooks.conf": "fail2ban/filter.conf",
        "etc/fail2ban/jail.d/sharedbooks.conf": "fail2ban/jail.conf",
        "etc/logrotate.d/sharedbooks": "logrotate/sharedbooks",
    }
    for place, name in others.items():
        if (root / place).parent.is_dir():
            found.append(SystemFile(Path(place), _text(shipped / "config" / name)))
    return found


def _text(file: Traversable) -> str:
    return file.read_text(encoding="utf-8")


def _configuration() -> str:
    """The file that ``sharedbooks init`` writes, with the database in the service's own folder."""
    text = initial_config_text()
    assert _SHIPPED_DATABASE in text  # noqa: S101 - both are in this program
    return text.replace(_SHIPPED_DATABASE, _DATABASE)


def lay_out(root: Path, wanted: list[SystemFile]) -> dict[Path, Result]:
    """Bring the files below ``root`` up to date and return what became of each.

    What somebody changed stays as it is; if this program has another version than the one they
    changed, it is put beside it, under the same name with ``.new`` at its end.
    """
    record = _read_record(root)
    results = {file.path: _bring(root, file, record) for file in wanted}
    _write(root / RECORD, json.dumps(record, indent=1, sort_keys=True) + "\n", 0o600)
    return results


def _bring(root: Path, file: SystemFile, record: dict[str, str]) -> Result:
    place, key = root / file.path, str(file.path)
    present = place.read_text(encoding="utf-8") if place.exists() else None
    new = place.with_name(place.name + _NEW)
    if present == file.text:
        result = Result.UNCHANGED
    elif present is None and key not in record:
        result = Result.WRITTEN
    elif present is not None and record.get(key) == _digest(present):
        result = Result.UPDATED
    else:
        # Changed, or taken away, by somebody who will have had a reason.
        if file.path == CONFIG or present is None or record.get(key) == _digest(file.text):
            return Result.KEPT
        _write(new, file.text, _mode(file))
        return Result.BESIDE
    if result is not Result.UNCHANGED:
        _write(place, file.text, _mode(file))
    new.unlink(missing_ok=True)
    record[key] = _digest(file.text)
    return result


def _mode(file: SystemFile) -> int:
    # systemd-tmpfiles lets the server read it too.
    return 0o600 if file.path == CONFIG else 0o644


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read_record(root: Path) -> dict[str, str]:
    try:
        record: dict[str, str] = json.loads((root / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return record


def _write(path: Path, text: str, mode: int) -> None:
    """Write a file whole or not at all, and its folders before it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.touch(mode)
    temporary.chmod(mode)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
