"""The command line: the same domain calls as over HTTP, made by the administrator."""

from sharedbooks.cli.program import main

__all__ = ["main"]
