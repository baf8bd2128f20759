"""``sharedbooks user``: the people who log in."""

import sys

import click
from sqlalchemy import Connection

from sharedbooks.cli.commands import Group, Invocation
from sharedbooks.cli.failures import command
from sharedbooks.cli.lookup import advice, find_user
from sharedbooks.cli.output import Row, moment, say, show_details, show_list
from sharedbooks.cli.parameters import display_name_option, email_option, user_argument
from sharedbooks.cli.store import open_store, read_config
from sharedbooks.config import Config
from sharedbooks.domain.credentials import (
    PasswordHasher,
    find_password,
    find_user_with_credentials,
    list_devices,
    set_password,
)
from sharedbooks.domain.principals import (
    Principal,
    PrincipalKind,
    add_principal,
    delete_principal,
    list_groups_of,
    list_principals,
    set_enabled,
)
from sharedbooks.errors import Conflict
from sharedbooks.identifiers import parse_principal_name

_MAX_PASSWORD_LENGTH = 1024
"""A login with a longer one is refused unread."""

_COLUMNS = {
    "name": "Name",
    "display_name": "Display name",
    "email": "E-mail",
    "enabled": "Enabled",
    "first_login_at": "First login",
}
_LABELS = {
    **_COLUMNS,
    "created_at": "Created",
    "source": "Source",
    "dn": "DN",
    "barred": "Kept out",
    "has_password": "Own password",
    "devices": "Devices",
    "groups": "Groups",
}

password_stdin_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from the first line of the input."
)


@click.group(cls=Group)
def user() -> None:
    """People who log in: each has a home with their own books and those granted to them."""


@user.command("add")
@click.argument("name", type=parse_principal_name)
@display_name_option
@email_option
@password_stdin_option
@click.pass_obj
def add(
    invocation: Invocation, name: str, display_name: str | None, email: str, *, password_stdin: bool
) -> None:
    """Add the user NAME.

    Without --password-stdin they have no password of their own, and can log in with an app
    password only ('sharedbooks device add').
    """
    config = read_config(invocation)
    secret_hash = _hash(config, _read_input(config)) if password_stdin else None

    def work(connection: Connection) -> Principal:
        with advice(f"{command('user', 'show', name)} shows it."):
            made = add_principal(
                connection, PrincipalKind.USER, name, display_name=display_name or "", email=email
            )
        if secret_hash is not None:
            set_password(connection, made, secret_hash)
        return made

    with open_store(invocation) as store:
        made = store.database.run_write(work)
    label = "LABEL"
    if secret_hash is not None:
        step = f"Give their devices app passwords with {command('device', 'add', name, label)}."
    else:
        step = (
            "They cannot log in yet: give each device an app password with "
            f"{command('device', 'add', name, label)}, or set a password with "
            f"{command('user', 'password', name)}."
        )
    document = {**_document(made), "has_password": secret_hash is not None}
    say(invocation, document, f"Added user {name!r}.", step)


@user.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List all users."""
    with open_store(invocation) as store:
        users = store.database.run_read(lambda c: list_principals(c, PrincipalKind.USER))
    show_list(
        invocation,
        [_document(each) for each in users],
        _COLUMNS,
        if_empty=f"There are no users yet; add one with {command('user', 'add', 'NAME')}.",
    )


@user.command("show")
@user_argument
@click.pass_obj
def show(invocation: Invocation, user_name: str) -> None:
    """Show one user with groups and devices."""

    def work(connection: Connection) -> Row:
        shown = find_user(connection, user_name)
        found = find_user_with_credentials(connection, user_name)
        return {
            **_document(shown),
            "has_password": found is not None and find_password(found[1]) is not None,
            "devices": [each.label for each in list_devices(connection, shown)],
            "groups": [each.name for each in list_groups_of(connection, shown)],
        }

    with open_store(invocation) as store:
        document = store.database.run_read(work)
    show_details(invocation, document, _LABELS)


@user.command("disable")
@user_argument
@click.pass_obj
def disable(invocation: Invocation, user_name: str) -> None:
    """Refuse every login of USER from now on; nothing of theirs is deleted."""
    _enable(invocation, user_name, enabled=False)


@user.command("enable")
@user_argument
@click.pass_obj
def enable(invocation: Invocation, user_name: str) -> None:
    """Let a disabled USER log in again."""
    _enable(invocation, user_name, enabled=True)


@user.command("delete")
@user_argument
@click.pass_obj
def delete(invocation: Invocation, user_name: str) -> None:
    """Delete USER, with their app passwords, grants and memberships.

    Their own address books go to the trash. Books of the organisation stay, with every card the
    user has added to them, and history keeps the name.
    """
    with open_store(invocation) as store:
        trashed = store.database.run_write(lambda c: delete_principal(c, find_user(c, user_name)))
    say(
        invocation,
        {"deleted": user_name, "books_in_trash": trashed},
        f"Deleted user {user_name!r}; address books of their own that went to the trash: "
        f"{trashed}. Books of the organisation are as they were.",
    )


@user.command("password")
@user_argument
@password_stdin_option
@click.pass_obj
def password(invocation: Invocation, user_name: str, *, password_stdin: bool) -> None:
    """Set the password of USER; the old one ends, app passwords stay."""
    with open_store(invocation) as store:
        # Before anything is typed.
        store.database.run_read(lambda c: _require_own_password(find_user(c, user_name)))
        given = _read_input(store.config) if password_stdin else _ask(store.config)
        secret_hash = _hash(store.config, given)
        store.database.run_write(lambda c: set_password(c, find_user(c, user_name), secret_hash))
    say(
        invocation, {"user": user_name, "has_password": True}, f"Set the password of {user_name!r}."
    )


def _require_own_password(user: Principal) -> None:
    if not user.is_local:
        raise Conflict(
            f"The password of user {user.name!r} is that of the directory {user.source}; change it "
            f"there, or give each device an app password with "
            f"{command('device', 'add', user.name, 'LABEL')}."
        )


def _document(principal: Principal) -> Row:
    return {
        "name": principal.name,
        "display_name": principal.display_name,
        "email": principal.email,
        "enabled": principal.enabled,
        "source": principal.source,
        "dn": principal.dn,
        "barred": principal.barred,
        "created_at": moment(principal.created_at),
        "first_login_at": moment(principal.first_login_at),
    }


def _enable(invocation: Invocation, user_name: str, *, enabled: bool) -> None:
    def work(connection: Connection) -> bool:
        found = find_user(connection, user_name)
        if enabled and found.barred is not None:
            raise Conflict(
                f"The directory {found.source} keeps user {user_name!r} out ({found.barred}); "
                f"change it there, then give {command('directory', 'sync', found.source)}."
            )
        set_enabled(connection, found, enabled=enabled)
        return found.enabled != enabled

    with open_store(invocation) as store:
        changed = store.database.run_write(work)
    state = "enabled" if enabled else "disabled"
    document = {"name": user_name, "enabled": enabled, "changed": changed}
    say(invocation, document, f"User {user_name!r} {'is' if changed else 'was already'} {state}.")


def _read_input(config: Config) -> str:
    line = sys.stdin.buffer.readline().rstrip(b"\r\n")
    try:
        return _checked(config, line.decode())
    except UnicodeDecodeError:
        raise click.UsageError("The password is not in UTF-8.") from None


def _ask(config: Config) -> str:
    if not sys.stdin.isatty():
        raise click.UsageError(
            "There is no terminal to ask for the password; pipe it into --password-stdin."
        )
    typed = click.prompt("New password", hide_input=True, confirmation_prompt="Once more", err=True)
    return _checked(config, typed)


def _checked(config: Config, typed: str) -> str:
    minimum = config.auth.minimum_password_length
    if len(typed) < minimum:
        raise click.UsageError(
            f"A password has at least {minimum} characters ([auth] minimum_password_length)."
        )
    if len(typed) > _MAX_PASSWORD_LENGTH or "\0" in typed:
        raise click.UsageError(
            f"A password has at most {_MAX_PASSWORD_LENGTH} characters, and no NUL."
        )
    return typed


def _hash(config: Config, typed: str) -> str:
    return PasswordHasher(config.auth.password_scheme).hash(typed)
