"""What the server's worker processes load."""

import logging
import os
from pathlib import Path

from sharedbooks.config import find_config, load_config
from sharedbooks.db.schema_state import keep_to_schema
from sharedbooks.errors import StoreBusy
from sharedbooks.runtime import configure_logging, open_runtime
from sharedbooks.watching import metrics
from sharedbooks_radicale.app import Application

_logger = logging.getLogger(__name__)


def create_application() -> Application:
    """Return the application for the configuration that ``SHAREDBOOKS_CONFIG`` names.

    A database that is away now is waited for: the main process has seen its schema, and a worker
    that takes the place of a lost one answers with 503 until then.

    Raises:
        ConfigProblem: the configuration cannot be used.
        SchemaMismatch: the database has another schema than this program knows.
    """
    named = os.environ.get("SHAREDBOOKS_CONFIG")
    config = load_config(find_config(Path(named) if named else None))
    configure_logging(config)
    metrics.join()
    runtime = open_runtime(config)
    try:
        keep_to_schema(runtime.database)
    except StoreBusy as error:
        _logger.warning("A worker starts without its database: %s", error)
    return Application(runtime)
