"""The expand-property report (RFC 3253, section 3.8): properties of the resources behind hrefs."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from xml.sax.saxutils import unescape

from sqlalchemy import Connection

from sharedbooks.errors import NotFound
from sharedbooks_radicale.failures import BadRequest
from sharedbooks_radicale.protocol.call import Call, Path
from sharedbooks_radicale.protocol.hrefs import split_href
from sharedbooks_radicale.protocol.propstat import PropertyRequest, gone_response
from sharedbooks_radicale.protocol.resources import Resource, find_resource
from sharedbooks_radicale.protocol.xml import DAV, dav
from sharedbooks_radicale.response import Response, multistatus

_MOST_LEVELS = 3
"""Levels of properties below that of the resource itself."""
_MOST_HREFS = 100
"""Hrefs expanded in one answer: each costs what a PROPFIND does."""

_PROPERTY = dav("property")
_HREF = re.compile("<D:href>(/[^<]*)</D:href>")
_LOCAL_NAME = re.compile(r"[^\W\d][\w.-]*")


def expand_property(connection: Connection, call: Call, path: Path, root: ET.Element) -> Response:
    """Answer with properties in which hrefs are replaced by ``response`` elements.

    Hrefs beyond the limits, and those in properties that clients stored, stay what they are.

    Raises:
        BadRequest: a ``property`` without a usable name.
        NotFound: nothing is there for this member.
    """
    response = _Expansion(connection, call).response(path, root, 0)
    return multistatus([response], call.request.preference)


class _Expansion:
    """One answer in the making."""

    def __init__(self, connection: Connection, call: Call) -> None:
        self._connection = connection
        self._call = call
        self._left = _MOST_HREFS

    def response(self, path: Path, asked: ET.Element, level: int) -> str:
        """Return the ``response`` of a resource with the properties in ``asked``.

        Raises:
            BadRequest: a ``property`` without a usable name.
            NotFound: nothing is there for this member.
        """
        nodes = {_name(node): node for node in asked.iterfind(_PROPERTY)}
        wanted = PropertyRequest.of(map(ET.Element, nodes), minimal=self._call.request.minimal)
        resource = find_resource(self._connection, self._call, path, wanted)
        expanded = {} if level == _MOST_LEVELS else self._contents(resource, nodes, level)
        table = resource.table.holding(expanded)
        return replace(resource, table=table).response(self._call.view, wanted)

    def _contents(
        self, resource: Resource, nodes: Mapping[str, ET.Element], level: int
    ) -> dict[str, str]:
        """Return the expanded contents of those properties of which nested ones are asked for."""
        expanded: dict[str, str] = {}
        for name, node in nodes.items():
            if node.find(_PROPERTY) is None:
                continue
            content = resource.content(self._call.view, name)
            if content is not None:
                behind = partial(self._behind, asked=node, level=level + 1)
                expanded[name] = _HREF.sub(behind, content)
        return expanded

    def _behind(self, found: re.Match[str], asked: ET.Element, level: int) -> str:
        segments = split_href(unescape(found[1]), self._call.request.prefix)
        if segments is None or not self._left:
            return found[0]
        self._left -= 1
        try:
            return self.response(self._call.resolve(segments), asked, level)
        except NotFound:
            return gone_response(found[1])


def _name(node: ET.Element) -> str:
    """Return the Clark name of the property that a ``property`` element asks for."""
    local = node.get("name", "")
    if not _LOCAL_NAME.fullmatch(local):
        # It goes into the answer as the name of an element.
        raise BadRequest("A DAV:property has the name of an XML element.")
    return f"{{{node.get('namespace', DAV)}}}{local}"
