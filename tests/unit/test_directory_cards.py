"""Entries as cards; no directory is needed for what an entry looks like."""

from collections.abc import Mapping
from uuid import UUID

import pytest

from sharedbooks.config.card_mapping import merge_card_mappings, parse_card_mapping
from sharedbooks.config.directory_presets import PRESETS, DirectoryPreset
from sharedbooks.directory.cards import (
    Relation,
    card_uid,
    entry_name,
    group_card,
    person_card,
    related_dn,
)
from sharedbooks.directory.entries import Entry
from sharedbooks.directory.values import BadEntry
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.vcard.card import inspect_card
from sharedbooks.vcard.contentlines import (
    FOLD_WIDTH,
    content_lines,
    split_structured,
    text_value,
    unescape_text,
    unfold,
)
from sharedbooks.vcard.convert import to_version
from tests.support.crowd import photo

ID = "0b9bfb3e-6c1c-103f-8a2d-2f5d5c3c7a11"
BOSS_UID = "9d3a1f40-6c1c-103f-8a2d-2f5d5c3c7a11"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))


def _entry(**attributes: str | bytes | list[str | bytes]) -> Entry:
    raw: dict[str, tuple[bytes, ...]] = {}
    for name, given in attributes.items():
        values = given if isinstance(given, list) else [given]
        octets = [value.encode() if isinstance(value, str) else value for value in values]
        raw[name.lower()] = tuple(octets)
    return Entry("uid=ann,dc=example,dc=org", raw)


def _boss(_dn: str) -> Relation:
    return Relation("Änne Boss, Ph.D.", BOSS_UID)


def _card(
    entry: Entry,
    preset: DirectoryPreset = DirectoryPreset.OPENLDAP,
    more: Mapping[str, str] | None = None,
) -> bytes:
    mapping = merge_card_mappings(PRESETS[preset]["card"], (more or {}).items())
    octets = person_card(entry, ID, parse_card_mapping(mapping), _boss)
    # It has to be a card that the server would take from a client, too.
    assert prepare_card(octets, max_size=10**6).facts.version == "4.0"
    assert all(len(line) <= FOLD_WIDTH for line in octets.split(b"\r\n"))
    return octets


def _lines(octets: bytes) -> list[str]:
    return unfold(octets).decode().split("\r\n")


FULL = _entry(
    cn="Ann", displayName="Ann Example", sn="Example", givenName="Ann",
    mail=["b@example.org", "a@example.org"], telephoneNumber="+49 30 1", mobile="+49 170 2",
    homePhone="+49 30 3", facsimileTelephoneNumber="+49 30 4$twoDimensional", pager="5",
    postOfficeBox="PO 1", physicalDeliveryOfficeName="Room 5", street="Main; Street, 1",
    l="Berlin", st="BE", postalCode="10115", c="DE", homePostalAddress="Side Street 2$10117 Berlin",
    o="Example Ltd", ou="Sales", title="Head, of Sales", labeledURI="https://example.org/ann Home",
    manager="uid=boss,dc=example,dc=org", jpegPhoto=photo(1),
)  # fmt: skip


def test_every_attribute_of_a_person_has_its_property() -> None:
    lines = _lines(_card(FULL))
    assert lines[:4] == ["BEGIN:VCARD", "VERSION:4.0", f"UID:{ID}", "FN:Ann Example"]
    assert lines[-2:] == ["END:VCARD", ""]
    photos = [line for line in lines if line.startswith("PHOTO:data:image/jpeg;base64,/9j/")]
    assert len(photos) == 1
    assert set(lines[4:-2]) - set(photos) == {
        "N:Example;Ann;;;",
        "EMAIL;TYPE=work:a@example.org",
        "EMAIL;TYPE=work:b@example.org",
        "TEL;TYPE=work:+49 30 1",
        "TEL;TYPE=cell:+49 170 2",
        "TEL;TYPE=home:+49 30 3",
        "TEL;TYPE=fax,work:+49 30 4",
        "TEL;TYPE=pager:5",
        "ADR;TYPE=work:PO 1;Room 5;Main\\; Street\\, 1;Berlin;BE;10115;DE",
        "ADR;TYPE=home:;;Side Street 2\\, 10117 Berlin;;;;",
        "ORG:Example Ltd;Sales",
        "TITLE:Head\\, of Sales",
        "URL:https://example.org/ann",
        f"RELATED;TYPE=manager;VALUE=text;X-UID={BOSS_UID}:Änne Boss\\, Ph.D.",
    }


def test_what_active_directory_calls_things() -> None:
    entry = _entry(
        cn="Ann Example", sn="Example", streetAddress="Main Street\r\nBack", co="Germany",
        company="Example Ltd", department="Sales", wWWHomePage="example.org", thumbnailPhoto=PNG,
    )  # fmt: skip
    lines = _lines(_card(entry, DirectoryPreset.ACTIVE_DIRECTORY))
    assert "FN:Ann Example" in lines
    assert "ADR;TYPE=work:;;Main Street\\nBack;;;;Germany" in lines
    assert "ORG:Example Ltd;Sales" in lines
    assert "URL:example.org" in lines
    assert [line for line in lines if line.startswith("PHOTO:data:image/png;base64,iVBOR")]


def test_the_card_in_3_0_as_apple_reads_it() -> None:
    lines = _lines(to_version(_card(FULL), "3.0"))
    assert "TEL;TYPE=fax,work:+49 30 4" in lines
    assert [line for line in lines if line.startswith("PHOTO;ENCODING=b;TYPE=JPEG:/9j/")]
    [related] = [line for line in lines if "X-ABRELATEDNAMES" in line]
    prop_group = related.partition(".")[0]
    assert related.endswith(":Änne Boss\\, Ph.D.")
    assert f"{prop_group}.X-ABLabel:_$!<Manager>!$_" in lines
    again = _lines(to_version("\r\n".join(lines).encode(), "4.0"))
    [related] = [line for line in again if ".RELATED" in line]
    assert "TYPE=manager" in related


def test_the_same_entry_gives_the_same_octets_in_whatever_order_values_come() -> None:
    raw = FULL.attributes
    turned = {name: tuple(reversed(values)) for name, values in reversed(list(raw.items()))}
    assert _card(Entry("cn=moved", turned)) == _card(FULL)


def test_any_text_comes_back_as_it_was() -> None:
    awkward = 'Żółć "太郎"; a,b\\c\nnext\u2028line \N{WAVING HAND SIGN}' * 5
    octets = _card(_entry(cn="Ann", title=awkward, o=awkward), more={"NOTE": "title"})
    found = {line.name: line for line in content_lines(octets)}
    assert text_value(found["TITLE"]) == text_value(found["NOTE"]) == awkward
    assert unescape_text(split_structured(found["ORG"].text)[0]) == awkward


def test_control_characters_are_left_out() -> None:
    assert "TITLE:ab\tc" in _lines(_card(_entry(cn="Ann", title="a\0b\tc\x1b\x7f")))


def test_lists_dates_and_texts_of_ones_own() -> None:
    entry = _entry(
        cn="Ann", nick=["Annie", "A,B"], birth="19800229000000Z", wedding="2005-06-07",
        odd="spring", o="Ignored",
    )  # fmt: skip
    more = {"NICKNAME": "nick", "BDAY": "birth", "ANNIVERSARY": "wedding", "ORG": "'A; B Ltd';ou"}
    lines = _lines(_card(entry, more=more))
    assert {"NICKNAME:A\\,B,Annie", "BDAY:19800229", "ANNIVERSARY:20050607"} <= set(lines)
    assert "ORG:A\\; B Ltd" in lines
    lines = _lines(_card(entry, more={"BDAY": "odd", "X-ROOM;PREF=1": "odd"}))
    assert {"BDAY;VALUE=text:spring", "X-ROOM;PREF=1:spring"} <= set(lines)


def test_values_that_are_none_leave_no_property() -> None:
    lines = _lines(_card(_entry(cn="Ann", mail="  ", telephoneNumber=[], jpegPhoto=b"no picture")))
    assert lines == ["BEGIN:VCARD", "VERSION:4.0", f"UID:{ID}", "FN:Ann", "END:VCARD", ""]


def test_an_address_cannot_break_out_of_its_line() -> None:
    lines = _lines(_card(_entry(cn="Ann", labeledURI="https://example.org/ä\\b\nX-EVIL:1 label")))
    assert "URL:https://example.org/%C3%A4%5Cb" in lines
    assert not [line for line in lines if line.startswith("X-EVIL")]


def test_a_name_is_found_in_several_places() -> None:
    lines = parse_card_mapping(PRESETS[DirectoryPreset.OPENLDAP]["card"])
    assert entry_name(_entry(displayName="  Ann \n Example", cn="ann"), lines) == "Ann Example"
    assert entry_name(_entry(displayName="", cn="ann"), lines) == "ann"
    assert entry_name(_entry(sn="Example", givenName="Ann"), lines) == "Ann Example"
    with pytest.raises(BadEntry, match="no name"):
        entry_name(_entry(mail="ann@example.org"), lines)


def test_text_that_is_no_utf_8_is_refused() -> None:
    with pytest.raises(BadEntry, match="attribute title is not UTF-8"):
        _card(_entry(cn="Ann", title=b"\xff\xfe"))


def test_a_uid_is_the_id_of_the_entry() -> None:
    assert card_uid(ID) == ID
    assert card_uid(ID.upper()) == ID
    other = card_uid("employee 5")
    assert UUID(other).version == 5
    assert other == card_uid("employee 5") != card_uid("employee 6")


def test_a_manager_who_has_no_card_is_named_all_the_same() -> None:
    mapping = parse_card_mapping([("FN", "cn"), ("RELATED;TYPE=manager", "manager")])
    entry = _entry(cn="Ann", manager=["uid=boss,dc=example", "uid=another,dc=example"])
    assert related_dn(entry, mapping) == "uid=another,dc=example"
    assert related_dn(_entry(cn="Ann"), mapping) is None
    octets = person_card(entry, ID, mapping, lambda dn: Relation(dn[4:11], None))
    assert "RELATED;TYPE=manager;VALUE=text:another" in _lines(octets)


def test_a_contact_group() -> None:
    octets = group_card(ID, "Sales, EMEA", [BOSS_UID, ID, BOSS_UID])
    assert inspect_card(octets).kind == "group"
    assert _lines(octets)[2:-2] == [
        f"UID:{ID}",
        "FN:Sales\\, EMEA",
        "KIND:group",
        f"MEMBER:urn:uuid:{ID}",
        f"MEMBER:urn:uuid:{BOSS_UID}",
    ]
    apple = _lines(to_version(octets, "3.0"))
    assert "X-ADDRESSBOOKSERVER-KIND:group" in apple
    assert f"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:{BOSS_UID}" in apple
