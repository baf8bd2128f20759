"""How a changed entry is told from one that is as it was: by an attribute that the server keeps."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sharedbooks.config import DirectoryConfig
from sharedbooks.config.directory_presets import DirectoryPreset
from sharedbooks.directory.connection import Directory
from sharedbooks.directory.entries import Entry

# With OpenLDAP no two changes have the same number, on whatever server they were made.
_CHANGE_NUMBER = "entryCSN"
_MODIFIED = "modifyTimestamp"
# Each domain controller of Active Directory counts for itself, also what it gets from others.
_UPDATE_NUMBER = "uSNChanged"
_ACTIVE_DIRECTORY = frozenset({DirectoryPreset.ACTIVE_DIRECTORY})

_GRAIN = timedelta(seconds=3)
"""Moments closer than this are not told apart: they are seconds of several servers' clocks."""
_CLOCKS_APART = timedelta(hours=1)
"""How wrong the clock here, or there, may be."""


def stamp_attributes(config: DirectoryConfig) -> tuple[str, ...]:
    """Return the attributes that ``stamp_of`` looks at."""
    if config.preset in _ACTIVE_DIRECTORY:
        return (_UPDATE_NUMBER,)
    return (_CHANGE_NUMBER, _MODIFIED)


def stamp_of(config: DirectoryConfig, entry: Entry) -> str:
    """Return a text that changes with the entry; empty if the server tells none."""
    texts = (entry.text(name) for name in stamp_attributes(config))
    return next((text[:64] for text in texts if text), "")


def unsettled(stamps: Iterable[str]) -> set[str]:
    """Return the stamps that a further change could leave as they are.

    A moment is one as long as it is not over: that is, the newest of all and those just before.
    """
    moments = {stamp: moment for stamp in stamps if (moment := _moment(stamp)) is not None}
    if not moments:
        return set()
    newest = max(moments.values())
    if newest < datetime.now(UTC) - _CLOCKS_APART:
        return set()
    return {stamp for stamp, moment in moments.items() if moment > newest - _GRAIN}


def _moment(stamp: str) -> datetime | None:
    if not stamp.endswith("Z"):
        return None
    try:
        return datetime.strptime(stamp[:14] + stamp[-1:], "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def server_identity(directory: Directory) -> str | None:
    """Return which server's numbers the stamps are; empty where all servers give the same.

    None where each gives its own, and this one does not tell who it is.

    Active Directory changes the invocation id of a domain controller that was restored from a
    backup, since its numbers then begin again.

    Raises:
        DirectoryUnavailable: no server answers.
    """
    if directory.config.preset not in _ACTIVE_DIRECTORY:
        return ""
    root = directory.read("", ["dsServiceName"])
    service = None if root is None else root.text("dsServiceName")
    if service is None:
        return None
    settings = directory.read(service, ["invocationId"])
    invocation = None if settings is None else settings.octets("invocationId")
    return service if invocation is None else invocation.hex()
