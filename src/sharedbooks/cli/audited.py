"""What the audit log says of a call of the program: command and arguments, never a secret."""

import re
from collections.abc import Mapping
from typing import Any

import click
from click.core import ParameterSource

from sharedbooks.cli.commands import Command

_LOGIN_IN_URL = re.compile(r"(?<=://)[^/@\s]*@")


def describe_call() -> tuple[str, dict[str, Any]] | None:
    """Return the command that runs, and what it was called with; None if it is not to be logged.

    Arguments are told as typed, without the login of a URL. Of options, numbers, choices and flags
    are told; of texts, which may be anything, only that they were given. A dry run is no event.
    """
    context = click.get_current_context(silent=True)
    if context is None or not isinstance(context.command, Command):
        return None
    if not context.command.is_audited or context.params.get("dry_run"):
        return None
    _, _, action = context.command_path.partition(" ")
    details: dict[str, Any] = {}
    for parameter in context.command.params:
        if _was_given(context, parameter):
            details[str(parameter.name)] = _told(parameter, context.params)
    return action, details


def _was_given(context: click.Context, parameter: click.Parameter) -> bool:
    name = str(parameter.name)
    source = context.get_parameter_source(name)
    return parameter.expose_value and source is ParameterSource.COMMANDLINE


def _told(parameter: click.Parameter, values: Mapping[str, Any]) -> Any:
    value = values[str(parameter.name)]
    if isinstance(parameter, click.Argument):
        if isinstance(value, tuple):
            return [_plain(part) for part in value]
        return _plain(value)
    if isinstance(value, int) or isinstance(parameter.type, click.Choice):
        return value
    return "given"


def _plain(value: object) -> str:
    return _LOGIN_IN_URL.sub("", str(value))
