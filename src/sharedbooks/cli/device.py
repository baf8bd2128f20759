"""``sharedbooks device``: app passwords, one for each device of a user."""

import click
from sqlalchemy import Connection

from sharedbooks.cli.commands import Group, Invocation
from sharedbooks.cli.failures import command
from sharedbooks.cli.lookup import advice, find_user
from sharedbooks.cli.output import moment, say, show_list
from sharedbooks.cli.parameters import label_argument, user_argument
from sharedbooks.cli.store import open_store
from sharedbooks.domain.credentials import add_device, list_devices, revoke_device

_COLUMNS = {
    "label": "Label",
    "created_at": "Created",
    "last_used_at": "Last used",
    "last_used_client": "Last client",
}


@click.group(cls=Group)
def device() -> None:
    """App passwords: one for each device of a user, so that a lost device is locked out alone."""


@device.command("add")
@user_argument
@label_argument
@click.pass_obj
def add(invocation: Invocation, user_name: str, label: str) -> None:
    """Make an app password for the device LABEL of USER and print it, this once."""

    def work(connection: Connection) -> str:
        owner = find_user(connection, user_name)
        with advice(
            f"Choose another label, or end that one with "
            f"{command('device', 'revoke', user_name, label)}."
        ):
            return add_device(connection, owner, label)

    with open_store(invocation) as store:
        password = store.database.run_write(work)
    say(
        invocation,
        {"user": user_name, "label": label, "password": password},
        f"App password of {user_name!r} for {label!r}, to be seen only now:",
        "",
        f"    {password}",
        "",
        f"It is typed where the device asks for the password; the user name is {user_name}.",
    )


@device.command("list")
@user_argument
@click.pass_obj
def list_(invocation: Invocation, user_name: str) -> None:
    """List the devices of USER and when each was last used."""
    with open_store(invocation) as store:
        devices = store.database.run_read(lambda c: list_devices(c, find_user(c, user_name)))
    rows = [
        {
            "label": each.label,
            "created_at": moment(each.created_at),
            "last_used_at": moment(each.last_used_at),
            "last_used_client": each.last_used_client,
        }
        for each in devices
    ]
    show_list(
        invocation,
        rows,
        _COLUMNS,
        if_empty=f"User {user_name!r} has no devices; add one with "
        f"{command('device', 'add', user_name, 'LABEL')}.",
    )


@device.command("revoke")
@user_argument
@label_argument
@click.pass_obj
def revoke(invocation: Invocation, user_name: str, label: str) -> None:
    """End the app password of the device LABEL: its next request is refused."""

    def work(connection: Connection) -> None:
        owner = find_user(connection, user_name)
        with advice(f"{command('device', 'list', user_name)} shows what there is."):
            revoke_device(connection, owner, label)

    with open_store(invocation) as store:
        store.database.run_write(work)
    say(
        invocation,
        {"user": user_name, "label": label, "revoked": True},
        f"Ended the app password of {user_name!r} for {label!r}.",
    )
