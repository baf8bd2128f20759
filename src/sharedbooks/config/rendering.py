"""The configuration as text for people: what is in force, and the files to start from."""

import textwrap
from collections.abc import Iterable
from itertools import groupby
from typing import TypedDict

from sharedbooks.config.directories import section_of
from sharedbooks.config.directory_options import BY_PRESET, DIRECTORY_OPTIONS
from sharedbooks.config.option import Option
from sharedbooks.config.options import OPTIONS, Config
from sharedbooks.config.values import toml

_WIDTH = 98

_EXAMPLE_HEADER = """\
# Every option of sharedbooks with its default; docs/configuration.md says more about each.
# Remove the "#" in front of an option to change it. Sizes are written as "10 MiB", "500 kB" or a
# number of bytes, durations as "30 s", "10 min", "1 h", "7 d" or a number of seconds.
"""

_DIRECTORY_HEADER = """
# A directory of people and groups. There may be several, each with a name of its own for "corp".
#[directory.corp]
"""

_INITIAL_HEADER = """\
# Configuration of sharedbooks. Remove the "#" in front of an option to change it.
# These are the options most people need; docs/configuration.md has them all.
"""

_INITIAL = {
    "server": ("host", "port", "tls_certificate", "tls_key"),
    "database": ("url", "password_file"),
    "log": ("level",),
}
"""The options people change first."""


class DumpedValue(TypedDict):
    """One option in a dump: its value, fit for JSON, and ``default``, ``preset`` or ``file``."""

    value: object
    origin: str


def dump(config: Config) -> dict[str, dict[str, DumpedValue]]:
    """Return what is in force, by section and key, with every secret replaced by ``********``."""
    dumped = {
        section: {
            option.key: _dumped(config, section, option, getattr(config, section))
            for option in options
        }
        for section, options in groupby(OPTIONS, key=lambda option: option.section)
    }
    for directory in config.directories:
        section = section_of(directory.name)
        dumped[section] = {
            option.key: _dumped(config, section, option, directory) for option in DIRECTORY_OPTIONS
        }
    return dumped


def _dumped(config: Config, section: str, option: Option, holder: object) -> DumpedValue:
    value = getattr(holder, option.key)
    if (section, option.key) in config.set_in_file:
        origin = "file"
    else:
        origin = "preset" if option.without == BY_PRESET else "default"
    if option.mask is not None:
        value = option.mask(value)
    return {"value": _plain(value), "origin": origin}


def _plain(value: object) -> object:
    """Return a value as JSON has it: texts, numbers, lists, and a mapping for pairs."""
    if isinstance(value, tuple):
        if value and all(isinstance(element, tuple) for element in value):
            return dict(value)
        return [str(element) for element in value]
    return value if value is None or isinstance(value, int | str) else str(value)


def example_config_text() -> str:
    """Return ``config/sharedbooks.toml.example``: every option, its meaning and its default."""
    directory = "".join(f"\n{_option_text(option)}" for option in DIRECTORY_OPTIONS)
    return _EXAMPLE_HEADER + _options_text(OPTIONS) + _DIRECTORY_HEADER + directory


def initial_config_text() -> str:
    """Return the file ``sharedbooks init`` writes: the few options people change, commented out."""
    chosen = [option for option in OPTIONS if option.key in _INITIAL.get(option.section, ())]
    return _INITIAL_HEADER + _options_text(chosen)


def _options_text(options: Iterable[Option]) -> str:
    parts = []
    for section, members in groupby(options, key=lambda option: option.section):
        parts.append(f"\n[{section}]\n")
        parts.extend(f"\n{_option_text(option)}" for option in members)
    return "".join(parts)


def _option_text(option: Option) -> str:
    """Return the meaning as comments and, commented out without a space, the option itself."""
    meaning, value = option.meaning, option.default
    if value is None:
        meaning, value = f"{meaning} {option.without}", option.example
    comment = textwrap.fill(meaning, _WIDTH, initial_indent="# ", subsequent_indent="# ")
    return f"{comment}\n#{option.key} = {toml(value)}\n"
