import pytest
from sqlalchemy import select

from sharedbooks.db.schema import removed_names
from sharedbooks.domain import books, cards
from sharedbooks.domain.book_access import get_book
from sharedbooks.domain.changes import Changes, changes_since, raise_revision
from sharedbooks.errors import InvalidSyncToken
from tests.support.factories import Device, make_own_book, vcard


def _fill(device: Device, count: int) -> None:
    for number in range(count):
        device.put(f"{number}.vcf", vcard(f"{number}"))


def _names(changes: Changes) -> tuple[set[str], set[str]]:
    return {name for name, _ in changes.changed}, set(changes.removed)


def test_empty_book(device: Device) -> None:
    first = device.changes()
    assert (first.changed, first.removed, first.truncated) == ([], [], False)
    assert first.token == device.token()
    assert device.changes(first.token) == first
    assert device.changes("", limit=1) == first


def test_empty_token_tells_all_cards_and_nothing_removed(device: Device) -> None:
    _fill(device, 3)
    device.delete("1.vcf")
    first = device.changes()
    assert dict(first.changed) == device.contents()
    assert _names(first) == ({"0.vcf", "2.vcf"}, set())


def test_only_what_happened_since_is_told(device: Device) -> None:
    _fill(device, 4)
    token = device.token()
    device.put("1.vcf", vcard("1", "edited"))
    device.delete("2.vcf")
    device.put("4.vcf", vcard("4"))
    device.put("0.vcf", vcard("0"))  # the same octets
    since = device.changes(token)
    assert _names(since) == ({"1.vcf", "4.vcf"}, {"2.vcf"})
    assert dict(since.changed).items() <= device.contents().items()
    assert [name for name, _ in since.changed] == ["1.vcf", "4.vcf"]
    assert since.token == device.token()
    assert device.changes(since.token).changed == []


def test_token_changes_exactly_when_something_changes(device: Device) -> None:
    tokens = [device.token()]
    stored = device.put("0.vcf", vcard("0"))
    tokens.append(device.token())
    device.put("0.vcf", vcard("0"))
    assert device.token() == tokens[-1]
    device.put("0.vcf", vcard("0", "2"), if_match=stored.etag)
    tokens.append(device.token())
    device.delete("0.vcf")
    tokens.append(device.token())
    assert len(set(tokens)) == len(tokens)


def test_card_that_came_back_is_changed_and_not_removed(device: Device) -> None:
    _fill(device, 1)
    token = device.token()
    device.delete("0.vcf")
    deleted = device.token()
    device.put("0.vcf", vcard("0"))
    for old in (token, deleted):
        assert _names(device.changes(old)) == ({"0.vcf"}, set())
    device.delete("0.vcf")
    for old in (token, deleted):
        assert _names(device.changes(old)) == (set(), {"0.vcf"})
    with device.database.read() as connection:
        assert len(connection.execute(select(removed_names)).all()) == 1


def test_renamed_card_is_removed_and_changed(device: Device) -> None:
    _fill(device, 2)
    token = device.token()
    device.move("0.vcf", "new.vcf")
    assert _names(device.changes(token)) == ({"new.vcf"}, {"0.vcf"})


def test_card_moved_to_another_book_is_told_in_both(device: Device) -> None:
    make_own_book(device.database, device.user, "friends")
    friends = Device(device.database, device.user, "friends")
    _fill(device, 1)
    tokens = device.token(), friends.token()
    device.move("0.vcf", "0.vcf", "friends")
    assert _names(device.changes(tokens[0])) == (set(), {"0.vcf"})
    assert _names(friends.changes(tokens[1])) == ({"0.vcf"}, set())


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
def test_pages_lose_nothing_and_end(device: Device, limit: int) -> None:
    _fill(device, 6)
    start = device.token()
    known = device.contents()
    for number in (0, 2, 4):
        device.delete(f"{number}.vcf")
    for number in (1, 3):
        device.put(f"{number}.vcf", vcard(f"{number}", "edited"))
    for number in (6, 7):
        device.put(f"{number}.vcf", vcard(f"{number}"))
    for token, seen in ((start, dict(known)), ("", {})):
        pages = 0
        while True:
            page = device.changes(token, limit)
            pages += 1
            assert len(page.changed) + len(page.removed) <= limit
            seen.update(page.changed)
            for name in page.removed:
                seen.pop(name, None)
            assert page.token != token
            token = page.token  # noqa: PLW2901 - as a client does
            if not page.truncated:
                break
            assert len(page.changed) + len(page.removed) == limit
        assert seen == device.contents()
        assert token == device.token()
        assert pages <= 8


def test_paging_while_others_write(device: Device) -> None:
    _fill(device, 4)
    first = device.changes("", 2)
    device.delete("0.vcf")
    device.put("1.vcf", vcard("1", "edited"))
    device.put("4.vcf", vcard("4"))
    rest = device.changes(first.token)
    assert _names(first) == ({"0.vcf", "1.vcf"}, set())
    assert _names(rest) == ({"1.vcf", "2.vcf", "3.vcf", "4.vcf"}, {"0.vcf"})


def test_foreign_tokens_are_refused(device: Device) -> None:
    _fill(device, 2)
    make_own_book(device.database, device.user, "friends")
    friends = Device(device.database, device.user, "friends")
    friends.put("0.vcf", vcard("0"))
    for mine, other in ((device, friends), (friends, device)):
        with pytest.raises(InvalidSyncToken, match="another address book"):
            mine.changes(other.token())


def test_token_of_a_deleted_book_is_refused_by_its_successor(device: Device) -> None:
    make_own_book(device.database, device.user, "friends")
    friends = Device(device.database, device.user, "friends")
    token = friends.token()
    with device.database.write() as connection:
        books.delete_book(connection, friends.access().book_id)
    make_own_book(device.database, device.user, "friends")
    with pytest.raises(InvalidSyncToken):
        friends.changes(token)


def test_malformed_and_future_tokens_are_refused(device: Device) -> None:
    _fill(device, 3)
    token = device.token()
    beginning, _, number = token.rpartition(":")
    assert number == "3"
    bad = [
        *("x", " ", token[:-1], f" {token}", f"{token} ", f"{token}:", f"{token}:1"),
        *(beginning + ending for ending in ("", ":", ":4", ":-1", ":x", ":3.0", ":1e0", ":+1")),
        *(beginning + ending for ending in (":\u0663", ":\u00b2", ":" + "9" * 5000, ": 1", ":1_0")),
        token.upper(),
        token.replace(":all:", ":part:"),
        token.replace("urn:", "http:"),
        "urn:sharedbooks:sync:",
        "urn:sharedbooks:sync:::",
        "\0",
        "😀",
    ]
    for wrong in bad:
        with pytest.raises(InvalidSyncToken):
            device.changes(wrong)
    for right in range(4):
        device.changes(f"{beginning}:{right}")


def test_many_changes_take_a_step_each(device: Device) -> None:
    _fill(device, 1)
    book_id = device.access().book_id
    with device.database.write() as connection:
        assert raise_revision(connection, book_id) == 2
        assert raise_revision(connection, book_id, 10) == 12
    assert device.access().revision == 12


def test_token_and_changes_are_of_one_moment(device: Device) -> None:
    """What is written while a sync reads is for the next sync, never lost between two."""
    _fill(device, 2)
    with device.database.read() as connection:
        book = get_book(connection, device.user.id, device.book)
        device.put("2.vcf", vcard("2"))
        device.delete("0.vcf")
        told = changes_since(connection, book.book_id, book.sync_key, book.revision, "")
        assert _names(told) == ({"0.vcf", "1.vcf"}, set())
        assert cards.find_card(connection, book.book_id, "2.vcf") is None
        assert cards.find_card(connection, book.book_id, "0.vcf") is not None
    assert _names(device.changes(told.token)) == ({"2.vcf"}, {"0.vcf"})
