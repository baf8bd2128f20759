from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier, Event

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, inspect, select, text

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import ORGANISATION_ID, address_books, metadata, principals
from sharedbooks.db.schema_state import (
    SchemaState,
    SchemaStatus,
    knows_schema,
    require_current_schema,
    schema_status,
)
from sharedbooks.db.schema_watch import LOCK_NAME, LOCK_NUMBER, SchemaWatch
from sharedbooks.db.upgrade import _config, schema_lock, upgrade_schema
from sharedbooks.domain.principals import PrincipalKind, list_principals
from sharedbooks.domain.search import search_cards
from sharedbooks.errors import SchemaMismatch, StoreBusy
from sharedbooks.vcard.filters import CardFilter, PropFilter, TextMatch
from tests.support.contents import waits_at_the_gate
from tests.support.factories import make_device, make_user, vcard
from tests.support.network import wait_for

AT_ONCE = 4


def _hold_the_lock(connection: Connection) -> None:
    """Be in the middle of an upgrade; on SQLite every write transaction is in the way of it."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": LOCK_NUMBER})
    elif connection.dialect.name == "mariadb":
        connection.execute(text(f"SELECT GET_LOCK({LOCK_NAME}, 0)"))


@pytest.fixture
def blank(blank_database_url: str) -> Iterator[Database]:
    """A database without tables."""
    with closing(Database(blank_database_url)) as opened:
        yield opened


def _claim(database: Database, revision: str) -> None:
    """Let the database say that it holds another schema."""
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :new"), {"new": revision})


_FIRST_CARD = (
    """INSERT INTO address_books (id, owner_id, name, display_name, description, properties,
    sync_key, revision, created_at, changed_at, deletion)
    VALUES (7, 1, 'sales', 'sales', '', '{}', 'key', 1, 0, 0, 0)""",
    """INSERT INTO cards (id, book_id, resource_name, card_uid, content_hash, revision, size,
    version, kind, display_name, created_at, changed_at, content)
    VALUES (8, 7, 'ann.vcf', 'ann', '0', 1, 1, '3.0', 'individual', 'Ann', 0, 0, :content)""",
    """INSERT INTO card_properties (card_id, book_id, name, value)
    VALUES (8, 7, 'FN', 'ann example')""",
)
"""A book with a card as the first schema has them."""


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """False for the search index, which is of a kind that the schema cannot describe."""
    return not (
        (kind == "table" and str(name).startswith("card_texts"))
        or (kind == "index" and name == "ix_card_properties_trigrams")
    )


def _names(connection: Connection) -> dict[str, set[str]]:
    """Return the names of all tables, and of the constraints and indexes of each."""
    found = {}
    looker = inspect(connection)
    for table in looker.get_table_names():
        named = [
            *looker.get_unique_constraints(table),
            *looker.get_check_constraints(table),
            *looker.get_foreign_keys(table),
            *looker.get_indexes(table),
        ]
        if _is_ours(table, "table", None):
            names = {str(each["name"]) for each in named}
            found[table] = {name for name in names if _is_ours(name, "index", None)}
    return found


def test_files_of_migrations_are_named_after_what_they_make() -> None:
    """By their names the program knows its schema, without Alembic."""
    script = ScriptDirectory.from_config(_config())
    known = [each.revision for each in script.walk_revisions()]
    for each in script.walk_revisions():
        assert Path(each.path).name.startswith(f"{each.revision}_")
    assert known == sorted(known, reverse=True)
    assert all(knows_schema(revision) for revision in known)
    assert not knows_schema("9999")


def test_upgrade_of_an_empty_database_gives_exactly_the_schema(blank: Database) -> None:
    upgrade_schema(blank)
    with blank.read() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": _is_ours})
        assert compare_metadata(context, metadata) == []


def test_names_of_constraints_are_the_schemas(blank: Database) -> None:
    """Comparing does not look at them, and later migrations need them."""
    upgrade_schema(blank)
    with blank.read() as connection:
        migrated = _names(connection)
    with blank.write() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
        metadata.drop_all(connection)
        metadata.create_all(connection)
    with blank.read() as connection:
        made = _names(connection)
    assert migrated.keys() - made.keys() == {"alembic_version"}
    assert {table: migrated[table] for table in made} == made


@pytest.mark.databases("mariadb")
def test_text_is_compared_exactly_where_the_schema_says_so(blank: Database) -> None:
    upgrade_schema(blank)
    collations = (
        "SELECT table_name, column_name, collation_name FROM information_schema.columns"
        " WHERE table_schema = database() AND collation_name IS NOT NULL"
    )
    exact = "utf8mb4_nopad_bin"
    with blank.read() as connection:
        found = {(t, c): name for t, c, name in connection.execute(text(collations))}
        dialect = connection.dialect
    expected = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if getattr(column.type.dialect_impl(dialect), "collation", None) == exact
    }
    assert {column for column, collation in found.items() if collation == exact} == expected
    assert expected >= {("principals", "name"), ("credentials", "label"), ("cards", "card_uid")}
    assert all(collation.startswith("utf8mb4_") for collation in found.values())


def test_upgrade_makes_the_organisation_and_nobody_else(blank: Database) -> None:
    upgrade_schema(blank)
    with blank.read() as connection:
        rows = connection.execute(select(principals.c.id, principals.c.kind)).all()
        assert rows == [(ORGANISATION_ID, "organisation")]
    assert make_user(blank).id > ORGANISATION_ID


def test_upgrade_says_what_it_found_and_twice_changes_nothing(blank: Database) -> None:
    first = upgrade_schema(blank)
    assert (first.found, first.state) == (None, SchemaState.EMPTY)
    device = make_device(blank)
    device.put("ann.vcf", vcard())
    with blank.read() as connection:
        before = _names(connection)
    second = upgrade_schema(blank)
    assert second == SchemaStatus(first.known, first.known, SchemaState.CURRENT)
    with blank.read() as connection:
        assert _names(connection) == before
    assert device.get("ann.vcf").content == vcard()


def test_upgrades_at_once_do_not_collide(blank_database_url: str) -> None:
    together = Barrier(AT_ONCE)

    def upgrade(_number: int) -> SchemaStatus:
        with closing(Database(blank_database_url)) as process:
            together.wait(30)
            return upgrade_schema(process)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(upgrade, range(AT_ONCE)))
    assert any(status.state is SchemaState.EMPTY for status in found)
    with closing(Database(blank_database_url)) as database:
        require_current_schema(database)
        assert make_user(database).name == "alice"


def test_whoever_has_the_lock_next_sees_what_was_done_under_it(blank: Database) -> None:
    upgrade_schema(blank)
    seen: list[int] = []
    looked = Event()

    def look() -> None:
        with closing(Database(blank.url)) as other, other.write() as connection:
            with schema_lock(connection):
                books = connection.execute(select(func.count()).select_from(address_books))
                seen.append(books.scalar_one())
            looked.set()

    with ThreadPoolExecutor(1) as pool:
        with blank.write() as connection:
            with schema_lock(connection):
                connection.execute(text(_FIRST_CARD[0]))
                next_one = pool.submit(look)
            # The lock of PostgreSQL and SQLite ends with the transaction: there, nobody comes.
            looked.wait(0.5)
        next_one.result(30)
    assert seen == [1]


# Whoever looks for locks waits at a gate before.
_GATE = (
    """CREATE FUNCTION public.gated_locks() RETURNS SETOF pg_catalog.pg_locks LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(1);
        RETURN QUERY SELECT * FROM pg_catalog.pg_locks;
    END $$""",
    "CREATE VIEW public.pg_locks AS SELECT * FROM public.gated_locks()",
)


@pytest.mark.databases("postgresql")
def test_an_upgrade_that_ends_while_a_server_looks_is_seen(blank: Database) -> None:
    upgrade_schema(blank)
    known = schema_status(blank).known
    with blank.write() as connection:
        for statement in _GATE:
            connection.exec_driver_sql(statement)
    url = blank.url.update_query_dict({"options": "-csearch_path=public,pg_catalog"})
    with closing(Database(url)) as server, ThreadPoolExecutor(1) as pool, blank.read() as gate:
        server.watch_schema(SchemaWatch(server.dialect, known))
        gate.exec_driver_sql("SELECT pg_advisory_xact_lock(1)")
        with blank.write() as upgrade:
            _hold_the_lock(upgrade)
            upgrade.execute(text("UPDATE alembic_version SET version_num = '9999'"))
            looking = pool.submit(server.run_read, lambda _: "looked")
            wait_for(lambda: waits_at_the_gate(blank), 10, "the server at the gate")
        gate.commit()
        with pytest.raises(StoreBusy, match="9999 by now"):
            looking.result(30)


def test_new_files_opened_at_once(tmp_path: Path) -> None:
    """SQLite lets all but one fail that turn a new file to WAL at the same moment."""
    together = Barrier(2 * AT_ONCE)

    def look(_number: int) -> list[SchemaState]:
        states = []
        for file in range(40):
            with closing(Database(f"sqlite:///{tmp_path}/{file}.db")) as process:
                together.wait(30)
                states.append(schema_status(process).state)
        return states

    with ThreadPoolExecutor(together.parties) as pool:
        for states in pool.map(look, range(together.parties)):
            assert set(states) == {SchemaState.EMPTY}


def test_state_of_an_empty_database(blank: Database) -> None:
    status = schema_status(blank)
    assert (status.found, status.state) == (None, SchemaState.EMPTY)
    with pytest.raises(SchemaMismatch, match="no tables yet: run 'sharedbooks db upgrade'"):
        require_current_schema(blank)
    with blank.read() as connection:
        assert inspect(connection).get_table_names() == []


def test_state_of_a_current_database(database: Database) -> None:
    status = schema_status(database)
    assert (status.found, status.state) == (status.known, SchemaState.CURRENT)
    require_current_schema(database)


def test_state_of_an_old_database(blank: Database) -> None:
    upgrade_schema(blank, revision="0011")
    status = schema_status(blank)
    assert status == SchemaStatus("0011", status.known, SchemaState.OLD)
    with pytest.raises(SchemaMismatch, match="older schema 0011: run 'sharedbooks db upgrade'"):
        require_current_schema(blank)


@pytest.mark.databases("sqlite")
def test_cards_of_a_database_without_search_index_are_found_after_the_upgrade(
    blank: Database,
) -> None:
    with blank.write() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in _FIRST_CARD:
            connection.execute(text(statement), {"content": vcard(name="Ann Example")})
    assert schema_status(blank).state is SchemaState.OLD
    upgrade_schema(blank)
    wanted = CardFilter((PropFilter("FN", texts=(TextMatch("Ann Example"),)),))
    with blank.read() as connection:
        found = search_cards(connection, 7, wanted)
        assert [card.resource_name for card in found] == ["ann.vcf"]


@pytest.mark.databases("postgresql")
def test_search_reads_trigrams(blank: Database) -> None:
    upgrade_schema(blank)
    with blank.write() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = "EXPLAIN SELECT card_id FROM card_properties WHERE value LIKE '%example%'"
        assert "ix_card_properties_trigrams" in str(connection.execute(text(plan)).all())


def test_newer_schema_is_refused_and_left_alone(database: Database) -> None:
    _claim(database, "9999")
    assert schema_status(database).state is SchemaState.NEW
    with database.read() as connection:
        before = _names(connection)
    for refuse in (require_current_schema, upgrade_schema):
        with pytest.raises(SchemaMismatch, match=r"9999, newer .* install the newer sharedbooks"):
            refuse(database)
    with database.read() as connection:
        assert _names(connection) == before
        assert list_principals(connection, PrincipalKind.USER) == []
    assert schema_status(database).found == "9999"


def test_upgrade_that_another_one_is_in_the_way_of(
    blank_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sharedbooks.db.upgrade._LOCK_SECONDS", 1)
    with closing(Database(blank_database_url, busy_timeout=1)) as blank:
        with closing(Database(blank_database_url)) as other, other.write() as connection:
            _hold_the_lock(connection)
            with pytest.raises(StoreBusy):
                upgrade_schema(blank)
        upgrade_schema(blank)
        require_current_schema(blank)


def test_database_that_is_away_is_busy(tmp_path_factory: pytest.TempPathFactory) -> None:
    missing = tmp_path_factory.mktemp("away") / "missing" / "books.db"
    with closing(Database(f"sqlite:///{missing}")) as away:
        for use in (schema_status, require_current_schema, upgrade_schema):
            with pytest.raises(StoreBusy, match="cannot be reached"):
                use(away)
