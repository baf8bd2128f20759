"""Which cards a person's are: found, chosen, and never guessed."""

import sys
from collections.abc import Collection, Sequence

import click
from sqlalchemy import Connection

from sharedbooks.cli.output import Row, moment
from sharedbooks.cli.progress import show_progress
from sharedbooks.domain.erasure import Target
from sharedbooks.domain.people import Place, Trace, count_contents, find_traces
from sharedbooks.errors import Conflict, NotFound
from sharedbooks.vcard.persons import Person, PersonKind, normalise

COLUMNS = {
    "place": "Where",
    "book": "Book",
    "card": "Card",
    "name": "Name",
    "uid": "UID",
    "revision": "Revision",
    "at": "When",
    "own": "Own",
    "found": "Found in",
}
"""How traces are shown."""


def look_for(connection: Connection, person: Person) -> list[Trace]:
    """Return every trace of a person, with a bar while it takes."""
    with show_progress("Looking", count_contents(connection)) as advance:
        return list(find_traces(connection, person, advance))


def trace_row(trace: Trace) -> Row:
    """Return a trace as a row to show."""
    return {
        "place": trace.place.value,
        "book": f"{trace.book} (deleted)" if trace.book_is_deleted else trace.book,
        "card": trace.label,
        "name": trace.display_name,
        "uid": trace.card_uid,
        "revision": trace.revision,
        "at": moment(trace.at),
        "who": trace.who,
        "own": trace.is_own,
        "found": [f"{found.name}: {found.value}" for found in trace.found],
    }


def choose_cards(
    traces: Sequence[Trace], person: Person, chosen: Collection[str], *, for_good: bool
) -> list[Target]:
    """Return the cards that are the person's, each with its book.

    Args:
        traces: what was found.
        person: whom was looked for.
        chosen: UIDs that the user named; empty: what was found has to be clear by itself.
        for_good: whether the cards are to be erased; a name alone is not enough for that.

    Raises:
        NotFound: no card is the person's, or there is none with one of the UIDs.
        Conflict: the cards may be those of several people; says how to choose.
    """
    own = [trace for trace in traces if trace.is_own and trace.book_id is not None]
    uids = {trace.card_uid for trace in own}
    if not own:
        raise NotFound(f"No contact is {person.text!r}; 'sharedbooks privacy find' shows mentions.")
    for uid in chosen:
        if uid not in uids:
            raise NotFound(f"No contact of {person.text!r} has the UID {uid!r}: {_listed(own)}.")
    if not chosen:
        _require_clear(own, person, for_good=for_good)
    wanted = set(chosen) or uids
    found = {Target(t.book_id, t.card_uid) for t in own if t.book_id and t.card_uid in wanted}
    return sorted(found)


def _require_clear(own: Sequence[Trace], person: Person, *, for_good: bool) -> None:
    names = {normalise(PersonKind.NAME, trace.display_name) for trace in _latest(own)}
    by_name = person.kind is PersonKind.NAME
    several = len({trace.card_uid for trace in own}) > 1
    if (by_name and (several or for_good)) or len(names) > 1:
        raise Conflict(
            f"These may be several people: {_listed(own)}. Choose with --card UID, which may be "
            "given several times."
        )


def _latest(own: Sequence[Trace]) -> list[Trace]:
    """Return each card once, as it is, or was last."""
    latest: dict[Target, Trace] = {}
    for trace in own:
        key = Target(trace.book_id or 0, trace.card_uid)
        known = latest.get(key)
        if known is None or (
            known.place is not Place.CARD and (trace.revision or 0) > (known.revision or 0)
        ):
            latest[key] = trace
    return list(latest.values())


def _listed(own: Sequence[Trace]) -> str:
    told = {f"{t.display_name!r} in {t.book} (UID {t.card_uid})" for t in _latest(own)}
    return ", ".join(sorted(told))


def confirm(question: str, *, yes: bool) -> None:
    """Return if the user wants it; without a terminal only ``--yes`` says so.

    Raises:
        Abort: they do not.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask on; say --yes if you are sure")
    click.confirm(question, abort=True, err=True)
