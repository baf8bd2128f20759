"""Search filters (RFC 4515), put together from values of strangers."""

from string import ascii_letters, digits

_PLAIN = frozenset((ascii_letters + digits + "@._-").encode())


def escape(value: str | bytes) -> str:
    """Return ``value`` as it stands in a filter; whatever it holds, it stays a value."""
    octets = value.encode(errors="surrogatepass") if isinstance(value, str) else value
    return "".join(chr(octet) if octet in _PLAIN else f"\\{octet:02x}" for octet in octets)


def equals(attribute: str, value: str | bytes) -> str:
    """Return the filter for entries whose ``attribute`` has that value."""
    return f"({attribute}={escape(value)})"


def matches(attribute: str, rule: str, value: str | bytes) -> str:
    """Return the filter for entries whose ``attribute`` fits by the matching rule with that OID."""
    return f"({attribute}:{rule}:={escape(value)})"


def all_of(*filters: str) -> str:
    """Return the filter for entries that fit every one of ``filters``."""
    return filters[0] if len(filters) == 1 else f"(&{''.join(filters)})"


def any_of(*filters: str) -> str:
    """Return the filter for entries that fit one of ``filters``."""
    return filters[0] if len(filters) == 1 else f"(|{''.join(filters)})"
