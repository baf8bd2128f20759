"""Sync of one book, against a model, over anything that writers may do to it."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection

from sharedbooks.db.engine import Database
from sharedbooks.domain import bulk, cards, changes, storing
from sharedbooks.domain.book_access import BookAccess, get_book, open_for_writing
from sharedbooks.domain.history import Actor
from sharedbooks.domain.prepared_cards import PreparedCard, prepare_card
from sharedbooks.domain.principals import Principal
from tests.support.factories import MAX_CARD_SIZE, make_own_book, make_user, vcard

NAMES = st.sampled_from(["a.vcf", "A.vcf", "ä.vcf", "a\u0308.vcf", "o'b;\".vcf"])
UIDS = st.sampled_from(["1", "2", "3", "4"])
TEXTS = st.sampled_from(["one", "two"])

EXAMPLES = {"sqlite": 60, "postgresql": 20, "mariadb": 20}
STEPS = 15
PAGE_SIZES = (1, 2, 3)


class Put(NamedTuple):
    name: str
    text: str


class Delete(NamedTuple):
    name: str


class Rename(NamedTuple):
    name: str
    new_name: str


Step = Put | Delete | Rename

ONE_STEP: st.SearchStrategy[Step] = st.one_of(
    st.builds(Put, NAMES, TEXTS), st.builds(Delete, NAMES), st.builds(Rename, NAMES, NAMES)
)


@dataclass
class Model:
    """What the book should hold, and when each name was last touched."""

    clock: int = 0
    hashes: dict[str, str] = field(default_factory=dict)
    uids: dict[str, str] = field(default_factory=dict)
    touched: dict[str, int] = field(default_factory=dict)

    def store(self, name: str, uid: str, content_hash: str) -> None:
        if self.hashes.get(name) != content_hash:
            self._touch(name)
        self.hashes[name] = content_hash
        self.uids[name] = uid

    def remove(self, name: str) -> None:
        self._touch(name)
        del self.hashes[name]

    def uid_for(self, name: str) -> str:
        """Return the UID of the card, of the last one of that name, or one never used."""
        taken = {uid for other, uid in self.uids.items() if other in self.hashes and other != name}
        uid = self.uids.get(name, name)
        return f"{name} {self.clock}" if uid in taken else uid

    def changed_since(self, moment: int) -> dict[str, str]:
        return {name: h for name, h in self.hashes.items() if self.touched[name] > moment}

    def removed_since(self, moment: int) -> set[str]:
        return {n for n, at in self.touched.items() if at > moment and n not in self.hashes}

    def _touch(self, name: str) -> None:
        self.clock += 1
        self.touched[name] = self.clock


class Given(NamedTuple):
    """A token that a client has, and what the client knows."""

    token: str
    moment: int
    known: dict[str, str]


class SyncMachine(RuleBasedStateMachine):
    """Writers at work on a new book; after each step every token given out is tried."""

    numbers = count()

    def __init__(self, database: Database, user: Principal) -> None:
        super().__init__()
        self.database = database
        self.user = user
        self.actor = Actor(user.id, user.name, "", "")
        self.book = f"book {next(self.numbers)}"
        make_own_book(database, user, self.book)
        self.model = Model()
        self.given: list[Given] = []
        self.take_token()

    @rule(steps=st.lists(ONE_STEP, min_size=1, max_size=3))
    def write(self, steps: list[Step]) -> None:
        with self.database.write() as connection:
            access = open_for_writing(connection, self.user.id, self.book)
            for step in steps:
                self.take(step, connection, access)
        self.take_token()

    @rule(steps=st.lists(ONE_STEP, min_size=1, max_size=3))
    def fail(self, steps: list[Step]) -> None:
        before = deepcopy(self.model)
        with self.database.write() as connection:
            access = open_for_writing(connection, self.user.id, self.book)
            for step in steps:
                self.take(step, connection, access)
            connection.rollback()
        self.model = before

    @rule(texts=st.dictionaries(UIDS, TEXTS, min_size=1))
    def import_cards(self, texts: dict[str, str]) -> None:
        prepared = [_prepare(uid, text) for uid, text in texts.items()]
        with self.database.write() as connection:
            access = open_for_writing(connection, self.user.id, self.book)
            bulk.store_cards(connection, access.book_id, self.actor, prepared)
            for card in prepared:
                name = cards.find_name_of_uid(connection, access.book_id, card.card_uid)
                assert name is not None
                self.model.store(name, card.card_uid, card.content_hash)
        self.take_token()

    def take(self, step: Step, connection: Connection, access: BookAccess) -> None:
        model, actor = self.model, self.actor
        if isinstance(step, Put):
            uid = model.uid_for(step.name)
            card = _prepare(uid, step.text)
            stored = storing.put_card(connection, access, step.name, card, actor)
            assert stored.created is (step.name not in model.hashes)
            assert stored.changed is (model.hashes.get(step.name) != card.content_hash)
            model.store(step.name, uid, card.content_hash)
        elif step.name not in model.hashes:
            return
        elif isinstance(step, Delete):
            storing.delete_card(connection, access, step.name, actor)
            model.remove(step.name)
        elif step.new_name not in model.hashes:
            storing.move_card(connection, access, step.name, access, step.new_name, actor)
            uid, content_hash = model.uids[step.name], model.hashes[step.name]
            model.remove(step.name)
            model.store(step.new_name, uid, content_hash)

    def take_token(self) -> None:
        access = self.database.run_read(lambda c: get_book(c, self.user.id, self.book))
        token = changes.sync_token(access.sync_key, access.revision)
        if self.given and self.given[-1].moment == self.model.clock:
            assert token == self.given[-1].token, "nothing changed, and the token did"
        else:
            assert token not in {given.token for given in self.given}
            self.given.append(Given(token, self.model.clock, dict(self.model.hashes)))

    @invariant()
    def every_token_tells_exactly_what_changed(self) -> None:
        with self.database.read() as connection:
            access = get_book(connection, self.user.id, self.book)
            for given in (*self.given, Given("", 0, {})):
                told = self.ask(connection, access, given.token)
                assert not told.truncated
                assert told.token == self.given[-1].token
                assert _apply(given.known, [told]) == self.model.hashes
                assert dict(told.changed) == self.model.changed_since(given.moment)
                assert set(told.removed) <= self.model.removed_since(given.moment)
                assert len(told.removed) == len(set(told.removed))

    def teardown(self) -> None:
        with self.database.read() as connection:
            access = get_book(connection, self.user.id, self.book)
            for given in (*self.given, Given("", 0, {})):
                for size in PAGE_SIZES:
                    pages = list(self.ask_in_pages(connection, access, given.token, size))
                    assert _apply(given.known, pages) == self.model.hashes
                    assert pages[-1].token == self.given[-1].token
                    names = [name for page in pages for name, _ in page.changed]
                    assert sorted(names) == sorted(self.model.changed_since(given.moment))

    def ask_in_pages(
        self, connection: Connection, access: BookAccess, token: str, size: int
    ) -> Iterable[changes.Changes]:
        while True:
            page = self.ask(connection, access, token, size)
            yield page
            assert len(page.changed) + len(page.removed) <= size
            if not page.truncated:
                return
            assert page.token != token
            token = page.token

    def ask(
        self, connection: Connection, access: BookAccess, token: str, limit: int | None = None
    ) -> changes.Changes:
        return changes.changes_since(
            connection, access.book_id, access.sync_key, access.revision, token, limit
        )


def _prepare(uid: str, text: str) -> PreparedCard:
    return prepare_card(vcard(uid, text), max_size=MAX_CARD_SIZE)


def _apply(known: dict[str, str], pages: list[changes.Changes]) -> dict[str, str]:
    """Return what a client knows after these answers."""
    result = dict(known)
    for page in pages:
        for name in page.removed:
            result.pop(name, None)
        result.update(page.changed)
    return result


@pytest.mark.timeout(900)  # a failing example is made small for five minutes
def test_sync(database: Database, database_kind: str) -> None:
    user = make_user(database)
    run_state_machine_as_test(
        lambda: SyncMachine(database, user),
        settings=settings(
            max_examples=EXAMPLES[database_kind],
            stateful_step_count=STEPS,
            deadline=None,
            report_multiple_bugs=False,
            phases=set(Phase) - (set() if database_kind == "sqlite" else {Phase.shrink}),
            suppress_health_check=list(HealthCheck),
        ),
    )
