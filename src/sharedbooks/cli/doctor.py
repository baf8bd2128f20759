"""``sharedbooks doctor``: everything that can be wrong with an installation, looked at in turn."""

from ipaddress import ip_address

import click

from sharedbooks.cli.commands import Command, Invocation
from sharedbooks.cli.diagnosis import Result, examine, give_up
from sharedbooks.cli.dns_records import examine_domain
from sharedbooks.cli.output import show_list
from sharedbooks.cli.store import open_any_store, read_config
from sharedbooks.errors import ConfigProblem

_COLUMNS = {"check": "Check", "result": "Result", "detail": "Found", "remedy": "Remedy"}


def _nameserver(value: str) -> tuple[str, int]:
    address, colon, port = value.rpartition(":")
    if not colon or address.endswith(":"):
        address, port = value, "53"
    try:
        return str(ip_address(address.strip("[]"))), int(port)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no ADDRESS or ADDRESS:PORT") from None


@click.command(cls=Command)
@click.option("--domain", metavar="NAME", help="Also look for the DNS records of this domain.")
@click.option(
    "--nameserver",
    metavar="ADDRESS[:PORT]",
    type=_nameserver,
    help="Name server to ask, instead of the system's.",
)
@click.pass_context
def doctor(context: click.Context, domain: str | None, nameserver: tuple[str, int] | None) -> None:
    """Look for what is wrong with this installation, and say what mends it.

    With --domain, also whether apps find the server by an e-mail address of that domain. The exit
    code is 1 if anything failed. Give it as the user who runs the server: what another user may
    read and write says little.
    """
    invocation = context.ensure_object(Invocation)
    try:
        with open_any_store(read_config(invocation)) as store:
            findings = examine(store)
            if domain is not None:
                findings += examine_domain(domain, store.config.server.prefix, nameserver)
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
