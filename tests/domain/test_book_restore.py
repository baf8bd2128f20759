import random
import threading

import pytest
from sqlalchemy import update

from sharedbooks.db.schema import address_books
from sharedbooks.domain import book_restore, books
from sharedbooks.domain.book_restore import RestoreResult, plan_restore, restore_book_to
from sharedbooks.domain.cards import iterate_cards
from sharedbooks.domain.history import Actor
from sharedbooks.domain.privileges import Privilege
from sharedbooks.errors import Conflict, NotFound
from tests.support.factories import Device, join_book, vcard

ADMINISTRATOR = Actor(None, "root", "", "sharedbooks book restore")

State = dict[str, tuple[str, bytes]]


def _state(device: Device) -> State:
    """UID and octets of every card by resource name."""
    with device.database.read() as connection:
        found = iterate_cards(connection, device.access().book_id)
        return {card.resource_name: (card.card_uid, card.content) for card in found}


def _restore(device: Device, revision: int) -> RestoreResult:
    return restore_book_to(device.database, device.access().book_id, revision, ADMINISTRATOR)


def _plan(device: Device, revision: int) -> list[tuple[str, str]]:
    with device.database.read() as connection:
        planned = plan_restore(connection, device.access().book_id, revision)
        return [(change.kind.value, change.resource_name) for change in planned]


def _phone(device: Device, known: dict[str, str], token: str) -> dict[str, str]:
    """What a phone knows after a sync from ``token``."""
    told = device.changes(token)
    after = {name: tag for name, tag in known.items() if name not in told.removed}
    return {**after, **dict(told.changed)}


def test_everything_back_after_a_phone_deleted_all(device: Device) -> None:
    for number in range(30):
        device.put(f"{number}.vcf", vcard(str(number), f"Nr. {number}"))
    before, revision = _state(device), device.access().revision
    for number in range(30):
        device.delete(f"{number}.vcf")
    token = device.token()
    assert sorted(_plan(device, revision)) == sorted(
        ("created", f"{number}.vcf") for number in range(30)
    )
    assert _state(device) == {}
    assert _restore(device, revision) == RestoreResult(before=60, created=30)
    assert _state(device) == before
    assert _phone(device, {}, token) == device.contents()
    assert _plan(device, revision) == []


def test_created_changed_removed_and_renamed(device: Device) -> None:
    device.put("changed.vcf", vcard("changed", "Before"))
    device.put("gone.vcf", vcard("gone"))
    device.put("moved.vcf", vcard("moved"))
    device.put("same.vcf", vcard("same"))
    device.put("swapped.vcf", vcard("one"))
    then, revision, token, known = (
        _state(device), device.access().revision, device.token(), device.contents(),
    )  # fmt: skip
    device.put("changed.vcf", vcard("changed", "After"))
    device.put("changed.vcf", vcard("changed", "After all"))
    device.delete("gone.vcf")
    device.move("moved.vcf", "elsewhere.vcf")
    device.put("same.vcf", vcard("same", "Other"))
    device.put("same.vcf", vcard("same"))
    device.delete("swapped.vcf")
    device.put("swapped.vcf", vcard("two"))
    device.put("new.vcf", vcard("new"))
    now, undo, later = _state(device), device.access().revision, device.token()
    known_later = _phone(device, known, token)
    assert sorted(_plan(device, revision)) == [
        ("changed", "changed.vcf"),
        ("changed", "moved.vcf"),
        ("created", "gone.vcf"),
        ("created", "swapped.vcf"),
        ("removed", "new.vcf"),
        ("removed", "swapped.vcf"),
    ]
    assert _restore(device, revision) == RestoreResult(undo, created=2, changed=2, removed=2)
    assert _state(device) == then
    # Phones that know the state before, or in between, come to the same.
    assert _phone(device, known, token) == device.contents()
    assert _phone(device, known_later, later) == device.contents()
    # And the restore is undone by another.
    _restore(device, undo)
    assert _state(device) == now


def test_any_state_of_a_long_story_comes_back(device: Device) -> None:
    chance = random.Random(7)
    states = [_state(device)]
    for step in range(120):
        name, target = (f"{chance.randrange(12)}.vcf" for _ in range(2))
        there = states[-1]
        if name in there and chance.randrange(3) == 0:
            device.delete(name)
        elif name in there and target not in there and chance.randrange(3) == 0:
            device.move(name, target)
            # Two changes: in between the card was nowhere.
            states.append({key: card for key, card in there.items() if key != name})
        else:
            uid = there[name][0] if name in there else f"uid-{step}"
            device.put(name, vcard(uid, f"Step {step}"))
        states.append(_state(device))
    assert device.access().revision == len(states) - 1
    for revision in (60, 0, 100, 17, 120, *range(40, 50)):
        _restore(device, revision)
        assert _state(device) == states[revision]


def test_in_chunks_and_done_again_after_a_failure(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_restore, "_CHUNK_OCTETS", 400)
    for number in range(20):
        device.put(f"{number}.vcf", vcard(str(number)))
    before, revision = _state(device), device.access().revision
    for number in range(15):
        device.delete(f"{number}.vcf")
    for number in range(15, 20):
        device.put(f"{number}.vcf", vcard(str(number), "Changed"))
    steps: list[int] = []

    def advance(cards: int) -> None:
        steps.append(cards)
        if len(steps) == 3:
            raise KeyboardInterrupt

    book_id = device.access().book_id
    with pytest.raises(KeyboardInterrupt):
        restore_book_to(device.database, book_id, revision, ADMINISTRATOR, advance)
    assert 0 < len(_state(device)) < 20
    result = _restore(device, revision)
    assert _state(device) == before
    assert 0 < result.created < 15
    assert len(steps) == 3


def test_others_write_meanwhile(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they do to other cards stays, and every sync is complete."""
    monkeypatch.setattr(book_restore, "_CHUNK_OCTETS", 1000)
    [book] = device.database.run_read(books.list_books)
    other = join_book(device.database, book, "bob", Privilege.WRITE)
    for number in range(60):
        device.put(f"{number}.vcf", vcard(str(number)))
    before, revision = _state(device), device.access().revision
    for number in range(60):
        device.delete(f"{number}.vcf")
    known, token = device.contents(), device.token()
    started = threading.Event()

    def write() -> None:
        started.wait(10)
        for number in range(10):
            other.put(f"new-{number}.vcf", vcard(f"new-{number}"))

    writer = threading.Thread(target=write)
    writer.start()
    book_id = device.access().book_id
    restore_book_to(device.database, book_id, revision, ADMINISTRATOR, lambda _cards: started.set())
    writer.join(30)
    after = _state(device)
    assert {name: card for name, card in after.items() if not name.startswith("new-")} == before
    assert len(after) == 70
    assert _phone(device, known, token) == device.contents()


def test_what_retention_took_cannot_be_restored(device: Device) -> None:
    for number in range(4):
        device.put("ann.vcf", vcard("ann", f"Ann {number}"))
    with device.database.write() as connection:
        connection.execute(update(address_books).values(history_start=2))
    with pytest.raises(Conflict, match="back to revision 2 only"):
        _restore(device, 1)
    with pytest.raises(Conflict, match="back to revision 2 only"):
        _plan(device, 1)
    _restore(device, 2)
    assert device.get("ann.vcf").content == vcard("ann", "Ann 1")


def test_a_book_that_is_gone(device: Device) -> None:
    book_id = device.access().book_id
    with device.database.write() as connection:
        books.delete_book(connection, book_id)
    with pytest.raises(NotFound):
        restore_book_to(device.database, book_id, 0, ADMINISTRATOR)
