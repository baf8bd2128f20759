"""One entry of a directory, as LDAP gives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sharedbooks.directory.filters import equals

_GUID = "objectguid"
"""Active Directory gives it as 16 octets with its first three numbers reversed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry.

    Attributes:
        dn: its name, as the directory writes it.
        attributes: raw values by the attribute's name in lower case.
    """

    dn: str
    attributes: Mapping[str, tuple[bytes, ...]]

    def octets(self, name: str) -> bytes | None:
        """Return the first value of an attribute, in whatever case it is named, or None."""
        values = self.attributes.get(name.lower())
        return values[0] if values else None

    def text(self, name: str) -> str | None:
        """Return the first value as text, or None; octets that are not UTF-8 become U+FFFD."""
        value = self.octets(name)
        return None if value is None else value.decode(errors="replace")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return every value as text."""
        values = self.attributes.get(name.lower(), ())
        return tuple(value.decode(errors="replace") for value in values)

    def number(self, name: str) -> int | None:
        """Return the first value as a whole number, or None if it is none."""
        value = self.octets(name)
        try:
            return None if value is None else int(value)
        except ValueError:
            return None

    def identity(self, name: str) -> str | None:
        """Return the value of an attribute that never changes; ``objectGUID`` as UUIDs are written.

        None if the entry has no such value, or the server's account may not read it.
        """
        value = self.octets(name)
        if value is not None and name.lower() == _GUID and len(value) == 16:
            return str(UUID(bytes_le=value))
        return self.text(name) or None


def identity_filter(name: str, identity: str) -> str:
    """Return the filter for the entry whose ``Entry.identity`` of that attribute is this one."""
    return equals(name, UUID(identity).bytes_le if name.lower() == _GUID else identity)
