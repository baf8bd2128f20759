"""What a book does about cards that are of no use as contacts: nothing, tell, or refuse them."""

import logging
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, bindparam, select, update

from sharedbooks.db.prepared import Prepared
from sharedbooks.db.schema import address_books
from sharedbooks.domain.book_access import BookAccess
from sharedbooks.errors import CardRefused, InvalidRule
from sharedbooks.vcard.phones import is_country
from sharedbooks.vcard.quality import WRONG, Problem, check_card
from sharedbooks.vcard.required import Rule, parse_rule

_logger = logging.getLogger(__name__)


class Policy(StrEnum):
    """What happens when a client stores a card that breaks the rules of its book."""

    OFF = "off"
    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class BookChecks:
    """The rules of a book.

    Attributes:
        policy: what happens to a card that breaks them.
        rule: which properties a card must have, as ``parse_rule`` reads it; empty: none.
        country: ISO 3166 code of phones that do not name their country; empty: not judged.
    """

    policy: Policy
    rule: str
    country: str

    def problems(self, octets: bytes) -> list[Problem]:
        """Return what is wrong with a card of the book."""
        return check_card(octets, self.required, self.country)

    @property
    def required(self) -> Rule | None:
        """What a card must have."""
        return parse_rule(self.rule)


_BY_ID = Prepared(
    select(
        address_books.c.check_policy,
        address_books.c.check_rule,
        address_books.c.check_country,
        address_books.c.name,
    ).where(address_books.c.id == bindparam("book_id"))
)


def get_checks(connection: Connection, book_id: int) -> BookChecks:
    """Return the rules of a book that is there."""
    policy, rule, country, _ = _BY_ID.all(connection, {"book_id": book_id})[0]
    return BookChecks(Policy(policy), rule, country)


def set_checks(
    connection: Connection,
    book_id: int,
    *,
    policy: Policy | None = None,
    rule: str | None = None,
    country: str | None = None,
) -> None:
    """Change the rules of a book; None leaves one as it is, an empty text ends it.

    Raises:
        InvalidRule: the rule cannot be read, or there is no such country.
    """
    values: dict[str, str] = {}
    if policy is not None:
        values["check_policy"] = policy.value
    if rule is not None:
        values["check_rule"] = str(parse_rule(rule) or "")
    if country is not None:
        values["check_country"] = parse_country(country)
    if values:
        connection.execute(
            update(address_books).where(address_books.c.id == book_id).values(values)
        )


def parse_country(text: str) -> str:
    """Return the code of a country in capitals; an empty text is none.

    Raises:
        InvalidRule: no phone numbers belong to it.
    """
    country = text.strip().upper()
    if country and not is_country(country):
        raise InvalidRule(f"There are no phones in {text!r}; write two letters such as CH or DE.")
    return country


def apply_policy(
    connection: Connection,
    access: BookAccess,
    resource_name: str,
    octets: bytes,
    before: bytes | None,
) -> None:
    """Refuse a card that breaks the rules of its book, or log that it does, as the book says.

    What was wrong with the card before is no reason: a phone must be able to correct one of two
    mistakes. The log has no contents.

    Raises:
        CardRefused: the book refuses such cards.
    """
    if access.check_policy == Policy.OFF:
        return
    policy, rule, country, name = _BY_ID.all(connection, {"book_id": access.book_id})[0]
    checks = BookChecks(Policy(policy), rule, country)
    known = set() if before is None else {_identity(each) for each in checks.problems(before)}
    wrong = [
        each
        for each in checks.problems(octets)
        if each.kind in WRONG and _identity(each) not in known
    ]
    if not wrong:
        return
    if checks.policy is Policy.REFUSE:
        complaints = [_complaint(each) for each in wrong]
        raise CardRefused(
            f"This address book does not take the contact. {' '.join(complaints)} Correct that in "
            "your app, and save the contact again.",
            complaints=complaints,
        )
    kinds = ", ".join(f"{each.name}: {each.kind}" for each in wrong)
    _logger.warning("card %r of the book %r breaks its rules (%s)", resource_name, name, kinds)


def _identity(problem: Problem) -> tuple[str, str, str]:
    return problem.kind, problem.name, problem.value


def _complaint(problem: Problem) -> str:
    if not problem.value:
        return problem.sentence
    return f"{problem.name} {problem.value!r}: {problem.sentence}"
