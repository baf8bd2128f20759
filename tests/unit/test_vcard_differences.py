from sharedbooks.vcard.differences import PropertyChange, differences
from tests.support.factories import vcard


def test_a_value_that_changed_stands_beside_what_it_was() -> None:
    before = vcard("ann", "Ann", "TEL;TYPE=work:1", "TEL;TYPE=home:2", "NOTE:a\\nb")
    after = vcard("ann", "Anna", "TEL;TYPE=home:3", "TEL;TYPE=work:1", "NOTE:a\\nb")
    assert differences(before, after) == [
        PropertyChange("FN", "Ann", "Anna"),
        PropertyChange("TEL (home)", "2", "3"),
    ]


def test_what_came_and_what_went() -> None:
    assert differences(vcard("ann", "Ann", "TEL:1"), vcard("ann", "Ann", "EMAIL:a@x.example")) == [
        PropertyChange("TEL", "1", None),
        PropertyChange("EMAIL", None, "a@x.example"),
    ]


def test_another_type_of_the_same_property_is_a_change_of_it() -> None:
    assert differences(
        vcard("ann", "Ann", "TEL;TYPE=HOME:1"), vcard("ann", "Ann", "TEL;TYPE=WORK,VOICE:2")
    ) == [PropertyChange("TEL (work, voice)", "1", "2")]
    [change] = differences(vcard("a", "A", "TEL:1"), vcard("a", "A", "TEL;PREF=1:1"))
    assert change == PropertyChange("TEL", "1 ", "1 PREF=1")


def test_a_photo_is_shown_by_its_size() -> None:
    photo, data = "QUJD" * 1000, "data:image/png;base64,QUJD"
    before = vcard("ann", "Ann", f"PHOTO;ENCODING=b;TYPE=JPEG:{photo}")
    assert differences(before, vcard("ann", "Ann", f"PHOTO:{data}")) == [
        PropertyChange("PHOTO", "(3000 octets)", "(3 octets)")
    ]


def test_order_and_folding_are_no_changes() -> None:
    before = vcard("ann", "Ann", "NOTE:one two", "TEL:1")
    assert differences(before, vcard("ann", "Ann", "TEL:1", "NOTE:one\r\n  two")) == []


def test_of_two_equal_lines_one_can_go() -> None:
    two = vcard("ann", "Ann", "TEL:1", "TEL:1")
    assert differences(two, vcard("ann", "Ann", "TEL:1")) == [PropertyChange("TEL", "1", None)]


def test_what_programs_write_comes_last() -> None:
    changes = differences(vcard("a", "A", "REV:1", "TEL:1"), vcard("a", "A", "REV:2", "TEL:2"))
    assert [change.name for change in changes] == ["TEL", "REV"]


def test_a_card_that_was_not_there_has_no_properties() -> None:
    created = differences(None, vcard("ann", "Ann"))
    assert created == [
        PropertyChange("VERSION", None, "3.0"),
        PropertyChange("UID", None, "ann"),
        PropertyChange("FN", None, "Ann"),
    ]
    deleted = differences(vcard("ann", "Ann"), None)
    assert [(name, after, before) for name, before, after in deleted] == created
    assert differences(b"no card", None) == []


def test_a_long_value_is_cut() -> None:
    [change] = differences(vcard("a", "A"), vcard("a", "A", f"NOTE:{'x' * 5000}"))
    assert change.after == "x" * 2000 + "…"
