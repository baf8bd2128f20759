"""How old the last backup is."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sharedbooks.cli.findings import BadError, DoubtfulError, Finding, make

_USUAL = Path("/var/backups/sharedbooks")
_DUE, _LATE = timedelta(days=2), timedelta(days=8)


def examine_backups(folder: Path | None) -> list[Finding]:
    """Look at the newest backup; at nothing if nobody knows where they are.

    Args:
        folder: where the backups are; None for the usual place, if there is one.
    """
    known = folder or (_USUAL if _USUAL.is_dir() else None)
    if known is None:
        return []
    return [
        make(
            "backup", f"Give 'sharedbooks backup rotate {known}' every day.", partial(_look, known)
        )
    ]


def _look(folder: Path) -> str:
    made = [path.stat().st_mtime for path in folder.glob("*.backup")]
    if not made:
        raise BadError(f"there is none in {folder}")
    newest = datetime.fromtimestamp(max(made), UTC)
    age = datetime.now(UTC) - newest
    detail = f"the newest in {folder} is of {newest:%Y-%m-%d %H:%M} UTC"
    if age > _LATE:
        raise BadError(detail)
    if age > _DUE:
        raise DoubtfulError(detail)
    return detail
