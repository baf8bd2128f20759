"""Phones of every kind on one server, with everything that happens to it: the short form.

The long one is ``make soak``. What the checks find is tested in ``tests/unit/test_soak.py``, and
here with faults planted into what a soak leaves behind.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import delete, func, insert, select, update

from benchmarks.soak.__main__ import Store, soak
from benchmarks.soak.checks import check_history, check_phones
from benchmarks.soak.kinds import MIX
from benchmarks.soak.ledger import Outcome
from benchmarks.soak.office import IMPORTER, Size
from benchmarks.soak.report import Progress, document, markdown
from benchmarks.soak.run import Plan, Soak
from benchmarks.soak.watching import file_sizes
from sharedbooks.db.engine import Database
from sharedbooks.db.schema import address_books, card_versions, cards

PLAN = Plan(
    Size(phones=20, users=10, books=4, cards=40, own_cards=4),
    seconds=6,
    rate=60,
    edits=0.7,
    checkpoints=1,
    interval=60,
    guesses=2,
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    file = tmp_path_factory.mktemp("soak") / "sharedbooks.db"
    with closing(Database(f"sqlite:///{file}")) as opened:
        yield opened


@pytest.fixture(scope="module")
def done(database: Database) -> Soak:
    """A soak of some seconds."""
    file = Path(database.url.database or "")
    store = Store(database, str(database.url), file_sizes(file))
    return soak(PLAN, store, file.parent, Progress())


def test_every_phone_sees_what_is_there_and_nothing_is_lost(done: Soak, database: Database) -> None:
    assert done.tally.complaints == []
    assert done.faults == []
    assert done.good
    assert {phone.kind for phone in done.phones} == {kind.kind for kind, _ in MIX}
    assert {"poll", "sync", "multiget", "put"} <= done.tally.times.keys()
    assert done.ledger.count(Outcome.DONE) > 10
    assert done.tally.counts["workers killed"] == 1
    checked, wrong = check_phones(database, done.phones)
    assert wrong == []
    assert checked == done.checkpoints[-1].cards > len(done.phones) * 8
    assert done.changes >= done.ledger.count(Outcome.DONE)


def test_its_tables_tell_of_it(done: Soak) -> None:
    tables = markdown(done)
    assert "20 phones of 10 users" in tables
    assert "| put | " in tables
    assert document(done)["wrong"] == []


def test_a_planted_lost_update_is_found(done: Soak, database: Database) -> None:
    with database.write() as connection:
        # The last change of some card is undone behind everybody's back, its history with it.
        latest = connection.execute(
            select(card_versions, cards.c.id.label("card"), cards.c.content)
            .join(
                cards,
                (cards.c.book_id == card_versions.c.book_id)
                & (cards.c.revision == card_versions.c.revision),
            )
            .where(card_versions.c.action == "edit", card_versions.c.actor_name != IMPORTER)
        ).first()
        assert latest is not None
        here = cards.c.id == latest.card
        connection.execute(delete(card_versions).where(card_versions.c.id == latest.id))
        connection.execute(update(cards).where(here).values(content=latest.content_before))
    try:
        _, wrong = check_history(database, done.ledger)
        assert "acknowledged, and neither in" in " ".join(wrong)
        _, wrong = check_phones(database, done.phones)
        assert f"{latest.resource_name} has another text" in " ".join(wrong)
    finally:
        with database.write() as connection:
            row = {column.name: latest._mapping[column] for column in card_versions.c}
            connection.execute(insert(card_versions).values(row))
            connection.execute(update(cards).where(here).values(content=latest.content))


def test_a_planted_forgotten_card_is_found(done: Soak) -> None:
    phone = done.phones[0]
    copy = next(copy for copy in phone.copies.values() if copy.cards)
    name, held = copy.cards.popitem()
    try:
        _, wrong = check_phones(done._database, [phone])
        assert wrong == [f"{phone.kind} of {phone.device.user}: {copy.path}: {name} is lost"]
    finally:
        copy.cards[name] = held


def test_each_change_of_a_book_is_one_revision(done: Soak, database: Database) -> None:
    with database.read() as connection:
        rows = connection.execute(
            select(address_books.c.revision, func.count(card_versions.c.id))
            .outerjoin(card_versions, card_versions.c.book_id == address_books.c.id)
            .group_by(address_books.c.id)
        ).all()
    assert rows
    assert all(revision == changes for revision, changes in rows)
