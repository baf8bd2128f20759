"""A server program started by the tests, which never outlives them."""

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tests.support.network import wait_for


class Daemon:
    """A program in the background, in a session of its own, with its output in a log file.

    Ctrl-C in the terminal does not reach it. When the thread that started it ends, however that
    happens, the kernel sends it its stop signal.

    Args:
        command: the program and its arguments; it must stay in the foreground.
        folder: its working directory; the log is ``folder / "log"``.
        user: the account it runs as; None for the one running the tests.
        stop_signal: asks it for an orderly end.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        folder: Path,
        *,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self._folder = folder
        self._stop_signal = stop_signal
        # The kernel forgets the signal when the account changes: setpriv sets it after that.
        death = ["--pdeathsig", stop_signal.name.removeprefix("SIG")]
        self._command = ["setpriv", *_account(user), *death, "--", *map(str, command)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process of the last start."""
        assert self._process is not None, "not started yet"
        return self._process

    @property
    def pid(self) -> int:
        """The id of the program's main process, and of its process group."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and its main process has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What it has written to standard output and standard error, over all its starts."""
        path = self._folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, answers: Callable[[], object], timeout: float = 60.0) -> None:
        """Start the program and return when ``answers()`` is true.

        Raises:
            AssertionError: it ended, or did not answer in time; the message has the log.
        """
        assert not self.running, f"{self._command} runs already"
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                start_new_session=True,
            )
        try:
            wait_for(lambda: answers() or not self.running, timeout, "an answer")
            assert self.running, f"it ended with exit code {self.process.returncode}"
        except BaseException as error:
            self.kill()
            if isinstance(error, AssertionError):
                error.add_note(f"{' '.join(self._command)}\n{self.log}")
            raise

    def stop(self, timeout: float = 30.0) -> int:
        """Ask it for an orderly end and return its exit code (at once if it had ended before).

        Raises:
            AssertionError: it did not end in time, and was killed; the message has the log.
        """
        if self.running:
            self.process.send_signal(self._stop_signal)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            message = f"{self._command} ignored {self._stop_signal.name} for {timeout:g} s"
            raise AssertionError(f"{message}\n{self.log}") from None
        finally:
            self.kill()  # also what the main process left behind, if it crashed

    def suspend(self) -> None:
        """Stop it in its tracks: it keeps its connections and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after ``suspend()``."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it and every process it started by SIGKILL, as a crash would; return when gone."""
        if self.running:
            # Stopped, it cannot start another process while we look for them.
            self.process.send_signal(signal.SIGSTOP)
        family = family_of(self.pid)
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        wait_for(lambda: family.isdisjoint(_parents()), 10, f"the end of processes {family}")


def run_as(user: str | None, command: Sequence[str | Path], folder: Path) -> None:
    """Run ``command`` to its end in ``folder``, as ``user`` (None: as the tests).

    Raises:
        AssertionError: it failed; the message has its output.
    """
    whole = ["setpriv", *_account(user), "--", *map(str, command)]
    done = subprocess.run(whole, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(whole)}\n{done.stdout}{done.stderr}"


def family_of(pid: int) -> set[int]:
    """Return the living processes among ``pid``, its process group and all their descendants."""
    parents = _parents()
    family = {child for child, (_, group) in parents.items() if pid in {child, group}}
    while True:
        children = {child for child, (parent, _) in parents.items() if parent in family}
        if children <= family:
            return family
        family |= children


def _parents() -> dict[int, tuple[int, int]]:
    """Return parent and process group of every process that lives, zombies left out."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(FileNotFoundError, ProcessLookupError):
                # The program's name, in parentheses, may hold anything.
                state, parent, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
                if state not in "ZX":
                    found[int(folder.name)] = (int(parent), int(group))
    return found


def _account(user: str | None) -> list[str]:
    return [] if user is None else ["--reuid", user, "--regid", user, "--init-groups"]
