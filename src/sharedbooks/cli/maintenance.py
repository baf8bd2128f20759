"""``sharedbooks maintenance``: what a timer does once a day."""

import click

from sharedbooks.cli.commands import Command, Invocation
from sharedbooks.cli.output import say
from sharedbooks.cli.progress import show_progress
from sharedbooks.cli.store import open_store
from sharedbooks.db.upkeep import tidy_up
from sharedbooks.domain.retention import Retention, purge
from sharedbooks.domain.throttle import Throttle


@click.command(cls=Command)
@click.pass_obj
def maintenance(invocation: Invocation) -> None:
    """Take away what is kept no longer: old versions, old trash, failed logins that have passed.

    How long a book keeps them says 'book set', else the configuration. The server goes on, and no
    sync token ends by it.
    """
    with open_store(invocation) as store:
        books, auth = store.config.books, store.config.auth
        default = Retention(books.keep_versions, books.keep_trash)
        with show_progress("Purging", None) as advance:
            purged = purge(store.database, default, advance)
        throttle = Throttle(auth.throttle_failures, auth.throttle_window)
        failures = store.database.run_write(throttle.forget_passed)
        store.database.run_write(tidy_up)
    document = {
        "versions": purged.versions,
        "cards": purged.cards,
        "books": purged.books,
        "login_failures": failures,
    }
    say(
        invocation,
        document,
        f"Taken away: {purged.versions} versions of cards, {purged.cards} cards and {purged.books} "
        f"address books from the trash, {failures} counters of failed logins.",
    )
