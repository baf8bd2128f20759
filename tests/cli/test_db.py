"""``sharedbooks db``."""

from pathlib import Path

from sharedbooks.db import migrations

[_FOLDER] = migrations.__path__
KNOWN = max(path.name[:4] for path in Path(_FOLDER, "versions").glob("0*.py"))


def test_status_and_upgrade(sharedbooks):
    file = sharedbooks.folder / "sharedbooks.db"
    current = {
        "database": f"sqlite:///{file}",
        "state": "current",
        "found": KNOWN,
        "known": KNOWN,
    }
    assert sharedbooks("db", "status", "--json").document == current
    assert sharedbooks("db", "upgrade").out == f"The database has the schema {KNOWN} already.\n"
    file.unlink()
    empty = sharedbooks("db", "status", "--json").document
    assert empty == {**current, "state": "empty", "found": None}
    assert sharedbooks("db", "upgrade", "--json").document == {
        "database": f"sqlite:///{file}",
        "before": None,
        "after": KNOWN,
    }
    assert "\nState:        current\n" in sharedbooks("db", "status").out


def test_newer_database_is_left_alone(sharedbooks, sql):
    sql.execute("UPDATE alembic_version SET version_num = '9999'")
    assert sharedbooks("db", "status", "--json").document["state"] == "new"
    done = sharedbooks("db", "upgrade", code=2)
    assert done.err.startswith("The database has schema 9999, newer than this program knows")
