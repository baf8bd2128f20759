"""One card of several: nothing is lost, and nothing changes that need not."""

import pytest

from benchmarks.labelled_cards import make_labelled
from sharedbooks.errors import UnsupportedCard
from sharedbooks.matching.members import refer_to
from sharedbooks.matching.union import unite
from sharedbooks.vcard.card import inspect_card
from sharedbooks.vcard.contentlines import content_lines


def card(*lines: str, version: str = "3.0", uid: str = "kept") -> bytes:
    content = ["BEGIN:VCARD", f"VERSION:{version}", f"UID:{uid}", *lines, "END:VCARD", ""]
    return "\r\n".join(content).encode()


def united(kept: list[str], *others: list[str], version: str = "3.0") -> list[str]:
    """Return the lines of the union besides its frame, VERSION and UID."""
    cards = [card(*lines, version=version, uid=f"other{n}") for n, lines in enumerate(others)]
    octets = unite(card(*kept, version=version), cards, "CH")
    assert inspect_card(octets).card_uid == "kept"
    return octets.decode().split("\r\n")[3:-2]


def test_the_same_card_changes_nothing() -> None:
    kept = card("FN:Ann", "item1.TEL;TYPE=CELL:079 1112233", "item1.X-ABLabel:mine", "X-A;B=c:d")
    assert unite(kept, [kept, kept], "CH") == kept


def test_lines_that_need_no_change_keep_their_octets() -> None:
    lines = ["FN:Ann", "note;x=y:a\r\n b", "tel;type=cell:079 111 22 33", "X-Odd:  kept "]
    kept = card(*lines)
    result = unite(kept, [card("FN:Ann", "EMAIL:a@x", uid="o")])
    assert result == kept.replace(b"END:", b"EMAIL:a@x\r\nEND:")


def test_values_are_united_and_the_same_one_is_there_once() -> None:
    assert united(
        ["FN:Ann", "TEL;TYPE=CELL:079 111 22 33", "EMAIL:ann@x.org", "CATEGORIES:a,b"],
        ["FN:Ann", "TEL;TYPE=CELL:+41791112233", "EMAIL:ANN@x.org", "EMAIL:b@x", "CATEGORIES:B,c"],
        ["FN:ann", "TEL;TYPE=HOME:+41441112233", "CATEGORIES:d"],
    ) == [
        "FN:Ann",
        "TEL;TYPE=CELL:079 111 22 33",
        "EMAIL:ann@x.org",
        "CATEGORIES:a,b,c,d",
        "EMAIL:b@x",
        "TEL;TYPE=HOME:+41441112233",
    ]


def test_types_and_labels_of_the_same_value_come_together() -> None:
    assert united(
        ["FN:A", "TEL;TYPE=CELL:0791112233", "URL:https://a"],
        ["FN:A", "TEL;TYPE=WORK:+41791112233", "item1.URL:https://a", "item1.X-ABLabel:blog"],
    ) == [
        "FN:A",
        "TEL;TYPE=CELL;TYPE=WORK:0791112233",
        "item1.URL:https://a",
        "item1.X-ABLabel:blog",
    ]


def test_two_labels_of_one_value_both_stay_in_groups_of_their_own() -> None:
    assert united(
        ["FN:A", "item1.URL:https://a", "item1.X-ABLabel:site"],
        ["FN:A", "item1.URL:https://a", "item1.X-ABLabel:blog"],
    ) == [
        "FN:A",
        "item1.URL:https://a",
        "item1.X-ABLabel:site",
        "item2.URL:https://a",
        "item2.X-ABLabel:blog",
    ]


def test_what_is_preferred_stays_so() -> None:
    assert united(["FN:A", "EMAIL;TYPE=pref:a@x"], ["FN:A", "EMAIL;TYPE=HOME;TYPE=pref:b@x"]) == [
        "FN:A",
        "EMAIL;TYPE=pref:a@x",
        "EMAIL;TYPE=HOME:b@x",
    ]


@pytest.mark.parametrize(
    ("kept", "other", "stands", "note"),
    [
        ("BDAY:1970-02-03", "BDAY:1971-02-03", "BDAY:1970-02-03", "Birthday also: 1971-02-03"),
        ("BDAY:1604-02-03", "BDAY:1970-02-03", "BDAY:1970-02-03", ""),
        ("BDAY:1970-02-03", "BDAY:1604-02-03", "BDAY:1970-02-03", ""),
        ("BDAY:19700203", "BDAY:1970-02-03", "BDAY:19700203", ""),
        ("FN:J. Smith", "FN:John Smith", "FN:John Smith", ""),
        ("FN:JOHN SMITH", "FN:John Smith", "FN:John Smith", ""),
        ("FN:Zoe Muller", "FN:Zoë Müller", "FN:Zoë Müller", ""),
        ("FN:Bob Smith", "FN:Robert Smith", "FN:Bob Smith", "Name also: Robert Smith"),
        ("FN:Igor", "FN:Игорь", "FN:Igor", "Name also: Игорь"),
        ("FN:😀", "FN:🙃", "FN:😀", "Name also: 🙃"),
        ("ORG:Acme", "ORG:Acme;Sales", "ORG:Acme;Sales", ""),
        ("ORG:Acme", "ORG:Beta\\, Inc", "ORG:Acme", "Organisation also: Beta Inc"),
        ("TITLE:Boss", "TITLE:Clerk", "TITLE:Boss", "Title also: Clerk"),
        ("NOTE:one", "NOTE:two", "NOTE:one\\ntwo", None),
        ("NOTE:one\\ntwo", "NOTE:two", "NOTE:one\\ntwo", None),
    ],
)
def test_where_there_is_room_for_one(kept: str, other: str, stands: str, note: str | None) -> None:
    lines = united([kept], [other])
    assert lines[0] == stands
    assert lines[1:] == ([f"NOTE:{note}"] if note else [])


def test_names_are_told_once() -> None:
    assert united(["N:Smith;Bob;;;", "FN:Bob Smith"], ["N:Smith;Robert;;;", "FN:Robert Smith"]) == [
        "N:Smith;Bob;;;",
        "FN:Bob Smith",
        "NOTE:Name also: Robert Smith",
    ]


def test_four_wins_since_three_cannot_say_it_all() -> None:
    kept = card("FN:Ann", "TEL;TYPE=CELL:+41791112233", "item1.X-ABDATE:20200101", version="3.0")
    other = card("FN:Ann", "LANG:fr", "GENDER:F", version="4.0", uid="o")
    for result in (unite(kept, [other]), unite(other, [kept])):
        assert inspect_card(result).version == "4.0"
        assert b"LANG:fr" in result
        assert b"+41791112233" in result
        assert b"20200101" in result
    same = unite(kept, [card("FN:Ann", "X-B:1", uid="o")])
    assert inspect_card(same).version == "3.0"


def test_no_value_of_any_card_is_lost() -> None:
    cards = [
        card(
            *(f"{name}:{name.lower()} of {number}" for name in NAMES),
            f"N:Family{number};Given{number};Middle;Dr.;Jr.",
            f"ADR:;;Street {number};Town;;100{number};CH",
            f"BDAY:197{number}-01-01",
            uid=str(number),
        )
        for number in range(3)
    ]
    result = unite(cards[0], cards[1:])
    text = " ".join(line.text for line in content_lines(result)).replace("\\n", " ")
    for number in range(3):
        for name in NAMES:
            assert f"{name.lower()} of {number}" in text
        for value in (f"Family{number}", f"Given{number}", f"Street {number}", f"197{number}"):
            assert value in text


NAMES = ("FN", "ORG", "TITLE", "ROLE", "NOTE", "URL", "EMAIL", "NICKNAME", "X-HOBBY", "PHOTO")


def test_vcard_21_is_refused() -> None:
    with pytest.raises(UnsupportedCard):
        unite(card("FN:A"), [card("FN:B", version="2.1")])


def test_references() -> None:
    group = card(
        "KIND:group",
        "MEMBER:urn:uuid:A1",
        "MEMBER:urn:uuid:b2",
        "MEMBER:mailto:x@y",
        "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:a1",
        "NOTE:a1",
        version="4.0",
    )
    renamed = refer_to(group, {"a1"}, "c3").decode()
    assert "MEMBER:urn:uuid:c3\r\nMEMBER:urn:uuid:b2\r\nMEMBER:mailto:x@y\r\n" in renamed
    assert "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:c3\r\nNOTE:a1\r\n" in renamed
    once = refer_to(group, {"a1"}, "urn:uuid:b2").decode()
    assert once.count("\r\nMEMBER:urn:uuid:b2") == 1
    assert b"A1" not in refer_to(group, {"a1"}, None)
    assert refer_to(group, {"z"}, "c3") == group


def test_uniting_again_changes_nothing() -> None:
    labelled = make_labelled(5, 150)
    cards = [
        octets.replace(b"FN:", b"UID:%d\r\nFN:" % number, 1)
        for number, octets in enumerate(labelled.cards)
    ]
    assert len(labelled.pairs) > 30
    for left, right in labelled.pairs:
        once = unite(cards[left], [cards[right]], "CH")
        assert unite(once, [cards[right], cards[left]], "CH") == once
        assert inspect_card(once).card_uid == str(left)
