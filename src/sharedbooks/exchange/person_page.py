"""All that is stored about a person, as one HTML page that needs no other file."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import BinaryIO

from sqlalchemy import Connection

from sharedbooks.domain.card_history import HistoryEntry, content_at, iterate_history
from sharedbooks.domain.erasure import Target
from sharedbooks.domain.people import Place, Trace
from sharedbooks.errors import Conflict
from sharedbooks.vcard.card import inspect_card
from sharedbooks.vcard.differences import differences
from sharedbooks.vcard.media import media_40
from sharedbooks.vcard.properties import card_lines, read_property

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100%; margin: 1rem 0 }}
th, td {{ border: 1px solid #bbb; padding: .3rem .6rem; text-align: left; vertical-align: top }}
td {{ overflow-wrap: anywhere; white-space: pre-wrap }}
img {{ max-width: 16rem; max-height: 16rem }}
section {{ border-top: 3px solid #444; margin-top: 2rem }}
</style>
</head>
<body>
"""  # noqa: E501 - one line of HTML
_PICTURE = re.compile(r"data:image/(?:jpeg|png|gif|webp);base64,[A-Za-z0-9+/]+=*")
_DONE = {"create": "added", "edit": "changed", "delete": "deleted"}
_NEVER = 2**62


def write_person_page(
    connection: Connection,
    file: BinaryIO,
    asked_for: str,
    targets: Sequence[Target],
    traces: Sequence[Trace],
    advance: Callable[[int], None],
) -> None:
    """Write the page: cards with their history, then accounts and mentions.

    Args:
        connection: a snapshot of the database.
        file: open for writing octets.
        asked_for: by what the person was looked for.
        targets: the person's cards.
        traces: every place that names them.
        advance: called after each card.
    """

    def write(text: str) -> None:
        file.write(text.encode())

    title = f"Data about {asked_for}"
    write(_HEAD.format(title=escape(title)))
    moment = datetime.now(UTC)
    write(f"<h1>{escape(title)}</h1>\n<p>Written {moment:%Y-%m-%d %H:%M} UTC by sharedbooks.")
    write(f" Contacts: {len(targets)}. All times are UTC.</p>\n")
    own = {Target(t.book_id, t.card_uid): t for t in traces if t.book_id is not None and t.is_own}
    for target in targets:
        for piece in _card(connection, target, own[target]):
            write(piece)
        advance(1)
    for piece in _elsewhere(traces, set(targets)):
        write(piece)
    write("</body>\n</html>\n")


def _card(connection: Connection, target: Target, trace: Trace) -> Iterator[str]:
    content = _content(connection, target)
    name = trace.display_name if content is None else inspect_card(content).display_name
    book = f"{trace.book} (deleted)" if trace.book_is_deleted else trace.book
    yield f"<section>\n<h2>{escape(name)}</h2>\n<p>Address book {escape(book)}. "
    if content is None:
        yield "The contact was deleted; history keeps what it was.</p>\n"
    else:
        yield f"</p>\n{_properties(content)}"
        yield "<details><summary>As programs exchange it (vCard)</summary>"
        yield f"<pre>{escape(content.decode(errors='replace'))}</pre></details>\n"
    yield "<h3>History</h3>\n<table><tr><th>When</th><th>Who</th><th>What</th></tr>\n"
    for entry in iterate_history(connection, target.book_id, card_uid=target.card_uid):
        yield _change(entry)
    yield "</table>\n</section>\n"


def _content(connection: Connection, target: Target) -> bytes | None:
    try:
        return content_at(connection, target.book_id, target.card_uid, _NEVER)
    except Conflict:
        return None


def _properties(content: bytes) -> str:
    rows = [
        f"<tr><th>{escape(change.name)}</th><td>{escape(change.after or '')}</td></tr>\n"
        for change in differences(None, content)
    ]
    return f"{''.join(_pictures(content))}<table>\n{''.join(rows)}</table>\n"


def _pictures(content: bytes) -> Iterator[str]:
    version = inspect_card(content).version
    for line in card_lines(content):
        if line.name in {"PHOTO", "LOGO"}:
            value = media_40(read_property(line, version)).value.replace("\\,", ",")
            if _PICTURE.fullmatch(value):
                yield f'<p><img src="{value}" alt="{line.name.capitalize()}"></p>\n'


def _change(entry: HistoryEntry) -> str:
    version = entry.version
    where = ", ".join(filter(None, (version.device, version.client)))
    who = escape(version.actor_name) + (f"<br>{escape(where)}" if where else "")
    lines = [_DONE[version.action.value]]
    for change in entry.changes:
        before, after = change.before or "", change.after or ""
        lines.append(f"{change.name}: {before} → {after}" if before else f"{change.name}: {after}")
    what = "\n".join(map(escape, lines))
    return f"<tr><td>{_moment(version.at)}</td><td>{who}</td><td>{what}</td></tr>\n"


def _elsewhere(traces: Sequence[Trace], shown: set[Target]) -> Iterator[str]:
    rows = []
    for trace in traces:
        in_shown = trace.book_id is not None and Target(trace.book_id, trace.card_uid) in shown
        if not in_shown and not (trace.is_own and trace.place is not Place.ACCOUNT):
            named = "\n".join(f"{found.name}: {found.value}" for found in trace.found)
            cells = (_moment(trace.at), trace.place.value, trace.book, trace.label, named)
            rows.append("".join(f"<td>{escape(cell)}</td>" for cell in cells))
    if rows:
        yield "<section>\n<h2>Also named in</h2>\n<table><tr><th>When</th><th>Where</th>"
        yield "<th>Address book</th><th>Which</th><th>Text</th></tr>\n"
        for row in rows:
            yield f"<tr>{row}</tr>\n"
        yield "</table>\n</section>\n"


def _moment(at: int | None) -> str:
    if at is None:
        return ""
    return f"{datetime.fromtimestamp(at / 1_000_000, UTC):%Y-%m-%d %H:%M:%S}"
