"""Fuzz with coverage: ``python -m tests.attacks.fuzz TARGET [--seconds N]``; needs ``atheris``.

atheris looks which branches an input reaches, and changes those that reach new ones. An input on
which the target fails is written to ``crash-…`` in the current folder.
"""

import argparse
import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any


def main() -> None:
    """Run one target until its time is over, or it fails."""
    parser = argparse.ArgumentParser(prog="tests.attacks.fuzz", description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=60)
    arguments = parser.parse_args()
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["sharedbooks", "sharedbooks_radicale"]):
        targets = importlib.import_module("tests.attacks.fuzz.targets").TARGETS
    if arguments.target not in targets:
        parser.error(f"there is no such target; there are {', '.join(targets)}")
    target = targets[arguments.target]
    with tempfile.TemporaryDirectory() as folder:
        corpus, words = Path(folder) / "corpus", Path(folder) / "words"
        corpus.mkdir()
        for number, seed in enumerate(target.seeds):
            (corpus / str(number)).write_bytes(seed)
        words.write_text("".join(f'"{_escaped(token)}"\n' for token in target.tokens if token))
        options = [f"-max_total_time={arguments.seconds}", f"-dict={words}", "-max_len=8192"]
        atheris.Setup([sys.argv[0], *options, str(corpus)], target.run)
        atheris.Fuzz()


def _escaped(token: bytes) -> str:
    return "".join(f"\\x{octet:02x}" for octet in token[:64])


if __name__ == "__main__":
    main()
