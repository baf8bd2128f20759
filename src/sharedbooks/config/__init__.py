"""The configuration: ``sharedbooks.toml`` found, read, checked and shown.

The options stand in two tables, ``options.py`` and ``directory_options.py``; everything else
follows from them.
"""

from sharedbooks.config.directory_options import (
    DIRECTORY_OPTIONS,
    DirectoryConfig,
    complete_directory,
)
from sharedbooks.config.directory_presets import DirectoryPreset
from sharedbooks.config.ldap_values import LdapServer
from sharedbooks.config.loading import load_config
from sharedbooks.config.option import Option
from sharedbooks.config.options import (
    OPTIONS,
    AuthConfig,
    BooksConfig,
    Config,
    DatabaseConfig,
    LogConfig,
    MonitoringConfig,
    ServerConfig,
)
from sharedbooks.config.places import find_config
from sharedbooks.config.rendering import dump, example_config_text, initial_config_text
from sharedbooks.config.values import LogFormat, LogLevel, PasswordScheme

__all__ = [
    "DIRECTORY_OPTIONS",
    "OPTIONS",
    "AuthConfig",
    "BooksConfig",
    "Config",
    "DatabaseConfig",
    "DirectoryConfig",
    "DirectoryPreset",
    "LdapServer",
    "LogConfig",
    "LogFormat",
    "LogLevel",
    "MonitoringConfig",
    "Option",
    "PasswordScheme",
    "ServerConfig",
    "complete_directory",
    "dump",
    "example_config_text",
    "find_config",
    "initial_config_text",
    "load_config",
]
