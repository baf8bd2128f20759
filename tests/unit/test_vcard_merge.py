import base64
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharedbooks.errors import InvalidCard, UnsupportedCard
from sharedbooks.vcard.contentlines import content_lines, escape_text, fold, unfold
from sharedbooks.vcard.convert import to_version
from sharedbooks.vcard.merge import merge_edit


def card(version: str, *lines: str) -> bytes:
    body = [fold(line.encode()) for line in lines]
    return b"\r\n".join([b"BEGIN:VCARD", f"VERSION:{version}".encode(), *body, b"END:VCARD", b""])


def lines_of(octets: bytes) -> list[str]:
    lines = [unfold(line.octets).decode().rstrip("\r\n") for line in content_lines(octets)]
    assert lines[0] == "BEGIN:VCARD"
    assert lines[-1] == "END:VCARD"
    return lines[2:-1]


# The card of RFC 6350, section 8, with some of what later RFCs added.
AUTHOR = [
    "UID:urn:uuid:4fbe8971-0bc3-424c-9c26-36c3e1eff6b1",
    "FN;PID=1.1:Dr. Simon Perreault, ing.",
    'N;SORT-AS="Perreault,Simon":Perreault;Simon;;;ing. jr,M.Sc.',
    "BDAY:--0203",
    "ANNIVERSARY:20090808",
    "GENDER:M",
    "LANG;PREF=1:fr",
    "LANG;PREF=2:en",
    "ORG;TYPE=work:Viagenie",
    'ADR;TYPE=work;LABEL="Suite D2-630\\n2875 Laurier":;Suite D2-630;2875 Laurier;Quebec;QC;G1V;CA',
    'TEL;VALUE=uri;TYPE="work,voice";PREF=1;PID=3.1:tel:+1-418-656-9254;ext=102',
    'TEL;VALUE=uri;TYPE="work,cell,voice,video,text":tel:+1-418-262-6501',
    "EMAIL;TYPE=work;PID=4.1:simon.perreault@viagenie.ca",
    "TZ:-0500",
    "RELATED;TYPE=co-worker;VALUE=text:Jane",
    "RELATED;TYPE=spouse:urn:uuid:1",
    "URL;TYPE=home:http://nomis80.org",
    "PHOTO:data:image/jpeg;base64,/9j/AAAA",
    "CLIENTPIDMAP:1;urn:uuid:3df403f4-5924-4bb7-b077-3c711d9eb34b",
    "EXPERTISE;LEVEL=expert:vCard",
    "X-FOO;X-A=b:c",
]
STORED = card("4.0", *AUTHOR)

# The same card as iOS sends it back when nothing was changed in it.
BY_APPLE = [
    "PRODID:-//Apple Inc.//iOS 26.6.1//EN",
    "N:Perreault;Simon;;;ing. jr,M.Sc.",
    "FN:Simon Perreault ing. jr, M.Sc.",
    "ORG:Viagenie;",
    "item1.EMAIL;type=INTERNET;type=WORK;type=pref:simon.perreault@viagenie.ca",
    "TEL;type=WORK;type=CELL;type=VOICE;type=video;type=text:+1-418-262-6501",
    "item2.TEL;type=pref:+1-418-656-9254 ext. 102",
    "item2.X-ABLabel:_$!<Work>!$_",
    "item3.ADR;type=WORK;type=pref:;Suite D2-630;2875 Laurier;Quebec;QC;G1V;CA",
    "URL;type=HOME;type=pref:http\\://nomis80.org",
    "BDAY;value=date;X-APPLE-OMIT-YEAR=1604:1604-02-03",
    "item4.X-ABDATE;type=pref:2009-08-08",
    "item4.X-ABLabel:_$!<Anniversary>!$_",
    "item5.X-ABRELATEDNAMES;type=pref:Jane",
    "item5.X-ABLabel:co-worker",
    "TZ:-05:00",
    "X-FOO:c",
    "X-GENDER:Male",
    "PHOTO;ENCODING=b;TYPE=JPEG:/9j/AAAA",
    "REV:2025-01-01T10:00:00Z",
    "UID:urn:uuid:4fbe8971-0bc3-424c-9c26-36c3e1eff6b1",
]
APPLE_ADDS = ["PRODID:-//Apple Inc.//iOS 26.6.1//EN", "REV:20250101T100000Z"]


def after_edit(changes: dict[str, list[str]]) -> list[str]:
    """Lines of the merged card after Apple's edit with some lines changed."""
    sent = [new for line in BY_APPLE for new in changes.get(line, [line])]
    return lines_of(merge_edit(STORED, card("3.0", *sent, *changes.get("", []))))


def test_what_comes_back_as_it_was_shown_changes_nothing() -> None:
    assert merge_edit(STORED, to_version(STORED, "3.0")) == STORED


def test_what_apple_rewrites_unasked_changes_nothing() -> None:
    merged = merge_edit(STORED, card("3.0", *BY_APPLE))
    assert merged == card("4.0", *AUTHOR, *APPLE_ADDS)


@pytest.mark.parametrize(
    ("old", "new", "replaced"),
    [
        pytest.param(
            "item1.EMAIL;type=INTERNET;type=WORK;type=pref:simon.perreault@viagenie.ca",
            ["item1.EMAIL;type=INTERNET;type=WORK;type=pref:simon@viagenie.ca"],
            {12: ["EMAIL;TYPE=INTERNET;TYPE=WORK;PID=4.1:simon@viagenie.ca"]},
            id="a new address keeps its PID",
        ),
        pytest.param(
            "TEL;type=WORK;type=CELL;type=VOICE;type=video;type=text:+1-418-262-6501",
            ["TEL;type=HOME;type=CELL;type=VOICE:+1-418-262-6501"],
            {11: ["TEL;VALUE=uri;TYPE=HOME,CELL,VOICE:tel:+1-418-262-6501"]},
            id="another TYPE keeps the form of the value",
        ),
        pytest.param(
            "item2.TEL;type=pref:+1-418-656-9254 ext. 102",
            ["item2.TEL:+1-418-656-9254 ext. 102"],
            {10: ['TEL;VALUE=uri;TYPE="work,voice";PID=3.1:tel:+1-418-656-9254;ext=102']},
            id="no longer preferred",
        ),
        pytest.param(
            "item2.X-ABLabel:_$!<Work>!$_",
            ["item2.X-ABLabel:Boat"],
            {
                10: [
                    "item2.TEL;VALUE=uri;PREF=1;PID=3.1:tel:+1-418-656-9254;ext=102",
                    "item2.X-ABLabel:Boat",
                ]
            },
            id="a label instead of TYPE",
        ),
        pytest.param(
            "item3.ADR;type=WORK;type=pref:;Suite D2-630;2875 Laurier;Quebec;QC;G1V;CA",
            ["item3.ADR;type=WORK:;;1 Road;Quebec;QC;G1V;CA", "item3.X-ABADR:ca"],
            {9: ["item3.ADR;TYPE=WORK:;;1 Road;Quebec;QC;G1V;CA", "item3.X-ABADR:ca"]},
            id="another address has not the old LABEL",
        ),
        pytest.param("URL;type=HOME;type=pref:http\\://nomis80.org", [], {16: []}, id="removed"),
        pytest.param(
            "item4.X-ABDATE;type=pref:2009-08-08",
            ["item4.X-ABDATE;type=pref:2010-08-08"],
            {4: ["ANNIVERSARY:20100808"]},
            id="another anniversary",
        ),
        pytest.param(
            "BDAY;value=date;X-APPLE-OMIT-YEAR=1604:1604-02-03",
            ["BDAY:1980-02-03"],
            {3: ["BDAY:19800203"]},
            id="a birthday with year",
        ),
        pytest.param(
            "BDAY;value=date;X-APPLE-OMIT-YEAR=1604:1604-02-03",
            ["BDAY:1604-02-03"],
            {},
            id="a birthday whose missing year a program made 1604",
        ),
        pytest.param(
            "item5.X-ABRELATEDNAMES;type=pref:Jane",
            ["item5.X-ABRELATEDNAMES;type=pref:Jane Doe"],
            {14: ["RELATED;TYPE=co-worker;VALUE=text:Jane Doe"]},
            id="another name of a relative",
        ),
        pytest.param(
            "PHOTO;ENCODING=b;TYPE=JPEG:/9j/AAAA",
            ["PHOTO;X-ABCROP-RECTANGLE=A&1;ENCODING=b;TYPE=JPEG:/9j/\r\n AAAA"],
            {17: ["PHOTO;X-ABCROP-RECTANGLE=A&1:data:image/jpeg;base64,/9j/AAAA"]},
            id="a cut-out of the same photo",
        ),
        pytest.param(
            "N:Perreault;Simon;;;ing. jr,M.Sc.",
            ["N:Perreault;Simone;;;"],
            {1: ["FN;PID=1.1:Simon Perreault ing. jr, M.Sc."], 2: ["N:Perreault;Simone;;;"]},
            id="another name, and the FN that was sent with it",
        ),
        pytest.param(
            "FN:Simon Perreault ing. jr, M.Sc.",
            ["FN:Simon"],
            {1: ["FN;PID=1.1:Simon"]},
            id="an FN that is not made of N",
        ),
    ],
)
def test_an_edit_changes_its_line_only(
    old: str, new: list[str], replaced: dict[int, list[str]]
) -> None:
    expected = [new for at, line in enumerate(AUTHOR) for new in replaced.get(at, [line])]
    assert after_edit({old: new}) == [*expected, *APPLE_ADDS]


def test_what_is_new_comes_last_in_groups_of_its_own() -> None:
    stored = card("4.0", "FN:a", "N:a;;;;", "item1.TEL:1", "item1.X-ABLabel:Boat")
    edited = card(
        *("3.0", "FN:a", "N:a;;;;", "item2.TEL:1", "item2.X-ABLabel:Boat"),
        *("item1.EMAIL:a@example.org", "item1.X-ABLabel:Club", "item3.URL:http://a"),
    )
    assert lines_of(merge_edit(stored, edited)) == [
        *("FN:a", "N:a;;;;", "item1.TEL:1", "item1.X-ABLabel:Boat"),
        *("item4.EMAIL:a@example.org", "item4.X-ABLabel:Club", "item3.URL:http://a"),
    ]


@pytest.mark.parametrize(
    ("stored", "edited", "merged"),
    [
        pytest.param(
            ["item1.TEL:1", "item1.X-ABLabel:Boat"],
            ["TEL:1"],
            ["TEL:1"],
            id="a label removed",
        ),
        pytest.param(
            ["item1.TEL:1", "item1.X-ABLabel:Boat"],
            [],
            [],
            id="a property removed with its label",
        ),
        pytest.param(
            ["work.TEL;PID=1.1:1", "work.EMAIL:a"],
            ["item1.TEL:2", "item2.EMAIL:a"],
            ["work.TEL;PID=1.1:2", "work.EMAIL:a"],
            id="a group that is no label stays",
        ),
        pytest.param(
            ["TEL;PREF=50;PID=1.1:1", "TEL;PREF=60:2"],
            ["TEL;TYPE=pref:2", "TEL:1"],
            ["TEL;PREF=50;PID=1.1:1", "TEL;PREF=1:2"],
            id="another preference",
        ),
        pytest.param(
            ["TEL;PREF=50;PID=1.1:1"],
            ["TEL:3"],
            ["TEL;PREF=50;PID=1.1:3"],
            id="a preference that 3.0 does not know",
        ),
        pytest.param(
            ["TEL;TYPE=cell;PID=1.1:1", "TEL;TYPE=cell;PID=2.1:2"],
            ["TEL;TYPE=cell:2"],
            ["TEL;TYPE=cell;PID=2.1:2"],
            id="one of two removed",
        ),
        pytest.param(
            ["TEL;TYPE=cell;PID=1.1:1", "TEL;TYPE=cell;PID=2.1:2"],
            ["TEL;TYPE=cell:3"],
            ["TEL;TYPE=cell:3"],
            id="nobody knows which of two was changed",
        ),
        pytest.param(
            ["TEL;TYPE=home;PID=1.1:1", "TEL;TYPE=cell;PID=2.1:2"],
            ["TEL;TYPE=cell:3"],
            ["TEL;TYPE=cell;PID=2.1:3"],
            id="the TYPE shows which of two was changed",
        ),
        pytest.param(
            ["TEL;TYPE=home;PID=1.1:1", "TEL;TYPE=home;PID=2.1:2"],
            ["TEL;TYPE=work:2", "TEL;TYPE=home:3"],
            ["TEL;TYPE=home;PID=1.1:3", "TEL;PID=2.1;TYPE=work:2"],
            id="the value shows which of two was changed",
        ),
        pytest.param(
            ["TITLE;PID=1.1:\u00e9"], ["TITLE:e\u0301"], ["TITLE;PID=1.1:\u00e9"], id="NFC"
        ),
        pytest.param(
            ["TEL;PREF=50:1"], ["TEL;TYPE=pref:3"], ["TEL;PREF=1:3"], id="a preference that wins"
        ),
        pytest.param(["TEL;PREF=1:1"], ["TEL:3"], ["TEL:3"], id="a preference taken away"),
        pytest.param(
            [],
            ["item1.TEL:1", "item1.EMAIL:a", "item1.X-ABLabel:x"],
            ["item1.TEL:1", "item1.X-ABLabel:x", "item1.EMAIL:a"],
            id="one label for two",
        ),
        pytest.param(
            ["item1.TEL:1"],
            ["item5.TEL:1", "item5.X-A:b"],
            ["item1.TEL:1", "item1.X-A:b"],
            id="something new in the group of something old",
        ),
        pytest.param(
            ["item1.LANG:fr", "item1.X-ABLabel:x"],
            [],
            ["item1.LANG:fr", "item1.X-ABLabel:x"],
            id="the label of a hidden one",
        ),
        pytest.param(
            ["TEL;TYPE=home:1"],
            ["item2.TEL:1", "item2.X-ABLabel:_$!<Mobile>!$_"],
            ["item2.TEL:1", "item2.X-ABLabel:_$!<Mobile>!$_"],
            id="a label that stands for another TYPE",
        ),
        pytest.param(["BDAY:1985"], ["BDAY:1985-04-01"], ["BDAY:19850401"], id="a hidden one"),
        pytest.param(["BDAY:1985"], [], ["BDAY:1985"], id="a hidden one that stays"),
        pytest.param(["KIND:individual"], ["X-ABShowAs:COMPANY"], ["KIND:org"], id="another kind"),
        pytest.param(
            ["TITLE;ALTID=1;LANGUAGE=fr:Patron", "TITLE;ALTID=1;LANGUAGE=en:Boss"],
            [],
            [],
            id="alternatives go together",
        ),
        pytest.param(
            ["TITLE;ALTID=1;LANGUAGE=fr:Patron", "TITLE;ALTID=1;LANGUAGE=en:Boss"],
            ["TITLE;LANGUAGE=fr:Chef"],
            ["TITLE;LANGUAGE=fr;ALTID=1:Chef", "TITLE;ALTID=1;LANGUAGE=en:Boss"],
            id="one alternative changed",
        ),
        pytest.param(
            ['ADR;LABEL="a^nb":;;c;;;;'], ["ADR:;;c;;;;"], ['ADR;LABEL="a^nb":;;c;;;;'], id="LABEL"
        ),
        pytest.param(
            ['ADR;LABEL="a^nb":;;c;;;;'],
            ["ADR:;;c;;;;", "LABEL:d"],
            ["ADR;LABEL=d:;;c;;;;"],
            id="another LABEL",
        ),
        pytest.param(
            ["NOTE;X-A=b;LANGUAGE=de:a\\nb"],
            ["NOTE:a\\Nb"],
            ["NOTE;X-A=b;LANGUAGE=de:a\\nb"],
            id="NOTE",
        ),
        pytest.param(["CATEGORIES:a,b"], ["CATEGORIES:a,b,c"], ["CATEGORIES:a,b,c"], id="a list"),
        pytest.param(
            ["MEMBER:urn:uuid:1", "MEMBER;PID=1.1:urn:uuid:2"],
            ["X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:2", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:3"],
            ["MEMBER:urn:uuid:3", "MEMBER;PID=1.1:urn:uuid:2"],
            id="another member",
        ),
        pytest.param(
            ["PRODID:a", "REV:20200101T000000Z"], [], [], id="who wrote it and when is the client's"
        ),
        pytest.param(
            ["X-ABLabel:a", "b.X-ABLabel:c"], ["X-ABLabel:a"], ["X-ABLabel:a"], id="orphans"
        ),
    ],
)
def test_edits(stored: list[str], edited: list[str], merged: list[str]) -> None:
    frame = ["FN:a", "N:b;;;;"]
    result = merge_edit(card("4.0", *frame, *stored), card("3.0", *frame, *edited))
    assert lines_of(result) == [*frame, *merged]


@pytest.mark.parametrize(
    ("edited", "merged"),
    [
        (["FN:Room", "N:Room;;;;"], ["FN:Room"]),
        (["FN:Hall", "N:Hall;;;;"], ["FN:Hall", "N:Hall;;;;"]),
        (["FN:Room"], ["FN:Room"]),
    ],
)
def test_an_n_that_was_made_is_not_stored(edited: list[str], merged: list[str]) -> None:
    assert lines_of(merge_edit(card("4.0", "FN:Room"), card("3.0", *edited))) == merged


def test_the_uid_stays() -> None:
    stored = card("4.0", "FN:a", "UID:urn:uuid:1", "N:a;;;;")
    assert merge_edit(stored, card("3.0", "FN:a", "N:a;;;;")) == stored


def test_apples_mark_on_another_than_the_first_counts() -> None:
    frame = ["FN:a", "N:a;;;;"]
    stored = card("4.0", *frame, "TEL:1", "TEL:2")
    product = "PRODID:-//Apple Inc.//macOS 26.5.1//EN"
    for edited, merged in [
        (["TEL;type=pref:1", "TEL:2"], ["TEL:1", "TEL:2"]),
        (["TEL;type=pref:2", "TEL:1"], ["TEL:1", "TEL;PREF=1:2"]),
    ]:
        result = lines_of(merge_edit(stored, card("3.0", product, *frame, *edited)))
        assert result == [*frame, *merged, product]


def test_apples_mark_moved_from_another_counts() -> None:
    frame = ["FN:a", "N:a;;;;", "PRODID:-//Apple Inc.//macOS 26.5.1//EN"]
    stored = card("4.0", *frame, "TEL:1", "TEL;PREF=1:2")
    merged = merge_edit(stored, card("3.0", *frame, "TEL;type=pref:1", "TEL:2"))
    assert lines_of(merged) == [*frame, "TEL;PREF=1:1", "TEL:2"]


def test_apple_makes_fn_of_a_new_n() -> None:
    product = "PRODID:-//Apple Inc.//macOS 26.5.1//EN"
    stored = card("4.0", "FN;PID=1.1:Dr. Doe", "N:Doe;Jane;;;")
    edited = card("3.0", "FN:Joan Doe", "N:Doe;Joan;;;", product)
    expected = ["FN;PID=1.1:Joan Doe", "N:Doe;Joan;;;", product]
    assert lines_of(merge_edit(stored, edited)) == expected


def test_the_mark_of_another_program_counts() -> None:
    stored = card("4.0", "FN:a", "N:a;;;;", "TEL:1")
    merged = merge_edit(stored, card("3.0", "FN:a", "N:a;;;;", "TEL;TYPE=pref:1"))
    assert lines_of(merged) == ["FN:a", "N:a;;;;", "TEL;PREF=1:1"]


@pytest.mark.parametrize(("stored", "edited"), [("3.0", "3.0"), ("3.0", "4.0"), ("4.0", "4.0")])
def test_in_every_other_case_the_edit_is_the_card(stored: str, edited: str) -> None:
    octets = card(edited, "FN:b")
    assert merge_edit(card(stored, "FN:a", "LANG:de"), octets) is octets


@pytest.mark.parametrize("edited", [b"", b"FN:a\r\n", b"BEGIN:VCARD\r\nx\r\nEND:VCARD\r\n"])
def test_what_is_no_card_is_refused(edited: bytes) -> None:
    with pytest.raises(InvalidCard):
        merge_edit(STORED, edited)


TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=20
).map(lambda text: text.strip() or "x")
VALUE = TEXT.map(escape_text)
PARAMS = st.lists(
    st.sampled_from(
        [
            *(";PREF=1", ";PREF=7", ";PID=1.1", ";ALTID=9", ";TYPE=home", ';TYPE="work,cell"'),
            *(";LANGUAGE=de", ';X-A="b;c^nd"', ";TYPE=X-Y;INDEX=1", ";PROP-ID=a"),
        ]
    ),
    max_size=3,
    unique_by=lambda param: param[:5],
).map("".join)
GROUP = st.sampled_from(["", "", "item1.", "item3.", "Work."])


def joined(*parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    strategies = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*strategies).map("".join)


LINES = st.lists(
    st.one_of(
        joined(GROUP, st.sampled_from(["TEL", "EMAIL", "URL", "X-A"]), PARAMS, ":", VALUE),
        joined(GROUP, st.sampled_from(["NOTE", "TITLE", "LANG", "HOBBY"]), PARAMS, ":", VALUE),
        joined("TEL;VALUE=uri", PARAMS, ":tel:+1-418-656-9254;ext=1"),
        joined(GROUP, "ADR;TYPE=home:;;", VALUE, ";;;;"),
        joined(GROUP, "RELATED;TYPE=spouse,friend;VALUE=text:", VALUE),
        joined("RELATED;TYPE=agent", PARAMS, ":urn:uuid:1"),
        joined("PHOTO", PARAMS, ":data:image/png;base64,AAAA"),
        joined("FN", PARAMS, ":", VALUE),
        st.sampled_from(["GEO:geo:1.5,2.5;u=10", "TZ:-0500", "XML:<a/>"]),
    ),
    max_size=10,
)


def once_key(line: str) -> str:
    head = line.partition(":")[0]
    return head if "X-ABLabel" in head else head.rpartition(".")[2].partition(";")[0]


# 4.0 allows one of each of these, or with more of them nobody could tell which is meant.
ONCE = st.lists(
    st.one_of(
        joined("BDAY", st.sampled_from([":1985", ":--0412", ":19850412", ";VALUE=text:once"])),
        joined(GROUP, "ANNIVERSARY:", st.sampled_from(["20090808", "---08"])),
        joined("GENDER:", st.sampled_from(["M", "F;x", ";y", "U"])),
        joined("KIND:", st.sampled_from(["group", "org", "individual", "thing"])),
        joined("UID:", VALUE),
        joined(GROUP, "X-ABLabel:", st.sampled_from(["_$!<Mobile>!$_", "Boat"])),
        joined(GROUP, 'ADR;TYPE=work;LABEL="a^nb":;;', VALUE, ";;;;"),
    ),
    max_size=6,
    unique_by=once_key,
)
NAMES = st.sampled_from(
    [
        ["FN:a", "N:b;;;;"],
        ["FN;PID=1.1:Jane", 'N;SORT-AS="Doe,Jane":Doe;Jane;;;;;x'],
        ["FN:b", "FN;LANGUAGE=de:c"],
        ["N:Doe;Jane;;;"],
    ]
)
CARDS = st.tuples(NAMES, ONCE, LINES).map(lambda parts: [line for part in parts for line in part])


@given(lines=CARDS)
@settings(max_examples=200, deadline=None)
def test_a_40_card_loses_nothing_by_being_shown(lines: list[str]) -> None:
    stored = card("4.0", *lines)
    assert merge_edit(stored, to_version(stored, "3.0")) == stored


def rewritten(octets: bytes, seed: int) -> bytes:
    """The card as a program sends it that reads all of it and writes it in its own way."""
    numbers = iter(range(50, 100))
    groups: dict[str, str] = {}
    lines = []
    for line in content_lines(octets):
        if line.name in {"BEGIN", "VERSION", "END"}:
            continue
        prop_group = ""
        if line.prop_group:
            known = line.prop_group.lower()
            groups.setdefault(known, f"item{next(numbers)}")
            prop_group = f"{groups[known]}."
        types = [value.upper() for value in line.param_values("TYPE")]
        if line.name in {"TEL", "EMAIL"}:
            types.append({"TEL": "VOICE", "EMAIL": "INTERNET"}[line.name])
        random.Random(seed).shuffle(types)
        params = "".join(f";type={value}" for value in types)
        if line.is_base64:
            params += ";ENCODING=b"
        if "1604" in line.param_values("X-APPLE-OMIT-YEAR"):
            params += ";VALUE=date;X-APPLE-OMIT-YEAR=1604"
        lines.append(f"{prop_group}{line.name.lower()}{params}:{line.text}")
    random.Random(seed).shuffle(lines)
    return card("3.0", *lines, "REV:2030-01-01T00:00:00Z")


@given(lines=CARDS, seed=st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_a_program_that_writes_in_its_own_way_changes_nothing(lines: list[str], seed: int) -> None:
    stored = card("4.0", *lines)
    merged = merge_edit(stored, rewritten(to_version(stored, "3.0"), seed))
    assert merged == card("4.0", *lines, "REV:20300101T000000Z")


WORDS = [
    *(b"\r\n", b":", b";", b",", b'"', b"=", b"^n", b"\\", b"\xff", b"TYPE=", b"pref", b"PREF=1"),
    *(
        b"item1.",
        b"TEL",
        b"PHOTO",
        b"ENCODING=b",
        b"BDAY",
        b"1604-01-01",
        b"ADR",
        b"LABEL",
        b"N",
        b"FN",
    ),
    *(
        b"UID",
        b"X-ABLABEL",
        b"X-ABADR",
        b"X-ABDATE",
        b"_$!<Anniversary>!$_",
        b"PRODID:-//Apple",
        b"ORG",
    ),
]
NOISE = st.lists(st.sampled_from(WORDS) | st.binary(max_size=2), max_size=40).map(b"".join)


@given(noises=st.tuples(NOISE, NOISE))
@settings(max_examples=300, deadline=None)
def test_any_octets_are_merged_or_refused(noises: tuple[bytes, bytes]) -> None:
    stored, edited = (
        f"BEGIN:VCARD\r\nVERSION:{version}\r\n".encode() + noise + b"\r\nEND:VCARD\r\n"
        for version, noise in zip(("4.0", "3.0"), noises, strict=True)
    )
    try:
        merged = merge_edit(stored, edited)
    except (InvalidCard, UnsupportedCard):
        return
    assert list(content_lines(merged))[-1].name == "END"


def test_two_megabytes_of_photo_take_no_time() -> None:
    payload = base64.b64encode(random.Random(1).randbytes(2_000_000)).decode()
    stored = card("4.0", "FN:a", "N:a;;;;", f"PHOTO:data:image/jpeg;base64,{payload}")
    edited = to_version(stored, "3.0")
    start = time.process_time()
    assert merge_edit(stored, edited) == stored
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "line",
    ["TEL;TYPE=home:%d", "item1.TEL:%d\nitem1.X-ABLabel:%d", "item%d.TEL:1\nitem%d.X-ABLabel:x"],
)
def test_hostile_cards_take_linear_time(line: str) -> None:
    lines = [part.replace("%d", str(n)) for n in range(1500) for part in line.split("\n")]
    stored = card("4.0", "FN:a", "N:a;;;;", *lines)
    for edited in (to_version(stored, "3.0"), card("3.0", "FN:a", "N:a;;;;", *reversed(lines))):
        start = time.process_time()
        merge_edit(stored, edited.replace(b"TEL", b"TEL;TYPE=work"))
        assert time.process_time() - start < 3
