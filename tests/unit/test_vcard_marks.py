"""Cards brought together with newer ones of their source."""

import pytest

from sharedbooks.vcard.convert import to_version
from sharedbooks.vcard.marks import card_marks, merge_source
from tests.support.factories import vcard


def card(*lines: str, version: str = "3.0") -> bytes:
    return vcard("u", "Ann", *lines, version=version)


def merged(stored: bytes, news: bytes, before: bytes | None = None) -> list[str]:
    marks = card_marks(before) if before is not None else None
    octets = merge_source(stored, news, marks).octets
    return octets.decode().split("\r\n")[4:-2]


def test_marks_do_not_depend_on_how_a_program_writes() -> None:
    one = card("TEL;TYPE=work,voice:1", "BDAY:1980-01-31", "item1.URL:x", "item1.X-ABLabel:Y")
    two = card("item7.X-ABLabel:Y", "item7.URL:x", "BDAY:19800131", "TEL;WORK:1")
    assert card_marks(one) == card_marks(two) == card_marks(to_version(one, "4.0"))
    assert card_marks(one) != card_marks(card("TEL;TYPE=home:1", "BDAY:1980-01-31"))


def test_a_changed_value_takes_the_place_of_the_old_one() -> None:
    before = card("TEL:1", "TITLE:a", "EMAIL:e@x")
    stored = card("TEL:1", "TITLE:a", "EMAIL:e@x", "NOTE:mine")
    news = card("TEL:2", "TITLE:b", "EMAIL:e@x")
    assert merged(stored, news, before) == ["TEL:2", "TITLE:b", "EMAIL:e@x", "NOTE:mine"]


def test_what_a_member_changed_or_removed_stays_so() -> None:
    before = card("TEL:1", "TITLE:a", "EMAIL:e@x")
    stored = card("TITLE:mine", "EMAIL:e@x")
    outcome = merge_source(stored, card("TEL:1", "TITLE:b", "EMAIL:e@x"), card_marks(before))
    assert outcome.octets == stored
    assert outcome.kept == ("TITLE",)
    assert merged(stored, card("TEL:2", "TITLE:a"), before) == ["TITLE:mine", "TEL:2"]


def test_without_a_past_the_source_only_adds() -> None:
    stored = card("TEL;TYPE=home:+49 (30) 12345678", "EMAIL:A@x", "ADR:;;Weg 1;Ulm;;;")
    news = card("TEL;TYPE=cell:030 12345678", "TEL:9", "EMAIL:a@X", "ADR:;;weg  1;ULM;;;", "NOTE:n")
    assert merged(stored, news)[3:] == ["TEL:9", "NOTE:n"]


@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_lists_are_merged_by_element(version: str) -> None:
    before = card("CATEGORIES:a,b", version=version)
    stored = card("CATEGORIES:b,mine,a", version=version)
    news = card("CATEGORIES:b,c\\,d", version=version)
    assert merged(stored, news, before) == ["CATEGORIES:b,mine,c\\,d"]
    assert merged(card(version=version), news) == ["CATEGORIES:b,c\\,d"]
    assert merged(stored, card(version=version), card("CATEGORIES:a,b,mine")) == []


def test_groups_of_the_source_get_free_names() -> None:
    stored = card("item1.TEL:1", "item1.X-ABLabel:Boat")
    news = card("item1.URL:x", "item1.X-ABLabel:Shop", "item2.X-ABDATE:2000-01-01")
    assert merged(stored, news)[2:] == [
        "item2.URL:x",
        "item2.X-ABLabel:Shop",
        "item3.X-ABDATE:2000-01-01",
    ]
    assert merged(stored, card("TEL:2"), stored) == ["TEL:2"]


def test_a_card_of_3_gets_news_in_4() -> None:
    stored = card("BDAY:1980-01-31", "TEL;TYPE=pref:1")
    news = card("TEL;PREF=1:1", "LANG:de", version="4.0")
    assert merged(stored, news) == ["BDAY:19800131", "TEL;PREF=1:1", "LANG:de"]
    assert merge_source(stored, card("TEL;PREF=1:1", version="4.0"), None).octets == to_version(
        stored, "4.0"
    )
