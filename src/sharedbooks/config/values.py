"""The kinds of value an option may have: how each is written in the file, and how it is read."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Generic, TypeVar

from sharedbooks.errors import InvalidName
from sharedbooks.identifiers import MAX_NAME_LENGTH, parse_resource_name

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

Network = IPv4Network | IPv6Network

_SIZE_UNITS = {
    "B": 1,
    "kB": 1000,
    "KiB": 1024,
    "MB": 1000**2,
    "MiB": 1024**2,
    "GB": 1000**3,
    "GiB": 1024**3,
}
_DURATION_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}

_QUANTITY = re.compile(r"([0-9]{1,15}) *([A-Za-z]*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
_PREFIX = re.compile(r"(/(?!\.\.?(/|$))[A-Za-z0-9._~-]+)*")
_LONGEST_SHOWN = 60


class BadValueError(Exception):
    """The value cannot be used; the message says why and reads on from the option's name."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of value.

    Attributes:
        description: what to write, as it stands behind "write" in a problem.
        read: turns what TOML gave into the value; raises ``BadValueError``.
    """

    description: str
    read: Callable[[object], T]


class PasswordScheme(StrEnum):
    """How passwords of local users are hashed."""

    ARGON2 = "argon2"
    BCRYPT = "bcrypt"


class LogLevel(StrEnum):
    """The least important messages that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """The form of a log line."""

    TEXT = "text"
    JSON = "json"


def toml(value: object) -> str:
    """Return a text, number, list or table as TOML writes it, on one line."""
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{toml(key)} = {toml(held)}" for key, held in value.items())
        return f"{{{pairs}}}"
    return json.dumps(value, ensure_ascii=False, default=str)


def wrong(value: object) -> BadValueError:
    """Return the error that quotes ``value``, to be raised."""
    shown = toml(value)
    if len(shown) > _LONGEST_SHOWN:
        shown = f"{shown[:_LONGEST_SHOWN]}…"
    return BadValueError(f"is {shown}")


def whole_number(low: int, high: int) -> Kind[int]:
    """Return the kind of a number from ``low`` to ``high``, both included."""

    def read(value: object) -> int:
        # TOML's true and false are Python integers too.
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise wrong(value)
        return value

    return Kind(f"a whole number from {low} to {high}", read)


def _amount(value: object, units: Mapping[str, int]) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise wrong(value)
    number, unit = match.groups()
    factors = {name.lower(): factor for name, factor in units.items()}
    if unit and unit.lower() not in factors:
        raise wrong(value)
    return int(number) * factors.get(unit.lower(), 1)


def _quantity(low: str, high: str, units: Mapping[str, int], noun: str, plain: str) -> Kind[int]:
    lowest, highest = _amount(low, units), _amount(high, units)

    def read(value: object) -> int:
        amount = _amount(value, units)
        if not lowest <= amount <= highest:
            raise wrong(value)
        return amount

    names = ", ".join(units)
    return Kind(f'a {noun} from "{low}" to "{high}" ({names}) or a plain number of {plain}', read)


def size(low: str, high: str) -> Kind[int]:
    """Return the kind of a size in bytes, written ``"10 MiB"``, ``"500 kB"`` or ``500000``."""
    return _quantity(low, high, _SIZE_UNITS, "size", "bytes")


def duration(low: str, high: str) -> Kind[int]:
    """Return the kind of a duration in seconds, written ``"10 min"``, ``"7 d"`` or ``600``."""
    return _quantity(low, high, _DURATION_UNITS, "duration", "seconds")


def _read_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise wrong(value)
    return value


def choice(names: type[E]) -> Kind[E]:
    """Return the kind of a value that is one of ``names``."""

    def read(value: object) -> E:
        if not isinstance(value, str) or value not in set(names):
            raise wrong(value)
        return names(value)

    return Kind(" or ".join(toml(name) for name in names), read)


def plain_text(value: object) -> str:
    """Return a text of one line that is not blank.

    Raises:
        BadValueError: it is none.
    """
    if not isinstance(value, str) or not value.strip() or _CONTROL.search(value):
        raise wrong(value)
    return value


def _read_label(value: object) -> str:
    text = plain_text(value)
    if len(text) > MAX_NAME_LENGTH:
        raise wrong(value)
    return text


def _read_realm(value: object) -> str:
    text = plain_text(value)
    # It stands between quotes in a header, where only ASCII means the same to every client.
    if not text.isascii() or '"' in text or "\\" in text:
        raise wrong(value)
    return text


def _read_resource_name(value: object) -> str:
    try:
        return parse_resource_name(plain_text(value))
    except InvalidName as error:
        raise wrong(value) from error


def _read_file_path(value: object) -> Path:
    return Path(plain_text(value))


def _read_host(value: object) -> str:
    text = plain_text(value)
    try:
        ip_address(text)
    except ValueError:
        # A name of digits and dots only is an address with a slip of the pen.
        if not _HOST_NAME.fullmatch(text) or not re.search("[A-Za-z]", text):
            raise wrong(value) from None
    return text


def _read_prefix(value: object) -> str:
    if not isinstance(value, str) or not _PREFIX.fullmatch(value):
        raise wrong(value)
    return value


def _read_network(value: object) -> Network:
    try:
        return ip_network(plain_text(value))
    except (ValueError, BadValueError):
        raise BadValueError(f"holds {toml(value)}{_hint(value)}") from None


def _hint(value: object) -> str:
    """Return what was probably meant by an address with bits beyond its network's mask."""
    try:
        return f" (did you mean {toml(str(ip_interface(str(value)).network))}?)"
    except ValueError:
        return ""


def _read_networks(value: object) -> tuple[Network, ...]:
    if not isinstance(value, list):
        raise wrong(value)
    return tuple(_read_network(element) for element in value)


FLAG = Kind("true or false", _read_flag)
"""A switch."""

LABEL = Kind(f"a text of 1 to {MAX_NAME_LENGTH} characters on one line", _read_label)
"""A text shown to people."""

REALM = Kind("a text of ASCII characters without quotes and backslashes", _read_realm)
"""What a login prompt calls the server."""

RESOURCE_NAME = Kind(
    f'a name of 1 to {MAX_NAME_LENGTH} characters without "/"', _read_resource_name
)
"""The last path segment of a book."""

FILE_PATH = Kind("the path of a file", _read_file_path)
"""A path as it stands in the file: not yet absolute, variables not yet expanded."""

HOST = Kind("an IP address or a host name, without a port", _read_host)
"""Where the server listens."""

PREFIX = Kind('"" or a path such as "/dav", beginning and not ending with "/"', _read_prefix)
"""A URL path in front of every other."""

NETWORKS = Kind(
    'a list of IP addresses and networks, such as ["127.0.0.1", "10.0.0.0/8"]', _read_networks
)
"""Addresses of other machines; a single address is a network of one."""
