"""The limits of SECURITY.md: what is within them is taken, what is beyond is refused in time."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sharedbooks.vcard import card as card_limits
from sharedbooks_radicale.protocol import multiget, patch, xml
from tests.attacks.conftest import Stage
from tests.attacks.in_process import InProcess
from tests.attacks.shapes import card
from tests.http.client import document, prop
from tests.http.world import Member, vcard

_MIB = 1024 * 1024

Asked = Callable[[InProcess, Member, str, int], int]
"""Sends a request with so much of something, and returns the status."""


def _put(content: bytes) -> Callable[[InProcess, str], int]:
    return lambda client, book: client.put(f"{book}ann.vcf", content).status


def _body(client: InProcess, _: Member, book: str, octets: int) -> int:
    return client.request("PROPFIND", book, b" " * octets, {"Depth": "0"}).status


def _card(client: InProcess, _: Member, book: str, octets: int) -> int:
    whole = vcard("ann", "Ann", "NOTE:")
    return _put(whole.replace(b"NOTE:", b"NOTE:" + b"x" * (octets - len(whole))))(client, book)


def _lines(client: InProcess, _: Member, book: str, number: int) -> int:
    return _put(card(*[b"X:"] * (number - 3)))(client, book)


def _parameters(client: InProcess, _: Member, book: str, number: int) -> int:
    return _put(card(b"TEL" + b";A" * number + b":1"))(client, book)


def _uid(client: InProcess, _: Member, book: str, characters: int) -> int:
    return client.put(f"{book}{characters}.vcf", vcard("u" * characters)).status


def _depth(client: InProcess, _: Member, book: str, levels: int) -> int:
    inside = levels - 3
    return client.set_property(book, "<X:a>" * inside + "</X:a>" * inside).status


def _marks(client: InProcess, _: Member, book: str, number: int) -> int:
    # Two in the root with its four namespaces count, and so does the XML declaration.
    whole = document("D:propfind", "<D:allprop/>")
    rest = number - whole.count("<") - whole.count("=")
    body = whole.replace("<D:allprop/>", "<D:allprop/>" + "<X:a/>" * rest)
    return client.request("PROPFIND", book, body, {"Depth": "0"}).status


def _hrefs(client: InProcess, _: Member, book: str, number: int) -> int:
    # Short ones: the body has a limit of its own.
    return client.multiget(book, [f"/{n}" for n in range(number)], ["D:getetag"]).status


def _conditions(client: InProcess, _: Member, book: str, number: int) -> int:
    filters = '<CARD:prop-filter name="FN"/>' * (number - 1)
    body = document(
        "CARD:addressbook-query", f"{prop('D:getetag')}<CARD:filter>{filters}</CARD:filter>"
    )
    return client.report(book, body).status


def _asked(client: InProcess, _: Member, book: str, characters: int) -> int:
    name = "X:" + "a" * (characters - len("{http://example.org/ns/}"))
    return client.propfind(book, [name]).status


def _dead(client: InProcess, _: Member, book: str, characters: int) -> int:
    named = len("{http://example.org/ns/}a") + len(
        '<ns0:a xmlns:ns0="http://example.org/ns/"></ns0:a>'
    )
    return client.set_property(book, f"<X:a>{'x' * (characters - named)}</X:a>").status


def _criteria(client: InProcess, _: Member, book: str, number: int) -> int:
    one = f"<D:property-search>{prop('D:displayname')}<D:match>a</D:match></D:property-search>"
    return client.report("/", document("D:principal-property-search", one * number)).status


LIMITS: dict[str, tuple[Asked, int, int, int]] = {
    "body": (_body, 4 * _MIB, 207, 413),
    "card": (_card, _MIB, 201, 403),
    "lines of a card": (_lines, card_limits.MAX_LINES, 201, 403),
    "parameters of a line": (_parameters, card_limits.MAX_PARAMETERS, 201, 403),
    "UID": (_uid, 255, 201, 403),
    "elements in one another": (_depth, xml.MAX_DEPTH, 207, 400),
    "elements and attributes": (_marks, xml.MAX_MARKS, 207, 400),
    "hrefs of a multiget": (_hrefs, multiget.MAX_HREFS, 207, 403),
    "conditions of a query": (_conditions, 200, 207, 403),
    "names of properties asked for": (_asked, 16 * 1024, 207, 400),
    "properties that clients store": (_dead, patch.MAX_DEAD_PROPERTIES, 207, 507),
    "criteria of a search for people": (_criteria, 50, 207, 400),
}
_TIME = 20.0
"""Seconds of CPU for the largest that is taken, and for what is refused."""


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_where_it_is_said_to_be(stage: Stage, name: str) -> None:
    ask, limit, taken, refused = LIMITS[name]
    alice, book = stage.world.shared("manage")
    client, path = stage.client(alice), alice.path(book)
    assert client.propfind(alice.home, depth=1).status == 207
    started = time.process_time()
    assert ask(client, alice, path, limit) == taken
    assert ask(client, alice, path, limit + 1) == refused
    assert time.process_time() - started < _TIME


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_is_told(name: str) -> None:
    text = (Path(__file__).parents[2] / "SECURITY.md").read_text()
    row = re.search(rf"^\| {re.escape(name)} *\|.*\|$", text, re.MULTILINE)
    assert row is not None, f"SECURITY.md has no row {name!r} in its table of limits"
    assert str(LIMITS[name][3]) in row[0]
