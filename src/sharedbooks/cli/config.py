"""``sharedbooks config``: the configuration in force."""

import click

from sharedbooks.cli.commands import Group, Invocation
from sharedbooks.cli.output import say, show_details
from sharedbooks.cli.store import read_config
from sharedbooks.config import dump

_COLUMNS = {"option": "Option", "value": "Value", "origin": "From"}


@click.group(cls=Group)
def config() -> None:
    """The configuration in force, and whether the file is right."""


@config.command("show")
@click.pass_obj
def show(invocation: Invocation) -> None:
    """Show every option in force and where it comes from; secrets are masked."""
    loaded = read_config(invocation)
    dumped = dump(loaded)
    document: dict[str, object] = {"file": str(loaded.source), "options": dumped}
    if not invocation.as_json:
        document["options"] = [
            {"option": f"[{section}] {key}", **shown}
            for section, options in dumped.items()
            for key, shown in options.items()
        ]
    show_details(invocation, document, {"file": "File"}, {"options": _COLUMNS})


@config.command("check")
@click.pass_obj
def check(invocation: Invocation) -> None:
    """Check the configuration file; the exit code is 2 and every problem is listed if it is bad."""
    source = str(read_config(invocation).source)
    say(invocation, {"file": source, "problems": []}, f"{source} is fine.")
