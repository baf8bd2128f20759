"""Several cards of one person made one, in one transaction, and made several again."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, insert, select

from sharedbooks.db.schema import card_merge_changes, card_merges, card_properties
from sharedbooks.db.types import now
from sharedbooks.domain.books import lock_book
from sharedbooks.domain.card_rows import RemovedCard, remove_rows, replace_card
from sharedbooks.domain.cards import (
    Card,
    find_name_of_uid,
    get_card,
    get_cards_by_id,
)
from sharedbooks.domain.changes import raise_revision
from sharedbooks.domain.distinct_cards import CardKey
from sharedbooks.domain.duplicates import DuplicateCard, DuplicatePair
from sharedbooks.domain.history import Actor
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.errors import Conflict, NotFound
from sharedbooks.matching.members import refer_to
from sharedbooks.matching.union import unite
from sharedbooks.vcard.index import MAX_VALUE_LENGTH, fold_text
from sharedbooks.vcard.persons import plain_uid

_GROUP = "group"
_GROUPS = select(card_properties.c.card_id).where(
    card_properties.c.book_id == bindparam("book_id"),
    card_properties.c.name.in_(("KIND", "X-ADDRESSBOOKSERVER-KIND")),
    card_properties.c.value == _GROUP,
)
_RELATED = select(card_properties.c.card_id).where(
    card_properties.c.book_id == bindparam("book_id"),
    card_properties.c.name == "RELATED",
    card_properties.c.value.in_(bindparam("values", expanding=True)),
)
_RICHNESS = (
    select(card_properties.c.card_id, func.count())
    .where(card_properties.c.card_id.in_(bindparam("ids", expanding=True)))
    .group_by(card_properties.c.card_id)
)


@dataclass(frozen=True, slots=True)
class MergeInput:
    """A card to be merged.

    Attributes:
        key: which card.
        content_hash: of the octets on which the decision rests; None: whatever is there.
    """

    key: CardKey
    content_hash: str | None = None


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What a merge did.

    Attributes:
        id: by which it can be undone.
        kept: the card that stays.
        gone: the cards it took the values of, which are deleted.
        repaired: how many other cards, groups mostly, refer to the kept card now.
    """

    id: int
    kept: CardKey
    gone: tuple[CardKey, ...]
    repaired: int


@dataclass(frozen=True, slots=True)
class _Change:
    book_id: int
    revision: int
    card_uid: str
    hash_after: str | None


def merge_cards(
    connection: Connection,
    kept: MergeInput,
    others: Sequence[MergeInput],
    actor: Actor,
    *,
    max_card_size: int,
    country: str = "",
) -> MergeResult:
    """Make one card of several, in the place and with the UID of ``kept``; see ``unite``.

    The others are deleted, from whatever books they are in, and references to them (members of
    groups, related people) name the kept card, without naming it twice. In another book than that
    of the kept card they go, since a group cannot have members elsewhere. History has it all.

    Raises:
        NotFound: one of the cards, or a book, is gone.
        Conflict: one of the cards is not the one that was decided on, or it is a group, or there
            are not two.
        AccessDenied: one of the books is read-only.
        CardTooLarge: the card would be larger than the server keeps.
    """
    inputs = [kept, *others]
    if len({each.key for each in inputs}) != len(inputs) or not others:
        raise Conflict("A merge takes two cards or more, each once.")
    for book_id in sorted({each.key[0] for each in inputs}):
        lock_book(connection, book_id)
    first, *rest = (_load(connection, each) for each in inputs)
    octets = unite(first.content, [card.content for card in rest], country)
    changes = _replace(connection, kept.key[0], first, octets, actor, max_card_size)
    gone: dict[int, list[Card]] = defaultdict(list)
    for each, card in zip(others, rest, strict=True):
        gone[each.key[0]].append(card)
    for book_id, some in gone.items():
        changes += _remove(connection, book_id, some, actor)
    repaired = 0
    for book_id, some in gone.items():
        successor = kept.key[1] if book_id == kept.key[0] else None
        references = _repair(connection, book_id, some, successor, actor)
        repaired += len(references)
        changes += references
    merge_id = _note(connection, kept.key, actor, changes)
    return MergeResult(merge_id, kept.key, tuple(each.key for each in others), repaired)


def _load(connection: Connection, wanted: MergeInput) -> Card:
    book_id, card_uid = wanted.key
    name = find_name_of_uid(connection, book_id, card_uid)
    if name is None:
        raise NotFound(f"The card with the UID {card_uid!r} is gone.")
    card = get_card(connection, book_id, name)
    if wanted.content_hash not in {None, card.content_hash}:
        raise Conflict(f"The card {name!r} was changed meanwhile; look at it again.")
    if card.kind == _GROUP:
        raise Conflict(f"The card {name!r} is a group; only contacts are merged.")
    return card


def _replace(
    connection: Connection, book_id: int, card: Card, octets: bytes, actor: Actor, max_size: int
) -> list[_Change]:
    """Store other octets in the place of a card; equal ones are no change."""
    prepared = prepare_card(octets, max_size=max_size)
    if prepared.content_hash == card.content_hash:
        return []
    revision = raise_revision(connection, book_id)
    replace_card(connection, book_id, card, prepared, actor, revision)
    return [_Change(book_id, revision, card.card_uid, prepared.content_hash)]


def _remove(
    connection: Connection, book_id: int, some: Sequence[Card], actor: Actor
) -> list[_Change]:
    first = raise_revision(connection, book_id, len(some)) - len(some) + 1
    removed = [
        RemovedCard(card.id, card.resource_name, card.card_uid, card.content) for card in some
    ]
    remove_rows(connection, book_id, actor, first, removed)
    return [
        _Change(book_id, revision, card.card_uid, None)
        for revision, card in enumerate(some, start=first)
    ]


def _repair(
    connection: Connection,
    book_id: int,
    gone: Sequence[Card],
    successor: str | None,
    actor: Actor,
) -> list[_Change]:
    """Let the cards of a book that name one that is gone name the one in its place."""
    plain = {plain_uid(card.card_uid) for card in gone}
    changes = []
    for card in _referring(connection, book_id, plain):
        octets = refer_to(card.content, plain, successor)
        # A card of nearly the largest size may grow by a few octets.
        changes += _replace(connection, book_id, card, octets, actor, len(octets))
    return changes


def _referring(connection: Connection, book_id: int, plain: Iterable[str]) -> Iterator[Card]:
    """Yield the cards of a book that may refer to one of those UIDs: groups, and who is related."""
    values = [
        fold_text(value)[:MAX_VALUE_LENGTH] for uid in plain for value in (uid, f"urn:uuid:{uid}")
    ]
    ids = set(connection.execute(_GROUPS, {"book_id": book_id}).scalars())
    ids.update(connection.execute(_RELATED, {"book_id": book_id, "values": values}).scalars())
    yield from get_cards_by_id(connection, sorted(ids))


def _note(connection: Connection, kept: CardKey, actor: Actor, changes: Sequence[_Change]) -> int:
    values = {
        "book_id": kept[0],
        "kept_uid": kept[1],
        "at": now(),
        "actor_name": actor.name[:255],
    }
    made = connection.execute(insert(card_merges).values(values).returning(card_merges.c.id))
    merge_id = int(made.scalar_one())
    rows = [
        {
            "merge_id": merge_id,
            "book_id": change.book_id,
            "revision": change.revision,
            "card_uid": change.card_uid,
            "hash_after": change.hash_after,
        }
        for change in changes
    ]
    connection.execute(insert(card_merge_changes), rows)
    return merge_id


def group_pairs(pairs: Iterable[DuplicatePair]) -> list[list[DuplicateCard]]:
    """Return the cards of each person, by pairs that are sure, the surest group first.

    Cards come together only if each makes a pair with each: that A is like B and B like C does not
    make A like C. Pairs across books are left out, since the same person in two books is mostly
    meant to be there.
    """
    group_of: dict[int, list[DuplicateCard]] = {}
    known: set[tuple[int, int]] = set()
    groups: list[list[DuplicateCard]] = []
    inside = [pair for pair in pairs if pair.left.book_id == pair.right.book_id]
    known.update((pair.left.id, pair.right.id) for pair in inside)
    known.update((pair.right.id, pair.left.id) for pair in inside)
    for pair in inside:
        left = group_of.setdefault(pair.left.id, [pair.left])
        right = group_of.setdefault(pair.right.id, [pair.right])
        if left is right or any((a.id, b.id) not in known for a in left for b in right):
            continue
        if len(left) == 1 and len(right) == 1:
            groups.append(left)
        elif len(left) == 1:
            left, right = right, left
        left += right
        group_of.update((card.id, left) for card in right)
    return [group for group in groups if group is group_of[group[0].id]]


def order_by_richness(connection: Connection, some: Sequence[DuplicateCard]) -> list[DuplicateCard]:
    """Return the cards, the one that says most first; of those that say as much, the oldest."""
    rows = connection.execute(_RICHNESS, {"ids": [card.id for card in some]})
    properties: dict[int, int] = {row[0]: row[1] for row in rows}
    return sorted(some, key=lambda card: (-properties.get(card.id, 0), card.id))
