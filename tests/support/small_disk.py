"""A small file system of the tests' own, to be full; nothing of it is left when they end."""

import ctypes
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Self

_CLONE_NEWNS = 0x20000
_FILLER = "filler"
_CHUNK = 64 * 1024


class SmallDisk:
    """So many megabytes, for this process and those it starts; needs root.

    Attributes:
        folder: where it is mounted, a short path; everybody may write there.
    """

    def __init__(self, megabytes: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sharedbooks-"))
        # Others do not see it, and it goes with this process, however that ends.
        if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        _run("mount", "--make-rprivate", "/")
        _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=1777", "none", str(self.folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _run("umount", "--lazy", str(self.folder))
        self.folder.rmdir()

    def fill(self) -> None:
        """Leave no octet free."""
        with (self.folder / _FILLER).open("ab", buffering=0) as filler:
            for size in (_CHUNK, 1):
                try:
                    while True:
                        filler.write(b"x" * size)
                except OSError:
                    continue

    def free(self) -> None:
        """Give back what ``fill`` took."""
        (self.folder / _FILLER).unlink()


def needs_root() -> bool:
    """Whether this account may not mount."""
    return os.geteuid() != 0


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
