"""The configuration file read into a ``Config``, with every problem in it reported at once."""

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sharedbooks.config.checks import cross_check, locate, read_file, read_password
from sharedbooks.config.database_url import with_folder, with_password
from sharedbooks.config.document import read_document
from sharedbooks.config.options import OPTIONS, SECTIONS, Config
from sharedbooks.config.values import BadValueError
from sharedbooks.errors import ConfigProblem

_KNOWN = {(option.section, option.key) for option in OPTIONS}


class _Problems:
    """Collects sentences, with file and line put in front of each."""

    def __init__(self, source: Path, lines: dict[tuple[str, ...], int]) -> None:
        self._source = source
        self._lines = lines
        self._found: list[tuple[int, str]] = []
        self.refused: set[tuple[str, str]] = set()

    def add(self, sentence: str, *places: tuple[str, ...]) -> None:
        """Add a sentence about the first of ``places`` that stands in the file."""
        sections = [place[:1] for place in places]
        line = next((self._lines[at] for at in [*places, *sections] if at in self._lines), None)
        where = f"{self._source}, line {line}" if line else f"{self._source}"
        self._found.append((line or 0, f"{where}: {sentence}"))

    def add_value(self, option: tuple[str, str], complaint: str) -> None:
        """Add that an option's value cannot be used, and so no rule over it can be checked."""
        self.add(f"[{option[0]}] {option[1]} {complaint}.", option)
        self.refused.add(option)

    def raise_if_any(self) -> None:
        if self._found:
            raise ConfigProblem([sentence for _, sentence in sorted(self._found)])


def load_config(path: Path, *, serving: bool = False) -> Config:
    """Return the configuration in the file at ``path``.

    Args:
        path: the file.
        serving: whether a server is about to start, which also needs to read the TLS files.

    Raises:
        ConfigProblem: the file cannot be read, is not TOML, or holds unknown names or values that
            cannot be used; has every problem, in the order of the file.
    """
    source = path.absolute()
    document = read_document(source)
    problems = _Problems(source, document.lines)
    _refuse_unknown_names(document.tables, problems)
    config = _read_options(document.tables, source, problems)
    for complaint in cross_check(config):
        if problems.refused.isdisjoint(complaint.options):
            problems.add(complaint.sentence, *complaint.options)
    if serving:
        _check_tls_files(config, problems)
    password = _read_password(config, problems)
    problems.raise_if_any()
    if password is None:
        return config
    url = with_password(config.database.url, password)
    return replace(config, database=replace(config.database, url=url))


def _refuse_unknown_names(tables: dict[str, Any], problems: _Problems) -> None:
    for section, content in tables.items():
        if section in SECTIONS and not isinstance(content, dict):
            problems.add(
                f"[{section}] is a section; write [{section}] on a line of its own and its options "
                "below.",
                (section,),
            )
        elif section not in SECTIONS and isinstance(content, dict):
            problems.add(
                f"There is no section [{section}]. {_nearest_section(section)}", (section,)
            )
        elif section not in SECTIONS:
            problems.add(f"{section} stands in no section. {_nearest('', section)}", (section,))
        else:
            _refuse_unknown_keys(section, content, problems)


def _refuse_unknown_keys(section: str, keys: Iterable[str], problems: _Problems) -> None:
    for key in keys:
        if (section, key) not in _KNOWN:
            problems.add(
                f"There is no option [{section}] {key}. {_nearest(section, key)}", (section, key)
            )


def _nearest_section(name: str) -> str:
    near = get_close_matches(name.lower(), SECTIONS, n=1)
    if near:
        return f"Did you mean [{near[0]}]?"
    known = ", ".join(f"[{section}]" for section in SECTIONS)
    return f"Remove it; the sections are {known}."


def _nearest(section: str, key: str) -> str:
    """Return what was probably meant: the key of another section, or one spelt like it."""
    for option in OPTIONS:
        if option.key == key.lower():
            return f"Did you mean {option}?"
    for candidates in (
        {option.key: option for option in OPTIONS if option.section == section},
        {option.key: option for option in OPTIONS},
    ):
        near = get_close_matches(key.lower(), candidates, n=1)
        if near:
            return f"Did you mean {candidates[near[0]]}?"
    return "Remove it; docs/configuration.md lists the options."


def _read_options(tables: dict[str, Any], source: Path, problems: _Problems) -> Config:
    """Return what the tables set; an option whose value is refused keeps its default."""
    values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for option in OPTIONS:
        table = tables.get(option.section)
        if not isinstance(table, dict) or option.key not in table:
            continue
        try:
            value = option.kind.read(table[option.key])
        except BadValueError as error:
            name = (option.section, option.key)
            problems.add_value(name, f"{error}; write {option.kind.description}")
            continue
        if isinstance(value, Path):
            value = locate(value, source.parent)
        values[option.section][option.key] = value
    config = Config(
        **{section: shape(**values[section]) for section, shape in SECTIONS.items()},
        source=source,
        set_in_file=frozenset((section, key) for section in values for key in values[section]),
    )
    url = with_folder(config.database.url, source.parent)
    return replace(config, database=replace(config.database, url=url))


def _check_tls_files(config: Config, problems: _Problems) -> None:
    for key, path in (
        ("tls_certificate", config.server.tls_certificate),
        ("tls_key", config.server.tls_key),
    ):
        if path is not None:
            try:
                read_file(path)
            except BadValueError as error:
                problems.add_value(("server", key), str(error))


def _read_password(config: Config, problems: _Problems) -> str | None:
    if config.database.password_file is None:
        return None
    try:
        return read_password(config.database.password_file)
    except BadValueError as error:
        problems.add_value(("database", "password_file"), str(error))
        return None
