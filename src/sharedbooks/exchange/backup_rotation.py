"""A folder with one backup for each of the last days."""

import re
from datetime import date, timedelta
from pathlib import Path

_NAME = re.compile(r"sharedbooks-(\d{4}-\d{2}-\d{2})\.backup")


def backup_of(day: date, folder: Path) -> Path:
    """Return where the backup of a day lies in ``folder``."""
    return folder / f"sharedbooks-{day.isoformat()}.backup"


def remove_outdated(folder: Path, today: date, keep: int) -> list[Path]:
    """Remove the backups of days before the last ``keep`` days, and return their paths.

    What a backup is of, its name tells; whatever is called otherwise stays.
    """
    oldest = today - timedelta(days=keep - 1)
    outdated = sorted(path for path in folder.iterdir() if _is_before(path.name, oldest))
    for path in outdated:
        path.unlink()
    return outdated


def _is_before(name: str, oldest: date) -> bool:
    match = _NAME.fullmatch(name)
    try:
        return match is not None and date.fromisoformat(match[1]) < oldest
    except ValueError:
        return False
