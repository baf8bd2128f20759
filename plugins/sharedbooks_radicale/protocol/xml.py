"""XML in and out: request bodies read without entities, answers written as text.

Answers use three prefixes, declared once on the root: ``D`` (WebDAV), ``CARD`` (CardDAV) and
``CS`` (CalendarServer extensions). Names are Clark names, ``{namespace}local``, inside the code.
"""

import re
import xml.etree.ElementTree as ET
from functools import lru_cache
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from sharedbooks_radicale.failures import BadRequest

DAV = "DAV:"
CARDDAV = "urn:ietf:params:xml:ns:carddav"
CALENDARSERVER = "http://calendarserver.org/ns/"
CALDAV = "urn:ietf:params:xml:ns:caldav"

_PREFIXES = {DAV: "D", CARDDAV: "CARD", CALENDARSERVER: "CS"}

# Not allowed in XML 1.0 even as a reference; a client's parser would reject the whole answer.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r"))


def dav(local: str) -> str:
    """Return the Clark name of an element of WebDAV."""
    return f"{{{DAV}}}{local}"


def carddav(local: str) -> str:
    """Return the Clark name of an element of CardDAV."""
    return f"{{{CARDDAV}}}{local}"


def calendarserver(local: str) -> str:
    """Return the Clark name of a CalendarServer extension."""
    return f"{{{CALENDARSERVER}}}{local}"


MAX_MARKS = 300_000
"""Signs ``<`` and ``=`` in a body: they bound its elements and attributes, before it is parsed.

A multiget has three for each of its 100,000 hrefs.
"""
MAX_DEPTH = 50
"""Elements in one another; clients send about six."""
_LEAST_OCTETS_A_LEVEL = len("<a></a>")
_LONGEST_DECLARATION = 200

REMEMBERED_OCTETS = 2048
"""Clients say the same again and again; what they say is parsed once. Nobody changes a tree."""


def parse_body(body: bytes) -> ET.Element | None:
    """Return the root element of a request body, or None if the body is empty.

    Raises:
        BadRequest: not well-formed, with a DTD or entities (RFC 4918, 20.6), too large or deep.
    """
    return _remembered(body) if len(body) <= REMEMBERED_OCTETS else _parse(body)


def _parse(body: bytes) -> ET.Element | None:
    if not body.strip():
        return None
    if body.count(b"<") + body.count(b"=") > MAX_MARKS:
        raise BadRequest(f"The body has more than {MAX_MARKS} elements and attributes.")
    # What has no declarations needs no guard against them, and Python's own parser is five times
    # as fast as the guarded one. In UTF-8 a declaration begins with the octets "<!".
    read = ET.fromstring if b"<!" not in body and _is_utf_8(body) else _parse_guarded
    try:
        root = read(body)
    except (ET.ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise BadRequest(f"The body is not XML that is taken here: {error}") from error
    if len(body) > MAX_DEPTH * _LEAST_OCTETS_A_LEVEL:
        _refuse_depth(root)
    return root


def _refuse_depth(root: ET.Element) -> None:
    level = [root]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in node]
        if not level:
            return
    raise BadRequest(f"The body has more than {MAX_DEPTH} elements in one another.")


def _parse_guarded(body: bytes) -> ET.Element:
    root: ET.Element = fromstring(body, forbid_dtd=True)
    return root


_DECLARATION = re.compile(rb"<\?xml[^>]*?(?:encoding\s*=\s*[\"']([^\"'>]*)[\"'][^>]*)?>")


def _is_utf_8(body: bytes) -> bool:
    """True if a parser takes ``body`` for UTF-8 (XML 1.0, appendix F)."""
    if b"\0" in body or body.startswith((b"\xfe\xff", b"\xff\xfe")):
        return False
    start = body[: _LONGEST_DECLARATION + 3].removeprefix(b"\xef\xbb\xbf").lstrip()
    declaration = _DECLARATION.match(start)
    if declaration is None:
        return not start.startswith(b"<?xml")
    return (declaration[1] or b"utf-8").lower() == b"utf-8"


_remembered = lru_cache(maxsize=512)(_parse)


def characters(value: str) -> str:
    """Return ``value``, not escaped, with a mark in place of each character XML cannot say."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", value)


def text(value: str) -> str:
    """Return ``value`` as XML character data."""
    return escape(characters(value))


def octets_text(content: bytes) -> bytes:
    """Return UTF-8 octets, such as a card with its photo, as XML character data in UTF-8.

    Raises:
        UnicodeDecodeError: they are not UTF-8.
    """
    # Deleting octets is ten times faster than looking for characters, and looking for one octet
    # than for two.
    if (b"\xef" in content and b"\xef\xbf" in content) or len(
        content.translate(None, _CONTROLS)
    ) < len(content):
        return text(content.decode()).encode()
    if not content.isascii():
        content.decode()
    return content.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")


def element(name: str, content: str | None) -> str:
    """Return an element of that Clark name around XML ``content``; None or "": empty."""
    begin, end, empty = _tags(name)
    return f"{begin}{content}{end}" if content else empty


@lru_cache(maxsize=1024)
def _tags(name: str) -> tuple[str, str, str]:
    """Return the start tag, the end tag, and the tag of an empty element of that Clark name."""
    namespace, _, local = name[1:].rpartition("}") if name.startswith("{") else ("", "", name)
    prefix = _PREFIXES.get(namespace)
    if prefix is not None:
        return f"<{prefix}:{local}>", f"</{prefix}:{local}>", f"<{prefix}:{local}/>"
    declared = f'{local} xmlns="{escape(namespace, {chr(34): "&quot;"})}"'
    return f"<{declared}>", f"</{local}>", f"<{declared}/>"


def serialise(node: ET.Element) -> str:
    """Return ``node`` as XML that stands on its own, its namespaces declared inside."""
    copy = ET.fromstring(ET.tostring(node))  # noqa: S314 - just parsed by us, without entities
    copy.tail = None
    return ET.tostring(copy, encoding="unicode")
