"""``sharedbooks db``: the schema of the database."""

import click

from sharedbooks.cli.commands import Group, Invocation
from sharedbooks.cli.output import say, show_details
from sharedbooks.cli.store import log_call, open_any_store, read_config
from sharedbooks.config.database_url import masked
from sharedbooks.db.schema_state import SchemaState, schema_status
from sharedbooks.db.upgrade import upgrade_schema

_LABELS = {
    "database": "Database",
    "state": "State",
    "found": "Schema found",
    "known": "Schema known",
}


@click.group(cls=Group)
def db() -> None:
    """The schema of the database, which each version of sharedbooks may extend."""


@db.command("status")
@click.pass_obj
def status(invocation: Invocation) -> None:
    """Show which schema the database has, and which one this program knows."""
    with open_any_store(read_config(invocation)) as store:
        found = schema_status(store.database)
    document = {
        "database": masked(store.config.database.url),
        "state": found.state.name.lower(),
        "found": found.found,
        "known": found.known,
    }
    show_details(invocation, document, _LABELS)


@db.command("upgrade")
@click.pass_obj
def upgrade(invocation: Invocation) -> None:
    """Bring the database to the schema this program knows; a current one stays as it is."""
    with open_any_store(read_config(invocation)) as store:
        before = upgrade_schema(store.database)
        if before.state is SchemaState.OLD:
            store.database.run_write(log_call)
    document = {
        "database": masked(store.config.database.url),
        "before": before.found,
        "after": before.known,
    }
    if before.state is SchemaState.CURRENT:
        sentence = f"The database has the schema {before.known} already."
    elif before.state is SchemaState.EMPTY:
        sentence = f"Made the tables of schema {before.known}."
    else:
        sentence = f"Brought the database from schema {before.found} to {before.known}."
    say(invocation, document, sentence)
