"""A database with something of everything, and all that is in one, to compare."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select, text

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import metadata
from sharedbooks.db.search_index import settle_texts
from sharedbooks.domain import books, credentials, homes
from sharedbooks.domain.privileges import Privilege
from sharedbooks.domain.throttle import Throttle
from tests.support.factories import (
    Device,
    give,
    look_home,
    make_book,
    make_device,
    make_group,
    make_own_book,
    make_user,
    vcard,
)


@contextmanager
def unwatched(_what: str, _total: int | None) -> Iterator[Callable[[int], None]]:
    """Progress that nobody looks at."""
    yield lambda _steps: None


def fill(database: Database) -> Device:
    """Put people, books, cards of every sort, history, trash and settings into ``database``."""
    device = make_device(database)
    bob = make_user(database, "o'brien, “Bob” 😀", email="bob@example.org")
    make_group(database, "Vertrieb Zürich", [device.user, bob])
    own = make_own_book(database, bob)
    gone = make_book(database, "gone", description="Zeile 1\nZeile 2")
    give(database, gone, bob, Privilege.EDIT_OWN)
    look_home(database, bob)
    photo = random.Random(1).randbytes(200_000).hex()
    contents = [
        vcard("ann", "Ann", f"PHOTO;ENCODING=b;TYPE=JPEG:{photo}"),
        vcard("山田", "山田太郎 😀", "NOTE:back\\\\slash \\n 'quote' %s {brace}", version="4.0"),
        b"\r\nBEGIN:VCARD\nVERSION:3.0\nUID:odd\nN:Odd;;;;\nEND:VCARD",
    ]
    for number, content in enumerate(contents):
        device.put(f"{number} ü.vcf", content)
    device.put("0 ü.vcf", vcard("ann", "Ann 2"))
    device.put("deleted.vcf", vcard("deleted"))
    device.delete("deleted.vcf")
    with database.write() as connection:
        credentials.add_device(connection, bob, "Bob's 電話")
        Throttle(5, 1000).count_failure(connection, "192.0.2.7", "alice")
        homes.describe_book(
            connection,
            own,
            display_name="Mine",
            description=None,
            properties={"{http://example.org/}colour": "<x>ü</x>"},
        )
        books.delete_book(connection, gone.id)
    return device


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, in the order of the keys."""
    with database.read() as connection:
        return {
            table.name: [
                tuple(row)
                for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in metadata.sorted_tables
        }


def search_texts(database: Database) -> list[tuple[Any, ...]]:
    """Return what SQLite's index of texts holds; nothing elsewhere."""
    if database.dialect != "sqlite":
        return []
    with database.write() as connection:
        settle_texts(connection)
        rows = connection.execute(text("SELECT rowid, text FROM card_texts ORDER BY rowid"))
        return [(rowid, sorted(found.split("\n"))) for rowid, found in rows]


def indexes(database: Database) -> set[str]:
    """Return how the indexes of the properties of cards were made, where the database tells it."""
    if database.dialect != "postgresql":
        return set()
    asked = "SELECT indexdef FROM pg_indexes WHERE tablename = 'card_properties'"
    with database.read() as connection:
        return set(connection.execute(text(asked)).scalars())


def waits_at_the_gate(database: Database) -> bool:
    """Return whether somebody waits for an advisory lock of PostgreSQL."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with database.read() as connection:
        return connection.scalar(waiting) == 1
