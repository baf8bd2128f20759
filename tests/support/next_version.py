"""The next version of sharedbooks: this one with one migration more, in a folder of its own."""

import shutil
import subprocess
import sys
from pathlib import Path

from sharedbooks.db.schema_state import _known_schemas

_ROOT = Path(__file__).parents[2]
_MIGRATION = '''"""A column more, which takes its time."""

import time

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{previous}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "cards", sa.Column("starred", sa.Integer(), server_default="0", nullable=False)
    )
    time.sleep({seconds})
'''


class NextVersion:
    """A copy of the packages with a schema of its own.

    Args:
        folder: where to make it.
        seconds: how long its migration takes.
    """

    schema = "9999"

    def __init__(self, folder: Path, seconds: float) -> None:
        skipped = shutil.ignore_patterns("__pycache__")
        for package in (_ROOT / "src/sharedbooks", _ROOT / "plugins/sharedbooks_radicale"):
            shutil.copytree(package, folder / package.name, ignore=skipped)
        migration = folder / f"sharedbooks/db/migrations/versions/{self.schema}_next.py"
        text = _MIGRATION.format(
            revision=self.schema, previous=_known_schemas()[-1], seconds=seconds
        )
        migration.write_text(text)
        self.program = ["env", f"PYTHONPATH={folder}", sys.executable, "-m", "sharedbooks.cli"]

    def run(self, config: Path, *words: str) -> str:
        """Give a command of it and return what it prints.

        Raises:
            AssertionError: it failed; the message has its output.
        """
        command = [*self.program, "--config", str(config), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout
