"""``sharedbooks directory``: LDAP directories and Active Directory."""

import click

from sharedbooks.cli.commands import Group
from sharedbooks.cli.directory_book import book
from sharedbooks.cli.directory_check import check
from sharedbooks.cli.directory_sync import sync


@click.group(cls=Group)
def directory() -> None:
    """Directories of people and groups (LDAP, Active Directory)."""


directory.add_command(check)
directory.add_command(sync)
directory.add_command(book)
