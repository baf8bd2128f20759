import gzip
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import inspect, select, update

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import address_books, card_versions, cards, metadata
from sharedbooks.db.schema_state import SchemaState, require_current_schema, schema_status
from sharedbooks.db.upgrade import upgrade_schema
from sharedbooks.domain.search import search_cards
from sharedbooks.errors import BackupDamaged, Conflict, InvalidSyncToken, SchemaMismatch
from sharedbooks.exchange import backup
from sharedbooks.exchange.backup import check_backup, make_backup
from sharedbooks.exchange.backup_restore import restore_backup
from sharedbooks.vcard.filters import CardFilter, PropFilter, TextMatch
from tests.support.contents import everything, fill, indexes, search_texts, unwatched
from tests.support.databases import Databases
from tests.support.factories import Device, make_book, make_user, vcard
from tests.support.network import wait_for


@pytest.fixture
def blank(databases: Databases) -> Iterator[Database]:
    """A second database of the kind, without tables."""
    with databases.blank() as url, closing(Database(url)) as opened:
        yield opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sharedbooks.backup"


def _restore(database: Database, path: Path, *, move: bool = True) -> None:
    restore_backup(database, path, unwatched, move=move)


def test_everything_comes_back(database: Database, blank: Database, path: Path) -> None:
    fill(database)
    written = make_backup(database, path, unwatched)
    assert check_backup(path, unwatched) == written
    assert written.rows == {table: len(rows) for table, rows in everything(database).items()}
    assert set(written.rows) == set(metadata.tables)
    assert all(written.rows[name] for name in ("cards", "card_versions", "mounts", "credentials"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    _restore(blank, path)
    assert everything(blank) == everything(database)
    assert search_texts(blank) == search_texts(database)
    assert indexes(blank) == indexes(database)
    require_current_schema(blank)


def test_life_goes_on_after_a_restore(database: Database, blank: Database, path: Path) -> None:
    """New rows get new ids, and search knows what came in."""
    device = fill(database)
    make_backup(database, path, unwatched)
    _restore(blank, path)
    there = Device(blank, device.user, device.book)
    there.put("new.vcf", vcard("new", "Newcomer"))
    make_user(blank, "newcomer")
    make_book(blank, "another")
    wanted = CardFilter((PropFilter("FN", texts=(TextMatch("山田"),)),))
    with blank.read() as connection:
        found = list(search_cards(connection, there.access().book_id, wanted))
    assert [card.card_uid for card in found] == ["山田"]


def test_tokens_are_refused_after_a_restore_and_good_after_a_move(
    database: Database, databases: Databases, path: Path
) -> None:
    """A phone that saw what came after the backup must not be told of other changes."""
    device = fill(database)
    token = device.token()
    make_backup(database, path, unwatched)
    device.put("after.vcf", vcard("after"))
    later = device.token()
    for move in (True, False):
        with databases.blank() as url, closing(Database(url)) as restored:
            _restore(restored, path, move=move)
            there = Device(restored, device.user, device.book)
            for number in range(3):
                there.put(f"other-{number}.vcf", vcard(f"other-{number}"))
            if move:
                assert len(there.changes(token).changed) == 3
                continue
            for known in (token, later):
                with pytest.raises(InvalidSyncToken):
                    there.changes(known)
            assert len(there.changes("").changed) == len(there.contents())


@pytest.mark.databases("mariadb")
def test_from_kind_to_kind_and_back(
    sqlite_databases: Databases,
    postgresql_databases: Databases,
    mariadb_databases: Databases,
    tmp_path: Path,
    database_kind: str,
) -> None:
    with sqlite_databases.migrated() as url, closing(Database(url)) as first:
        fill(first)
        expected, texts = everything(first), search_texts(first)
        make_backup(first, tmp_path / "0", unwatched)
    for number, kind in enumerate((postgresql_databases, mariadb_databases, sqlite_databases)):
        with kind.blank() as url, closing(Database(url)) as there:
            _restore(there, tmp_path / str(number))
            assert everything(there) == expected
            make_backup(there, tmp_path / str(number + 1), unwatched)
    with sqlite_databases.blank() as url, closing(Database(url)) as last:
        _restore(last, tmp_path / "3")
        assert everything(last) == expected
        assert search_texts(last) == texts


def test_a_backup_during_writes_is_of_one_moment(
    database: Database, blank: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every card goes with its history, index and book, as they were together."""
    device = fill(database)
    monkeypatch.setattr(backup, "_ROWS", 1)
    monkeypatch.setattr(backup, "_ROWS_WITH_OCTETS", 1)
    stop, writes = threading.Event(), []

    def write() -> None:
        while not stop.is_set():
            device.put(f"{len(writes)}.vcf", vcard(f"w-{len(writes)}"))
            writes.append(1)

    writer = threading.Thread(target=write)

    @contextmanager
    def watch(what: str, _total: int | None) -> Iterator[Callable[[int], None]]:
        def advance(_steps: int) -> None:
            # Something is written between any two tables.
            before = len(writes)
            if what == "Backing up" and writer.is_alive():
                wait_for(lambda: len(writes) > before, 20, "a write")

        yield advance

    writer.start()
    try:
        wait_for(lambda: len(writes) > 2, 20, "writes")
        make_backup(database, path, watch)
    finally:
        stop.set()
        writer.join(30)
    assert len(writes) > 10
    _restore(blank, path)
    with blank.read() as connection:
        revision = select(address_books.c.revision).where(address_books.c.name == "sales")
        book_revision = connection.execute(revision).scalar_one()
        versions = connection.execute(select(card_versions.c.revision)).scalars().all()
        living = connection.execute(select(cards.c.revision)).scalars().all()
    assert sorted(versions) == [*range(1, book_revision + 1)]
    filled = device.history("deleted")[-1].revision
    assert [revision for revision in sorted(living) if revision > filled] == [
        *range(filled + 1, book_revision + 1)
    ]
    assert book_revision > filled


def test_a_database_that_is_not_empty_is_left_alone(database: Database, path: Path) -> None:
    fill(database)
    make_backup(database, path, unwatched)
    before = everything(database)
    with pytest.raises(Conflict, match="not empty"):
        _restore(database, path)
    assert everything(database) == before


def test_tables_with_nothing_in_them_are_empty(
    database: Database, databases: Databases, path: Path
) -> None:
    fill(database)
    make_backup(database, path, unwatched)
    with databases.migrated() as url, closing(Database(url)) as there:
        _restore(there, path)
        assert everything(there) == everything(database)


def test_a_backup_of_an_older_schema_is_upgraded(databases: Databases, path: Path) -> None:
    """Into tables of the present schema as well as into none."""
    row = '[7,1,"sales","Sales","",{},"key",3,1,2,null,0]'
    names = ["id", "owner_id", "name", "display_name", "description", "properties"]
    names += ["sync_key", "revision", "created_at", "changed_at", "deleted_at", "deletion"]
    kinds = {name: "json" if name == "properties" else "value" for name in names}
    _write_backup(path, "0001", {"address_books": (kinds, [row])})
    for make in (databases.blank, databases.migrated):
        with make() as url, closing(Database(url)) as there:
            _restore(there, path)
            require_current_schema(there)
            [book] = everything(there)["address_books"]
            assert book[:4] == (7, 1, "sales", "Sales")
            make_user(there)


def test_schemas_that_are_not_known_are_refused(
    database: Database, blank: Database, path: Path
) -> None:
    _write_backup(path, "9999", {})
    with pytest.raises(SchemaMismatch, match="backup has schema 9999"):
        _restore(blank, path)
    assert schema_status(blank).state is SchemaState.EMPTY
    make_backup(database, path, unwatched)
    upgrade_schema(blank, revision="0001")
    with pytest.raises(SchemaMismatch, match="db upgrade"):
        _restore(blank, path)


def _write_backup(
    path: Path, schema: str, tables: dict[str, tuple[dict[str, str], list[str]]]
) -> None:
    """Write a backup by hand, as the manual describes it."""
    lines = [
        json.dumps(
            {"sharedbooks_backup": 1, "schema": schema, "program": "0", "made_at": "2026-01-01"}
        )
    ]
    for table, (columns, rows) in tables.items():
        written = "".join(f"{row}\n" for row in rows).encode()
        lines.append(json.dumps({"table": table, "columns": columns}))
        lines += rows
        lines.append(json.dumps({"rows": len(rows), "sha256": hashlib.sha256(written).hexdigest()}))
    before = "".join(f"{line}\n" for line in lines).encode()
    total = sum(len(rows) for _, rows in tables.values())
    end = {"tables": len(tables), "rows": total, "sha256": hashlib.sha256(before).hexdigest()}
    path.write_bytes(gzip.compress(before + json.dumps(end).encode() + b"\n"))


def _damages(content: bytes) -> Iterator[bytes]:
    """Yield what may become of a backup: octets flipped, cut off, lines changed and lost."""
    for part in range(1, 10):
        position = len(content) * part // 10
        yield content[:position]
        yield content[:position] + bytes([content[position] ^ 4]) + content[position + 1 :]
    yield content[:-1]
    yield b""
    lines = gzip.decompress(content).splitlines(keepends=True)
    for changed in (
        lines[:-1],
        [*lines[:5], *lines[6:]],
        [line.replace(b'"alice"', b'"malice"') for line in lines],
        [*lines, lines[-1]],
        [lines[0].replace(b'"sharedbooks_backup":1', b'"sharedbooks_backup":2'), *lines[1:]],
        [b"{}\n"],
        [b"BEGIN:VCARD\n"],
    ):
        yield gzip.compress(b"".join(changed))
    yield gzip.decompress(content)


@pytest.mark.databases("sqlite")
def test_damage_is_found_and_nothing_goes_in(
    database: Database, blank: Database, path: Path
) -> None:
    fill(database)
    make_backup(database, path, unwatched)
    content = path.read_bytes()
    damages = list(_damages(content))
    assert content not in damages
    for damaged in damages:
        path.write_bytes(damaged)
        with pytest.raises(BackupDamaged):
            check_backup(path, unwatched)
        with pytest.raises(BackupDamaged):
            _restore(blank, path)
        assert schema_status(blank).state is SchemaState.EMPTY


@pytest.mark.databases("sqlite")
def test_a_backup_that_reads_back_otherwise_replaces_nothing(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(b"the one of yesterday")

    def damage(part: Path, watch: object) -> None:
        raise BackupDamaged(str(part))

    monkeypatch.setattr(backup, "check_backup", damage)
    with pytest.raises(BackupDamaged):
        make_backup(database, path, unwatched)
    assert path.read_bytes() == b"the one of yesterday"
    assert list(path.parent.iterdir()) == [path]


_KILLED = """
import os, sys
from contextlib import contextmanager
from pathlib import Path
from sharedbooks.db.engine import Database
from sharedbooks.exchange.backup_restore import restore_backup

@contextmanager
def watch(what, total):
    def advance(steps):
        if what == "Restoring":
            watch.rows += steps
            if watch.rows > total // 2:
                os.kill(os.getpid(), 9)
    yield advance

watch.rows = 0
restore_backup(Database(sys.argv[1]), Path(sys.argv[2]), watch, move=True)
"""


def test_a_restore_that_is_killed_leaves_the_database_empty(
    database: Database, databases: Databases, path: Path
) -> None:
    device = fill(database)
    for number in range(50):
        device.put(f"more-{number}.vcf", vcard(f"more-{number}"))
    make_backup(database, path, unwatched)
    with databases.blank() as url:
        killed = subprocess.run(
            [sys.executable, "-c", _KILLED, url, path], env=dict(os.environ), check=False
        )
        assert killed.returncode == -signal.SIGKILL
        with closing(Database(url)) as there:
            with there.read() as connection:
                for table in inspect(connection).get_table_names():
                    if table in {"cards", "card_versions", "address_books", "credentials"}:
                        rows = connection.execute(select(metadata.tables[table])).all()
                        assert rows == []
            _restore(there, path)
            assert everything(there) == everything(database)


def test_a_file_that_names_a_table_there_is_not_is_refused(
    databases: Databases, path: Path
) -> None:
    _write_backup(path, "0001", {"nobody": ({"id": "value"}, ["[1]"])})
    with databases.blank() as url, closing(Database(url)) as there:
        with pytest.raises(BackupDamaged, match="'nobody'"):
            _restore(there, path)
        upgrade_schema(there)
        make_user(there)


def test_books_keep_their_own_sync_keys_apart(
    database: Database, blank: Database, path: Path
) -> None:
    for name in ("one", "two", "three"):
        make_book(database, name)
    with database.write() as connection:
        connection.execute(update(address_books).values(sync_key="same"))
    make_backup(database, path, unwatched)
    _restore(blank, path, move=False)
    with blank.read() as connection:
        keys = connection.execute(select(address_books.c.sync_key)).scalars().all()
    assert len(set(keys)) == 3
    assert "same" not in keys
