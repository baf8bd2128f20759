"""What vdirsyncer 0.20 sends: bodies that begin with a blank line, no Depth on a REPORT, and more.

The program itself is run in ``tests/clients/test_vdirsyncer.py``.
"""

from urllib.parse import quote, unquote

import pytest

from tests.clients.replay.conftest import FRIENDS, Office
from tests.clients.replay.device import (
    Device,
    Login,
    assert_refused,
    assert_version,
    cards,
    is_book,
)
from tests.http.client import Answer
from tests.http.world import vcard

HEADERS = {
    "User-Agent": "vdirsyncer/0.20.0",
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate",
    "Content-Type": "application/xml; charset=UTF-8",
}

PRINCIPAL = """
        <propfind xmlns="DAV:">
            <prop>
                <current-user-principal />
            </prop>
        </propfind>
        """
HOME = """
    <propfind xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav">
        <prop>
            <c:addressbook-home-set />
        </prop>
    </propfind>
    """
BOOKS = """
    <propfind xmlns="DAV:">
        <prop>
            <resourcetype />
        </prop>
    </propfind>
    """
CARDS = """<?xml version="1.0" encoding="utf-8" ?>
            <propfind xmlns="DAV:">
                <prop>
                    <resourcetype/>
                    <getcontenttype/>
                    <getetag/>
                </prop>
            </propfind>
            """
MULTIGET = """<?xml version="1.0" encoding="utf-8" ?>
            <C:addressbook-multiget xmlns="DAV:"
                    xmlns:C="urn:ietf:params:xml:ns:carddav">
                <prop>
                    <getetag/>
                    <C:address-data {version}/>
                </prop>
                {hrefs}
            </C:addressbook-multiget>"""
VERSION_4 = 'Content-Type="text/vcard" version="4.0"'
NAME = """<?xml version="1.0" encoding="utf-8" ?>
            <propfind xmlns="DAV:">
                <prop>
                    <ns0:displayname xmlns:ns0="DAV:" />
                </prop>
            </propfind>
        """
RENAME = """<?xml version="1.0" encoding="utf-8" ?>
            <propertyupdate xmlns="DAV:">
                <set>
                    <prop>
                        <ns0:displayname xmlns:ns0="DAV:">{}</ns0:displayname>
                    </prop>
                </set>
            </propertyupdate>
        """
MKCOL = """<?xml version="1.0" encoding="utf-8" ?>
            <mkcol xmlns="DAV:">
                <set>
                    <prop>
                        <resourcetype>
                            <collection/>
                            <ns0:addressbook xmlns:ns0="urn:ietf:params:xml:ns:carddav" />
                        </resourcetype>
                    </prop>
                </set>
            </mkcol>
        """


@pytest.fixture
def device(office: Office) -> Device:
    return office.device(Login.ALWAYS, HEADERS)


def _normal(href: str) -> str:
    """An href as vdirsyncer keeps it, whatever way the server has written it."""
    return quote(unquote(href), "/@")


def _propfind(device: Device, path: str, body: str, depth: int = 0) -> Answer:
    answer = device.send("PROPFIND", path, body, {"Depth": str(depth)})
    assert answer.status == 207, answer
    return answer


def _list(device: Device, book: str) -> dict[str, str]:
    """The ETags of a book by href, read as vdirsyncer does."""
    found = {}
    for href, resource in _propfind(device, book, CARDS, 1).resources.items():
        if "D:collection" not in resource.children("D:resourcetype"):
            assert resource.text("D:getcontenttype").partition(";")[0] == "text/vcard"
            found[_normal(href)] = resource.text("D:getetag")
    return found


def _multiget(device: Device, book: str, hrefs: list[str], version: str = "") -> dict[str, str]:
    asked = "\n".join(f"<href>{href}</href>" for href in hrefs)
    answer = device.send("REPORT", book, MULTIGET.format(version=version, hrefs=asked))
    return {_normal(href): card for href, card in cards(answer).items()}


def _put(device: Device, href: str, card: bytes, **condition: str) -> Answer:
    headers = {name.replace("_", "-"): value for name, value in condition.items()}
    return device.send("PUT", href, card, {"Content-Type": "text/vcard", **headers})


@pytest.mark.parametrize("start", ["/", "/.well-known/carddav"])
def test_books_are_discovered(office: Office, device: Device, start: str) -> None:
    [found] = _propfind(device, start, PRINCIPAL).resources.values()
    [principal] = found.hrefs("D:current-user-principal")
    [found] = _propfind(device, principal, HOME).resources.values()
    [home] = found.hrefs("CARD:addressbook-home-set")
    listing = _propfind(device, home, BOOKS, 1).resources
    assert {href for href, resource in listing.items() if is_book(resource)} == {
        office.alice.contacts, office.friends_path, office.company_path
    }  # fmt: skip
    # An address that is no home yet is tried first.
    assert not any(is_book(found) for found in _propfind(device, "/", BOOKS, 1).resources.values())


def test_cards_are_listed_and_fetched_by_normalised_hrefs(office: Office, device: Device) -> None:
    listed = _list(device, office.friends_path)
    assert {unquote(href.rpartition("/")[2]) for href in listed} == set(FRIENDS)
    assert set(_multiget(device, office.friends_path, list(listed))) == set(listed)


def test_a_malformed_address_data_asks_for_version_4(office: Office, device: Device) -> None:
    """The attribute should be ``content-type``; the version beside it is meant."""
    office.put(office.friends, "new.vcf", vcard("new").replace(b"3.0", b"4.0"))
    hrefs = [f"{office.friends_path}{name}.vcf" for name in ("ann", "new")]
    fetched = _multiget(device, office.friends_path, hrefs, VERSION_4)
    assert set(fetched) == set(hrefs)
    assert_version(fetched.values(), "4.0")


def test_cards_are_made_edited_and_deleted(office: Office, device: Device) -> None:
    href = f"{office.friends_path}new.vcf"
    made = _put(device, href, vcard("new", "New", "X-ODD;a=b:kept"), If_None_Match="*")
    assert made.status == 201
    assert _list(device, office.friends_path)[href] == made.etag
    assert _put(device, href, vcard("new"), If_None_Match="*").status == 412
    edited = _put(device, href, vcard("new", "Edited"), If_Match=made.etag or "")
    assert edited.status == 204
    assert _put(device, href, vcard("new"), If_Match=made.etag or "").status == 412
    condition = {"If-Match": edited.etag or ""}
    assert device.send("DELETE", href, headers=condition).status in {200, 204}
    assert set(_list(device, office.friends_path)) == {
        _normal(office.friends_path + name) for name in FRIENDS
    }


def test_a_card_that_is_gone_is_left_out(office: Office, device: Device) -> None:
    hrefs = [f"{office.friends_path}ann.vcf", f"{office.friends_path}none.vcf"]
    assert set(_multiget(device, office.friends_path, hrefs)) == {hrefs[0]}


def test_a_read_only_book_is_read(office: Office, device: Device) -> None:
    href = f"{office.company_path}hotline.vcf"
    [etag] = [etag for found, etag in _list(device, office.company_path).items() if found == href]
    assert_refused(_put(device, href, vcard("hotline"), If_Match=etag), href)
    assert _list(device, office.company_path)[href] == etag


def test_names_of_books_are_read_and_written(office: Office, device: Device) -> None:
    book = office.company_path
    assert _propfind(device, book, NAME)[book].text("D:displayname") == "Company (read only)"
    assert device.send("PROPPATCH", book, RENAME.format("Firm")).status == 207
    assert _propfind(device, book, NAME)[book].text("D:displayname") == "Firm"


def test_a_book_is_made(office: Office, device: Device) -> None:
    made = f"{office.alice.home}choir/"
    assert device.send("MKCOL", made, MKCOL).status == 201
    assert is_book(_propfind(device, made, BOOKS)[made])
    assert _list(device, made) == {}
