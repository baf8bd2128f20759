"""Fuzz targets: everything that reads a card, and what is made of it."""

import json
import re
from io import BytesIO

from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.exchange.contact_cards import read_contact
from sharedbooks.exchange.exporting import OutputFormat, export_cards
from sharedbooks.exchange.jcard import from_jcard, read_jcards
from sharedbooks.exchange.records import Record
from sharedbooks.exchange.vcard21 import from_vcard21
from sharedbooks.exchange.vcf import read_vcf
from sharedbooks.matching.features import read_features
from sharedbooks.matching.union import unite
from sharedbooks.vcard.card import inspect_card, with_uid
from sharedbooks.vcard.contentlines import content_lines, unfold
from sharedbooks.vcard.convert import to_version
from sharedbooks.vcard.differences import differences, side_by_side
from sharedbooks.vcard.filters import CardFilter, ParamFilter, PropFilter, TextMatch
from sharedbooks.vcard.jcard import to_jcard
from sharedbooks.vcard.marks import card_marks, merge_source
from sharedbooks.vcard.merge import merge_edit
from sharedbooks.vcard.persons import find_person, parse_person
from sharedbooks.vcard.quality import check_card, fix_card
from sharedbooks.vcard.stream import split_cards
from sharedbooks.vcard.subset import PropertyChoice, select_properties
from tests.attacks.fuzz.target import Target

_BEGIN = b"BEGIN:VCARD\r\nVERSION:%s\r\n"
_END = b"END:VCARD\r\n"

LINES = (
    *(b"FN:Ann Example\r\n", b"N:Example;Ann;;;\r\n", b"UID:ann\r\n", b"ORG:A;B\r\n"),
    *(b"TEL;TYPE=home,voice:+41 44 000 00 00\r\n", b"TEL;HOME;PREF:1\r\n", b"EMAIL:a@b.ch\r\n"),
    *(b"item1.EMAIL;TYPE=INTERNET:a@b\r\n", b"item1.X-ABLabel:_$!<Home>!$_\r\n"),
    *(b"NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:=C3=A4=\r\n=20x\r\n", b"REV:2020\r\n"),
    *(b"PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ\r\n", b"PHOTO:data:image/png;base64,iVBO\r\n"),
    *(b"BDAY;VALUE=date-and-or-time:--0203\r\n", b"BDAY:1604-02-03\r\n", b"KIND:group\r\n"),
    *(b'ADR;LABEL="a^nb":;;S 1;C;;8000;CH\r\n', b"LABEL:x\\ny\r\n", b"ANNIVERSARY:20200101\r\n"),
    *(b"X-ADDRESSBOOKSERVER-KIND:group\r\n", b"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:a\r\n"),
    *(b"MEMBER:urn:uuid:b\r\n", b"CATEGORIES:a,b\\,c\r\n", b"NICKNAME:n\r\n", b"GEO:1;2\r\n"),
    *(b"IMPP;X-SERVICE-TYPE=a:x:y\r\n", b"X-SOCIALPROFILE;type=x:http://x\r\n", b"TZ:+01:00\r\n"),
    *(b"AGENT:\r\n", b"AGENT:BEGIN:VCARD\\nEND:VCARD\r\n", b"SORT-STRING:x\r\n", b"GENDER:M;x\r\n"),
    *(b"RELATED;VALUE=text:x\r\n", b"X-ABRELATEDNAMES:y\r\n", b"X-ABDATE:2020-01-01\r\n"),
    *(b"REV;VALUE=timestamp:20200101T000000Z\r\n", b"X-INT;VALUE=integer:1\r\n"),
    *(b"X-F;VALUE=float:1e999\r\n", b"X-O;VALUE=utc-offset:-0100\r\n", b"CLIENTPIDMAP:1;urn:x\r\n"),
)
"""Lines of cards as programs write them, and some that none does."""

_TOKENS = (
    *(_BEGIN % version for version in (b"3.0", b"4.0", b"2.1")),
    *(_END, b"END:VCARD", *LINES),
    *(b":", b";", b",", b"=", b'"', b"\\", b"\\n", b"^", b"^n", b"^'", b".", b"\r\n", b"\n", b"\r"),
    *(b"\r\n ", b"\n\t", b"=\r\n", b"\xef\xbb\xbf", b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80"),
    *(b"ENCODING=", b"CHARSET=utf-7", b"VALUE=uri", b"PREF=1", b"ALTID=1", b"PID=1.1", b"TYPE="),
    *(b"data:", b"tel:", b"mailto:", b"urn:uuid:", b"item1.", b"item1.item2.item3.", b"X-A"),
    *(b"<", b">", b"@", b"+", b"9" * 40, b" " * 40, b"\xe2\x80\xa8", b"\xf0\x9f\x98\x80"),
)
SEEDS = tuple(
    _BEGIN % version + b"".join(LINES[start::3]) + _END
    for version in (b"3.0", b"4.0", b"2.1")
    for start in range(3)
)
_PERSONS = [parse_person(text, "CH") for text in ("a@b.ch", "+41440000000", "Ann Example")]
_FILTER = CardFilter(
    (
        PropFilter("TEL", texts=(TextMatch("41"),), params=(ParamFilter("TYPE"),)),
        PropFilter("CATEGORIES", prop_group="item1", texts=(TextMatch("a"),)),
    )
)
_LARGE = 1024 * 1024


def _is_one_card(octets: bytes) -> bool:
    return inspect_card(octets) is not None


def _card(octets: bytes) -> None:
    lines = list(content_lines(octets))
    assert b"".join(line.octets for line in lines) == octets[: len(octets) if lines else 0]
    for line in lines:
        assert line.text is not None
        assert b"\n " not in unfold(line.octets)
    facts = inspect_card(octets)
    if facts.card_uid is None:
        assert inspect_card(with_uid(octets, "made")) is not None
    prepare_card(octets, max_size=_LARGE)
    for version in ("3.0", "4.0"):
        other = to_version(octets, version)
        assert _is_one_card(other)
        assert to_version(other, version) == other
    json.loads(to_jcard(octets))
    select_properties(octets, [PropertyChoice("TEL"), PropertyChoice("item1.EMAIL", novalue=True)])
    _FILTER.accepts(octets)


def _judged(octets: bytes) -> None:
    inspect_card(octets)
    check_card(octets, None, "CH")
    fixed, _ = fix_card(octets, "CH")
    assert _is_one_card(fixed)
    for person in _PERSONS:
        person.may_be_in(octets)
        find_person(octets, person, "CH")
    read_features(octets, "CH")


def _exported(octets: bytes) -> None:
    prepare_card(octets, max_size=_LARGE)
    read_contact(octets)
    for kind in OutputFormat:
        export_cards(lambda: [octets], BytesIO(), kind)


def _pair(octets: bytes) -> tuple[bytes, bytes]:
    """Cut the input into two cards, after the first END:VCARD."""
    end = re.search(rb"END:VCARD\r?\n", octets)
    return (octets, b"") if end is None else (octets[: end.end()], octets[end.end() :])


def _merged(octets: bytes) -> None:
    one, other = _pair(octets)
    differences(one, other)
    side_by_side(one, other)
    prepare_card(one, max_size=_LARGE)
    prepare_card(other, max_size=_LARGE)
    assert _is_one_card(merge_edit(one, other))
    assert _is_one_card(merge_edit(other, one))
    assert _is_one_card(unite(one, [other], "CH"))
    merged = merge_source(one, other, card_marks(other))
    assert _is_one_card(merged.octets)


def _file(octets: bytes) -> None:
    whole = list(split_cards([octets]))
    pieces = [octets[at : at + 7] for at in range(0, len(octets), 7)]
    assert list(split_cards(pieces)) == whole
    for record in read_vcf(pieces, max_card_size=_LARGE):
        assert not isinstance(record, Record) or _is_one_card(record.card.octets)


def _old(octets: bytes) -> None:
    list(content_lines(from_vcard21(octets)))


def _jcard(octets: bytes) -> None:
    for record in read_jcards([octets[:9], octets[9:]], max_card_size=_LARGE):
        assert not isinstance(record, Record) or _is_one_card(record.card.octets)
    assert list(content_lines(from_jcard(octets.decode("utf-8", "replace"))))


_JSON_TOKENS = (
    *(b'["vcard",[', b"]]", b'["version",{},"text","4.0"],', b'["fn",{},"text","a"],'),
    *(b'["tel",{"type":["a","b"],"group":"i"},"uri","tel:1"],', b'["n",{},"text",["a",["b"]]],'),
    *(b"[", b"]", b"{", b"}", b'"', b"\\", b",", b":", b"null", b"1e999", b"-1", b"true", b"NaN"),
    *(b'"\\ud800"', b'["bday",{},"date","1985-01-02"],', b'["x",{},"time","12:00"],', b"[" * 99),
    *(b'"a\\r\\nb"', b'["x",{"a\\r\\nb":"c"},"text","d"],', b"9" * 5000),
)
_JSON_SEEDS = tuple(to_jcard(seed) for seed in SEEDS if b"VERSION:4.0" in seed)

CARD_TARGETS = (
    Target("card", _card, _TOKENS, SEEDS),
    Target("quality", _judged, _TOKENS, SEEDS),
    Target("export", _exported, _TOKENS, SEEDS),
    Target("merge", _merged, _TOKENS, tuple(a + b for a in SEEDS[:6] for b in SEEDS[:6])),
    Target("vcf", _file, _TOKENS, (*SEEDS, b"".join(SEEDS))),
    Target("vcard21", _old, _TOKENS, SEEDS[6:]),
    Target("jcard", _jcard, _JSON_TOKENS, _JSON_SEEDS),
)
