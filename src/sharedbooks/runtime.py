"""What the server and the command line share: the configuration with all that it opens."""

from dataclasses import dataclass
from itertools import repeat

from sharedbooks.config import Config, LogFormat
from sharedbooks.db.engine import Database
from sharedbooks.directory.connection import Directory
from sharedbooks.directory.login import DirectoryLogins
from sharedbooks.domain.credentials import PasswordHasher
from sharedbooks.domain.login import Authenticator
from sharedbooks.domain.mass_deletion import DeletionWatch
from sharedbooks.domain.throttle import Throttle
from sharedbooks.watching import logs
from sharedbooks.watching.metrics import DIRECTORY_STATES


@dataclass(frozen=True, slots=True)
class Runtime:
    """An open database, what checks logins against it, and what notices mass deletions."""

    config: Config
    database: Database
    hasher: PasswordHasher
    authenticator: Authenticator
    deletions: DeletionWatch
    directories: tuple[Directory, ...] = ()

    def close(self) -> None:
        """Close the connections to the database and to directories."""
        for directory in self.directories:
            directory.close()
        self.database.close()


def open_database(config: Config, *, serving: bool = False) -> Database:
    """Return the configured database; nothing is connected before its first use.

    Args:
        config: what names it.
        serving: whether it is for requests, which do not wait for ever.
    """
    return Database(
        config.database.url,
        pool_size=config.database.pool_size,
        busy_timeout=config.database.busy_timeout,
        answer_timeout=config.database.answer_timeout if serving else None,
        timed=serving and config.log.slow_request > 0,
    )


def open_directories(config: Config) -> tuple[Directory, ...]:
    """Return the configured directories; nothing is connected before its first use.

    Raises:
        ConfigProblem: a file of certificates cannot be used.
    """
    states = (*DIRECTORY_STATES, *repeat(None, len(config.directories)))
    return tuple(map(Directory, config.directories, states))


def open_runtime(config: Config) -> Runtime:
    """Open everything that ``config`` names.

    Raises:
        ConfigProblem: a file of certificates cannot be used.
    """
    database = open_database(config, serving=True)
    hasher = PasswordHasher(config.auth.password_scheme)
    directories = open_directories(config)
    logins = DirectoryLogins(
        directories, database, hasher, threads=max(1, config.server.threads // 2)
    )
    authenticator = Authenticator(
        database,
        hasher,
        remember=config.auth.login_cache,
        throttle=Throttle(config.auth.throttle_failures, config.auth.throttle_window),
        directories=logins if directories else None,
    )
    deletions = DeletionWatch(config.books.mass_deletion, config.books.mass_deletion_window)
    return Runtime(config, database, hasher, authenticator, deletions, directories)


def configure_logging(config: Config) -> None:
    """Send the log to standard error, as configured."""
    logs.configure(config.log.level.upper(), as_json=config.log.format is LogFormat.JSON)
