"""``sharedbooks book``: the address books of the organisation and of users."""

import click
from sqlalchemy import Connection

from sharedbooks.cli.book_restore import restore
from sharedbooks.cli.commands import Group, Invocation
from sharedbooks.cli.failures import command
from sharedbooks.cli.grant import GRANT_COLUMNS, grant_rows
from sharedbooks.cli.lookup import advice, find_book, find_user
from sharedbooks.cli.output import Row, moment, say, show_details, show_list
from sharedbooks.cli.parameters import (
    RETENTION,
    Kept,
    book_argument,
    country_option,
    description_option,
    display_name_option,
    kept_as_text,
    owner_option,
    rule_option,
)
from sharedbooks.cli.store import open_store
from sharedbooks.domain.book_checks import Policy, get_checks, set_checks
from sharedbooks.domain.books import (
    Book,
    add_book,
    count_cards,
    delete_book,
    get_book,
    list_books,
    set_book,
)
from sharedbooks.domain.grants import list_grants
from sharedbooks.domain.homes import add_own_book
from sharedbooks.domain.principals import PrincipalKind, get_group, list_members
from sharedbooks.domain.privileges import Privilege, cap
from sharedbooks.domain.retention import get_retention, set_trash_kept, set_versions_kept
from sharedbooks.identifiers import BookReference

_COLUMNS = {
    "reference": "Book",
    "display_name": "Display name",
    "owner": "Owner",
    "cards": "Cards",
    "revision": "Revision",
}
_LABELS = {
    **_COLUMNS,
    "read_only": "Read-only",
    "description": "Description",
    "check_policy": "Check policy",
    "check_rule": "Required",
    "check_country": "Country",
    "keep_versions": "Keeps versions",
    "keep_trash": "Keeps trash",
    "created_at": "Created",
    "changed_at": "Changed",
}
_KEEPING = {"keep_versions": set_versions_kept, "keep_trash": set_trash_kept}
_MEMBER_COLUMNS = {"user": "Member", "privilege": "May"}


@click.group(cls=Group)
def book() -> None:
    """Address books of the organisation (named like 'sales') and of users ('alice/contacts')."""


book.add_command(restore)


@book.command("add")
@book_argument
@display_name_option
@description_option
@owner_option
@click.pass_obj
def add(
    invocation: Invocation,
    reference: BookReference,
    display_name: str | None,
    description: str | None,
    owner: str | None,
) -> None:
    """Make an empty BOOK.

    It belongs to the organisation, or with --owner to a user.
    """
    if owner is not None and reference.owner not in {None, owner}:
        raise click.UsageError(f"{str(reference)!r} belongs to {reference.owner!r}, not {owner!r}")
    named = BookReference(owner or reference.owner, reference.name)

    def work(connection: Connection) -> Row:
        user = None if named.owner is None else find_user(connection, named.owner)
        with advice(f"{command('book', 'show', str(named))} shows it."):
            if user is None:
                add_book(connection, named)
            else:
                add_own_book(connection, user, named.name)
        made = get_book(connection, named)
        set_book(connection, made.id, display_name=display_name, description=description)
        return _document(connection, get_book(connection, named))

    with open_store(invocation) as store:
        document = store.database.run_write(work)
    step = command("grant", "add", str(named), "group:NAME", "PRIVILEGE")
    say(invocation, document, f"Added address book {str(named)!r}. Grant it with {step}.")


@book.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List all address books."""
    with open_store(invocation) as store:
        rows = store.database.run_read(lambda c: [_document(c, each) for each in list_books(c)])
    show_list(
        invocation,
        rows,
        _COLUMNS,
        if_empty=f"There are no address books yet; add one with {command('book', 'add', 'NAME')}.",
    )


@book.command("show")
@book_argument
@click.pass_obj
def show(invocation: Invocation, reference: BookReference) -> None:
    """Show one address book with its grants and all who may see it."""

    def work(connection: Connection) -> Row:
        shown = find_book(connection, reference)
        return {
            **_document(connection, shown),
            **_rules(connection, shown),
            "grants": grant_rows(connection, shown),
            "members": _members(connection, shown),
        }

    with open_store(invocation) as store:
        document = store.database.run_read(work)
    tables = {"grants": GRANT_COLUMNS, "members": _MEMBER_COLUMNS}
    show_details(invocation, document, _LABELS, tables)


@book.command("set")
@book_argument
@display_name_option
@description_option
@click.option(
    "--check-policy",
    type=click.Choice([policy.value for policy in Policy]),
    help="What happens to a card that breaks the rules of the book.",
)
@rule_option
@country_option
@click.option(
    "--keep-versions",
    type=RETENTION,
    metavar="TIME",
    help="How long earlier versions of cards are kept: '90 d', forever, or default.",
)
@click.option(
    "--keep-trash",
    type=RETENTION,
    metavar="TIME",
    help="How long deleted cards, and BOOK when it is deleted, are kept.",
)
@click.pass_obj
def set_(
    invocation: Invocation,
    /,
    reference: BookReference,
    display_name: str | None,
    description: str | None,
    check_policy: str | None,
    rule: str | None,
    country: str | None,
    **kept: Kept | None,
) -> None:
    """Change what BOOK is called, or the rules for its cards, for everyone.

    Members who gave it a name of their own keep that. An empty --require or --country ends what
    was set.
    """
    policy = None if check_policy is None else Policy(check_policy)
    texts = (display_name, description, policy, rule, country)
    if all(value is None for value in (*texts, *kept.values())):
        raise click.UsageError("Say what to change: --display-name, --description, --check-policy…")

    def work(connection: Connection) -> Row:
        found = find_book(connection, reference)
        set_book(connection, found.id, display_name=display_name, description=description)
        set_checks(connection, found.id, policy=policy, rule=rule, country=country)
        for name, value in kept.items():
            if value is not None:
                _KEEPING[name](connection, found.id, value.seconds)
        changed = get_book(connection, reference)
        return {**_document(connection, changed), **_rules(connection, changed)}

    with open_store(invocation) as store:
        document = store.database.run_write(work)
    say(invocation, document, f"Changed address book {str(reference)!r}.")


@book.command("delete")
@book_argument
@click.pass_obj
def delete(invocation: Invocation, reference: BookReference) -> None:
    """Put BOOK into the trash: it is gone for every member, its name is free."""

    def work(connection: Connection) -> int:
        found = find_book(connection, reference)
        number = count_cards(connection, found.id)
        delete_book(connection, found.id)
        return number

    with open_store(invocation) as store:
        number = store.database.run_write(work)
    say(
        invocation,
        {"deleted": str(reference), "cards_in_trash": number},
        f"Address book {str(reference)!r} is in the trash with its cards ({number}); it is gone "
        "from every account, and its name is free.",
    )


def _document(connection: Connection, shown: Book) -> dict[str, object]:
    return {
        "reference": str(shown.reference),
        "name": shown.name,
        "owner": shown.owner,
        "display_name": shown.display_name,
        "description": shown.description,
        "cards": count_cards(connection, shown.id),
        "read_only": shown.read_only,
        "revision": shown.revision,
        "created_at": moment(shown.created_at),
        "changed_at": moment(shown.changed_at),
    }


def _rules(connection: Connection, shown: Book) -> Row:
    checks = get_checks(connection, shown.id)
    versions, trash = get_retention(connection, shown.id)
    return {
        "keep_versions": kept_as_text(versions),
        "keep_trash": kept_as_text(trash),
        "check_policy": str(checks.policy),
        "check_rule": checks.rule,
        "check_country": checks.country,
    }


def _members(connection: Connection, shown: Book) -> list[Row]:
    """Return every user who may see the book, by name, with the strongest privilege they have."""
    strongest = {} if shown.owner is None else {shown.owner: Privilege.MANAGE}
    for each in list_grants(connection, shown):
        if each.grantee_kind is PrincipalKind.USER:
            names = [each.grantee]
        else:
            group = get_group(connection, each.grantee)
            names = [member.name for member in list_members(connection, group)]
        for name in names:
            privilege = cap(each.privilege, read_only=shown.read_only)
            strongest[name] = max(privilege, strongest.get(name, privilege))
    return [{"user": name, "privilege": str(strongest[name])} for name in sorted(strongest)]
