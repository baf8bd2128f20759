"""Attributes of which a server gives so many values at a time."""

from sharedbooks.directory.entries import Entry
from sharedbooks.directory.ranges import complete, is_partial

PARTS = {
    "member;range=2-*": ("member;range=2-3", (b"c", b"d")),
    "member;range=4-*": ("member;range=4-*", (b"e",)),
}


def _entry(**attributes: tuple[bytes, ...]) -> Entry:
    return Entry("cn=team", attributes)


def test_parts_are_asked_for_until_the_last() -> None:
    first = _entry(**{"member;range=0-1": (b"a", b"b"), "cn": (b"Team",)})
    assert is_partial(first)
    asked: list[str] = []

    def ask(attribute: str) -> Entry:
        asked.append(attribute)
        name, values = PARTS[attribute]
        return _entry(**{name: values})

    whole = complete(first, ask)
    assert whole is not None
    assert whole.attributes == {"cn": (b"Team",), "member": (b"a", b"b", b"c", b"d", b"e")}
    assert asked == list(PARTS)


def test_what_is_whole_is_left_as_it_is() -> None:
    assert not is_partial(_entry(member=(b"a",), cn=(b"Team",)))


def test_a_part_that_does_not_come_is_no_end() -> None:
    first = _entry(**{"member;range=0-1": (b"a", b"b")})
    assert complete(first, lambda _: None) is None
    assert complete(first, lambda _: _entry(cn=(b"Team",))) is None
