"""Answers of WebDAV servers (RFC 4918, section 13), read one resource at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from sharedbooks.errors import InvalidSource

DAV = "{DAV:}"
CARDDAV = "{urn:ietf:params:xml:ns:carddav}"


@dataclass(slots=True)
class Resource:
    """What an answer says of one resource.

    Attributes:
        href: its address, as the server writes it.
        status: of the resource as a whole; 200 if only its properties have one.
        found: the properties there are, by name in Clark's notation.
    """

    href: str
    status: int = 200
    found: dict[str, Element] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return the text of a property, or an empty one."""
        element = self.found.get(name)
        return "" if element is None else (element.text or "").strip()

    def hrefs(self, name: str) -> list[str]:
        """Return the addresses in a property."""
        element = self.found.get(name)
        hrefs = [] if element is None else element.findall(f"{DAV}href")
        return [each.text.strip() for each in hrefs if each.text]

    def is_kind(self, kind: str) -> bool:
        """True if the resource is of that type (``DAV:resourcetype``)."""
        element = self.found.get(f"{DAV}resourcetype")
        return element is not None and element.find(kind) is not None


def read_multistatus(body: IO[bytes]) -> Iterator[Resource]:
    """Yield the resources of an answer, in bounded memory.

    Raises:
        InvalidSource: it is no XML, or XML that is out for mischief.
    """
    root: Element | None = None
    try:
        for event, element in iterparse(body, events=("start", "end")):
            if root is None:
                root = element
            if event == "end" and element.tag == f"{DAV}response":
                yield _resource(element)
                # What was read is let go.
                root.clear()
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise InvalidSource(f"The server's answer is no XML that can be read: {error}.") from error


def _resource(element: Element) -> Resource:
    href = (element.findtext(f"{DAV}href") or "").strip()
    resource = Resource(href, _status(element.findtext(f"{DAV}status"), 200))
    for propstat in element.findall(f"{DAV}propstat"):
        props = propstat.find(f"{DAV}prop")
        if props is not None and _status(propstat.findtext(f"{DAV}status"), 200) == 200:
            resource.found.update({prop.tag: prop for prop in props})
    return resource


def _status(line: str | None, default: int) -> int:
    words = (line or "").split()
    code = words[1] if len(words) > 1 else ""
    return int(code) if len(code) == 3 and code.isascii() and code.isdecimal() else default
