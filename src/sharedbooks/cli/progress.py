"""How far a long command has come."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress


@contextmanager
def show_progress(
    what: str, total: int | None, *, hidden: bool = False
) -> Iterator[Callable[[int], None]]:
    """Show a bar while the block lasts, if somebody can look at it; yield how to move it on."""
    unseen = hidden or not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), disable=unseen, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda steps: progress.advance(task, steps)
