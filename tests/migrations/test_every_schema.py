"""A database of every schema there was, with data in it, is brought to the present one."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import Connection, text

from sharedbooks.db.engine import Database
from sharedbooks.db.schema_state import _known_schemas, require_current_schema
from sharedbooks.db.upgrade import upgrade_schema
from sharedbooks.domain.books import get_book_by_id
from sharedbooks.domain.changes import sync_token
from sharedbooks.domain.grants import list_grants
from sharedbooks.domain.prepared_cards import hash_content
from sharedbooks.domain.principals import get_user
from sharedbooks.domain.search import search_cards
from sharedbooks.vcard.filters import CardFilter, PropFilter, TextMatch
from tests.support.factories import Device, look_home, vcard

ANN = vcard("ann", "Ann Example", "NOTE:ü \\, 山田")
ANN_BEFORE = vcard("ann", "Ann")
_BOOK = 7
_KEY = "k" * 22

_ROWS = (
    (
        "INSERT INTO principals (id, kind, name, display_name, email, enabled, source, properties,"
        " created_at, first_login_at)"
        " VALUES (11, 'user', 'alice', 'Alice', '', :yes, 'local', '{}', 1, 1),"
        " (12, 'group', 'team', 'Team', '', :yes, 'local', '{}', 1, NULL)"
    ),
    "INSERT INTO memberships (group_id, member_id) VALUES (12, 11)",
    (
        "INSERT INTO address_books (id, owner_id, name, display_name, description, properties,"
        " sync_key, revision, created_at, changed_at, deletion)"
        " VALUES (7, 1, 'sales', 'Sales', '', '{}', :key, 4, 1, 1, 0)"
    ),
    "INSERT INTO grants (book_id, principal_id, privilege, granted_at) VALUES (7, 12, 4, 1)",
    (
        "INSERT INTO mounts (principal_id, book_id, name, hidden, position, properties)"
        " VALUES (11, 7, 'sold', :no, 0, '{}')"
    ),
    (
        "INSERT INTO cards (id, book_id, resource_name, card_uid, content_hash, revision, size,"
        " version, kind, display_name, creator_id, created_at, changed_at, content)"
        " VALUES (8, 7, 'ann.vcf', 'ann', :hash, 3, :size, '3.0', 'individual', 'Ann Example',"
        " 11, 1, 1, :content)"
    ),
    (
        "INSERT INTO card_properties (card_id, book_id, name, value)"
        " VALUES (8, 7, 'FN', 'ann example')"
    ),
    (
        "INSERT INTO card_versions (book_id, revision, action, resource_name, card_uid, at,"
        " actor_id, actor_name, device, client, content_before) VALUES"
        " (7, 1, 'create', 'ann.vcf', 'ann', 1, 11, 'alice', 'phone', 'DAVx5/4', NULL),"
        " (7, 2, 'create', 'bob.vcf', 'bob', 1, 11, 'alice', 'phone', 'DAVx5/4', NULL),"
        " (7, 3, 'edit', 'ann.vcf', 'ann', 1, 11, 'alice', 'phone', 'DAVx5/4', :before),"
        " (7, 4, 'delete', 'bob.vcf', 'bob', 1, 11, 'alice', 'phone', 'DAVx5/4', :bob)"
    ),
    "INSERT INTO removed_names (book_id, resource_name, revision) VALUES (7, 'bob.vcf', 4)",
)
"""What every schema so far takes; what later ones added has defaults."""


@pytest.fixture(params=_known_schemas()[:-1])
def old(request: pytest.FixtureRequest, thorough: bool, database_kind: str) -> str:  # noqa: FBT001
    """A schema; in the short form the servers, which are slow at it, upgrade the first only."""
    if request.param != "0001" and database_kind != "sqlite" and not thorough:
        pytest.skip("in the long form")
    return str(request.param)


@pytest.fixture
def upgraded(old: str, blank_database_url: str) -> Iterator[Database]:
    """A database filled when it had the schema ``old``, and brought to the present one."""
    with closing(Database(blank_database_url)) as opened:
        upgrade_schema(opened, revision=old)
        opened.run_write(lambda connection: _fill(connection, old))
        assert upgrade_schema(opened).found == old
        yield opened


def _fill(connection: Connection, schema: str) -> None:
    values = {
        "yes": True,
        "no": False,
        "key": _KEY,
        "hash": hash_content(ANN),
        "size": len(ANN),
        "content": ANN,
        "before": ANN_BEFORE,
        "bob": vcard("bob"),
    }
    for statement in _ROWS:
        used = {name: value for name, value in values.items() if f":{name}" in statement}
        connection.execute(text(statement), used)
    if connection.dialect.name == "sqlite" and schema > "0001":
        connection.execute(text("INSERT INTO card_texts (rowid, text) VALUES (8, 'ann example')"))
    if connection.dialect.name == "postgresql":
        for table in ("principals", "address_books", "cards"):
            last = f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 100)"
            connection.execute(text(last))


def test_all_is_there_after_the_upgrade(upgraded: Database) -> None:
    require_current_schema(upgraded)
    alice = upgraded.run_read(lambda connection: get_user(connection, "alice"))
    home = look_home(upgraded, alice)
    assert set(home) == {"sold"}
    device = Device(upgraded, alice, "sold")
    assert device.get("ann.vcf").content == ANN
    assert [(v.revision, v.content_before) for v in device.history()] == [
        (1, None),
        (2, None),
        (3, ANN_BEFORE),
        (4, vcard("bob")),
    ]
    since = device.changes(sync_token(_KEY, 2))
    assert (since.changed, since.removed) == ([("ann.vcf", hash_content(ANN))], ["bob.vcf"])
    assert device.token() == sync_token(_KEY, 4)
    wanted = CardFilter((PropFilter("FN", texts=(TextMatch("n exam"),)),))
    with upgraded.read() as connection:
        assert [card.resource_name for card in search_cards(connection, _BOOK, wanted)] == [
            "ann.vcf"
        ]
        assert len(list_grants(connection, get_book_by_id(connection, _BOOK))) == 1


def test_all_goes_on_after_the_upgrade(upgraded: Database) -> None:
    alice = upgraded.run_read(lambda connection: get_user(connection, "alice"))
    device = Device(upgraded, alice, "sold")
    token = device.token()
    assert device.put("ann.vcf", vcard("ann", "Ann Changed")).changed
    assert device.put("new.vcf", vcard("new")).changed
    device.delete("new.vcf")
    changes = device.changes(token)
    assert [name for name, _ in changes.changed] == ["ann.vcf"]
    assert [version.revision for version in device.history()] == [*range(1, 8)]
