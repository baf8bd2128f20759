"""Values of attributes, as a card has them: text of any syntax of LDAP (RFC 4517)."""

import re
from urllib.parse import quote

from sharedbooks.directory.entries import Entry
from sharedbooks.vcard.dates import parse_moment

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_GENERALIZED_TIME = re.compile(r"(\d{8})(?:\d{2}){0,3}(?:[.,]\d+)?(?:Z|[+-]\d{2}(?:\d{2})?)?")
_POSTAL_ADDRESSES = frozenset({"postaladdress", "homepostaladdress", "registeredaddress"})
_POSTAL_ESCAPE = re.compile(r"\\(24|5[Cc])")
_FAX_NUMBERS = frozenset({"facsimiletelephonenumber", "fax"})
_IN_URIS = ":/?#[]@!$&'()*+,;=%~"


class BadEntry(Exception):
    """An entry that no card can be made of; the message says why, as a sentence."""


def texts_of(entry: Entry, attribute: str) -> list[str]:
    """Return the values of an attribute as text, sorted, without blank ones.

    Raises:
        BadEntry: one is not UTF-8.
    """
    texts = set()
    for octets in entry.attributes.get(attribute, ()):
        try:
            text = octets.decode()
        except UnicodeDecodeError:
            raise BadEntry(f"Its attribute {attribute} is not UTF-8.") from None
        texts.add(_CONTROL.sub("", _plain(attribute, text)).strip())
    return sorted(texts - {""})


def _plain(attribute: str, text: str) -> str:
    if attribute in _POSTAL_ADDRESSES:
        lines = (part.strip() for part in text.split("$"))
        joined = ", ".join(line for line in lines if line)
        return _POSTAL_ESCAPE.sub(lambda match: "$" if match[1] == "24" else "\\", joined)
    if attribute in _FAX_NUMBERS:
        # What a fax machine is capable of may stand behind its number.
        return text.partition("$")[0]
    return text


def date_value(text: str) -> str | None:
    """Return a date as vCard 4.0 writes it, from a Generalized Time or from ISO 8601; or None."""
    match = _GENERALIZED_TIME.fullmatch(text)
    if match is not None:
        return match[1]
    moment = parse_moment(text)
    return None if moment is None else moment._replace(clock=(), zone=()).basic()


def web_address(text: str) -> str:
    """Return an address without the label that may stand behind it (``labeledURI``), else empty.

    A URI is never escaped in a vCard, so what may not stand in one is percent-encoded.
    """
    words = text.split()
    return quote(words[0], safe=_IN_URIS) if words else ""
