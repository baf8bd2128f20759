"""Properties that a client wants to set or remove, and the answer when it may not."""

import xml.etree.ElementTree as ET
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sharedbooks_radicale.failures import BadRequest, Refused
from sharedbooks_radicale.protocol.xml import CARDDAV, DAV, carddav, dav, element, serialise

DISPLAYNAME = dav("displayname")
DESCRIPTION = carddav("addressbook-description")

_SERVERS_OWN = (f"{{{DAV}}}", f"{{{CARDDAV}}}")

MAX_DEAD_PROPERTIES = 64 * 1024
"""Characters that clients may store beside a book or home."""

Propstat = tuple[str, str, str]
"""HTTP status with its phrase, property elements, and an ``error`` element or nothing."""


@dataclass(frozen=True, slots=True)
class Patch:
    """What to set (element) or remove (None), in order, by Clark name."""

    wishes: dict[str, ET.Element | None]

    def text(self, name: str) -> str | None:
        """Return the text wished for, empty for a removal; None if there is no such wish."""
        if name not in self.wishes:
            return None
        node = self.wishes[name]
        return "" if node is None else "".join(node.itertext())

    def dead(self, live: Container[str]) -> dict[str, str | None]:
        """Return the wishes for properties that the server gives no meaning, as whole elements."""
        return {
            name: None if node is None else serialise(node)
            for name, node in self.wishes.items()
            if name not in live and name not in {DISPLAYNAME, DESCRIPTION}
        }

    def protected(self, live: Container[str]) -> list[str]:
        """Return the names wished for that belong to the server.

        All of WebDAV's and CardDAV's do, also those that this resource lacks: a ``getetag`` that
        a client made up would pass for the server's.
        """
        return [
            name
            for name in self.wishes
            if (name in live or name.startswith(_SERVERS_OWN))
            and name not in {DISPLAYNAME, DESCRIPTION}
        ]


def read_patch(root: ET.Element, expected: str) -> Patch:
    """Return the wishes in a ``propertyupdate`` or ``mkcol`` body.

    Raises:
        BadRequest: the body is something else than ``expected``.
    """
    if root.tag != expected:
        raise BadRequest(f"The body is no {expected}.")
    wishes: dict[str, ET.Element | None] = {}
    for step in root:
        if step.tag in {dav("set"), dav("remove")}:
            for prop in step.iterfind(dav("prop")):
                wishes.update({node.tag: node if step.tag == dav("set") else None for node in prop})
    return Patch(wishes)


def require_space(properties: Mapping[str, str | None]) -> None:
    """Return if so many dead properties may be stored in one place.

    Raises:
        Refused: they are too large together (507).
    """
    if sum(len(name) + len(value or "") for name, value in properties.items()) > (
        MAX_DEAD_PROPERTIES
    ):
        raise Refused("These properties take too much space.", element="", status=507)


def propstats(parts: Iterable[Propstat]) -> str:
    """Return ``propstat`` elements, one a status."""
    return "".join(
        f"<D:propstat><D:prop>{names}</D:prop><D:status>HTTP/1.1 {status}</D:status>{error}"
        "</D:propstat>"
        for status, names, error in parts
    )


def refusal(patch: Patch, refused: Sequence[str]) -> str:
    """Return the ``propstat`` elements of a patch of which nothing was done.

    403 for what is refused, 424 for the rest that would have been possible (RFC 4918, 9.2.1).
    """
    condition = "<D:error><D:cannot-modify-protected-property/></D:error>"
    parts = [("403 Forbidden", _elements(refused), condition)]
    others = [name for name in patch.wishes if name not in refused]
    if others:
        parts.append(("424 Failed Dependency", _elements(others), ""))
    return propstats(parts)


def success(patch: Patch) -> str:
    """Return the ``propstat`` element of a patch that was done."""
    return propstats([("200 OK", _elements(patch.wishes), "")])


def _elements(names: Iterable[str]) -> str:
    return "".join(element(name, None) for name in names)
