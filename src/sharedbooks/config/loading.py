"""The configuration file read into a ``Config``, with every problem in it reported at once."""

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sharedbooks.config.checks import cross_check, locate, read_file, read_password
from sharedbooks.config.database_url import with_folder, with_password
from sharedbooks.config.directories import (
    SECTION,
    check_directories,
    read_directories,
    with_secrets,
)
from sharedbooks.config.document import read_document
from sharedbooks.config.options import OPTIONS, SECTIONS, Config
from sharedbooks.config.problems import Problems, place_of
from sharedbooks.config.values import BadValueError

_KNOWN = {(option.section, option.key) for option in OPTIONS}


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
    problems = Problems(source, document.lines)
    _refuse_unknown_names(document.tables, problems)
    config = _read_options(document.tables, source, problems)
    for complaint in (*cross_check(config), *check_directories(config.directories)):
        if problems.refused.isdisjoint(complaint.options):
            places = [place_of(section, key) for section, key in complaint.options]
            problems.add(complaint.sentence, *places)
    if serving:
        _check_tls_files(config, problems)
    password = _read_password(config, problems)
    config = replace(config, directories=with_secrets(config.directories, problems))
    problems.raise_if_any()
    if password is None:
        return config
    url = with_password(config.database.url, password)
    return replace(config, database=replace(config.database, url=url))


def _refuse_unknown_names(tables: dict[str, Any], problems: Problems) -> None:
    for section, content in tables.items():
        if section == SECTION:
            continue  # Any name may stand in it; each directory is checked as it is read.
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


def _refuse_unknown_keys(section: str, keys: Iterable[str], problems: Problems) -> None:
    for key in keys:
        if (section, key) not in _KNOWN:
            problems.add(
                f"There is no option [{section}] {key}. {_nearest(section, key)}", (section, key)
            )


def _nearest_section(name: str) -> str:
    sections = {**{section: section for section in SECTIONS}, SECTION: f"{SECTION}.NAME"}
    near = get_close_matches(name.lower(), sections, n=1)
    if near:
        return f"Did you mean [{sections[near[0]]}]?"
    known = ", ".join(f"[{section}]" for section in sections.values())
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


def _read_options(tables: dict[str, Any], source: Path, problems: Problems) -> Config:
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
    directories, set_there = read_directories(tables.get(SECTION, {}), source, problems)
    set_here = {(section, key) for section in values for key in values[section]}
    config = Config(
        **{section: shape(**values[section]) for section, shape in SECTIONS.items()},
        directories=directories,
        source=source,
        set_in_file=set_there | set_here,
    )
    url = with_folder(config.database.url, source.parent)
    return replace(config, database=replace(config.database, url=url))


def _check_tls_files(config: Config, problems: Problems) -> None:
    for key, path in (
        ("tls_certificate", config.server.tls_certificate),
        ("tls_key", config.server.tls_key),
    ):
        if path is not None:
            try:
                read_file(path)
            except BadValueError as error:
                problems.add_value(("server", key), str(error))


def _read_password(config: Config, problems: Problems) -> str | None:
    if config.database.password_file is None:
        return None
    try:
        return read_password(config.database.password_file)
    except BadValueError as error:
        problems.add_value(("database", "password_file"), str(error))
        return None
