import base64
import random
import time
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sharedbooks.errors import InvalidCard, UnsupportedCard
from sharedbooks.vcard.card import inspect_card
from sharedbooks.vcard.contentlines import content_lines, escape_text, fold
from sharedbooks.vcard.convert import to_version


def card(version: str, *lines: str) -> bytes:
    body = [fold(line.encode()) for line in lines]
    return b"\r\n".join([b"BEGIN:VCARD", f"VERSION:{version}".encode(), *body, b"END:VCARD", b""])


def named(version: str, lines: str) -> bytes:
    return card(version, "FN:a", "N:b;c;;;", *lines.split("\n"))


SAME = [
    "TITLE:Boss",
    "EMAIL;TYPE=INTERNET:a@example.org",
    "TEL;type=CELL;type=VOICE:+49 171 1",
    "TEL;TYPE=HOME,FAX:+49 171 1",
    "item1.TEL:+49 171 1\nitem1.X-ABLabel:_$!<Mobile>!$_",
    "ADR;TYPE=home:;;Street 1;Town;;1;DE",
    "ORG:ACME\\, Inc.;Sales;",
    "CATEGORIES:a,b\\,c",
    "NICKNAME:a,b",
    "NOTE;LANGUAGE=de:line\\nline",
    "URL;TYPE=work:https://example.org/?a=b,c;d",
    "IMPP;X-SERVICE-TYPE=Jabber;type=HOME:xmpp:a@example.org",
    "X-SOCIALPROFILE;type=twitter;x-user=a:http://twitter.com/a",
    "X-PHONETIC-FIRST-NAME:a",
    "X-ADDRESSING-GRAMMAR;ENCODING=b:AAAA",
    "item1.X-ABDATE:2009-08-08\nitem1.X-ABLabel:Moved",
    "UID:4C1F-11",
    "UID:urn:uuid:03a0e51f-d1aa-4385-8a53-e29025acd8af",
    "SOURCE:ldap://ldap.example.org/cn=a",
    "TZ;VALUE=text:Europe/Berlin",
    "PRODID:-//Apple Inc.//iOS 26.6.1//EN",
    "FBURL:https://example.org/busy",
]

# What 3.0 says, and what 4.0 says.
PAIRS = [
    # Preference (RFC 6350, 5.3)
    ("TEL;TYPE=CELL;TYPE=pref:+49 171 1", "TEL;TYPE=CELL;PREF=1:+49 171 1"),
    # Pictures, sounds and keys (RFC 2426, 3.1.4; RFC 6350, 6.2.4)
    ("PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ", "PHOTO:data:image/jpeg;base64,/9j/4AAQ"),
    ("LOGO;ENCODING=b;TYPE=SVG+XML:PHN2Zz4=", "LOGO:data:image/svg+xml;base64,PHN2Zz4="),
    ("SOUND;ENCODING=b;TYPE=OGG:T2dnUw==", "SOUND:data:audio/ogg;base64,T2dnUw=="),
    ("KEY;ENCODING=b;TYPE=PGP:AAAA", "KEY:data:application/pgp-keys;base64,AAAA"),
    ("KEY;ENCODING=b;TYPE=X509:AAAA", "KEY:data:application/pkix-cert;base64,AAAA"),
    ("KEY:AAAA BBBB", "KEY;VALUE=text:AAAA BBBB"),
    ("PHOTO;VALUE=uri:https://example.org/a", "PHOTO;VALUE=uri:https://example.org/a"),
    (
        "PHOTO;VALUE=uri;TYPE=GIF:https://example.org/a",
        "PHOTO;VALUE=uri;MEDIATYPE=image/gif:https://example.org/a",
    ),
    (
        "PHOTO;X-ABCROP-RECTANGLE=ABClipRect_1&0&0&1&1;ENCODING=b;TYPE=JPEG:/9j/",
        "PHOTO;X-ABCROP-RECTANGLE=ABClipRect_1&0&0&1&1:data:image/jpeg;base64,/9j/",
    ),
    # Dates (RFC 6350, 4.3); without year as Apple has it
    ("BDAY:1996-04-15", "BDAY:19960415"),
    ("BDAY:1996-04-15T10:22:00Z", "BDAY:19960415T102200Z"),
    ("BDAY:1996-04-15T10:22:00-05:00", "BDAY:19960415T102200-0500"),
    ("BDAY;X-APPLE-OMIT-YEAR=1604:1604-02-29", "BDAY:--0229"),
    ("REV:2025-01-01T10:00:00Z", "REV:20250101T100000Z"),
    (
        "item1.X-ABDATE:2009-08-08\nitem1.X-ABLabel:_$!<Anniversary>!$_",
        "item1.ANNIVERSARY:20090808",
    ),
    (
        "item1.X-ABDATE;X-APPLE-OMIT-YEAR=1604:1604-08-08\nitem1.X-ABLabel:_$!<Anniversary>!$_",
        "item1.ANNIVERSARY:--0808",
    ),
    # Groups, organisations
    ("X-ADDRESSBOOKSERVER-KIND:group", "KIND:group"),
    ("X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:1", "MEMBER:urn:uuid:1"),
    ("X-ABShowAs:COMPANY", "KIND:org"),
    # Gender
    ("X-GENDER:Male", "GENDER:M"),
    ("X-GENDER:Female", "GENDER:F"),
    ("X-GENDER:O;intersex", "GENDER:O;intersex"),
    ("X-GENDER:it's complicated", "GENDER:;it's complicated"),
    # Related people
    (
        "item1.X-ABRELATEDNAMES:Jane\nitem1.X-ABLabel:_$!<Spouse>!$_",
        "item1.RELATED;TYPE=spouse;VALUE=text:Jane",
    ),
    (
        "item1.X-ABRELATEDNAMES:Jane\nitem1.X-ABLabel:_$!<Mother>!$_",
        "item1.RELATED;TYPE=parent;VALUE=text:Jane\nitem1.X-ABLabel:_$!<Mother>!$_",
    ),
    (
        "item1.X-ABRELATEDNAMES:Jane\nitem1.X-ABLabel:co-worker",
        "item1.RELATED;TYPE=co-worker;VALUE=text:Jane",
    ),
    (
        "item1.X-ABRELATEDNAMES:Jane\nitem1.X-ABLabel:Boss",
        "item1.RELATED;VALUE=text:Jane\nitem1.X-ABLabel:Boss",
    ),
    ("X-ABRELATEDNAMES:Jane", "RELATED;VALUE=text:Jane"),
    ("AGENT;VALUE=uri:mailto:a@example.org", "RELATED;TYPE=agent:mailto:a@example.org"),
    (
        "AGENT:BEGIN:VCARD\\nFN:x\\, y\\nEND:VCARD",
        "RELATED;TYPE=agent:data:text/vcard;charset=utf-8,BEGIN%3AVCARD%0AFN%3Ax%2C%20y%0AEND%3AVCARD",
    ),
    # Addresses and places
    (
        "ADR;TYPE=HOME:;;Street 1;Town;;;\nLABEL;TYPE=HOME:Street 1\\nTown",
        "ADR;TYPE=HOME;LABEL=Street 1^nTown:;;Street 1;Town;;;",
    ),
    (
        "item1.ADR:;;;A;;;\nADR:;;;B;;;\nLABEL:B\\, town\nADR;TYPE=work:;;;C;;;",
        'item1.ADR:;;;A;;;\nADR;LABEL="B, town":;;;B;;;\nADR;TYPE=work:;;;C;;;',
    ),
    ("LABEL;TYPE=WORK:Street\\; 1", 'ADR;TYPE=WORK;LABEL="Street; 1":;;;;;;'),
    ("GEO:37.386013;-122.082932", "GEO:geo:37.386013,-122.082932"),
    ("TZ:-05:00", "TZ;VALUE=utc-offset:-0500"),
    # What 4.0 did away with (RFC 6350, appendix A)
    ("CLASS:PRIVATE", "X-CLASS:PRIVATE"),
    ("MAILER:Mutt", "X-MAILER:Mutt"),
    ("NAME:Card of a", "X-SOURCE-NAME:Card of a"),
]

ONLY_TO_40 = [
    ("TEL;HOME:1", "TEL;TYPE=HOME:1"),
    ("TEL;HOME;PREF:1", "TEL;TYPE=HOME;PREF=1:1"),
    ("TEL;TYPE=HOME,pref,CELL:1", "TEL;TYPE=HOME,CELL;PREF=1:1"),
    ('TEL;TYPE="HOME,VOICE":1', "TEL;TYPE=HOME,VOICE:1"),
    ("TEL;VALUE=phone-number:1", "TEL:1"),
    ("TITLE;CHARSET=UTF-8:Boss", "TITLE:Boss"),
    ("NOTE;ENCODING=QUOTED-PRINTABLE:a=C3=A4=0D=0Ab", "NOTE:aä\\nb"),
    ("X-A;X-B=a^nb:c", "X-A;X-B=a^^nb:c"),
    ("PHOTO;TYPE=jpg;ENCODING=BASE64:/9j/", "PHOTO:data:image/jpeg;base64,/9j/"),
    ("PHOTO;ENCODING=b:iVBORw0KGgo=", "PHOTO:data:image/png;base64,iVBORw0KGgo="),
    ("PHOTO;ENCODING=b:AAAA", "PHOTO:data:application/octet-stream;base64,AAAA"),
    ("PHOTO;ENCODING=b;TYPE=image/webp,HOME:AA AA", "PHOTO;TYPE=HOME:data:image/webp;base64,AAAA"),
    ("PHOTO;ENCODING=b:https://example.org/a", "PHOTO:https://example.org/a"),
    ("PHOTO:data:image/png;base64,AAAA", "PHOTO:data:image/png;base64,AAAA"),
    ("BDAY;VALUE=date:1996-04-15", "BDAY:19960415"),
    ("BDAY;value=date;X-APPLE-OMIT-YEAR=1604:1604-04-15", "BDAY:--0415"),
    ("BDAY;X-APPLE-OMIT-YEAR=1604:1980-04-15", "BDAY:19800415"),
    ("BDAY;X-APPLE-OMIT-YEAR=1900:1900-04-15", "BDAY:--0415"),
    ("BDAY:1604-04-15", "BDAY:16040415"),
    ("BDAY:--04-15", "BDAY:--0415"),
    ("BDAY:1996-04-15T10:22:00.000+01", "BDAY:19960415T102200+0100"),
    ("BDAY:1996-04", "BDAY:1996-04"),
    ("BDAY:circa 1800", "BDAY;VALUE=text:circa 1800"),
    ("REV:2025-01-01", "REV:20250101T000000Z"),
    ("X-ANNIVERSARY:2009-08-08", "ANNIVERSARY:20090808"),
    ("X-ANNIVERSARY:some day", "X-ANNIVERSARY:some day"),
    (
        "X-ANNIVERSARY:2009-08-08\nitem1.X-ABDATE:2009-08-08\nitem1.X-ABLabel:_$!<Anniversary>!$_",
        "ANNIVERSARY:20090808\nitem1.X-ABDATE:2009-08-08\nitem1.X-ABLabel:_$!<Anniversary>!$_",
    ),
    (
        "item1.X-ABDATE:2009-08-08\nitem1.NOTE:x\nitem1.X-ABLabel:_$!<Anniversary>!$_",
        "item1.ANNIVERSARY:20090808\nitem1.NOTE:x\nitem1.X-ABLabel:_$!<Anniversary>!$_",
    ),
    (
        "ADR;TYPE=HOME,PREF:;;a;;;;\nLABEL;TYPE=HOME:b",
        "ADR;TYPE=HOME;PREF=1;LABEL=b:;;a;;;;",
    ),
    ("KIND:group\nX-ADDRESSBOOKSERVER-KIND:group", "KIND:group\nX-ADDRESSBOOKSERVER-KIND:group"),
    ("X-ABShowAs:PERSON", "X-ABShowAs:PERSON"),
    ("X-GENDER:f", "GENDER:F"),
    ("GEO:37.38\\;-122.08", "GEO:geo:37.38,-122.08"),
    ("GEO:somewhere", "GEO:somewhere"),
    ("AGENT:Jane", "RELATED;TYPE=agent;VALUE=text:Jane"),
    ("PROFILE:VCARD", ""),
]

ONLY_TO_30 = [
    # Quotes break the labels of iOS.
    ('TEL;TYPE="HOME,VOICE":1', "TEL;TYPE=HOME;TYPE=VOICE:1"),
    ('TEL;TYPE="home":1', "TEL;TYPE=home:1"),
    ('X-A;X-B="a:b",c:d', 'X-A;X-B="a:b",c:d'),
    ('X-A;X-B=a^nb^^^\'c;X-C="d":e', "X-A;X-B=a b^'c;X-C=d:e"),
    ('TEL;TYPE="a;b:c":1', "TEL;TYPE=a-b-c:1"),
    # Telephone numbers (RFC 3966)
    ("TEL;VALUE=uri:tel:+1-418-656-9254", "TEL:+1-418-656-9254"),
    ("TEL;VALUE=uri:tel:+1-418-656-9254;ext=102", "TEL:+1-418-656-9254 ext. 102"),
    ('TEL;VALUE=uri;TYPE="work,voice":tel:7042;phone-context=+1', "TEL;TYPE=work;TYPE=voice:7042"),
    ("TEL;VALUE=TEXT:+33 1 23 45", "TEL:+33 1 23 45"),
    ("TEL;VALUE=uri:sip:a@example.org", "TEL:sip:a@example.org"),
    # Parameters that 3.0 has no words for
    ("EMAIL;PREF=2;PID=1.1;ALTID=1;INDEX=1:a@example.org", "EMAIL:a@example.org"),
    ("EMAIL;PREF=1:a@example.org", "EMAIL;TYPE=pref:a@example.org"),
    # Dates
    ("BDAY;VALUE=date-and-or-time:--0415", "BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-15"),
    ("BDAY;CALSCALE=gregorian:19960415T10", ""),
    ("BDAY;CALSCALE=gregorian:19960415T1022", "BDAY:1996-04-15T10:22"),
    ("BDAY;CALSCALE=hebrew:57560415", ""),
    ("BDAY:1985", ""),
    ("BDAY:1985-04", ""),
    ("BDAY:---15", ""),
    ("BDAY;VALUE=text:circa 1800", ""),
    ("BDAY;VALUE=text:18000101", ""),
    ("ANNIVERSARY:20090808", "item1.X-ABDATE:2009-08-08\nitem1.X-ABLabel:_$!<Anniversary>!$_"),
    (
        "item4.NOTE:x\nitem4.ANNIVERSARY:20090808",
        "item4.NOTE:x\nitem5.X-ABDATE:2009-08-08\nitem5.X-ABLabel:_$!<Anniversary>!$_",
    ),
    (
        "a.ANNIVERSARY:20090808\na.X-ABLabel:Hochzeit",
        "a.X-ABDATE:2009-08-08\na.X-ABLabel:Hochzeit",
    ),
    # Pictures
    ("PHOTO:https://example.org/a", "PHOTO;VALUE=uri:https://example.org/a"),
    ("PHOTO:data:image/jpeg;base64\\,/9j/", "PHOTO;ENCODING=b;TYPE=JPEG:/9j/"),
    ("PHOTO:data:text/plain,a%20b", "PHOTO;ENCODING=b;TYPE=text/plain:YSBi"),
    ("PHOTO:data:;base64,AA%2B/", "PHOTO;ENCODING=b:AA+/"),
    ("PHOTO;ENCODING=b;TYPE=JPEG:/9j/", "PHOTO;ENCODING=b;TYPE=JPEG:/9j/"),
    ("KEY;VALUE=text:Comment:x", "KEY:Comment:x"),
    (
        "KEY;MEDIATYPE=application/pgp-keys:ftp://example.org/a",
        "KEY;VALUE=uri;TYPE=PGP:ftp://example.org/a",
    ),
    # More of a property than 3.0 knows (RFC 9554)
    ("ADR:;;a;b;c;d;e;;;f;g;;;;;;;", "ADR:;;a;b;c;d;e"),
    (
        'ADR;LABEL="Suite 1\\nTown":;;;Town;;;',
        "ADR:;;;Town;;;\nLABEL:Suite 1\\nTown",
    ),
    # Alternatives (RFC 6350, 5.4)
    ("TITLE;ALTID=1;LANGUAGE=fr:Patron\nTITLE;ALTID=1:Boss", "TITLE;LANGUAGE=fr:Patron"),
    ("TITLE;ALTID=1:a\nTITLE;ALTID=2:b\nTITLE:c", "TITLE:a\nTITLE:b\nTITLE:c"),
    # Related people
    ("RELATED;TYPE=friend:urn:uuid:1", ""),
    (
        "RELATED;TYPE=friend,neighbor;VALUE=text:Jane",
        "item1.X-ABRELATEDNAMES:Jane\nitem1.X-ABLabel:_$!<Friend>!$_",
    ),
    ("RELATED;TYPE=CONTACT:Jane", "item1.X-ABRELATEDNAMES:Jane\nitem1.X-ABLabel:contact"),
    # What only 4.0 has
    ("KIND:individual", ""),
    ("KIND:location", ""),
    ("LANG:fr\nXML:<a/>\nCLIENTPIDMAP:1;urn:uuid:1", ""),
    ("EXPERTISE:a\nHOBBY:b\nDEATHDATE:20200101\nPRONOUNS:they", ""),
    ("GEO;VALUE=uri:https://example.org/map", ""),
    ("GEO:geo:37.386013,-122.082932,30;u=10", "GEO:37.386013;-122.082932"),
    ("TZ:-0500", "TZ:-05:00"),
    ("TZ:Europe/Berlin", "TZ;VALUE=text:Europe/Berlin"),
    ("TZ;VALUE=uri:https://example.org/tz", ""),
]


@pytest.mark.parametrize("line", SAME)
def test_what_both_versions_say_alike_stays(line: str) -> None:
    assert to_version(named("3.0", line), "4.0") == named("4.0", line)


@pytest.mark.parametrize("line", SAME)
def test_what_both_versions_say_alike_stays_on_the_way_back(line: str) -> None:
    assert to_version(named("4.0", line), "3.0") == named("3.0", line)


@pytest.mark.parametrize(("in_30", "in_40"), [*PAIRS, *ONLY_TO_40])
def test_30_said_in_40(in_30: str, in_40: str) -> None:
    expected = named("4.0", in_40) if in_40 else card("4.0", "FN:a", "N:b;c;;;")
    assert to_version(named("3.0", in_30), "4.0") == expected


@pytest.mark.parametrize(("in_40", "in_30"), [*[pair[::-1] for pair in PAIRS], *ONLY_TO_30])
def test_40_said_in_30(in_40: str, in_30: str) -> None:
    expected = named("3.0", in_30) if in_30 else card("3.0", "FN:a", "N:b;c;;;")
    assert to_version(named("4.0", in_40), "3.0") == expected


@pytest.mark.parametrize(
    ("in_30", "in_40"),
    [
        (
            ["N:van der Harten;Rene;;;", "SORT-STRING:Harten"],
            ["N;SORT-AS=Harten:van der Harten;Rene;;;"],
        ),
        (["N:a;b;;;", "SORT-STRING:a\\, b"], ['N;SORT-AS="a, b":a;b;;;']),
    ],
)
def test_sorting(in_30: list[str], in_40: list[str]) -> None:
    assert to_version(card("3.0", "FN:a", *in_30), "4.0") == card("4.0", "FN:a", *in_40)
    assert to_version(card("4.0", "FN:a", *in_40), "3.0") == card("3.0", "FN:a", *in_30)


def test_n_has_five_components_in_30() -> None:
    stored = card("4.0", "FN:a", "N:a;b;c;d;e;f;g")
    assert to_version(stored, "3.0") == card("3.0", "FN:a", "N:a;b;c;d;e")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["FN:Jane\\, Doe"], ["N:Jane\\, Doe;;;;", "FN:Jane\\, Doe"]),
        (["FN:Meeting room", "KIND:location"], ["N:Meeting room;;;;", "FN:Meeting room"]),
        (["FN:a", "FN:b", "N:c;;;;", "N:d;;;;"], ["FN:a", "N:c;;;;"]),
        (["N:Doe;Jane;;;"], ["FN:Jane Doe", "N:Doe;Jane;;;"]),
    ],
)
def test_30_has_one_fn_and_one_n(lines: list[str], expected: list[str]) -> None:
    assert to_version(card("4.0", *lines), "3.0") == card("3.0", *expected)


def test_40_has_a_name() -> None:
    assert to_version(card("3.0", "ORG:ACME;Sales"), "4.0") == card(
        "4.0", "FN:ACME\\, Sales", "ORG:ACME;Sales"
    )


def test_the_version_goes_right_after_begin() -> None:
    octets = b"BEGIN:VCARD\nFN:a\nVERSION:3.0\nEND:VCARD"
    assert to_version(octets, "4.0") == b"BEGIN:VCARD\nVERSION:4.0\r\nFN:a\nEND:VCARD"


def test_a_card_without_version_is_30() -> None:
    octets = b"BEGIN:VCARD\r\nFN:a\r\nEND:VCARD\r\n"
    assert to_version(octets, "3.0") is octets
    assert to_version(octets, "4.0") == card("4.0", "FN:a")


def test_lines_that_need_no_change_keep_their_octets() -> None:
    kept = [
        b"fn:J\xc3\n \xb6rg\n",
        b"\xef\xbb\xbfBEGIN:VCARD\n\n",
        b"Item1.note;X-A=b:\r\n\tx\r\n\r\n",
    ]
    octets = kept[1] + b"version:3.0\n" + kept[0] + kept[2] + b"end:vcard\n"
    converted = to_version(octets, "4.0")
    assert converted == kept[1] + b"VERSION:4.0\r\n" + kept[0] + kept[2] + b"end:vcard\n"


@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_a_card_of_the_version_is_passed_unread(version: str) -> None:
    octets = f"BEGIN:VCARD\r\nVERSION:{version}\r\nno property".encode()
    assert to_version(octets, version) is octets


def test_lines_are_folded() -> None:
    converted = to_version(card("3.0", "FN:a", "N:;;;;", "NOTE;pref:" + "ä" * 100), "4.0")
    assert max(map(len, converted.split(b"\r\n"))) <= 75
    assert all(line.decode() for line in converted.split(b"\r\n")[:-1])


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"BEGIN:VCARD\r\nVERSION:3.0\r\n",
        b"FN:a\r\n",
        b"BEGIN:VCARD\r\nno property\r\nEND:VCARD\r\n",
        b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        card("3.0", "FN:a") * 2,
        card("5.0", "FN:a"),
    ],
)
def test_what_is_no_card_is_refused(octets: bytes) -> None:
    with pytest.raises(InvalidCard):
        to_version(octets, "4.0")


@pytest.mark.parametrize(("version", "wanted"), [("2.1", "3.0"), ("2.1", "4.0"), ("3.0", "2.1")])
def test_vcard_21_is_not_converted(version: str, wanted: str) -> None:
    with pytest.raises(UnsupportedCard):
        to_version(card(version, "FN:a"), wanted)


# Cards of real programs, in their own words.
REAL_30 = {
    "macOS": [
        "PRODID:-//Apple Inc.//macOS 26.5.1//EN",
        "N:Müller;Jörg;Q.;Dr.;Jr.",
        "FN:Dr. Jörg Q. Müller Jr.",
        "NICKNAME:Jo",
        "X-PHONETIC-FIRST-NAME:Jörg",
        "ORG:Example GmbH;Sales",
        "TITLE:Boss",
        "EMAIL;type=INTERNET;type=WORK;type=pref:joerg@example.org",
        "TEL;type=CELL;type=VOICE;type=pref:+49 171 1234567",
        "TEL;type=HOME;type=FAX:+49 89 1",
        "item1.TEL:+49 89 2",
        "item1.X-ABLabel:Boat",
        "item2.ADR;type=HOME;type=pref:;;Hauptstr. 1;München;;80331;Germany",
        "item2.X-ABADR:de",
        "item3.URL;type=pref:http\\://example.org",
        "item3.X-ABLabel:_$!<HomePage>!$_",
        "BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-12",
        "item4.X-ABDATE;type=pref:2009-08-08",
        "item4.X-ABLabel:_$!<Anniversary>!$_",
        "item5.X-ABRELATEDNAMES;type=pref:Eva",
        "item5.X-ABLabel:_$!<Mother>!$_",
        "X-SOCIALPROFILE;type=twitter;x-user=joerg:http://twitter.com/joerg",
        "PHOTO;X-ABCROP-RECTANGLE=ABClipRect_1&0&0&1&1&a==;ENCODING=b;TYPE=JPEG:/9j/4AAQ",
        "X-ABShowAs:COMPANY",
        "REV:2025-01-01T10:00:00Z",
        "UID:4C1F0F7A-11",
    ],
    "Apple group": [
        "PRODID:-//Apple Inc.//iOS 26.6.1//EN",
        "N:Friends;;;;",
        "FN:Friends",
        "X-ADDRESSBOOKSERVER-KIND:group",
        "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:4C1F0F7A-11",
        "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:4C1F0F7A-12",
        "UID:0F7A",
    ],
    "Google": [
        "FN:Jane Doe",
        "N:Doe;Jane;;;",
        "EMAIL;TYPE=INTERNET;TYPE=HOME:jane@example.org",
        "item1.EMAIL;TYPE=INTERNET:jane@example.com",
        "item1.X-ABLabel:Club",
        "TEL;TYPE=CELL:+1 555 1",
        "item2.ADR:;;1 Road;Town;CA;1;US;1 Road\\nTown\\, CA 1\\nUS",
        "item2.X-ABLabel:",
        "BDAY;VALUE=date:19800412",
        "CATEGORIES:myContacts,starred",
        "PHOTO:https://lh3.example.org/photo.jpg",
    ],
    "Outlook CalDav Synchronizer": [
        "PRODID:-//caldavsynchronizer//EN",
        "UID:b4d2",
        "N:Doe;Jane;;;",
        "FN:Jane Doe",
        "EMAIL;TYPE=INTERNET,PREF:jane@example.org",
        "ADR;TYPE=WORK,PREF:;;1 Road;Town;;1;US",
        "LABEL;TYPE=WORK,PREF:1 Road\\nTown",
        "TEL;TYPE=WORK,VOICE:+1 555 1",
        "X-ANNIVERSARY:2009-08-08",
        "X-SPOUSE:Joe",
        "CLASS:PUBLIC",
        "MAILER:none",
        "SORT-STRING:Doe",
        "KEY;ENCODING=b;TYPE=X509:AAAA",
        "REV:2025-01-01T10:00:00Z",
    ],
    "KDE": [
        "UID:2b5dfd68-0c1a-4539-b946-16cd76af1553",
        "N:Créée;Kde;;;",
        "FN:Kde Créée",
        "EMAIL;TYPE=PREF:kde@example.org",
        "X-KADDRESSBOOK-X-Anniversary:2009-08-08",
        "X-KADDRESSBOOK-BlogFeed:https://example.org/feed",
        "GEO:48.137154;11.576124",
        "AGENT:BEGIN:VCARD\\nVERSION:3.0\\nFN:Assistant\\nN:\\;\\;\\;\\;\\nEND:VCARD\\n",
        "TZ:+01:00",
    ],
    "Evolution": [
        "UID:dbd68aeee0bed67a10631bee097721ec5c20e717",
        "N:Créée;Evo;;;",
        "FN:Evo Créée",
        "EMAIL;X-EVOLUTION-UI-SLOT=1;TYPE=HOME:evo@example.org",
        'TEL;X-EVOLUTION-E164=12345,"+33";TYPE=CELL:+33 1 23 45',
        "X-EVOLUTION-FILE-AS:Créée\\, Evo",
        "X-EVOLUTION-ANNIVERSARY:2009-08-08",
        "X-JABBER;X-EVOLUTION-UI-SLOT=1:evo@example.org",
        "NOTE:edited line 1\\nline 2\\, with comma\\; and é €",
    ],
    "Nextcloud": [
        "PRODID:-//Sabre//Sabre VObject 4.5.4//EN",
        "UID:1a2b",
        "FN:Jane Doe",
        "N:Doe;Jane;;;",
        "TEL;TYPE=CELL:+1 555 1",
        "X-SOCIALPROFILE;TYPE=facebook:https://facebook.com/jane",
        "GENDER:F",
        "RELATED;TYPE=friend:Joe",
        "PHOTO;ENCODING=b;TYPE=png:iVBORw0KGgo=",
        "CLOUD:jane@cloud.example.org",
        "REV:2025-01-01T10:00:00Z",
    ],
}


def meaning(octets: bytes) -> list[tuple[object, ...]]:
    """Lines without order, folding, case of names and TYPE, or grouping of TYPE."""
    found: list[tuple[object, ...]] = []
    for line in content_lines(octets):
        types = sorted(v.lower() for value in line.param_values("TYPE") for v in value.split(","))
        params = sorted((name, values) for name, values in line.params if name != "TYPE")
        found.append((line.prop_group or "", line.name, line.text, types, params))
    return sorted(found, key=repr)


@pytest.mark.parametrize("program", ["macOS", "Apple group", "KDE", "Evolution"])
def test_a_real_card_comes_back_from_40(program: str) -> None:
    octets = card("3.0", *REAL_30[program])
    assert meaning(to_version(to_version(octets, "4.0"), "3.0")) == meaning(octets)


@pytest.mark.parametrize(
    ("program", "changed"),
    [
        (
            "Google",
            {
                "BDAY;VALUE=date:19800412": "BDAY:1980-04-12",
                "PHOTO:https://lh3.example.org/photo.jpg": (
                    "PHOTO;VALUE=uri:https://lh3.example.org/photo.jpg"
                ),
                "item2.ADR:;;1 Road;Town;CA;1;US;1 Road\\nTown\\, CA 1\\nUS": (
                    "item2.ADR:;;1 Road;Town;CA;1;US"
                ),
            },
        ),
        (
            "Outlook CalDav Synchronizer",
            {
                "X-ANNIVERSARY:2009-08-08": (
                    "item1.X-ABDATE:2009-08-08\nitem1.X-ABLabel:_$!<Anniversary>!$_"
                ),
            },
        ),
        (
            "Nextcloud",
            {
                "GENDER:F": "X-GENDER:Female",
                "RELATED;TYPE=friend:Joe": (
                    "item1.X-ABRELATEDNAMES:Joe\nitem1.X-ABLabel:_$!<Friend>!$_"
                ),
                "PHOTO;ENCODING=b;TYPE=png:iVBORw0KGgo=": "PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgo=",
            },
        ),
    ],
)
def test_a_real_card_comes_back_in_other_words(program: str, changed: dict[str, str]) -> None:
    octets = card("3.0", *REAL_30[program])
    expected = [part for line in REAL_30[program] for part in changed.get(line, line).split("\n")]
    back = to_version(to_version(octets, "4.0"), "3.0")
    assert meaning(back) == meaning(card("3.0", *expected))


@pytest.mark.parametrize("program", REAL_30)
def test_the_server_knows_the_same_of_a_converted_card(program: str) -> None:
    octets = card("3.0", *REAL_30[program])
    before, after = inspect_card(octets), inspect_card(to_version(octets, "4.0"))
    assert (after.card_uid, after.display_name) == (before.card_uid, before.display_name)
    assert after.version == "4.0"
    if "X-ABShowAs:COMPANY" not in REAL_30[program]:
        assert after.kind == before.kind


TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters='"^\\'),
    min_size=1,
    max_size=20,
).map(lambda text: text.strip() or "x")
VALUE = TEXT.map(escape_text)
GROUP = st.sampled_from(["", "", "", "item1.", "item2.", "Work."])
TYPES = st.lists(
    st.sampled_from(["HOME", "WORK", "CELL", "VOICE", "pref", "x-a"]), max_size=3, unique=True
).map(lambda types: "".join(f";TYPE={each}" for each in types))
DATE = st.dates().map(lambda date: f"{date.year:04}-{date.month:02}-{date.day:02}")
PAYLOAD = st.binary(min_size=1, max_size=90).map(lambda data: base64.b64encode(data).decode())
COORDINATE = st.integers(-90_000, 90_000).map(lambda number: f"{number / 1000:.3f}")


def joined(*parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    strategies = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*strategies).map("".join)


LINES_30 = st.lists(
    st.one_of(
        joined(GROUP, st.sampled_from(["TEL", "EMAIL", "URL", "IMPP"]), TYPES, ":", VALUE),
        joined(GROUP, st.sampled_from(["TITLE", "ROLE", "NOTE", "X-A", "CATEGORIES"]), ":", VALUE),
        joined(GROUP, "ADR", TYPES, ":;;", VALUE, ";", VALUE, ";;;"),
        joined("X-A;X-B=", TEXT.map(lambda text: f'"{text}"'), ":", VALUE),
        joined(
            st.sampled_from(["PHOTO", "LOGO"]),
            ";ENCODING=b;TYPE=",
            st.sampled_from(["JPEG", "PNG", "GIF", "X-Y"]),
            ":",
            PAYLOAD,
        ),
        joined("GEO:", COORDINATE, ";", COORDINATE),
        joined("TZ:", st.sampled_from(["-05:00", "+01:30"])),
        joined("X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:", st.uuids().map(str)),
        joined(st.sampled_from(["CLASS", "MAILER", "NAME"]), ":", VALUE),
        joined("X-ABRELATEDNAMES:", VALUE),
        joined("AGENT:BEGIN:VCARD\\nFN:", VALUE.map(escape_text), "\\nEND:VCARD"),
    ),
    max_size=8,
)
ONCE_30 = st.lists(
    st.one_of(
        joined("BDAY:", DATE),
        joined("BDAY;X-APPLE-OMIT-YEAR=1604:1604", DATE.map(lambda date: date[4:])),
        joined("item7.X-ABDATE:", DATE, st.just("\nitem7.X-ABLabel:_$!<Anniversary>!$_")),
        joined("item8.X-ABRELATEDNAMES:", VALUE, st.just("\nitem8.X-ABLabel:_$!<Father>!$_")),
        joined("item9.X-ABRELATEDNAMES:", VALUE, st.just("\nitem9.X-ABLabel:_$!<Child>!$_")),
        joined("X-GENDER:", st.sampled_from(["Male", "Female", "O", "U", "something else"])),
        st.sampled_from(["X-ADDRESSBOOKSERVER-KIND:group", "X-ABShowAs:COMPANY"]),
        joined("SORT-STRING:", VALUE),
        joined("REV:", DATE, "T10:00:00Z"),
        joined("ADR;TYPE=DOM:;;", VALUE, ";;;;\nLABEL;TYPE=DOM:", VALUE),
        joined("UID:", VALUE),
    ),
    max_size=6,
    unique_by=lambda line: "KIND" if "ABShow" in line or "KIND" in line else line[:6],
)


@given(lines=LINES_30, once=ONCE_30)
@settings(max_examples=150, deadline=None)
@example(lines=["X-ABRELATEDNAMES:a"], once=["BDAY:0001-01-01"])
def test_a_30_card_comes_back_from_40(lines: list[str], once: list[str]) -> None:
    single = [part for line in once for part in line.split("\n")]
    octets = card("3.0", "FN:a", "N:b;c;;;", *single, *lines)
    converted = to_version(octets, "4.0")
    assert inspect_card(converted).version == "4.0"
    assert meaning(to_version(converted, "3.0")) == meaning(octets)
    assert to_version(octets, "4.0") == converted


def survives(convert: Callable[[bytes], bytes], octets: bytes) -> None:
    try:
        converted = convert(octets)
    except (InvalidCard, UnsupportedCard):
        return
    if converted is not octets:
        assert list(content_lines(converted))[-1].name == "END"


WORDS = [
    *(
        b"BEGIN:VCARD\r\n",
        b"END:VCARD\r\n",
        b"VERSION:3.0\r\n",
        b"VERSION:4.0\r\n",
        b"\r\n",
        b"\n ",
    ),
    *(b":", b";", b",", b'"', b"=", b"^n", b"\\", b"\xff", b"\xc3", b"\r", b"\t", b"%", b"."),
    *(b"TYPE=", b"VALUE=uri", b"ENCODING=b", b"PREF=1", b"LABEL=", b"ALTID=1", b"CHARSET=x"),
    *(
        b"item1.",
        b"TEL",
        b"tel:",
        b"PHOTO",
        b"data:",
        b"base64,",
        b"BDAY",
        b"1604-01-01",
        b"--0101",
    ),
    *(
        b"ADR",
        b"LABEL",
        b"N",
        b"FN",
        b"SORT-STRING",
        b"X-ABLABEL",
        b"X-ABDATE",
        b"RELATED",
        b"KIND",
    ),
    *(b"_$!<Anniversary>!$_", b"geo:1,2", b"GEO", b"TZ", b"AGENT", b"X-ABRELATEDNAMES", b"GENDER"),
    *(b"ENCODING=QUOTED-PRINTABLE", b"=00", b"=0D=0A", b"ANNIVERSARY", b"REV", b"KEY", b"UID"),
]
USUAL_SECONDS = 0.001
NOISE = st.lists(st.sampled_from(WORDS) | st.binary(max_size=3), max_size=40).map(b"".join)


@given(noise=NOISE, source=st.sampled_from(["3.0", "4.0"]))
@settings(max_examples=400, deadline=None)
def test_any_octets_are_converted_or_refused(noise: bytes, source: str) -> None:
    other = "4.0" if source == "3.0" else "3.0"
    framed = f"BEGIN:VCARD\r\nVERSION:{source}\r\n".encode() + noise + b"\r\nEND:VCARD\r\n"
    for octets in (noise, framed):
        survives(lambda octets=octets: to_version(octets, other), octets)  # type: ignore[misc]


def seconds(convert: Callable[[], bytes]) -> float:
    start = time.process_time()
    convert()
    return time.process_time() - start


def test_two_megabytes_of_photo_take_no_time() -> None:
    payload = base64.b64encode(random.Random(1).randbytes(2_000_000)).decode()
    octets = named("3.0", f"PHOTO;ENCODING=b;TYPE=JPEG:{payload}")
    converted = to_version(octets, "4.0")
    assert to_version(converted, "3.0") == octets
    assert seconds(lambda: to_version(octets, "4.0")) < 1
    assert seconds(lambda: to_version(converted, "3.0")) < 1


@pytest.mark.parametrize(
    "line",
    [
        "TEL;TYPE=HOME,pref:1",
        "ADR;TYPE=HOME:;;a;;;;\nLABEL;TYPE=HOME:a",
        "LABEL:a",
        "item1.X-ABDATE:2009-08-08\nitem1.X-ABLabel:_$!<Anniversary>!$_",
        "item1.X-ABRELATEDNAMES:a\nitem1.X-ABLabel:_$!<Child>!$_",
        "X-A;" + ";".join(f"A{number}=b" for number in range(20)) + ":c",
    ],
)
def test_hostile_cards_take_linear_time(line: str) -> None:
    octets = named("3.0", "\n".join([line] * 2000))
    converted = to_version(octets, "4.0")
    assert seconds(lambda: to_version(octets, "4.0")) < 2
    assert seconds(lambda: to_version(converted, "3.0")) < 2


@pytest.mark.parametrize(("source", "wanted"), [("3.0", "4.0"), ("4.0", "3.0")])
def test_a_usual_card_takes_far_less_than_a_millisecond(source: str, wanted: str) -> None:
    octets = to_version(card("3.0", *REAL_30["macOS"]), source)
    assert min(seconds(lambda: to_version(octets, wanted)) for _ in range(50)) < USUAL_SECONDS
