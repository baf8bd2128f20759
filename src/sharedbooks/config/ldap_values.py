"""The kinds of value a directory is described with: servers, DNs, filters, attributes, mappings.

Only their form is checked. Whether a server answers and an attribute exists is seen by
``sharedbooks directory check``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from sharedbooks.config.card_mapping import parse_card_mapping
from sharedbooks.config.values import HOST, BadValueError, Kind, plain_text, wrong

_ATTRIBUTE = r"(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)"
_ESCAPE_IN_DN = r"\\(?:[0-9A-Fa-f]{2}|[ \"#+,;<=>\\])"
_PAIR_IN_DN = rf" *{_ATTRIBUTE} *=(?:[^\x00\"+,;<>\\]|{_ESCAPE_IN_DN})*"
_DN = re.compile(rf"{_PAIR_IN_DN}(?:[+,]{_PAIR_IN_DN})*")

_FILTER_VALUE = r"(?:[^\x00()\\]|\\[0-9A-Fa-f]{2})*"
_DESCRIBED = rf"{_ATTRIBUTE}(?:;[A-Za-z0-9-]+)*"
_RULED = rf"(?:{_DESCRIBED}(?::dn)?(?::{_ATTRIBUTE})?|(?::dn)?:{_ATTRIBUTE})"
_FILTER_ITEM = re.compile(rf"\( *(?:{_DESCRIBED}(?:=|~=|>=|<=)|{_RULED}:=){_FILTER_VALUE}\)")
_FILTER_GROUP = re.compile(r"\( *(?:[&|] *(?:\x00 *)+|! *\x00 *)\)")
_FILTER_DEPTH = 50

_DOMAIN = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")

_PORTS = {"ldap": 389, "ldaps": 636}


@dataclass(frozen=True, slots=True)
class LdapServer:
    """A server of a directory.

    Attributes:
        host: name or address, without the brackets of IPv6.
        port: TCP port.
        tls: whether the connection is TLS from its first octet on (``ldaps``).
    """

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'ldaps' if self.tls else 'ldap'}://{host}:{self.port}"


def _read_server(value: object) -> LdapServer:
    text = plain_text(value)
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise wrong(value) from None
    if url.username is not None:
        # Not quoted: a password may stand in it.
        raise BadValueError('has an "@" in it, where bind_dn belongs')
    if url.scheme not in _PORTS or url.path.strip("/") or url.query or url.fragment:
        raise wrong(value)
    return LdapServer(HOST.read(url.hostname), port or _PORTS[url.scheme], url.scheme == "ldaps")


def _read_servers(value: object) -> tuple[LdapServer, ...]:
    if not isinstance(value, list) or not value:
        raise wrong(value)
    servers = []
    for element in value:
        try:
            servers.append(_read_server(element))
        except BadValueError as error:
            raise BadValueError(f"holds a server that {error}") from None
    return tuple(servers)


def _read_dn(value: object) -> str:
    text = plain_text(value)
    if not _DN.fullmatch(text):
        raise wrong(value)
    return text


def _read_bind_name(value: object) -> str:
    text = plain_text(value)
    # Active Directory also takes user@domain and DOMAIN\user.
    if not _DN.fullmatch(text) and "@" not in text and "\\" not in text:
        raise wrong(value)
    return text


def _read_filter(value: object) -> str:
    """Return a filter of RFC 4515: each comparison becomes one sign, then each group of signs."""
    text = plain_text(value).strip()
    left = _FILTER_ITEM.sub("\0", text)
    for _ in range(_FILTER_DEPTH):
        if left == "\0":
            return text
        left = _FILTER_GROUP.sub("\0", left)
    raise wrong(value)


def _read_attribute(value: object) -> str:
    text = plain_text(value)
    if not re.fullmatch(_ATTRIBUTE, text):
        raise wrong(value)
    return text


def _read_attributes(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise wrong(value)
    return tuple(_read_attribute(element) for element in value)


def _read_suffix(value: object) -> str:
    text = plain_text(value).removeprefix("@")
    if not _DOMAIN.fullmatch(text):
        raise wrong(value)
    return text.lower()


def _read_card(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping):
        raise wrong(value)
    for name, attributes in value.items():
        if not isinstance(attributes, str):
            raise BadValueError(f'maps "{name}" to something that is no text')
    pairs = tuple(value.items())
    parse_card_mapping(pairs)
    return pairs


SERVERS = Kind(
    'a list of servers, such as ["ldaps://dc1.example.org", "ldap://dc2.example.org:389"]',
    _read_servers,
)
"""Where a directory is asked, in this order."""

DN = Kind('a distinguished name, such as "ou=people,dc=example,dc=org"', _read_dn)
"""The name of an entry (RFC 4514)."""

BIND_NAME = Kind(
    'a distinguished name, such as "cn=books,dc=example,dc=org", or for Active Directory '
    '"user@domain"',
    _read_bind_name,
)
"""Whom the server logs in as."""

FILTER = Kind('a search filter, such as "(objectClass=person)"', _read_filter)
"""Which entries count (RFC 4515)."""

ATTRIBUTE = Kind('the name of an attribute, such as "uid"', _read_attribute)
"""The name of an attribute, without options."""

ATTRIBUTES = Kind('a list of attributes, such as ["uid", "mail"]', _read_attributes)
"""Names of attributes, in the order in which they count."""

SUFFIX = Kind('a domain, such as "example.org"', _read_suffix)
"""What stands behind the "@" of a login; in lower case."""

CARD = Kind(
    'a table of vCard properties and attributes, such as {"TEL;TYPE=cell" = "mobile"}', _read_card
)
"""Pairs of a vCard property and where its value comes from; see ``card_mapping``."""
