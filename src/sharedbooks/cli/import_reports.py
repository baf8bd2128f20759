"""What an import tells: the bad rows in a file of their own, and what was done, for all to see."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from sharedbooks.cli.output import Row, plain_text, warn
from sharedbooks.exchange.csv_files import guarded
from sharedbooks.exchange.files import replacing
from sharedbooks.exchange.importing import ImportSummary
from sharedbooks.exchange.plan import Decision, Outcome
from sharedbooks.exchange.records import BadRecord

_MOST_TOLD = 1000
"""Bad rows told on the terminal and in JSON; a report file has all of them."""

_MOST_SHOWN = 10_000
"""Cards of a dry run in JSON."""


@dataclass(slots=True)
class Telling:
    """What there is to tell of one import so far.

    Attributes:
        name: of the source, for people.
        book: of the book, for people.
        dry_run: whether nothing is written.
        problems: the first bad rows.
        left_out: how many bad rows more there are.
        shown: what a dry run would do, for JSON.
        hidden: how many cards more that would be.
    """

    name: str
    book: str
    dry_run: bool
    problems: list[BadRecord] = field(default_factory=list)
    left_out: int = 0
    shown: list[Row] = field(default_factory=list)
    hidden: int = 0

    def refuse(self, bad: BadRecord) -> None:
        """Note a bad row."""
        if len(self.problems) < _MOST_TOLD:
            self.problems.append(bad)
        else:
            self.left_out += 1

    def decide(self, decision: Decision) -> None:
        """Note what would be done, in a dry run; what stays as it is need not be told."""
        if not self.dry_run or (decision.outcome is Outcome.UNCHANGED and not decision.kept):
            return
        if len(self.shown) < _MOST_SHOWN:
            self.shown.append(_shown(decision))
        else:
            self.hidden += 1


def _shown(decision: Decision) -> Row:
    place = decision.keyed.record.place
    card = decision.result or decision.keyed.record.card
    uid = decision.existing.card_uid if decision.existing else card.card_uid
    return {
        place.unit: place.number,
        "outcome": decision.outcome.value,
        "name": card.facts.display_name,
        "uid": uid,
        "reason": decision.reason,
        "kept": list(decision.kept),
    }


@contextmanager
def bad_rows_file(path: Path | None) -> Iterator[Callable[[BadRecord], None]]:
    """Yield what writes a bad row into a CSV file: its place, the reason, and what it says."""
    if path is None:
        yield lambda _: None
        return
    with replacing(path) as file:
        text = TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(["where", "number", "reason", "data"])

        def write(bad: BadRecord) -> None:
            cells = [bad.place.unit, str(bad.place.number), bad.reason, *bad.data]
            writer.writerow([guarded(cell) for cell in cells])

        yield write
        text.flush()
        text.detach()


def explain(telling: Telling, notes: Sequence[str]) -> None:
    """Print, for people, what was done about single rows, and what is to be known of the source."""
    for row in telling.shown:
        click.echo(plain_text(_sentence_of(row, telling.name)))
    for bad in telling.problems:
        warn(f"{telling.name}, {bad.place}: {bad.reason}")
    if telling.left_out:
        warn(f"{telling.left_out} more; --report FILE writes all of them down.")
    for note in notes:
        warn(note)


def document(telling: Telling, summary: ImportSummary, more: Mapping[str, Any]) -> dict[str, Any]:
    """Return, for programs, what an import did or would do."""
    told = {
        "book": telling.book,
        "added": summary.added,
        "changed": summary.changed,
        "unchanged": summary.unchanged,
        "skipped": summary.skipped,
        "kept": summary.kept,
        "failed": summary.failed,
        "problems": [
            {bad.place.unit: bad.place.number, "reason": bad.reason} for bad in telling.problems
        ],
        "dry_run": telling.dry_run,
        **more,
    }
    if telling.dry_run:
        told |= {"cards": telling.shown, "cards_not_shown": telling.hidden}
    return told


def summary_sentence(telling: Telling, summary: ImportSummary) -> str:
    """Return in one line what became of the rows."""
    what = "Cards that would be imported" if telling.dry_run else "Cards imported"
    sentence = (
        f"{what} into {telling.book!r}: {summary.added} added, {summary.changed} "
        f"changed, {summary.unchanged} unchanged."
    )
    if summary.kept:
        sentence += f" Cards left as they are where the source differs: {summary.kept}."
    if summary.skipped:
        sentence += f" Left as members have them: {summary.skipped} ('--overwrite' changes that)."
    if summary.failed:
        sentence += f" Left out: {summary.failed}, for the reasons above."
    return sentence


def _sentence_of(row: Row, name: str) -> str:
    unit, number = next(iter(row.items()))
    sentence = f"{name}, {unit} {number}: {row['outcome']}: {row['name']}"
    kept = row["kept"]
    if isinstance(kept, list) and kept:
        sentence += f"; left as the card has it: {', '.join(kept)}"
    return f"{sentence}; {row['reason']}" if row["reason"] else sentence
