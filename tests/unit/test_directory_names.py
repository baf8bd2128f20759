"""Names, filters and entries of a directory, without one."""

import pytest

from sharedbooks.directory.entries import Entry
from sharedbooks.directory.filters import all_of, any_of, equals, matches
from sharedbooks.directory.names import first_value, is_below, normalise_dn, split_dn


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CN=Sales,DC=Org", "cn=sales,dc=org"),
        ("cn = sales , dc=org", "cn=sales,dc=org"),
        (r"cn=Sales\, EMEA,dc=org", r"cn=sales\2c emea,dc=org"),
        (r"cn=J\C3\BCrgen,dc=org", "cn=jürgen,dc=org"),
        ("cn=Ju\u0308rgen,dc=org", "cn=jürgen,dc=org"),
        ("cn=STRASSE,dc=org", "cn=straße,dc=org"),
        ("cn=a  b,dc=org", "cn=a b,dc=org"),
        (r"cn=\ a\ ,dc=org", "cn=a,dc=org"),
        ("cn=a+sn=b,dc=org", "SN=b+CN=a,dc=org"),
        (r"cn=\#1 \"x\",dc=org", r"cn=\231 \22x\22,dc=org"),
        (r"cn=a\+b\=c,dc=org", r"cn=a\2Bb\3dc,dc=org"),
    ],
)
def test_spellings_of_one_name(one: str, other: str) -> None:
    assert normalise_dn(one) == normalise_dn(other)
    assert normalise_dn(normalise_dn(one)) == normalise_dn(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"cn=Sales\, EMEA,dc=org", "cn=Sales,cn=EMEA,dc=org"),
        (r"cn=a\+sn\=b,dc=org", "cn=a+sn=b,dc=org"),
        ("cn=a,dc=org", "cn=b,dc=org"),
        ("cn=a,dc=org", "cn=a"),
        (r"cn=a\5c,dc=org", "cn=a,dc=org"),
    ],
)
def test_names_of_two_entries(one: str, other: str) -> None:
    assert normalise_dn(one) != normalise_dn(other)


def test_below() -> None:
    assert is_below("cn=a, DC=Org", "dc=org")
    assert is_below("dc=org", "DC=ORG")
    assert is_below("cn=a,dc=org", "")
    assert not is_below("cn=a,xdc=org", "dc=org")
    assert not is_below(r"cn=a\,dc=org", "dc=org")


def test_parts() -> None:
    assert split_dn(r"cn=a\,b, ou=c,dc=org") == (r"cn=a\,b", "ou=c", "dc=org")
    assert split_dn("") == ()
    assert first_value(r"CN=Sales\, EMEA,DC=org") == "Sales, EMEA"
    assert first_value("") == ""


def test_filters() -> None:
    assert equals("uid", "alice@example.org") == "(uid=alice@example.org)"
    assert equals("uid", ")(uid=*") == r"(uid=\29\28uid\3d\2a)"
    assert equals("cn", "ä\0") == r"(cn=\c3\a4\00)"
    assert equals("objectGUID", b"\x01\xff") == r"(objectGUID=\01\ff)"
    assert matches("memberOf", "1.2.3", "cn=x") == r"(memberOf:1.2.3:=cn\3dx)"
    assert all_of("(a=1)", "(b=2)") == "(&(a=1)(b=2))"
    assert any_of("(a=1)", "(b=2)") == "(|(a=1)(b=2))"
    assert all_of("(a=1)") == any_of("(a=1)") == "(a=1)"


def test_entry() -> None:
    entry = Entry(
        "cn=a",
        {
            "mail": (b"a@example.org", b"b@example.org"),
            "objectguid": (bytes(range(16)),),
            "number": (b"512",),
            "photo": (b"\xff\xd8",),
            "empty": (),
        },
    )
    assert entry.text("Mail") == "a@example.org"
    assert entry.texts("mail") == ("a@example.org", "b@example.org")
    assert entry.identity("objectGUID") == "03020100-0504-0706-0809-0a0b0c0d0e0f"
    assert (entry.number("number"), entry.number("mail"), entry.number("none")) == (512, None, None)
    assert entry.octets("photo") == b"\xff\xd8"
    assert entry.text("empty") is None
    assert entry.identity("empty") is None
