"""``response`` elements with the properties a client asked for (RFC 4918, 9.1 and 14.24)."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sharedbooks_radicale.failures import BadRequest
from sharedbooks_radicale.protocol.properties import PropertyTable, R, View
from sharedbooks_radicale.protocol.xml import REMEMBERED_OCTETS, dav, element, parse_body

_MAX_ASKED = 16 * 1024
"""Characters of property names in a request; the answer repeats them for every card."""

_NO_OTHERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class PropertyRequest:
    """Which properties a client wants.

    Attributes:
        names: Clark names asked for, in order.
        everything: True for ``allprop``; ``names`` then holds what ``include`` adds.
        names_only: True for ``propname``.
        minimal: True if properties that are not there shall be left out (RFC 8144, 2.1).
    """

    names: Sequence[str]
    everything: bool = False
    names_only: bool = False
    minimal: bool = False

    @classmethod
    def of(
        cls, asked: Iterable[ET.Element], *, minimal: bool, everything: bool = False
    ) -> "PropertyRequest":
        """Return the request for the properties in a ``prop`` or ``include``, each once.

        Raises:
            BadRequest: their names are too long together.
        """
        names = tuple(dict.fromkeys(node.tag for node in asked))
        if sum(map(len, names)) > _MAX_ASKED:
            raise BadRequest("So many properties are not looked for.")
        return cls(names, everything=everything, minimal=minimal)


def read_propfind(body: bytes, *, minimal: bool) -> PropertyRequest:
    """Return what a ``propfind`` body asks for; no body asks for everything.

    Raises:
        BadRequest: the body is something else, or asks for too much.
    """
    read = _remembered_propfind if len(body) <= REMEMBERED_OCTETS else _read_propfind
    return read(body, minimal=minimal)


def _read_propfind(body: bytes, *, minimal: bool) -> PropertyRequest:
    root = parse_body(body)
    if root is None:
        return PropertyRequest((), everything=True, minimal=minimal)
    if root.tag != dav("propfind"):
        raise BadRequest("The body of a PROPFIND is a DAV:propfind.")
    wanted = root.find(dav("prop"))
    if wanted is not None:
        return PropertyRequest.of(wanted, minimal=minimal)
    if root.find(dav("propname")) is not None:
        return PropertyRequest((), names_only=True)
    if root.find(dav("allprop")) is None:
        raise BadRequest("A DAV:propfind holds prop, allprop or propname.")
    included = root.iterfind(f"{dav('include')}/*")
    return PropertyRequest.of(included, minimal=minimal, everything=True)


_remembered_propfind = lru_cache(maxsize=512)(_read_propfind)


def property_response(
    href: str,
    table: PropertyTable[R],
    view: View,
    resource: R,
    wanted: PropertyRequest,
    others: Mapping[str, str] = _NO_OTHERS,
) -> str:
    """Return one ``response``: found properties first, then, unless minimal, those that are not.

    ``others`` holds properties beside the table, such as those that clients stored: Clark name to
    the whole element as XML.
    """
    if wanted.names_only:
        known = (*table.getters, *table.denied, *others)
        names = "".join(element(name, None) for name in known)
        return found_response(href, names)
    names_wanted = wanted.names
    if wanted.everything:
        names_wanted = [*table.in_allprop, *others]
        names_wanted += [name for name in wanted.names if name not in names_wanted]
    found: list[str] = []
    missing: list[str] = []
    denied: list[str] = []
    for name in names_wanted:
        if name in table.denied:
            denied.append(name)
            continue
        getter = table.getters.get(name)
        content = None if getter is None else getter(view, resource)
        if content is not None:
            found.append(element(name, content))
        elif name in others:
            found.append(others[name])
        else:
            missing.append(element(name, None))
    absent = "" if wanted.minimal else "".join(missing)
    refused = "".join(_refused_propstat(href, name, table.denied[name]) for name in denied)
    return found_response(href, "".join(found), absent, refused)


def _refused_propstat(href: str, name: str, privilege: str) -> str:
    """Return the ``propstat`` of a property that the member may not read (RFC 3744, 5.5)."""
    return (
        f"<D:propstat><D:prop>{element(name, None)}</D:prop>"
        "<D:status>HTTP/1.1 403 Forbidden</D:status>"
        f"<D:error>{need_privileges(href, [privilege])}</D:error></D:propstat>"
    )


def need_privileges(href: str, names: Iterable[str]) -> str:
    """Return the condition that names the privileges missing on a resource (RFC 3744, 7.1.1)."""
    privileges = "".join(f"<D:privilege><D:{name}/></D:privilege>" for name in names)
    resource = f"<D:resource><D:href>{href}</D:href>{privileges}</D:resource>"
    return f"<D:need-privileges>{resource}</D:need-privileges>"


def found_response(href: str, found: str, missing: str = "", refused: str = "") -> str:
    """Return a ``response`` with a 200 propstat first, and a 404 one if something is missing.

    Thunderbird takes the first status for the state of the resource. ``refused`` holds whole
    ``propstat`` elements.
    """
    parts = ["<D:response><D:href>", href, "</D:href>"]
    if found or not (missing or refused):
        parts += [
            "<D:propstat><D:prop>",
            found,
            "</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>",
        ]
    if missing:
        parts += [
            "<D:propstat><D:prop>",
            missing,
            "</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>",
        ]
    parts += [refused, "</D:response>"]
    return "".join(parts)


def gone_response(href: str) -> str:
    """Return the ``response`` for a resource that is not, or no longer, there."""
    return (
        f"<D:response><D:href>{href}</D:href>"
        "<D:status>HTTP/1.1 404 Not Found</D:status></D:response>"
    )
