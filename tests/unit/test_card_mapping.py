import pytest

from sharedbooks.config.card_mapping import (
    CardLine,
    Source,
    merge_card_mappings,
    parse_card_mapping,
    split_written_pair,
)
from sharedbooks.config.values import BadValueError


def _one(written: str, value: str) -> CardLine:
    [line] = parse_card_mapping([(written, value)])
    return line


def test_a_property_with_parameters() -> None:
    line = _one("tel;type=Work,fax;pref=1", "facsimileTelephoneNumber")
    assert line.name == "TEL"
    assert line.params == (("PREF", ("1",)), ("TYPE", ("fax", "work")))
    assert line.components == ((Source("facsimiletelephonenumber"),),)
    assert line.attributes == {"facsimiletelephonenumber"}


def test_alternatives_texts_and_components() -> None:
    line = _one("ORG", " 'Smith; Sons | Co' ; department | ou | 'None' ")
    assert line.components == (
        (Source(text="Smith; Sons | Co"),),
        (Source("department"), Source("ou"), Source(text="None")),
    )
    assert line.attributes == {"department", "ou"}
    assert _one("ADR", ";;street;l;;;co|c").components[5:] == ((), (Source("co"), Source("c")))
    assert _one("N", "sn;givenName;").components[2] == ()


def test_an_extension_and_an_attribute_by_number() -> None:
    assert _one("X-Room", "2.5.4.3").components == ((Source("2.5.4.3"),),)


@pytest.mark.parametrize(
    ("written", "value", "reason"),
    [
        ("FON", "telephoneNumber", 'did you mean "FN"'),
        ("UID", "uid", "no vCard property to map to"),
        ("TEL;TYPE=", "mobile", "TYPE=work or the like"),
        ("TEL;TYPE=a b", "mobile", "TYPE=work or the like"),
        ("TEL;SORT=1", "mobile", "there are TYPE=… and PREF=1 to PREF=100"),
        ("TEL;PREF=0", "mobile", "there are TYPE=… and PREF=1 to PREF=100"),
        ("TEL;work", "mobile", 'the parameter "work"'),
        ("TEL", "mobile;pager", 'one component, without ";"'),
        ("N", "a;b;c;d;e;f", "5 components"),
        ("ADR", ";;;", "names no attribute"),
        ("FN", "display name", '"display name", which is no attribute'),
        ("FN", "cn|", '"", which is no attribute'),
        ("FN", "|cn", '"", which is no attribute'),
        ("FN", "cn||sn", '"", which is no attribute'),
        ("FN", "cn(x", '"cn(x", which is no attribute'),
        ("ORG", "'Example", "quote is not closed"),
        ("ORG", "'A'b", "which is no attribute"),
        ("ORG", "''", "which is no attribute"),
    ],
)
def test_what_is_wrong_is_told(written: str, value: str, reason: str) -> None:
    with pytest.raises(BadValueError) as caught:
        parse_card_mapping([(written, value)])
    assert reason in str(caught.value)


def test_what_a_card_has_once_is_mapped_once() -> None:
    with pytest.raises(BadValueError, match="maps RELATED more than once"):
        parse_card_mapping([("RELATED;TYPE=manager", "manager"), ("RELATED", "secretary")])


def test_later_mappings_override_and_leave_out() -> None:
    merged = merge_card_mappings(
        [("FN", "cn"), ("TEL;TYPE=work,voice", "telephoneNumber"), ("TEL;TYPE=cell", "mobile")],
        [("tel;TYPE=WORK", "ipPhone"), ("TEL;TYPE=cell", ""), ("NOTE", "description")],
        [("FN;TYPE=work", "displayName")],
    )
    assert merged == (
        ("FN;TYPE=work", "displayName"),
        ("tel;TYPE=WORK", "ipPhone"),
        ("NOTE", "description"),
    )
    with pytest.raises(BadValueError):
        merge_card_mappings([("FN", "cn")], [("FON", "cn")])


@pytest.mark.parametrize(
    ("text", "halves"),
    [
        ("TEL;TYPE=work=telephoneNumber", ("TEL;TYPE=work", "telephoneNumber")),
        ("FN=displayName|cn", ("FN", "displayName|cn")),
        ("ORG='A=B; C';ou", ("ORG", "'A=B; C';ou")),
        ("N=sn;givenName", ("N", "sn;givenName")),
        ("PHOTO=", ("PHOTO", "")),
    ],
)
def test_a_pair_on_the_command_line(text: str, halves: tuple[str, str]) -> None:
    assert split_written_pair(text) == halves


def test_a_text_that_is_no_pair() -> None:
    with pytest.raises(BadValueError, match="PROPERTY=ATTRIBUTE"):
        split_written_pair("telephoneNumber")
