"""Looking through a book for what is wrong with its cards, and mending what can be mended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from sharedbooks.db.schema import cards
from sharedbooks.domain.book_checks import BookChecks
from sharedbooks.domain.books import lock_book
from sharedbooks.domain.bulk import store_cards
from sharedbooks.domain.cards import get_cards
from sharedbooks.domain.history import Actor
from sharedbooks.domain.prepared_cards import PreparedCard, prepare_card
from sharedbooks.vcard.quality import Problem, ProblemKind, check_card, fix_card

_CARDS_A_FETCH = 200
_CHECKED = (
    select(
        cards.c.resource_name, cards.c.card_uid, cards.c.display_name, cards.c.changed_at,
        cards.c.content,
    )
    .where(cards.c.book_id == bindparam("book_id"))
    .order_by(cards.c.resource_name)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CheckedCard:
    """A card, without its octets, and what is wrong with it, which may be nothing."""

    resource_name: str
    card_uid: str
    display_name: str
    problems: list[Problem]

    @property
    def can_be_fixed(self) -> bool:
        """Whether ``fix_cards`` changes it."""
        return any(problem.is_safe for problem in self.problems)


def check_cards(
    connection: Connection, book_id: int, checks: BookChecks, *, untouched_since: int | None = None
) -> Iterator[CheckedCard]:
    """Yield every card of a book by name with what is wrong with it, in bounded memory.

    Args:
        connection: a snapshot of the database.
        book_id: the book.
        checks: the rules to go by.
        untouched_since: a moment (microseconds since 1970, UTC); a card that nobody has changed
            since then is a problem. None: age is none.
    """
    rule = checks.required
    streamed = {"yield_per": _CARDS_A_FETCH}
    # Closed also when the caller stops early: MariaDB would take no other statement meanwhile.
    with connection.execute(_CHECKED, {"book_id": book_id}, execution_options=streamed) as rows:
        for resource_name, card_uid, display_name, changed_at, content in rows:
            problems = check_card(content, rule, checks.country)
            if untouched_since is not None and changed_at < untouched_since:
                sentence = "Nobody has changed the contact for long."
                problems.append(Problem(ProblemKind.UNTOUCHED, "", "", sentence))
            yield CheckedCard(resource_name, card_uid, display_name, problems)


def fix_cards(
    connection: Connection, book_id: int, actor: Actor, names: Sequence[str], country: str
) -> list[tuple[str, Problem]]:
    """Mend the cards of those names, as they are now, and return what was mended in which.

    Each is an ordinary change: phones get it, history keeps what was before. Some hundred cards
    a transaction is a good number.

    Raises:
        NotFound: the book is gone.
    """
    lock_book(connection, book_id)
    mended: list[PreparedCard] = []
    ended: list[tuple[str, Problem]] = []
    for card in get_cards(connection, book_id, names):
        octets, fixed = fix_card(card.content, country)
        if fixed:
            mended.append(prepare_card(octets, max_size=len(octets)))
            ended += [(card.resource_name, problem) for problem in fixed]
    store_cards(connection, book_id, actor, mended)
    return ended
