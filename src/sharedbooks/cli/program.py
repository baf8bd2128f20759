"""The program ``sharedbooks``: its commands, each loaded when it is called."""

import importlib
import os
from collections.abc import Sequence

import click

from sharedbooks import __version__
from sharedbooks.cli.commands import Group, Invocation
from sharedbooks.cli.failures import report

_PROGRAM = "sharedbooks"

_COMMANDS = {
    "init": ("init:init", "Make a configuration file and a database."),
    "user": ("user:user", "People who log in."),
    "group": ("group:group", "Groups of users, to grant books to."),
    "book": ("book:book", "Address books of the organisation and of users."),
    "grant": ("grant:grant", "Who may do what on an address book."),
    "device": ("device:device", "App passwords, one for each device of a user."),
    "directory": ("directory:directory", "Directories of people and groups (LDAP)."),
    "import": ("importing:import_", "Bring contacts from a file or server into an address book."),
    "export": ("exporting:export", "Write an address book into a file."),
    "card": ("card:card", "The cards of an address book."),
    "history": ("history:history", "Who changed what in an address book."),
    "trash": ("trash:trash", "Deleted cards and address books, and bringing them back."),
    "check": ("check:check", "Look for cards that are of no use as contacts."),
    "privacy": ("privacy:privacy", "What is stored about a person, and erasing it."),
    "duplicates": ("duplicates:duplicates", "Cards of the same person: find, review, merge."),
    "audit": ("audit:audit", "Who did what, as JSON lines."),
    "backup": ("backup:backup", "Write everything into one file."),
    "restore": ("backup:restore", "Put a backup into an empty database."),
    "maintenance": ("maintenance:maintenance", "Take away what is kept no longer."),
    "serve": ("serve:serve", "Run the server."),
    "healthcheck": ("serve:healthcheck", "Ask the running server whether it is well."),
    "doctor": ("doctor:doctor", "Look for what is wrong with this installation."),
    "db": ("db:db", "The schema of the database."),
    "config": ("config:config", "The configuration in force."),
}
"""Where each command is and what it is for, in the order of the help.

Reading this table takes no time; loading every command, with SQL and passwords, half a second.
"""


class _Program(Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        found = getattr(importlib.import_module(f"sharedbooks.cli.{module}"), attribute)
        assert isinstance(found, click.Command)  # noqa: S101 - the table above says so
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: object) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(f"{_PROGRAM} {__version__}")
        context.exit()


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Show the version and exit.",
)
def program() -> None:
    """Shared address books of an organisation, served over CardDAV.

    Begin with 'sharedbooks init'.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code of the process.

    0: done; 1: it failed; 2: the call or the configuration is wrong; 130: interrupted.
    """
    invocation = Invocation(debug=bool(os.environ.get("SHAREDBOOKS_DEBUG")))
    try:
        outcome = program.main(
            args=None if arguments is None else list(arguments),
            prog_name=_PROGRAM,
            standalone_mode=False,
            obj=invocation,
        )
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last resort
        return report(error, debug=invocation.debug)
    return outcome if isinstance(outcome, int) else 0
