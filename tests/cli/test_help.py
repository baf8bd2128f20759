"""Every command explains itself."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from sharedbooks import __version__
from sharedbooks.cli.program import program


def walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from walk(found, (*path, name))


COMMANDS = list(walk(program, ()))


def test_all_commands_are_there():
    assert {" ".join(path) for path in COMMANDS if path} == {
        "init",
        *("user", "user add", "user list", "user show", "user disable", "user enable"),
        *("user delete", "user password"),
        *("group", "group add", "group add-member", "group remove-member", "group list"),
        *("group show", "group delete"),
        *("book", "book add", "book list", "book show", "book set", "book delete"),
        *("grant", "grant add", "grant remove", "grant list", "grant explain"),
        *("device", "device add", "device list", "device revoke"),
        *("book restore", "card", "card list", "card show", "card restore", "history"),
        *("backup", "backup create", "backup rotate", "backup verify", "restore", "maintenance"),
        *("trash", "trash list", "trash restore"),
        *("directory", "directory check", "directory sync"),
        *("directory book", "directory book add", "directory book list", "directory book show"),
        *("directory book remove", "directory book sync"),
        *("import", "export", "serve", "healthcheck", "doctor"),
        *("check", "audit", "privacy", "privacy find", "privacy export", "privacy erase"),
        *("privacy replay", "privacy scrub"),
        *("duplicates", "duplicates find", "duplicates review", "duplicates merge"),
        *("duplicates merges", "duplicates undo", "duplicates dismiss", "duplicates dismissed"),
        *("db", "db upgrade", "db status", "config", "config show", "config check"),
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_command_has_help(sharedbooks, path):
    help_text = sharedbooks(*path, "--help").out
    usage, _, rest = help_text.partition("\n\n")
    assert usage.startswith(" ".join(("Usage: sharedbooks", *path)))
    description = rest.partition("Options:")[0].strip()
    assert description.endswith((".", "'sharedbooks init'.")), "no sentence says what it does"
    for option in ("--config FILE", "--json", "--debug", "--help"):
        assert option in rest
    assert "[[" not in usage


def test_help_lists_all_commands_of_a_group(sharedbooks):
    help_text = sharedbooks("--help").out
    for path in COMMANDS:
        if len(path) == 1:
            assert f"\n  {path[0]} " in help_text


def test_help_loads_no_slow_library():
    look = (
        "import sys; from sharedbooks.cli import main; assert main(['--help']) == 0;"
        "print({'sqlalchemy', 'alembic', 'passlib', 'rich', 'granian'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\nset()\n")


def test_group_alone_shows_help_as_a_mistake(sharedbooks):
    for words in ([], ["user"]):
        done = sharedbooks(*words, code=2)
        assert done.err.startswith("Usage: sharedbooks")
        assert done.out == ""


def test_version(program):
    assert program("--version").out.split() == ["sharedbooks", __version__]
