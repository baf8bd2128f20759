"""The configuration as text for people: what is in force, and the files to start from."""

import textwrap
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TypedDict

from sharedbooks.config.options import OPTIONS, Config, Option
from sharedbooks.config.values import toml

_WIDTH = 98

_EXAMPLE_HEADER = """\
# Every option of sharedbooks with its default; docs/configuration.md says more about each.
# Remove the "#" in front of an option to change it. Sizes are written as "10 MiB", "500 kB" or a
# number of bytes, durations as "30 s", "10 min", "1 h", "7 d" or a number of seconds.
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
    """One option in a dump: its value, fit for JSON, and ``default`` or ``file``."""

    value: object
    origin: str


def dump(config: Config) -> dict[str, dict[str, DumpedValue]]:
    """Return what is in force, by section and key, with every secret replaced by ``********``."""
    return {
        section: {option.key: _dumped(config, option) for option in options}
        for section, options in groupby(OPTIONS, key=lambda option: option.section)
    }


def _dumped(config: Config, option: Option) -> DumpedValue:
    value = getattr(getattr(config, option.section), option.key)
    if option.mask is not None:
        value = option.mask(value)
    elif isinstance(value, Path):
        value = str(value)
    elif isinstance(value, tuple):
        value = [str(element) for element in value]
    in_file = (option.section, option.key) in config.set_in_file
    return {"value": value, "origin": "file" if in_file else "default"}


def example_config_text() -> str:
    """Return ``config/sharedbooks.toml.example``: every option, its meaning and its default."""
    return _EXAMPLE_HEADER + _options_text(OPTIONS)


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
        meaning, value = f"{meaning} Not set by default.", option.example
    comment = textwrap.fill(meaning, _WIDTH, initial_indent="# ", subsequent_indent="# ")
    return f"{comment}\n#{option.key} = {toml(value)}\n"
