"""``sharedbooks audit``: the log of who did what, as JSON lines."""

import json

import click

from sharedbooks.cli.commands import Command, Invocation
from sharedbooks.cli.output import moment
from sharedbooks.cli.parameters import MOMENT
from sharedbooks.cli.store import open_store
from sharedbooks.domain.audit import CardEvent, Event, iterate_events

_END_OF_TIME = 2**62


@click.command(cls=Command)
@click.option("--since", type=MOMENT, metavar="MOMENT", help="From then on.")
@click.option("--until", type=MOMENT, metavar="MOMENT", help="Before that moment.")
@click.option("--book", metavar="BOOK", help="Only what concerns this address book.")
@click.option("--user", metavar="USER", help="Only what this person did, or was done to them.")
@click.pass_obj
def audit(
    invocation: Invocation,
    since: int | None,
    until: int | None,
    book: str | None,
    user: str | None,
) -> None:
    """Write who did what, one JSON object a line, by time.

    The lines are the commands that changed something, and every change of a card; none has the
    contents of a card, or a secret.
    """
    with open_store(invocation) as store, store.database.read() as connection:
        events = iterate_events(
            connection,
            since=since or 0,
            until=_END_OF_TIME if until is None else until,
            book=book,
            user=user,
        )
        for event in events:
            click.echo(json.dumps(_document(event), ensure_ascii=False).encode())


def _document(event: Event | CardEvent) -> dict[str, object]:
    at = moment(event.at)
    assert at is not None  # noqa: S101 - an event has a moment
    told = at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(event, Event):
        return {
            "at": told,
            "kind": "command",
            "who": event.actor_name,
            "action": event.action,
            "details": event.details,
        }
    return {
        "at": told,
        "kind": "card",
        "who": event.actor_name,
        "action": event.action,
        "book": event.book,
        "revision": event.revision,
        "card": event.resource_name,
        "uid": event.card_uid,
        "device": event.device,
        "client": event.client,
    }
