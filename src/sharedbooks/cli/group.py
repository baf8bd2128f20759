"""``sharedbooks group``: groups of users, to grant books to."""

from collections.abc import Sequence

import click
from sqlalchemy import Connection

from sharedbooks.cli.commands import Group, Invocation
from sharedbooks.cli.failures import command
from sharedbooks.cli.lookup import advice, find_group, find_user
from sharedbooks.cli.output import Row, moment, say, show_details, show_list
from sharedbooks.cli.parameters import display_name_option, group_argument, user_argument
from sharedbooks.cli.store import open_store
from sharedbooks.domain.principals import (
    Principal,
    PrincipalKind,
    add_member,
    add_principal,
    delete_principal,
    list_members,
    list_principals,
    remove_member,
)
from sharedbooks.errors import Conflict
from sharedbooks.identifiers import parse_principal_name

_COLUMNS = {
    "name": "Name",
    "display_name": "Display name",
    "source": "Source",
    "size": "Members",
}
_LABELS = {
    "name": "Name",
    "display_name": "Display name",
    "source": "Source",
    "dn": "DN",
    "barred": "Kept out",
    "created_at": "Created",
    "members": "Members",
}
_SYNC_ADVICE = f"Then {command('directory', 'sync')} brings it here."


@click.group(cls=Group)
def group() -> None:
    """Groups of users: a book granted to a group is granted to each of its members."""


@group.command("add")
@click.argument("name", type=parse_principal_name)
@display_name_option
@click.pass_obj
def add(invocation: Invocation, name: str, display_name: str | None) -> None:
    """Add the group NAME, with nobody in it."""

    def work(connection: Connection) -> Principal:
        with advice(f"{command('group', 'show', name)} shows it."):
            return add_principal(
                connection, PrincipalKind.GROUP, name, display_name=display_name or ""
            )

    with open_store(invocation) as store:
        made = store.database.run_write(work)
    say(
        invocation,
        _document(made, []),
        f"Added group {name!r}. "
        f"Put users into it with {command('group', 'add-member', name, 'USER')}.",
    )


@group.command("add-member")
@group_argument
@user_argument
@click.pass_obj
def add_member_(invocation: Invocation, group_name: str, user_name: str) -> None:
    """Put USER into GROUP."""

    def work(connection: Connection) -> bool:
        members = find_group(connection, group_name), find_user(connection, user_name)
        with advice(_SYNC_ADVICE):
            return add_member(connection, *members)

    with open_store(invocation) as store:
        added = store.database.run_write(work)
    say(
        invocation,
        {"group": group_name, "user": user_name, "changed": added},
        f"User {user_name!r} is {'' if added else 'already '}in group {group_name!r}.",
    )


@group.command("remove-member")
@group_argument
@user_argument
@click.pass_obj
def remove_member_(invocation: Invocation, group_name: str, user_name: str) -> None:
    """Take USER out of GROUP."""

    def work(connection: Connection) -> None:
        members = find_group(connection, group_name), find_user(connection, user_name)
        listing = f"{command('group', 'show', group_name)} shows who is."
        with advice(listing if members[0].is_local else _SYNC_ADVICE):
            remove_member(connection, *members)

    with open_store(invocation) as store:
        store.database.run_write(work)
    say(
        invocation,
        {"group": group_name, "user": user_name, "changed": True},
        f"User {user_name!r} is no longer in group {group_name!r}.",
    )


@group.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List all groups with their members."""

    def work(connection: Connection) -> list[Row]:
        return [
            _document(each, list_members(connection, each))
            for each in list_principals(connection, PrincipalKind.GROUP)
        ]

    with open_store(invocation) as store:
        rows = store.database.run_read(work)
    show_list(
        invocation,
        rows,
        _COLUMNS,
        if_empty=f"There are no groups yet; add one with {command('group', 'add', 'NAME')}.",
    )


@group.command("show")
@group_argument
@click.pass_obj
def show(invocation: Invocation, group_name: str) -> None:
    """Show one group with its members."""

    def work(connection: Connection) -> Row:
        shown = find_group(connection, group_name)
        return _document(shown, list_members(connection, shown))

    with open_store(invocation) as store:
        document = store.database.run_read(work)
    show_details(invocation, document, _LABELS)


@group.command("delete")
@group_argument
@click.pass_obj
def delete(invocation: Invocation, group_name: str) -> None:
    """Delete GROUP and its grants; its members stay users."""

    def work(connection: Connection) -> None:
        found = find_group(connection, group_name)
        if not found.is_local and found.barred is None:
            raise Conflict(
                f"Group {found.name!r} is in the directory {found.source} and would come back; "
                "delete it there, or leave it out by group_filter."
            )
        delete_principal(connection, found)

    with open_store(invocation) as store:
        store.database.run_write(work)
    say(
        invocation,
        {"deleted": group_name},
        f"Deleted group {group_name!r} with its grants; its members stay users.",
    )


def _document(principal: Principal, members: Sequence[Principal]) -> Row:
    return {
        "name": principal.name,
        "display_name": principal.display_name,
        "source": principal.source,
        "dn": principal.dn,
        "barred": principal.barred,
        "created_at": moment(principal.created_at),
        "members": [member.name for member in members],
        "size": len(members),
    }
