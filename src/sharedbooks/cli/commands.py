"""What every command has in common: options, and how a group finds and suggests its commands."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click


@dataclass(slots=True)
class Invocation:
    """What the options that every command takes say.

    Attributes:
        config_path: the configuration file named by ``--config``.
        as_json: whether to print one JSON document instead of text.
        debug: whether a failure shows its traceback.
    """

    config_path: Path | None = None
    as_json: bool = False
    debug: bool = False


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    # Given before or after the command's name: what stands nowhere overrides nothing.
    if value and parameter.name is not None:
        setattr(context.ensure_object(Invocation), parameter.name, value)


def _common_options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--config", "config_path"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            expose_value=False,
            callback=_remember,
            help="Configuration file to use.  [env: SHAREDBOOKS_CONFIG]",
        ),
        click.Option(
            ["--json", "as_json"],
            is_flag=True,
            expose_value=False,
            callback=_remember,
            help="Print one JSON document.",
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            expose_value=False,
            callback=_remember,
            help="Show the traceback of a failure.  [env: SHAREDBOOKS_DEBUG]",
        ),
    ]


class Command(click.Command):
    """A command with the common options.

    Attributes:
        is_audited: whether its first change writes the call into the audit log; a command whose
            arguments must not stand there writes its own line.
    """

    is_audited = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _common_options()


class Group(click.Group):
    """A group of commands; by itself it shows its help, as a mistake."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"no_args_is_help": False, **kwargs})
        self.params += _common_options()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help when there is nothing to parse."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or suggest one whose name is like it."""
        name = args[0]
        known = self.list_commands(ctx)
        if name in known or name.startswith("-"):
            return super().resolve_command(ctx, args)
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}."
        raise click.UsageError(f"No such command {name!r}; {hint}", ctx)
