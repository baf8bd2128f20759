"""``sharedbooks privacy``: what is stored about a person, and erasing it."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import click
from sqlalchemy import Connection

from sharedbooks.cli.commands import Command, Group, Invocation
from sharedbooks.cli.failures import command
from sharedbooks.cli.output import Row, say, show_list, warn
from sharedbooks.cli.parameters import country_option
from sharedbooks.cli.privacy_choice import COLUMNS, choose_cards, confirm, look_for, trace_row
from sharedbooks.cli.progress import show_progress
from sharedbooks.cli.store import Store, administrator, caller, open_store
from sharedbooks.db.scrubbing import can_scrub, scrub_file
from sharedbooks.db.types import now
from sharedbooks.domain.audit import Event, log_event
from sharedbooks.domain.book_checks import parse_country
from sharedbooks.domain.erasure import (
    Erased,
    IsPerson,
    Target,
    erase,
    find_referring,
    find_targets,
    redact_events,
)
from sharedbooks.domain.erasure_records import (
    ERASE,
    ErasureRecord,
    make_record,
    read_records,
    reference_of,
)
from sharedbooks.domain.people import Trace, read_only_books
from sharedbooks.errors import SharedbooksError
from sharedbooks.exchange.files import replacing
from sharedbooks.exchange.person_page import write_person_page
from sharedbooks.vcard.persons import Person, PersonKind, parse_person

_ELSEWHERE = (
    "Phones lose the contacts at their next sync. Backups still hold them: make a new backup and "
    "delete the older ones, or keep the output of 'sharedbooks audit' with them and give "
    "'sharedbooks privacy replay' after restoring one."
)


class _Discreet(Command):
    """A command whose arguments must not stand in the audit log: it writes its own line."""

    is_audited = False


person_argument = click.argument("text", metavar="PERSON")
card_option = click.option(
    "--card", "chosen", metavar="UID", multiple=True, help="Which card is meant; may be repeated."
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would go, only.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group(cls=Group)
def privacy() -> None:
    """What is stored about a person, who need not be a user: to find, hand out and erase it.

    PERSON is a mail address, a phone or a name.
    """


@privacy.command("find", cls=_Discreet)
@person_argument
@country_option
@click.pass_obj
def find(invocation: Invocation, text: str, country: str | None) -> None:
    """Show every place that names PERSON: all books, history and trash, accounts, homes, logs."""
    person = parse_person(text, parse_country(country or ""))
    with open_store(invocation) as store:
        with store.database.read() as connection:
            traces = look_for(connection, person)
        _log(store, "privacy find", {**reference_of(person), "found": len(traces)})
    show_list(
        invocation,
        [trace_row(trace) for trace in traces],
        COLUMNS,
        if_empty="Nothing here names them.",
    )


@privacy.command("export", cls=_Discreet)
@person_argument
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@card_option
@country_option
@click.pass_obj
def export(
    invocation: Invocation, text: str, path: Path, chosen: tuple[str, ...], country: str | None
) -> None:
    """Write all that is stored about PERSON into FILE, an HTML page they can read.

    It has their contacts with photos, where these are, and who changed what when. Read it before
    you hand it out: it has the names of those who changed the contacts.
    """
    person = parse_person(text, parse_country(country or ""))
    with open_store(invocation) as store:
        with store.database.read() as connection:
            traces = look_for(connection, person)
            targets = choose_cards(traces, person, chosen, for_good=False)
            with show_progress("Writing", len(targets)) as advance, replacing(path) as file:
                write_person_page(connection, file, person.text, targets, traces, advance)
        _log(store, "privacy export", {**reference_of(person), "cards": len(targets)})
    document = {"file": str(path), "cards": len(targets)}
    say(invocation, document, f"Contacts written into {path}: {len(targets)}.")


@privacy.command("erase", cls=_Discreet)
@person_argument
@card_option
@country_option
@dry_run_option
@yes_option
@click.pass_obj
def erase_(
    invocation: Invocation,
    text: str,
    chosen: tuple[str, ...],
    country: str | None,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    """Erase the contacts of PERSON for good: cards, group members, search index, history, trash.

    Nothing brings them back. The audit log keeps how many went, when and by whom, and digests from
    which 'sharedbooks privacy replay' can do it again after a backup was restored.
    """
    person = parse_person(text, parse_country(country or ""))
    with open_store(invocation) as store:
        with store.database.read() as connection:
            traces = look_for(connection, person)
            targets = choose_cards(traces, person, chosen, for_good=True)
            refreshed = read_only_books(connection, {target.book_id for target in targets})
        record = make_record(person, (target.card_uid for target in targets))
        is_person = _refers_to(person)
        if dry_run:
            _show_plan(invocation, store, targets, traces, is_person)
            return
        books = ", ".join(sorted({t.book for t in traces if t.is_own and t.book}))
        confirm(f"Erase {len(targets)} contacts of {person.text!r} ({books}) for good?", yes=yes)
        words = _words(traces, targets)
        erased = _erase(
            store, targets, is_person, record, lambda t: person.is_mentioned(t) or t in words
        )
        scrubbed = _scrub(store)
        with store.database.read() as connection:
            left = look_for(connection, person)
    document = {
        **asdict(erased),
        "record": record.details(),
        "scrubbed": scrubbed,
        "left": [trace_row(trace) for trace in left],
    }
    say(invocation, document, *_told(erased, store, scrubbed, refreshed))
    if left and not invocation.as_json:
        warn("The person is still named here; these are left to you:")
        show_list(invocation, [trace_row(trace) for trace in left], COLUMNS, if_empty="")


@privacy.command("replay", cls=_Discreet)
@click.argument("file", metavar="FILE", type=click.File(encoding="utf-8"))
@dry_run_option
@yes_option
@click.pass_obj
def replay(invocation: Invocation, file: TextIO, *, dry_run: bool, yes: bool) -> None:
    """Do the erasures in FILE again, after an older backup was restored.

    FILE ("-" for the input) is what 'sharedbooks audit' wrote after the erasures. Cards that
    are not there again are passed over.
    """
    bad: list[int] = []
    with file:
        records = list(read_records(file, bad.append))
    for number in bad:
        warn(f"{file.name}, line {number}: no line of the audit log; left out.")
    with open_store(invocation) as store:
        with store.database.read() as connection:
            again = [(r, sorted(find_targets(connection, r.is_erased))) for r in records]
        again = [(record, targets) for record, targets in again if targets]
        cards = sum(len(targets) for _, targets in again)
        document: dict[str, object] = {"records": len(records), "contacts": cards}
        sentence = f"Erasures in the file: {len(records)}. Contacts that are back: {cards}."
        if dry_run or not again:
            say(invocation, document, sentence)
            return
        confirm(f"Erase {cards} contacts for good?", yes=yes)
        total = Erased()
        for record, targets in again:
            erased = _erase(store, targets, record.is_person, record, record.is_person)
            total.cards += erased.cards
            total.versions += erased.versions
            total.references += erased.references
            total.books = max(total.books, erased.books)
        scrubbed = _scrub(store)
    say(invocation, {**document, **asdict(total), "scrubbed": scrubbed}, sentence,
        *_told(total, store, scrubbed, []))  # fmt: skip


@privacy.command("scrub")
@click.pass_obj
def scrub(invocation: Invocation) -> None:
    """Rewrite a SQLite file without anything that was deleted; 'erase' does it by itself."""
    with open_store(invocation) as store:
        scrubbed = _scrub(store)
    say(invocation, {"scrubbed": scrubbed}, _scrub_sentence(store, scrubbed))


def _refers_to(person: Person) -> IsPerson:
    """Return what tells whether a line of another card means the person; a name never does."""
    if person.kind is PersonKind.NAME:
        return lambda _value: False
    return person.is_named


def _words(traces: Sequence[Trace], targets: Collection[Target]) -> set[str]:
    """Return what the audit log may call the cards."""
    chosen = set(targets)
    found: set[str] = set()
    for trace in traces:
        if trace.book_id is not None and Target(trace.book_id, trace.card_uid) in chosen:
            found |= {trace.label, trace.card_uid, trace.display_name}
    return found


def _show_plan(
    invocation: Invocation,
    store: Store,
    targets: Sequence[Target],
    traces: Sequence[Trace],
    is_person: IsPerson,
) -> None:
    with store.database.read() as connection:
        referring = len(find_referring(connection, targets, is_person))
    chosen = set(targets)
    going = [t for t in traces if t.book_id and Target(t.book_id, t.card_uid) in chosen]
    show_list(invocation, [trace_row(trace) for trace in going], COLUMNS, if_empty="")
    if not invocation.as_json:
        warn(f"Other cards that name them and would lose the line: {referring}. Nothing is erased.")


def _erase(
    store: Store,
    targets: Collection[Target],
    is_person: IsPerson,
    record: ErasureRecord,
    is_about: IsPerson,
) -> Erased:
    actor = administrator("sharedbooks privacy erase")
    with store.database.read() as connection:
        referring = find_referring(connection, targets, is_person)

    def work(connection: Connection) -> Erased:
        erased = erase(connection, actor, targets, referring, is_person)
        redact_events(connection, is_about)
        log_event(connection, Event(now(), caller(), ERASE, {**record.details(), **asdict(erased)}))
        return erased

    return store.database.run_write(work)


def _scrub(store: Store) -> bool | None:
    """Return whether the file has forgotten; None where that is the database's own business."""
    if not can_scrub(store.database):
        return None
    try:
        return scrub_file(store.database)
    except SharedbooksError as error:
        error.add_note(f"What was asked for is erased; then give {command('privacy', 'scrub')}.")
        raise


def _scrub_sentence(store: Store, scrubbed: bool | None) -> str:  # noqa: FBT001
    if scrubbed is None:
        return (
            "The database keeps deleted octets until it is compacted: "
            + ("VACUUM FULL" if store.database.dialect == "postgresql" else "OPTIMIZE TABLE")
            + " does that; see docs/privacy.md."
        )
    if scrubbed:
        return "The database file holds nothing of it any more."
    return (
        "The database file still holds old pages, since the server was reading all the time; give "
        f"{command('privacy', 'scrub')} when it is less busy."
    )


def _told(
    erased: Erased,
    store: Store,
    scrubbed: bool | None,  # noqa: FBT001
    refreshed: Sequence[str],
) -> list[str]:
    counted = (
        f"Erased contacts: {erased.cards}, versions in history and trash: {erased.versions}, lines "
        f"in other cards: {erased.references}."
    )
    told = [counted, _scrub_sentence(store, scrubbed), _ELSEWHERE]
    if refreshed:
        told.append(
            f"Remove the person from the directory too, which would bring them back: "
            f"{', '.join(refreshed)}."
        )
    return told


def _log(store: Store, action: str, details: Row) -> None:
    event = Event(now(), caller(), action, details)

    def work(connection: Connection) -> Any:
        log_event(connection, event)

    store.database.run_write(work)
