"""Stock mode: the storage on every kind of database, and writers that meet."""

from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest
from radicale.item import Item

from sharedbooks.config import load_config
from sharedbooks.runtime import Runtime, open_runtime
from sharedbooks_radicale.collection import Collection
from sharedbooks_radicale.storage import Storage
from tests.http.world import vcard
from tests.plugins.stock import stock_configuration, write_configuration
from tests.support.factories import make_new_user


@pytest.fixture
def opened(database_url: str, tmp_path: Path) -> Iterator[Runtime]:
    runtime = open_runtime(load_config(write_configuration(tmp_path, database_url)))
    yield runtime
    runtime.close()


@pytest.fixture
def storage(opened: Runtime) -> Storage:
    """A storage with the home of alice, and in it two books."""
    made = Storage(stock_configuration(opened), opened)
    make_new_user(opened.database)
    with made.acquire_lock("w", "alice", actor="alice"):
        made.create_collection("/alice/")
        made.create_collection("/alice/friends/", props={"tag": "VADDRESSBOOK"})
    return made


def find(storage: Storage, path: str) -> Collection:
    [book] = storage.discover(path)
    assert isinstance(book, Collection)
    return book


def upload(storage: Storage, path: str, uid: str) -> None:
    with storage.acquire_lock("w", "alice", path=path, request="PUT", actor="alice"):
        book = find(storage, "/alice/contacts/")
        book.upload(f"{uid}.vcf", Item(collection_path=book.path, text=vcard(uid).decode()))


def test_cards_are_stored_read_and_deleted(storage: Storage) -> None:
    for uid in ("ann", "bob"):
        upload(storage, f"/alice/contacts/{uid}.vcf", uid)
    with storage.acquire_lock("r", "alice"):
        book, *items = storage.discover("/alice/contacts/", "1")
        assert isinstance(book, Collection)
        token, names = book.sync()
        assert list(names) == ["ann.vcf", "bob.vcf"]
        found = dict(book.get_multi(["ann.vcf", "no.vcf", "ann.vcf", "nul\0", "\udcff"]))
        assert [name for name, card in found.items() if card is not None] == ["ann.vcf"]
        assert book.has_uid("ann")
        assert not book.has_uid("eve")
    # Radicale writes its answer after it has left the lock.
    assert [item.serialize() for item in items] == [vcard("ann").decode(), vcard("bob").decode()]
    assert book.serialize() == (vcard("ann") + vcard("bob")).decode()
    assert book.sync()[0] == token
    path = "/alice/contacts/ann.vcf"
    with storage.acquire_lock("w", "alice", path=path, request="DELETE", actor="alice"):
        find(storage, "/alice/contacts/").delete("ann.vcf")
    with storage.acquire_lock("r", "alice"):
        assert list(find(storage, "/alice/contacts/").sync(token)[1]) == ["ann.vcf"]


def test_what_is_refused_leaves_the_rest_of_the_transaction_alone(storage: Storage) -> None:
    with storage.acquire_lock("w", "alice", path="/alice/contacts/", request="PUT"):
        book = find(storage, "/alice/contacts/")
        item = Item(collection_path=book.path, text=vcard("ann").decode())
        book.upload("ann.vcf", item)
        with pytest.raises(ValueError, match="has this UID"):
            book.upload("two.vcf", item)
    with storage.acquire_lock("r", "alice"):
        assert [item.href for item in find(storage, "/alice/contacts/").get_all()] == ["ann.vcf"]


def test_cards_that_cross_do_not_block_each_other(storage: Storage) -> None:
    upload(storage, "/alice/contacts/ann.vcf", "ann")
    upload(storage, "/alice/contacts/bob.vcf", "bob")
    failures: list[Exception] = []
    start = Barrier(2)

    def move_to_and_fro(name: str, first: str, second: str) -> None:
        try:
            start.wait(10)
            for source, target in [(first, second), (second, first)] * 8:
                path, to_path = f"{source}{name}", f"{target}{name}"
                with storage.acquire_lock(
                    "w", "alice", path=path, request="MOVE", to_path=to_path, actor="alice"
                ):
                    [card] = storage.discover(path)
                    assert isinstance(card, Item)
                    storage.move(card, find(storage, target), name)
        except Exception as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    contacts, friends = "/alice/contacts/", "/alice/friends/"
    with storage.acquire_lock("w", "alice", path=contacts, to_path=friends, request="MOVE"):
        [card] = storage.discover("/alice/contacts/bob.vcf")
        assert isinstance(card, Item)
        storage.move(card, find(storage, friends), "bob.vcf")
    threads = [
        Thread(target=move_to_and_fro, args=("ann.vcf", contacts, friends)),
        Thread(target=move_to_and_fro, args=("bob.vcf", friends, contacts)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    with storage.acquire_lock("r", "alice"):
        assert [item.href for item in find(storage, contacts).get_all()] == ["ann.vcf"]
