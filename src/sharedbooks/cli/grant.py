"""``sharedbooks grant``: who may do what on an address book, and why."""

import click
from sqlalchemy import Connection

from sharedbooks.cli.commands import Group, Invocation
from sharedbooks.cli.failures import command
from sharedbooks.cli.lookup import advice, find_book, find_grantee, find_user
from sharedbooks.cli.output import Row, moment, say, show_details, show_list
from sharedbooks.cli.parameters import book_argument, grantee_argument, user_argument
from sharedbooks.cli.store import open_store
from sharedbooks.domain.books import Book, list_books
from sharedbooks.domain.grants import explain, list_grants, remove_grant, set_grant
from sharedbooks.domain.privileges import PRIVILEGES_BY_NAME, Privilege, cap
from sharedbooks.identifiers import BookReference, GranteeReference, parse_book_reference

GRANT_COLUMNS = {"grantee": "Grantee", "privilege": "Privilege", "granted_at": "Granted"}
"""How the grants of one book are shown."""

_COLUMNS = {"book": "Book", **GRANT_COLUMNS}
_CAPPED = (
    "The cards come from a directory, so nobody adds, changes or deletes any; manage allows to "
    "rename and describe the book, every other privilege to read it."
)


def grant_rows(connection: Connection, book: Book) -> list[Row]:
    """Return the grants on ``book`` as rows to show."""
    return [
        {
            "book": str(book.reference),
            "grantee": f"{each.grantee_kind}:{each.grantee}",
            "privilege": str(each.privilege),
            "granted_at": moment(each.granted_at),
        }
        for each in list_grants(connection, book)
    ]


@click.group(cls=Group)
def grant() -> None:
    """Who may do what on an address book.

    The privileges, each with all that stand before it: read, create (add cards), edit-own (change
    and delete the cards one has added), write (change and delete any card), manage (rename and
    describe the book for everyone).
    """


@grant.command("add")
@book_argument
@grantee_argument
@click.argument("privilege", metavar="PRIVILEGE", type=click.Choice(list(PRIVILEGES_BY_NAME)))
@click.pass_obj
def add(
    invocation: Invocation, reference: BookReference, grantee: GranteeReference, privilege: str
) -> None:
    """Give a user or group a PRIVILEGE on BOOK, in place of the one they have.

    The book appears in the account of everyone concerned, with nothing to do for them.
    """

    def work(connection: Connection) -> Privilege | None:
        book = find_book(connection, reference)
        with advice("An owner may do everything."):
            return set_grant(
                connection, book, find_grantee(connection, grantee), PRIVILEGES_BY_NAME[privilege]
            )

    with open_store(invocation) as store:
        before = store.database.run_write(work)
    document = {
        "book": str(reference),
        "grantee": str(grantee),
        "privilege": privilege,
        "before": None if before is None else str(before),
    }
    if before is None:
        sentence = f"{grantee} has {privilege} on {str(reference)!r} now."
    elif str(before) == privilege:
        sentence = f"{grantee} has {privilege} on {str(reference)!r} already."
    else:
        sentence = f"Changed what {grantee} has on {str(reference)!r}: {before} → {privilege}."
    say(invocation, document, sentence)


@grant.command("remove")
@book_argument
@grantee_argument
@click.pass_obj
def remove(invocation: Invocation, reference: BookReference, grantee: GranteeReference) -> None:
    """Take the grant of a user or group on BOOK back."""

    def work(connection: Connection) -> None:
        book = find_book(connection, reference)
        holder = find_grantee(connection, grantee)
        with advice(f"{command('grant', 'list', str(reference))} shows what there is."):
            remove_grant(connection, book, holder)

    with open_store(invocation) as store:
        store.database.run_write(work)
    say(
        invocation,
        {"book": str(reference), "grantee": str(grantee), "privilege": None},
        f"Took the grant of {grantee} on {str(reference)!r} back.",
    )


@grant.command("list")
@click.argument("reference", metavar="[BOOK]", required=False, type=parse_book_reference)
@click.pass_obj
def list_(invocation: Invocation, reference: BookReference | None) -> None:
    """List the grants on BOOK, or all of them."""

    def work(connection: Connection) -> list[Row]:
        if reference is not None:
            return grant_rows(connection, find_book(connection, reference))
        return [row for book in list_books(connection) for row in grant_rows(connection, book)]

    with open_store(invocation) as store:
        rows = store.database.run_read(work)
    example = command("grant", "add", str(reference or "BOOK"), "group:NAME", "PRIVILEGE")
    show_list(invocation, rows, _COLUMNS, if_empty=f"There are no grants; make one with {example}.")


@grant.command("explain")
@user_argument
@book_argument
@click.pass_obj
def explain_(invocation: Invocation, user_name: str, reference: BookReference) -> None:
    """Tell what USER may do on BOOK, and for which reasons."""

    def work(connection: Connection) -> Row:
        found = find_user(connection, user_name)
        book = find_book(connection, reference)
        reasons = explain(connection, found, book)
        strongest = cap(reasons[0].privilege, read_only=book.read_only) if reasons else None
        return {
            "user": user_name,
            "book": str(reference),
            "privilege": None if strongest is None else str(strongest),
            "read_only": book.read_only,
            "enabled": found.enabled,
            "reasons": [
                {"privilege": str(reason.privilege), "reason": reason.text} for reason in reasons
            ],
        }

    with open_store(invocation) as store:
        document = store.database.run_read(work)
    if invocation.as_json or document["reasons"]:
        labels = {"user": "User", "enabled": "Enabled", "book": "Book", "privilege": "Privilege"}
        if document["read_only"]:
            labels["note"] = "Note"
            document = {**document, "note": _CAPPED}
        columns = {"privilege": "Privilege", "reason": "Reason"}
        show_details(invocation, document, labels, {"reasons": columns})
    else:
        say(
            invocation,
            document,
            f"User {user_name!r} has no privilege on {str(reference)!r}: they neither own it nor "
            "were granted it, alone or in a group.",
        )
