"""Fuzz targets: files that are imported, configuration, names, and values of directories."""

import tempfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from sharedbooks.config import load_config
from sharedbooks.config.card_mapping import parse_card_mapping
from sharedbooks.config.ldap_values import DN, FILTER
from sharedbooks.config.values import BadValueError
from sharedbooks.directory import filters
from sharedbooks.directory.entries import Entry
from sharedbooks.directory.names import first_value, is_below, normalise_dn, split_dn
from sharedbooks.directory.ranges import is_partial
from sharedbooks.directory.values import BadEntry, date_value, texts_of, web_address
from sharedbooks.errors import InvalidName
from sharedbooks.exchange.csv_files import guarded, unguarded
from sharedbooks.exchange.multistatus import read_multistatus
from sharedbooks.exchange.opening import Manner, open_source
from sharedbooks.exchange.records import Record
from sharedbooks.exchange.sniffing import Format
from sharedbooks.exchange.sources import Source
from sharedbooks.exchange.tables import Reading
from sharedbooks.exchange.xlsx import write_sheet
from sharedbooks.identifiers import (
    parse_book_reference,
    parse_card_name,
    parse_grantee_reference,
    parse_principal_name,
)
from sharedbooks.vcard.card import inspect_card
from sharedbooks.vcard.required import parse_rule
from tests.attacks.fuzz.target import Target

_SAMPLES = Path(__file__).parents[2] / "samples"


def _imported(octets: bytes, kind: Format | None) -> None:
    opened = open_source(
        Source(BytesIO(octets), "file"), Manner(kind), Reading("file", max_card_size=1024 * 1024)
    )
    for record in opened.records:
        assert not isinstance(record, Record) or inspect_card(record.card.octets) is not None


def _table(octets: bytes) -> None:
    _imported(octets, Format.CSV)
    text = octets.decode("latin-1")
    assert unguarded(guarded(text)) == text


def _multistatus(octets: bytes) -> None:
    for resource in read_multistatus(BytesIO(octets)):
        assert isinstance(resource.status, int)
        resource.text("{DAV:}displayname")
        resource.hrefs("{DAV:}principal-URL")


def _configuration(octets: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sharedbooks.toml"
        file.write_bytes(octets)
        load_config(file)


def _names(octets: bytes) -> None:
    text = octets.decode("utf-8", "surrogateescape")
    for parse in (
        parse_principal_name,
        parse_card_name,
        parse_book_reference,
        parse_grantee_reference,
    ):
        with suppress(InvalidName):
            assert not set("\0\r\n") & set(str(parse(text)))
    parse_rule(text)


def _directory(octets: bytes) -> None:
    text = octets.decode("utf-8", "replace")
    one = normalise_dn(text)
    assert is_below(text, text)
    assert normalise_dn(one) == one
    split_dn(text)
    first_value(text)
    in_filter = filters.all_of(filters.equals("cn", octets), filters.equals("cn", text))
    assert in_filter.count("(") == in_filter.count(")") == 3
    assert in_filter.isascii()
    entry = Entry(text, {"cn": (octets,), "postaladdress": (octets,), text: (octets,)})
    is_partial(entry)
    date_value(text)
    web_address(text)
    for kind in (DN, FILTER):
        with suppress(BadValueError):
            kind.read(text)
    with suppress(BadValueError):
        parse_card_mapping([(text, text)])
    with suppress(BadEntry):
        texts_of(entry, "postaladdress")


def _sheet() -> bytes:
    file = BytesIO()
    write_sheet(file, [["First name", "Last name", "Email"], ["Ann", "=1+1", "a@example.org"]])
    return file.getvalue()


_TABLE_TOKENS = (
    *(b"First name", b"Last name", b"E-mail Address", b"Phone 1 - Value", b"Name", b"UID"),
    *(b",", b";", b"\t", b"|", b'"', b"\r\n", b"\n", b"\r", b"sep=;", b"\xef\xbb\xbf", b"\xff\xfe"),
    *(b"=1+1", b"'=", b"+41 44 000", b"@a", b"\x00", b"\xe4", b"1980-01-31", b"31.1.1980", b"\xc3"),
)
_LDIF_TOKENS = (
    *(b"version: 1\n", b"dn: cn=a,dc=b\n", b"cn: Ann\n", b"mail: a@b\n", b"objectClass: person\n"),
    *(b"dn:: Y249YQ==\n", b"jpegPhoto:: /9j/\n", b"\n", b"\n ", b"#", b":", b"::", b":< file:///x"),
    *(
        b"birthyear: 1980\n",
        b"birthmonth: 13\n",
        b"birthday: 31\n",
        b"changetype: delete\n",
        b"\xff",
    ),
)
_XML_TOKENS = (
    *(b'<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">', b"</D:propstat>"),
    *(b"<D:response>", b"</D:response>", b"<D:href>/a</D:href>", b"<D:propstat>", b"<D:prop>"),
    *(
        b"<D:status>HTTP/1.1 200 OK</D:status>",
        b"</D:prop>",
        b"</D:multistatus>",
        b"<C:address-data>",
    ),
    *(b"<D:status>HTTP/1.1 ", b"9" * 5000, b"<!DOCTYPE a [", b'<!ENTITY b "c">', b"]>", b"&b;"),
    *(
        b'<?xml version="1.0" encoding="utf-16"?>',
        b'encoding="x"',
        b"<",
        b">",
        b"&#0;",
        b"]]>",
        b"\xff",
    ),
)
_MULTISTATUS = (
    b'<D:multistatus xmlns:D="DAV:"><D:response><D:href>/a</D:href><D:propstat><D:prop>'
    b"<D:displayname>x</D:displayname></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"
    b"</D:response></D:multistatus>"
)
_TOML_TOKENS = (
    *(
        b"[server]\n",
        b"[database]\n",
        b"[directory.a]\n",
        b"port = ",
        b"host = ",
        b'"',
        b"'",
        b"\n",
    ),
    *(
        b'url = "sqlite:///x"\n',
        b"[",
        b"]",
        b"{",
        b"}",
        b"=",
        b".",
        b"#",
        b"1",
        b"-1",
        b"1e9",
        b'"""',
    ),
    *(
        b'trusted_proxies = ["::1"]\n',
        b'prefix = "/a"\n',
        b'card = { "FN" = "cn" }\n',
        b"servers = ",
    ),
    *(
        b'"64 MiB"',
        b'"30 s"',
        b"inf",
        b"nan",
        b"2020-01-01",
        b"\xff",
        b"\x00",
        b"true",
        b'"\\u0000"',
    ),
)
_DN_TOKENS = (
    *(
        b"cn=",
        b"ou=people,",
        b"dc=example",
        b"\\2c",
        b"\\,",
        b"\\",
        b"+",
        b",",
        b"=",
        b"(",
        b")",
        b"*",
    ),
    *(
        b"(&(objectClass=person)",
        b"(|",
        b"(!",
        b":=",
        b";range=0-*",
        b"\x00",
        b'"',
        b"<",
        b"#04",
        b" ",
    ),
    *(
        b"user:",
        b"group:",
        b"/",
        b"..",
        b".",
        b"\r\n",
        b"FN and (",
        b" or ",
        b"\xe2\x80\xae",
        b"\xff",
    ),
)

FILE_TARGETS = (
    Target("csv", _table, _TABLE_TOKENS, [p.read_bytes() for p in _SAMPLES.glob("*.csv")]),
    Target("any-file", lambda octets: _imported(octets, None), (*_TABLE_TOKENS, *_LDIF_TOKENS)),
    Target("xlsx", lambda octets: _imported(octets, Format.XLSX), (b"PK\x03\x04",), [_sheet()]),
    Target("ldif", lambda octets: _imported(octets, Format.LDIF), _LDIF_TOKENS),
    Target("multistatus", _multistatus, _XML_TOKENS, [_MULTISTATUS]),
    Target("toml", _configuration, _TOML_TOKENS),
    Target("names", _names, _DN_TOKENS),
    Target("directory", _directory, _DN_TOKENS),
)
