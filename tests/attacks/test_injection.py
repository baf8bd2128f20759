"""Names and values that try to be more: headers, HTML, formulas, paths, XML."""

import csv
import re
from io import BytesIO, StringIO

import pytest
from openpyxl import load_workbook

from sharedbooks.errors import InvalidName
from sharedbooks.exchange.exporting import OutputFormat, export_cards
from sharedbooks.identifiers import BookReference, parse_resource_name
from tests.attacks.conftest import Stage
from tests.attacks.shapes import card
from tests.http.client import Answer
from tests.http.world import vcard

NAMES = (
    *("a\r\nSet-Cookie: x=1", "a\nb", 'a"; filename="b.exe', "<script>alert(1)</script>"),
    *("../../etc/passwd", "ä ö", "a%0d%0aB: c", "]]>", "&amp;", "'\"><img src=x onerror=alert(1)>"),
    *("\u202egnp.exe", "a;b,c", "a\\b", "\x7f", "\x85", "a\u2028b", "\N{GRINNING FACE}", "x" * 200),
)  # fmt: skip


def _require_harmless(answer: Answer) -> None:
    """Check what keeps a browser from taking an answer for a page of ours.

    The client itself looks at every header for characters that begin another one.
    """
    assert answer.headers["X-Content-Type-Options"] == "nosniff", answer
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    media_type = (answer.headers["Content-Type"] or "").partition(";")[0]
    assert media_type in {
        "",
        "text/plain",
        "text/vcard",
        "application/xml",
        "application/vcard+json",
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_a_name_in_every_answer(stage: Stage, name: str) -> None:
    world = stage.world
    alice = world.member("injected")
    try:
        called = parse_resource_name(name)
    except InvalidName:
        # Such a name is refused where one is given.
        called = "plain"
    number = alice.name.rpartition("-")[2]
    book = world.exact_book(
        BookReference(None, f"{called}-{number}"), display_name=name, description=name
    )
    world.grant(book, alice, "manage")
    client = stage.client(alice)
    listed = client.propfind(
        alice.home, ["D:displayname", "CARD:addressbook-description", "D:acl"], depth=1
    )
    assert listed.status == 207
    href = next(href for href in listed.hrefs if href.endswith(f"-{number}/") and len(href) > 1
                and href != alice.home)  # fmt: skip
    assert re.fullmatch(r"[A-Za-z0-9/._~@:%-]+", href)
    for path in (href, f"{href}?x", href + "card.vcf", href + "none"):
        for method in ("GET", "HEAD", "PROPFIND", "DELETE", "PUT"):
            body = vcard("card", name) if method == "PUT" else b""
            answer = client.request(method, path, body, {"Depth": "1"})
            assert answer.status < 500
            _require_harmless(answer)
    added = client.request("POST", f"{href}?add-member", vcard(None, "Ann"))
    assert added.headers["Location"].startswith(href)


@pytest.mark.parametrize("path", ["/<script>alert(1)</script>/", "/a%0d%0aX: y/", "/%3Csvg%3E"])
def test_an_error_reflects_nothing_a_browser_would_run(stage: Stage, path: str) -> None:
    alice = stage.world.member()
    for method in ("GET", "PUT", "MKCOL", "PROPFIND", "REPORT", "NONSENSE", "<script>"):
        for client in (stage.client(alice), stage.client()):
            _require_harmless(client.request(method, path, b"<a/>", {"If-Match": "<script>"}))


def test_a_card_with_a_script_is_no_page(stage: Stage) -> None:
    alice, book = stage.world.shared()
    client = stage.client(alice)
    path = alice.path(book, "page.html")
    page = "<html><script>alert(document.domain)</script></html>"
    assert client.put(path, vcard("page", page)).status == 201
    for accept in ("text/html", "*/*", "text/html, text/vcard;q=0.1"):
        answer = client.get(path, accept=accept)
        _require_harmless(answer)
    for shown in (path, alice.path(book)):
        assert client.get(shown).headers["Content-Disposition"].startswith("attachment")


FORMULAS = (
    *("=1+1", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")'),
    *("'=1+1", " =1", "\uff1d1+1", "+41 44 000 00 00", "-", "plain"),
)  # fmt: skip


@pytest.mark.parametrize(
    "kind", [OutputFormat.CSV, OutputFormat.CSV_GOOGLE, OutputFormat.CSV_OUTLOOK]
)
def test_no_cell_of_an_export_is_a_formula(kind: OutputFormat) -> None:
    cards = [_said(formula) for formula in FORMULAS]
    file = BytesIO()
    export_cards(lambda: cards, file, kind)
    for row in csv.reader(StringIO(file.getvalue().decode("utf-8-sig"), newline="")):
        for cell in row:
            is_number = re.fullmatch(r"\+?[0-9][0-9 ()\-./]*", cell)
            assert is_number or not cell.startswith(tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")), (
                repr(cell)
            )


def test_no_cell_of_a_sheet_is_a_formula() -> None:
    cards = [_said(formula) for formula in FORMULAS]
    file = BytesIO()
    export_cards(lambda: cards, file, OutputFormat.XLSX)
    sheet = load_workbook(file).worksheets[0]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "inlineStr", "n"}
    assert not [c for row in sheet.iter_rows() for c in row if c.data_type == "f"]


def _said(text: str) -> bytes:
    escaped = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").encode()
    names = (
        b"FN",
        b"N",
        b"ORG",
        b"TITLE",
        b"NOTE",
        b"EMAIL",
        b"TEL",
        b"URL",
        b"NICKNAME",
        b"CATEGORIES",
    )
    return card(*(name + b":" + escaped for name in names))
