"""Which app a User-Agent is of, as one of a few families."""

import re
from functools import lru_cache

from sharedbooks.watching.instruments import OTHER

_PATTERNS = {
    "ios": r"\biOS/|\bdataaccessd/|\baccountsd/(?!.*macOS)",
    "macos": r"\bmacOS/|\bMac OS X/|\bAddressBook(Core)?/",
    "davx5": r"\bDAVx5/|\bDAVdroid/",
    "thunderbird": r"\bThunderbird/|\bCardBook/",
    "outlook": r"CalDavSynchronizer",
    "evolution": r"\bEvolution/",
    "kde": r"\b(KDE|Akonadi|KIO|libkdav)\b",
    "vdirsyncer": r"\bvdirsyncer/|\bpimsync/",
    "sharedbooks": r"^sharedbooks\b",
    "prometheus": r"^Prometheus/",
    "browser": r"^Mozilla/5\.0 ",
}
"""In this order: several apps call themselves by a browser's name too."""

NONE = "none"
FAMILIES = (*_PATTERNS, NONE, OTHER)
"""Every family; ``none`` sent no name."""

_COMPILED = [(family, re.compile(pattern)) for family, pattern in _PATTERNS.items()]
_LONGEST = 512


def client_family(user_agent: str) -> str:
    """Return the family of the app that sends this User-Agent."""
    # Cut before it is remembered: a stranger may send 64 KiB.
    return _family(user_agent[:_LONGEST])


@lru_cache(maxsize=1024)
def _family(shown: str) -> str:
    if not shown:
        return NONE
    for family, pattern in _COMPILED:
        if pattern.search(shown):
            return family
    return OTHER
