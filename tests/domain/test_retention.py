import pytest
from sqlalchemy import func, select, update

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import (
    address_books,
    card_properties,
    card_versions,
    cards,
    login_failures,
    removed_names,
)
from sharedbooks.db.upkeep import tidy_up
from sharedbooks.domain import books, retention, trash
from sharedbooks.domain.book_restore import plan_restore
from sharedbooks.domain.bringing_back import restore_version
from sharedbooks.domain.history import Actor
from sharedbooks.domain.retention import (
    Purged,
    Retention,
    purge,
    set_trash_kept,
    set_versions_kept,
)
from sharedbooks.domain.throttle import Throttle
from sharedbooks.errors import Conflict, NotFound
from sharedbooks.identifiers import BookReference
from tests.support.contents import search_texts
from tests.support.factories import Device, make_book, vcard

ADMINISTRATOR = Actor(None, "root", "", "sharedbooks")
DAY = 86400
FOR_EVER = 0


def _age(device: Device, days: int) -> None:
    """Let everything that is there have happened so many days earlier."""
    with device.database.write() as connection:
        for column in (card_versions.c.at, address_books.c.deleted_at):
            values = {column.name: column - days * DAY * 1_000_000}
            connection.execute(update(column.table).values(values))


def _purge(device: Device, versions: int = FOR_EVER, trash_kept: int = 365) -> Purged:
    return purge(device.database, Retention(versions * DAY, trash_kept * DAY))


def _story(device: Device) -> None:
    """Two years ago: cards made, changed and deleted; now: one changed and one deleted."""
    for number in range(3):
        device.put("ann.vcf", vcard("ann", f"Ann {number}"))
    device.put("bob.vcf", vcard("bob"))
    device.put("bob.vcf", vcard("bob", "Bob 2"))
    device.delete("bob.vcf")
    device.put("carl.vcf", vcard("carl"))
    _age(device, 730)
    device.put("ann.vcf", vcard("ann", "Ann now"))
    device.delete("carl.vcf")


def test_by_default_versions_stay_and_old_trash_goes(device: Device) -> None:
    _story(device)
    token = device.token()
    assert _purge(device) == Purged(versions=0, cards=1, books=0)
    assert [version.revision for version in device.history()] == [1, 2, 3, 7, 8, 9]
    with device.database.read() as connection:
        found = trash.iterate_deleted_cards(connection, device.access().book_id)
        assert [card.card_uid for card in found] == ["carl"]
    assert device.changes(token).removed == []
    assert _purge(device) == Purged()


def test_old_versions_go_where_the_book_says_so(device: Device) -> None:
    _story(device)
    book_id = device.access().book_id
    other = Device(device.database, device.user, device.book)
    with device.database.write() as connection:
        set_versions_kept(connection, book_id, 30 * DAY)
        set_trash_kept(connection, book_id, FOR_EVER)
    assert _purge(other) == Purged(versions=6, cards=0, books=0)
    # What is younger stays, and so does the card in the trash.
    assert [version.revision for version in device.history()] == [6, 8, 9]
    with device.database.write() as connection:
        assert trash.restore_cards(connection, book_id, ADMINISTRATOR, ["bob", "carl"])
    assert device.get("bob.vcf").content == vcard("bob", "Bob 2")


def test_nothing_is_restored_to_what_history_lost(device: Device) -> None:
    _story(device)
    book_id = device.access().book_id
    _purge(device)
    with device.database.write() as connection:
        with pytest.raises(Conflict, match="back to revision 6 only"):
            list(plan_restore(connection, book_id, 5))
        # Of a card that lives, every version is there.
        assert restore_version(connection, book_id, "ann", 1, ADMINISTRATOR)[1]
        planned = {change.resource_name for change in plan_restore(connection, book_id, 7)}
        assert planned == {"ann.vcf", "carl.vcf"}
    _purge(device, versions=30)
    with device.database.write() as connection:
        with pytest.raises(Conflict, match="back to revision 7 only"):
            restore_version(connection, book_id, "ann", 2, ADMINISTRATOR)
        restore_version(connection, book_id, "ann", 8, ADMINISTRATOR)
    assert device.get("ann.vcf").content == vcard("ann", "Ann now")


def test_no_sync_token_ends(device: Device) -> None:
    tokens = [device.token()]
    for number in range(10):
        device.put(f"{number}.vcf", vcard(str(number)))
        tokens.append(device.token())
    for number in range(5):
        device.delete(f"{number}.vcf")
        tokens.append(device.token())
    told = [device.changes(token) for token in tokens]
    _age(device, 730)
    purged = _purge(device, versions=30)
    assert purged.cards == 5
    assert purged.versions == 10
    assert [device.changes(token) for token in tokens] == told


def test_deleted_books_go_after_their_time(device: Device) -> None:
    _story(device)
    book_id = device.access().book_id
    stays = make_book(device.database, "stays")
    with device.database.write() as connection:
        books.delete_book(connection, book_id)
    assert _purge(device) == Purged()
    _age(device, 364)
    assert _purge(device) == Purged()
    _age(device, 2)
    assert _purge(device) == Purged(books=1)
    with device.database.read() as connection:
        assert trash.list_deleted_books(connection) == []
        ids = connection.execute(select(address_books.c.id)).scalars().all()
        assert ids == [stays.id]
        for table in (cards, card_properties, card_versions, removed_names):
            assert connection.execute(select(func.count()).select_from(table)).scalar() == 0
    assert search_texts(device.database) == []


def test_a_book_that_is_being_purged_does_not_come_back(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off in the middle, the rest goes the next time."""
    monkeypatch.setattr(retention, "_ROWS", 2)
    for number in range(5):
        device.put(f"{number}.vcf", vcard(str(number)))
    book_id = device.access().book_id
    with device.database.write() as connection:
        books.delete_book(connection, book_id)
    _age(device, 400)

    def cut_off(_rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        purge(device.database, Retention(0, 365 * DAY), cut_off)
    with device.database.write() as connection:
        assert trash.list_deleted_books(connection) == []
        with pytest.raises(NotFound):
            trash.restore_book(connection, book_id, BookReference(None, "sales"))
    # For ever, from now on, comes too late.
    assert purge(device.database, Retention(0, FOR_EVER)) == Purged(books=1)


def test_in_small_transactions(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_ROWS", 3)
    for number in range(10):
        device.put("ann.vcf", vcard("ann", f"Ann {number}"))
        device.put(f"{number}.vcf", vcard(str(number)))
        device.delete(f"{number}.vcf")
    _age(device, 400)
    opened = []
    write = device.database.run_write

    def counted(work, **how):  # type: ignore[no-untyped-def]
        opened.append(work)
        return write(work, **how)

    monkeypatch.setattr(device.database, "run_write", counted)
    assert _purge(device, versions=30) == Purged(versions=20, cards=10)
    assert len(opened) > 10
    assert device.history() == []
    device.put("ann.vcf", vcard("ann", "Ann again"))
    assert [version.revision for version in device.history()] == [31]


def test_failed_logins_that_have_passed(database: Database) -> None:
    throttle = Throttle(5, 1000)
    with database.write() as connection:
        throttle.count_failure(connection, "192.0.2.7", "alice")
        assert throttle.forget_passed(connection) == 0
        earlier = login_failures.c.window_started_at - 2_000_000_000
        connection.execute(update(login_failures).values(window_started_at=earlier))
        assert throttle.forget_passed(connection) == 2


def test_statistics_are_refreshed(database: Database) -> None:
    database.run_write(tidy_up)
