"""What no href in a live property is, since each leads to what the member may see."""

import xml.etree.ElementTree as ET
from types import SimpleNamespace
from typing import Any

import pytest

from sharedbooks.errors import NotFound
from sharedbooks_radicale.protocol import expand
from sharedbooks_radicale.protocol.properties import make_table
from sharedbooks_radicale.protocol.resources import Resource


def test_an_href_to_nothing_is_expanded_to_a_404(monkeypatch: pytest.MonkeyPatch) -> None:
    table = make_table({"{DAV:}owner": lambda _view, _state: "<D:href>/gone%26/</D:href>"})

    def find(_connection: object, _call: object, path: object, _wanted: object) -> Resource:
        if path == "here":
            return Resource("/here/", table, None)
        assert path == ("gone&",)
        raise NotFound("There is nothing here.")

    monkeypatch.setattr(expand, "find_resource", find)
    request = SimpleNamespace(minimal=False, prefix="", preference={})
    call: Any = SimpleNamespace(request=request, view=None, resolve=lambda segments: segments)
    root = ET.fromstring(  # noqa: S314 - our own
        '<expand-property xmlns="DAV:"><property name="owner"><property name="displayname"/>'
        "</property></expand-property>"
    )
    path: Any = "here"
    connection: Any = None
    body = expand.expand_property(connection, call, path, root).body
    assert isinstance(body, bytes)
    inside = ET.fromstring(body).find(".//{DAV:}owner/{DAV:}response")  # noqa: S314 - our own
    assert inside is not None
    assert inside.findtext("{DAV:}href") == "/gone%26/"
    assert inside.findtext("{DAV:}status") == "HTTP/1.1 404 Not Found"
