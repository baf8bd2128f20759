"""What the doctor looks at in each directory: that its servers answer, and until when."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

from sharedbooks.cli.findings import BadError, DoubtfulError, Finding, make
from sharedbooks.config import Config, DirectoryConfig, LdapServer
from sharedbooks.directory.connection import Directory
from sharedbooks.directory.diagnosis import examine_server

_RENEWAL_TIME = timedelta(days=14)


def examine_directories(config: Config) -> list[Finding]:
    """Connect to every server of every directory, and log in there."""
    return [
        make(
            f"directory {directory.name} at {server}",
            f"Give 'sharedbooks directory check', and correct [directory.{directory.name}] or the"
            " server.",
            partial(_look, directory, server),
        )
        for directory in config.directories
        for server in directory.servers
    ]


def _look(config: DirectoryConfig, server: LdapServer) -> str:
    with closing(Directory(config)) as directory:
        report = examine_server(directory, server)
    if report.problem:
        raise BadError(report.problem)
    end = None if report.certificate is None else report.certificate.valid_until
    if end is None:
        return "answers"
    if end - datetime.now(UTC) < _RENEWAL_TIME:
        raise DoubtfulError(
            f"its certificate expires soon, on {end:%Y-%m-%d}", "Renew the certificate there."
        )
    return f"answers; its certificate is valid until {end:%Y-%m-%d}"
