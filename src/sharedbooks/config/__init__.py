"""The configuration: ``sharedbooks.toml`` found, read, checked and shown.

The options stand in one table, ``options.py``; everything else follows from it.
"""

from sharedbooks.config.loading import load_config
from sharedbooks.config.options import (
    OPTIONS,
    AuthConfig,
    BooksConfig,
    Config,
    DatabaseConfig,
    LogConfig,
    Option,
    ServerConfig,
)
from sharedbooks.config.places import find_config
from sharedbooks.config.rendering import dump, example_config_text, initial_config_text
from sharedbooks.config.values import LogFormat, LogLevel, PasswordScheme

__all__ = [
    "OPTIONS",
    "AuthConfig",
    "BooksConfig",
    "Config",
    "DatabaseConfig",
    "LogConfig",
    "LogFormat",
    "LogLevel",
    "Option",
    "PasswordScheme",
    "ServerConfig",
    "dump",
    "example_config_text",
    "find_config",
    "initial_config_text",
    "load_config",
]
