"""The tables ``[directory.NAME]`` of the configuration: read, checked, completed."""

import re
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path
from typing import Any

from sharedbooks.config.checks import Complaint, locate, read_file, read_password
from sharedbooks.config.directory_options import (
    DIRECTORY_OPTIONS,
    REQUIRED,
    DirectoryConfig,
    complete_directory,
)
from sharedbooks.config.problems import Problems, place_of
from sharedbooks.config.values import BadValueError

SECTION = "directory"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_RESERVED = "local"
_KEYS = {option.key: option for option in DIRECTORY_OPTIONS}
_FILES = ("ca_file", "client_certificate", "client_key")


def read_directories(
    tables: object, source: Path, problems: Problems
) -> tuple[tuple[DirectoryConfig, ...], frozenset[tuple[str, str]]]:
    """Return the directories in ``tables``, and section and key of each option that is set.

    A directory with a problem is not among them, since it cannot be completed.
    """
    if not isinstance(tables, dict):
        problems.add(
            "[directory] is a section; write [directory.NAME] on a line of its own and its options "
            "below.",
            (SECTION,),
        )
        return (), frozenset()
    directories, set_in_file = [], set()
    for name, table in tables.items():
        values = _read_table(name, table, source, problems)
        if values is not None:
            directories.append(complete_directory(name, values))
            set_in_file |= {(section_of(name), key) for key in values}
    return tuple(directories), frozenset(set_in_file)


def section_of(name: str) -> str:
    """Return the section of the directory called ``name``, as problems and dumps write it."""
    return f"{SECTION}.{name}"


def _read_table(
    name: str, table: object, source: Path, problems: Problems
) -> dict[str, object] | None:
    """Return the values of one directory, or None if there is a problem with it."""
    if not isinstance(table, dict):
        problems.add(
            f"[directory] {name} belongs to no directory; write [directory.NAME] above it.",
            (SECTION, name),
        )
        return None
    if not _NAME.fullmatch(name) or name == _RESERVED:
        problems.add(
            f"[directory.{name}] is no name for a directory; take 1 to 63 small letters, digits, "
            f'"-" and "_", and not "{_RESERVED}".',
            (SECTION, name),
        )
        return None
    section, fine = section_of(name), True
    for key in table:
        if key not in _KEYS:
            sentence = f"There is no option [{section}] {key}. {_nearest(section, key)}"
            problems.add(sentence, place_of(section, key))
            fine = False
    for key in REQUIRED:
        if key not in table:
            described = _KEYS[key].kind.description
            problems.add(f"[{section}] {key} is not set; write {described}.", (SECTION, name))
            fine = False
    values: dict[str, object] = {}
    for key, option in _KEYS.items():
        if key in table:
            try:
                values[key] = _read_value(option.kind.read, table[key], source)
            except BadValueError as error:
                problems.add_value((section, key), f"{error}; write {option.kind.description}")
                fine = False
    return values if fine else None


def _read_value(read: Any, written: object, source: Path) -> object:
    value = read(written)
    return locate(value, source.parent) if isinstance(value, Path) else value


def _nearest(section: str, key: str) -> str:
    near = get_close_matches(key.lower(), _KEYS, n=1)
    if near:
        return f"Did you mean [{section}] {near[0]}?"
    return "Remove it; docs/configuration.md lists the options."


def check_directories(directories: tuple[DirectoryConfig, ...]) -> Iterator[Complaint]:
    """Yield what is wrong between options of a directory, and between directories."""
    for directory in directories:
        yield from _check_pairs(directory)
        if directory.qualified_names and directory.suffix is None:
            yield _complaint(
                directory, ("qualified_names", "suffix"), "qualified_names needs suffix; set it too"
            )
    for first, second in combinations(directories, 2):
        for key in ("suffix", "realm"):
            value = getattr(second, key)
            if (value or "").lower() != (getattr(first, key) or "").lower():
                continue
            if value:
                sentence = f"{key} is that of [{section_of(first.name)}] too; each needs its own"
                yield _complaint(second, (key,), sentence)
            elif key == "suffix":
                sentence = (
                    f"suffix is not set, nor is that of [{section_of(first.name)}]; with several "
                    "directories all but one need it, so that a login tells which to ask"
                )
                yield _complaint(second, (key,), sentence)


def _check_pairs(directory: DirectoryConfig) -> Iterator[Complaint]:
    for first, second in (
        ("bind_dn", "bind_password_file"),
        ("bind_password_file", "bind_dn"),
        ("client_certificate", "client_key"),
        ("client_key", "client_certificate"),
    ):
        if getattr(directory, first) and not getattr(directory, second):
            sentence = f"{first} needs {second}; set it too, or remove {first}"
            yield _complaint(directory, (first, second), sentence)


def _complaint(directory: DirectoryConfig, keys: tuple[str, ...], sentence: str) -> Complaint:
    section = section_of(directory.name)
    return Complaint(tuple((section, key) for key in keys), f"[{section}] {sentence}.")


def with_secrets(
    directories: tuple[DirectoryConfig, ...], problems: Problems
) -> tuple[DirectoryConfig, ...]:
    """Return the directories with the passwords in their files; see that all files are there."""
    return tuple(_with_secret(directory, problems) for directory in directories)


def _with_secret(directory: DirectoryConfig, problems: Problems) -> DirectoryConfig:
    for key in (*_FILES, "bind_password_file"):
        path = getattr(directory, key)
        try:
            if path is not None and key in _FILES:
                read_file(path)
            elif path is not None:
                directory = replace(directory, bind_password=read_password(path))
        except BadValueError as error:
            problems.add_value((section_of(directory.name), key), str(error))
    return directory
