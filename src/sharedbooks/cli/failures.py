"""What a failure tells the user: one sentence with the next step, and an exit code."""

import shlex
import traceback

import click

from sharedbooks.errors import (
    ConfigProblem,
    InvalidName,
    InvalidPerson,
    InvalidRule,
    SchemaMismatch,
    SharedbooksError,
)

_FAILED = 1
_MISUSED = 2
_INTERRUPTED = 130
_MISUSES = (click.UsageError, SchemaMismatch, InvalidName, InvalidPerson, InvalidRule)


def command(*words: str) -> str:
    """Return a command of this program as it is to be typed, in quotes."""
    return f"'{shlex.join(['sharedbooks', *words])}'"


def report(error: BaseException, *, debug: bool) -> int:
    """Print what ``error`` means for the user and return the exit code it stands for."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        click.echo("Interrupted.", err=True)
        return _INTERRUPTED
    if isinstance(error, ConfigProblem):
        click.echo("\n".join(error.problems), err=True)
        return _MISUSED
    click.echo(sentence_of(error), err=True)
    misused = isinstance(
        error, (click.UsageError, SchemaMismatch, InvalidName, InvalidPerson, InvalidRule)
    )
    return _MISUSED if misused else _FAILED


def sentence_of(error: BaseException) -> str:
    """Return what ``error`` means for the user, with the next step."""
    if isinstance(error, click.UsageError):
        return _usage_sentence(error)
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, SharedbooksError):
        # Database drivers tell their troubles in several lines.
        return " ".join(" ".join([str(error), *getattr(error, "__notes__", ())]).split())
    if isinstance(error, OSError) and error.strerror:
        return (
            f"{error.filename or 'Reading or writing'}: {error.strerror}; see that the place "
            "exists, has room, and that you may use it."
        )
    return (
        f"Unexpected {type(error).__name__}: this is a defect of sharedbooks. Give the command "
        "again with --debug to see the traceback."
    )


def _usage_sentence(error: click.UsageError) -> str:
    text = error.format_message().replace("\n", " ").rstrip()
    if text[-1:] not in {".", "?", "!"}:
        text += "."
    path = "sharedbooks" if error.ctx is None else error.ctx.command_path
    return f"{text} See '{path} --help'."
