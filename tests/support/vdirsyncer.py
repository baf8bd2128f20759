"""vdirsyncer, the real program, keeping a folder in step with somebody's books."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_PROGRAM = Path(sys.executable).with_name("vdirsyncer")


@dataclass
class Folder:
    """The folder of a member's computer that vdirsyncer keeps in step with their books.

    Args:
        name, password: the member's login.
        path: a folder that is not there yet.
        server: the root of the server.
    """

    name: str
    password: str
    path: Path
    server: str

    def __post_init__(self) -> None:
        (self.path / "cards").mkdir(parents=True)
        self._write_config(conflict="null")
        self.discover()

    def discover(self) -> subprocess.CompletedProcess[str]:
        """Look for the member's books."""
        return self._run("discover", "books")

    def sync(self, conflict: str = "null") -> subprocess.CompletedProcess[str]:
        """Bring both sides in step; ``conflict`` is what to do where both have changed."""
        self._write_config(conflict)
        return self._run("sync")

    def sync_well(self, conflict: str = "null") -> None:
        """Bring both sides in step, which has to succeed."""
        done = self.sync(conflict)
        assert done.returncode == 0, done.stdout + done.stderr

    def books(self) -> set[str]:
        """Names of the books that were found."""
        return {path.name for path in (self.path / "cards").iterdir()}

    def card(self, book: str, name: str) -> Path:
        """The file of a card."""
        return self.path / "cards" / book / name

    def cards(self, book: str) -> dict[str, bytes]:
        """The cards of a book by name; vdirsyncer keeps lines ended by LF."""
        folder = self.path / "cards" / book
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".vcf"}

    def _write_config(self, conflict: str) -> None:
        pair = {"a": '"local"', "b": '"remote"', "collections": '["from b"]'}
        pair |= {"conflict_resolution": conflict}
        local = {"type": '"filesystem"', "path": json.dumps(str(self.path / "cards"))}
        local |= {"fileext": '".vcf"'}
        remote = {"type": '"carddav"', "url": json.dumps(self.server)}
        remote |= {"username": json.dumps(self.name), "password": json.dumps(self.password)}
        sections = {
            "general": {"status_path": json.dumps(str(self.path / "status"))},
            "pair books": pair,
            "storage local": local,
            "storage remote": remote,
        }
        lines = []
        for title, options in sections.items():
            lines += [f"[{title}]", *(f"{name} = {value}" for name, value in options.items()), ""]
        (self.path / "config").write_text("\n".join(lines))

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(_PROGRAM), "--config", str(self.path / "config"), *arguments]
        return subprocess.run(
            command, input="y\n" * 20, capture_output=True, text=True, timeout=60, check=False
        )
