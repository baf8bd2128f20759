"""What keeps a database fast: fresh statistics for its planner."""

from sqlalchemy import Connection

from sharedbooks.db.schema import metadata


def refresh_statistics(connection: Connection) -> None:
    """Let the database look anew at how its rows are spread; it samples, so it is quick."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA analysis_limit = 1000")
        connection.exec_driver_sql("PRAGMA optimize")
    elif connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ANALYZE {_tables()}")
    else:
        connection.exec_driver_sql(f"ANALYZE TABLE {_tables()}").all()


def _tables() -> str:
    return ", ".join(metadata.tables)
