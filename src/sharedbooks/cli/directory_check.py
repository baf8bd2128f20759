"""``sharedbooks directory check``: how the servers answer, and how somebody would log in."""

from collections.abc import Sequence
from contextlib import ExitStack, closing

import click
from sqlalchemy import Connection

from sharedbooks.cli.commands import Command, Invocation
from sharedbooks.cli.failures import command, sentence_of
from sharedbooks.cli.output import Row, show_tables, warn
from sharedbooks.cli.store import Store, open_store
from sharedbooks.directory.connection import Directory
from sharedbooks.directory.diagnosis import (
    PersonReport,
    count_entries,
    examine_person,
    examine_server,
)
from sharedbooks.directory.search import Route, find_route
from sharedbooks.domain.credentials import find_user_by_source
from sharedbooks.domain.directory_principals import find_principals_by_source
from sharedbooks.domain.grants import grants_to
from sharedbooks.domain.principals import LOCAL, Principal, PrincipalKind, find_principal
from sharedbooks.domain.privileges import Privilege
from sharedbooks.errors import DirectoryUnavailable
from sharedbooks.identifiers import BookReference

_SERVERS = {
    "directory": "Directory",
    "server": "Server",
    "result": "Result",
    "encryption": "Encryption",
    "subject": "Certificate",
    "issuer": "Issuer",
    "valid_until": "Valid until",
}
_DIRECTORIES = {
    "directory": "Directory",
    "base": "Base",
    "people": "People",
    "groups": "Groups",
}
_LOGIN = {"what": "Login", "value": ""}
_GROUPS = {"group": "Group", "dn": "DN"}
_BOOKS = {"book": "Book", "privilege": "Privilege", "through": "Granted to"}
_OK, _FAILED = "ok", "failed"


@click.command("check", cls=Command)
@click.argument("user", required=False)
@click.pass_context
def check(context: click.Context, user: str | None) -> None:
    """Connect to every server of every directory, and show how USER would log in.

    USER is what somebody types as their name. No password is asked for; everything else is done as
    at a login: which entry is found, whether the account may log in, which groups and books come of
    it. The exit code is 1 if something is wrong.
    """
    invocation = context.ensure_object(Invocation)
    with open_store(invocation) as store, ExitStack() as stack:
        configs = store.config.directories
        if not configs:
            raise click.UsageError("The configuration has no [directory.NAME]; describe one first")
        directories = [stack.enter_context(closing(Directory(each))) for each in configs]
        servers = [row for each in directories for row in _server_rows(each)]
        problems = [f"{row['server']}: {row['problem']}." for row in servers if row["problem"]]
        totals = [_totals(each, problems) for each in directories]
        document: dict[str, object] = {"servers": servers, "directories": totals}
        tables = {"servers": _SERVERS, "directories": _DIRECTORIES}
        if user is not None:
            document |= _login(store, directories, user, problems, as_json=invocation.as_json)
            tables |= {"login": _LOGIN, "groups": _GROUPS, "books": _BOOKS}
    if invocation.as_json:
        document["problems"] = problems
    show_tables(invocation, document, tables, if_empty="")
    if not invocation.as_json:
        for problem in problems:
            warn(problem)
    context.exit(1 if problems else 0)


def _server_rows(directory: Directory) -> list[Row]:
    rows: list[Row] = []
    for server in directory.config.servers:
        report = examine_server(directory, server)
        shown = report.certificate
        rows.append(
            {
                "directory": directory.config.name,
                "server": report.server,
                "result": _FAILED if report.problem else _OK,
                "encryption": report.encryption or "none",
                "subject": shown.subject if shown else None,
                "issuer": shown.issuer if shown else None,
                "valid_until": shown.valid_until if shown else None,
                "problem": report.problem,
            }
        )
    return rows


def _totals(directory: Directory, problems: list[str]) -> Row:
    config = directory.config
    row: dict[str, object] = {"directory": config.name, "base": config.base}
    try:
        people, groups = count_entries(directory)
    except DirectoryUnavailable as error:
        problems.append(sentence_of(error))
        return {**row, "people": None, "groups": None}
    if not people:
        problems.append(
            f"[directory.{config.name}]: there are no people; see user_base, user_filter, and what "
            "bind_dn may read."
        )
    return {**row, "people": people, "groups": groups}


def _login(
    store: Store,
    directories: Sequence[Directory],
    user: str,
    problems: list[str],
    *,
    as_json: bool,
) -> dict[str, object]:
    """Return what the document says of one person's login."""
    known = store.database.run_read(lambda c: find_principal(c, PrincipalKind.USER, user))
    if known is not None and known.source == LOCAL:
        problems.append(
            f"{user!r} is a local user, who has a password here; no directory is asked."
        )
        return {}
    route = find_route(directories, user, known.source if known else None)
    if route is None:
        problems.append(f"No directory is responsible for {user!r}; see suffix and realm.")
        return {}
    try:
        report = examine_person(route)
    except DirectoryUnavailable as error:
        problems.append(sentence_of(error))
        return {}
    if report.problem:
        problems.append(f"{user!r} cannot log in: {report.problem}.")
    return store.database.run_read(
        lambda connection: _described(connection, route, report, problems, as_json=as_json)
    )


def _described(
    connection: Connection,
    route: Route,
    report: PersonReport,
    problems: list[str],
    *,
    as_json: bool,
) -> dict[str, object]:
    source = route.directory.config.name
    person = report.person
    found = person and find_user_by_source(connection, source, person.source_id)
    principal = found[0] if found else None
    groups = find_principals_by_source(
        connection, PrincipalKind.GROUP, source, sorted(report.groups)
    )
    if person is not None:
        problems += _clashes(connection, person.name, principal)
    if principal is not None and not principal.enabled and principal.barred is None:
        problems.append(
            f"User {principal.name!r} is disabled here; "
            f"{command('user', 'enable', principal.name)} lets them in."
        )
    values: dict[str, object] = {
        "directory": source,
        "filter": report.search_filter,
        "found": list(report.found),
        "may_log_in": not report.problem,
        "id": person.source_id if person else None,
        "principal": principal.name if principal else None,
        "principal_to_be": person.name if person else None,
        "groups_unknown_here": len(report.groups) - len(groups),
    }
    ids = [each.id for each in groups] + ([principal.id] if principal else [])
    books = [
        {
            "book": str(BookReference(owner, name)),
            "privilege": str(Privilege(privilege)),
            "through": f"{kind}:{grantee}",
        }
        for name, owner, privilege, kind, grantee in grants_to(connection, ids)
    ]
    rows = [{"what": _LABELS[key], "value": value} for key, value in values.items()]
    return {
        "login": values if as_json else rows,
        "groups": [{"group": each.name, "dn": each.dn} for each in groups],
        "books": books,
    }


_LABELS = {
    "directory": "Directory",
    "filter": "Filter",
    "found": "Entries found",
    "may_log_in": "May log in",
    "id": "Stable id",
    "principal": "User here",
    "principal_to_be": "Name from the directory",
    "groups_unknown_here": "Groups not known here",
}


def _clashes(connection: Connection, name: str, principal: Principal | None) -> list[str]:
    holder = find_principal(connection, PrincipalKind.USER, name)
    if holder is None or (principal is not None and holder.id == principal.id):
        return []
    whose = "a local user" if holder.source == LOCAL else f"{holder.dn} of {holder.source}"
    return [f"The name {name!r} belongs to {whose}; rename one of the two."]
