"""``sharedbooks doctor``: everything that can be wrong with an installation, looked at in turn."""

from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import click

from sharedbooks.cli.commands import Command, Invocation
from sharedbooks.cli.diagnosis import examine, give_up
from sharedbooks.cli.dns_records import examine_domain
from sharedbooks.cli.doctor_backups import examine_backups
from sharedbooks.cli.doctor_url import examine_url
from sharedbooks.cli.findings import Result
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


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise click.BadParameter(f"{value!r} is no URL such as https://contacts.example.org/")
    return value


@click.command(cls=Command)
@click.option("--domain", metavar="NAME", help="Also look for the DNS records of this domain.")
@click.option(
    "--nameserver",
    metavar="ADDRESS[:PORT]",
    type=_nameserver,
    help="Name server to ask, instead of the system's.",
)
@click.option(
    "--url", metavar="URL", type=_url, help="Also ask the server as apps that are given URL."
)
@click.option(
    "--ca-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Certificates to trust at URL, instead of those the system trusts.",
)
@click.option(
    "--backups",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where backups are, instead of /var/backups/sharedbooks.",
)
@click.pass_context
def doctor(
    context: click.Context,
    domain: str | None,
    nameserver: tuple[str, int] | None,
    url: str | None,
    ca_file: Path | None,
    backups: Path | None,
) -> None:
    """Look for what is wrong with this installation, and say what mends it.

    With --domain, also whether apps find the server by an e-mail address of that domain; with
    --url, whether they reach it there, and what a proxy in front makes of their requests. The exit
    code is 1 if anything failed. Give it as the user who runs the server: what another user may
    read and write says little.
    """
    invocation = context.ensure_object(Invocation)
    try:
        with open_any_store(read_config(invocation)) as store:
            findings = [*examine(store), *examine_backups(backups)]
            if url is not None:
                findings += examine_url(store, url, ca_file)
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
