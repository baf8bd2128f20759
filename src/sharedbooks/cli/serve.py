"""``sharedbooks serve`` and ``healthcheck``: running the server, and asking whether it is well."""

import os

import click

from sharedbooks import serving
from sharedbooks.cli.commands import Command, Invocation
from sharedbooks.cli.output import say
from sharedbooks.cli.store import open_any_store, read_config
from sharedbooks.config import Config
from sharedbooks.config.places import ENVIRONMENT_VARIABLE
from sharedbooks.db.schema_state import require_current_schema
from sharedbooks.runtime import configure_logging
from sharedbooks.watching.board import BOARD

_APPLICATION = "sharedbooks_radicale.wsgi:create_application"
_PROBE_SECONDS = 5
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not listened on


@click.command(cls=Command)
@click.option("--host", metavar="ADDRESS", help="Address to listen on, instead of [server] host.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port, instead of [server] port.")
@click.option(
    "--workers",
    type=click.IntRange(1, 512),
    help="Number of processes, instead of [server] workers.",
)
@click.pass_obj
def serve(invocation: Invocation, host: str | None, port: int | None, workers: int | None) -> None:
    """Run the server until it is stopped (Ctrl-C, SIGTERM); SIGHUP replaces its processes."""
    config = read_config(invocation, serving=True)
    inherited = serving.take_inherited_sockets(os.environ)
    if inherited and (host or port):
        raise click.UsageError("The service manager listens already: give no --host and no --port")
    with open_any_store(config) as store:
        require_current_schema(store.database)
    configure_logging(config)
    # The workers read the configuration by themselves.
    os.environ[ENVIRONMENT_VARIABLE] = str(config.source)
    beside = serving.files_beside_connections(config.database.pool_size, config.server.threads)
    options = serving.ServeOptions(
        host=host or config.server.host,
        port=port or config.server.port,
        workers=workers or config.server.workers,
        threads=config.server.threads,
        tls_certificate=config.server.tls_certificate,
        tls_key=config.server.tls_key,
        backlog=config.server.backlog,
        shutdown_timeout=config.server.shutdown_timeout,
        log_level=config.log.level,
        max_connections=serving.connections_allowed(beside),
        inherited=inherited,
    )
    if inherited:
        host, port = inherited[0].getsockname()[:2]
    url = _url(config, host or config.server.host, port or config.server.port)
    BOARD.share(options.workers)
    serving.serve(_APPLICATION, options, lambda: say(invocation, {"url": url}, f"Serving at {url}"))


@click.command(cls=Command)
@click.pass_obj
def healthcheck(invocation: Invocation) -> None:
    """Ask the server at the configured address whether it is well: exit code 0, else 1."""
    url = local_url(read_config(invocation))
    serving.probe(url, timeout=_PROBE_SECONDS)
    say(invocation, {"url": url, "healthy": True}, "ok")


def local_url(config: Config) -> str:
    """Return where this machine finds the server that ``config`` describes."""
    host = _EVERYWHERE.get(config.server.host, config.server.host)
    return _url(config, host, config.server.port)


def _url(config: Config, host: str, port: int) -> str:
    scheme = "http" if config.server.tls_certificate is None else "https"
    place = f"[{host}]" if ":" in host else host
    return f"{scheme}://{place}:{port}{config.server.prefix}"
