"""``sharedbooks doctor``: everything that can be wrong with an installation, looked at in turn."""

import click

from sharedbooks.cli.commands import Command, Invocation
from sharedbooks.cli.diagnosis import Result, examine, give_up
from sharedbooks.cli.output import show_list
from sharedbooks.cli.store import open_any_store, read_config
from sharedbooks.errors import ConfigProblem

_COLUMNS = {"check": "Check", "result": "Result", "detail": "Found", "remedy": "Remedy"}


@click.command(cls=Command)
@click.pass_context
def doctor(context: click.Context) -> None:
    """Look for what is wrong with this installation, and say what mends it.

    The exit code is 1 if anything failed. Give it as the user who runs the server: what another
    user may read and write says little.
    """
    invocation = context.ensure_object(Invocation)
    try:
        with open_any_store(read_config(invocation)) as store:
            findings = examine(store)
    except ConfigProblem as problem:
        findings = give_up(problem)
    rows = [
        {
            "check": finding.check,
            "result": finding.result.value,
            "detail": finding.detail,
            "remedy": finding.remedy,
        }
        for finding in findings
    ]
    show_list(invocation, rows, _COLUMNS, if_empty="")
    context.exit(1 if any(finding.result is Result.FAILED for finding in findings) else 0)
