"""Finding what the user named; a name that is not there is answered with the nearest that is."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from sqlalchemy import Connection

from sharedbooks.cli.failures import command
from sharedbooks.directory.names import normalise_dn
from sharedbooks.domain.books import Book, get_book, list_books
from sharedbooks.domain.card_history import find_card_uid
from sharedbooks.domain.principals import (
    Principal,
    PrincipalKind,
    find_principal,
    get_user,
    list_principals,
)
from sharedbooks.errors import Conflict, NotFound
from sharedbooks.identifiers import BookReference, GranteeKind, GranteeReference, looks_like_dn


@contextmanager
def advice(sentence: str) -> Iterator[None]:
    """Add the next step to what the domain says when a name is missing or taken."""
    try:
        yield
    except (Conflict, NotFound) as error:
        error.add_note(sentence)
        raise


def find_user(connection: Connection, name: str) -> Principal:
    """Return the user called ``name``.

    Raises:
        NotFound: there is none; suggests another.
    """
    try:
        return get_user(connection, name)
    except NotFound as error:
        known = (user.name for user in list_principals(connection, PrincipalKind.USER))
        error.add_note(_suggestion(name, known, command("user", "list")))
        raise


def find_group(connection: Connection, name: str) -> Principal:
    """Return the group that ``name`` means: its name here, its DN or its short name in a directory.

    Raises:
        NotFound: there is none; suggests another.
        Conflict: several have that short name; says which.
    """
    exact = find_principal(connection, PrincipalKind.GROUP, name)
    if exact is not None and exact.is_local:
        return exact
    groups = list_principals(connection, PrincipalKind.GROUP)
    found = _in_directories(groups, name)
    if len(found) > 1:
        dns = "; ".join(f"{each.dn} ({each.source})" for each in found)
        raise Conflict(f"Several groups are called {name!r}: {dns}. Name the one by its DN.")
    if found:
        return found[0]
    if exact is not None:
        return exact
    error = NotFound(f"There is no group {name!r}.")
    error.add_note(_suggestion(name, (each.name for each in groups), command("group", "list")))
    raise error


def _in_directories(groups: Iterable[Principal], name: str) -> list[Principal]:
    """Return the groups of directories with that DN or short name, the living before the gone."""
    folded = name.casefold()
    dn = normalise_dn(name) if looks_like_dn(name) else None
    found = [
        each
        for each in groups
        if each.dn is not None
        and (each.display_name.casefold() == folded or (dn and normalise_dn(each.dn) == dn))
    ]
    return [each for each in found if each.barred is None] or found


def find_grantee(connection: Connection, reference: GranteeReference) -> Principal:
    """Return the user or group that ``reference`` names.

    Raises:
        NotFound: there is none; suggests another.
    """
    find = find_user if reference.kind is GranteeKind.USER else find_group
    return find(connection, reference.name)


def find_book(connection: Connection, reference: BookReference) -> Book:
    """Return the book that ``reference`` names.

    Raises:
        NotFound: there is none; suggests another.
    """
    try:
        return get_book(connection, reference)
    except NotFound as error:
        known = (str(book.reference) for book in list_books(connection))
        error.add_note(_suggestion(str(reference), known, command("book", "list")))
        raise


def find_card(connection: Connection, book: Book, text: str) -> str:
    """Return the UID of the card that ``text`` names: file name, UID or display name.

    Raises:
        NotFound: there is none, and was none.
        Conflict: several cards are called so.
    """
    with advice(f"{command('card', 'list', str(book.reference))} shows names that are unique."):
        return find_card_uid(connection, book.id, text)


def _suggestion(name: str, known: Iterable[str], listing: str) -> str:
    names = {candidate.casefold(): candidate for candidate in known}
    near = get_close_matches(name.casefold(), names, n=1)
    question = f"Did you mean {names[near[0]]!r}? " if near else ""
    return f"{question}{listing} shows what there is."
