"""Clients that cannot live with what the RFCs say, known by their User-Agent."""

import re

_APPLE = re.compile(r"\b(dataaccessd|AddressBookCore|AddressBook|accountsd)/")


def reads_only_version_3(client: str) -> bool:
    """True for Apple's Contacts, which asks for cards with ``Accept: */*`` and reads only 3.0.

    It does so after a PUT that was answered without ETag.
    """
    return _APPLE.search(client) is not None


def starts_over_only_on_400(client: str) -> bool:
    """True for Thunderbird: with any other status for a refused token its book stays stuck."""
    return "Thunderbird" in client
