"""``sharedbooks init --system``: the account, folders, units and configuration of a service."""

import os
import subprocess
import sys
from pathlib import Path

import click

from sharedbooks.cli.commands import Invocation
from sharedbooks.cli.output import say
from sharedbooks.cli.system_files import (
    CONFIG,
    SYSUSERS,
    TMPFILES,
    Result,
    lay_out,
    system_files,
)
from sharedbooks.errors import ServerFailed

_COMMAND = Path("usr/local/bin/sharedbooks")
_NEXT_STEPS = (
    "sudo -u sharedbooks sharedbooks db upgrade",
    "sudo -u sharedbooks sharedbooks doctor",
    "sudo systemctl enable --now sharedbooks",
    "sudo systemctl enable --now sharedbooks-maintenance.timer sharedbooks-backup.timer",
)
_SENTENCES = {
    Result.WRITTEN: "Wrote {path}",
    Result.UPDATED: "Brought up to date: {path}",
    Result.UNCHANGED: "As it should be: {path}",
    Result.KEPT: "Left as you changed it: {path}",
    Result.BESIDE: "Left as you changed it: {path}; this version's is {path}.new",
}


def init_system(invocation: Invocation, root: Path) -> None:
    """Lay out a service on the machine at ``root``, and say what to do next.

    Raises:
        click.UsageError: the caller is not root.
        ServerFailed: systemd's tools could not make the account or the folders.
    """
    if os.geteuid() != 0:
        raise click.UsageError("It makes an account and files in /etc: give it with sudo")
    program = _program(root)
    results = lay_out(root, system_files(root, program))
    _run(root, "systemd-sysusers", SYSUSERS)
    _run(root, "systemd-tmpfiles", TMPFILES, "--create")
    command = root / _COMMAND
    if not command.exists() and not command.is_symlink() and program != f"/{_COMMAND}":
        command.parent.mkdir(parents=True, exist_ok=True)
        command.symlink_to(program)
    if root == Path("/") and Path("/run/systemd/system").is_dir():
        _call("systemctl", "daemon-reload")
    say(
        invocation,
        {
            "config": f"/{CONFIG}",
            "files": [
                {"path": f"/{path}", "result": result.value} for path, result in results.items()
            ],
            "next": list(_NEXT_STEPS),
        },
        *(_SENTENCES[result].format(path=f"/{path}") + "." for path, result in results.items()),
        "",
        f"Next, once /{CONFIG} names the database you want:",
        *(f"  {step}" for step in _NEXT_STEPS),
    )


def _program(root: Path) -> str:
    """The path of this program on the machine at ``root``."""
    path = Path(sys.prefix) / "bin/sharedbooks"
    return f"/{path.relative_to(root)}" if path.is_relative_to(root) else str(path)


def _run(root: Path, tool: str, file: Path, *options: str) -> None:
    # By its name alone it is looked for below root.
    _call(tool, *options, f"--root={root}", file.name)


def _call(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise ServerFailed(
            f"{command[0]} is not installed; a service needs systemd. Without one, see "
            "'sharedbooks init --directory'."
        ) from None
    if done.returncode != 0:
        raise ServerFailed(f"{' '.join(command)} failed: {done.stderr.strip()}")
