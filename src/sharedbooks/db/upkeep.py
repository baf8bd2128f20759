"""What keeps a database fast: fresh statistics for its planner, a search index in one piece."""

from sqlalchemy import Connection

from sharedbooks.db.schema import metadata
from sharedbooks.db.search_index import merge_texts


def tidy_up(connection: Connection) -> None:
    """Do what is worth it now and then, and after very many changes.

    The database looks anew at how its rows are spread, by samples; SQLite's search index, which
    grows by pieces that each search has to look into, becomes one.
    """
    merge_texts(connection)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA analysis_limit = 1000")
        connection.exec_driver_sql("PRAGMA optimize")
    elif connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ANALYZE {_tables()}")
    else:
        connection.exec_driver_sql(f"ANALYZE TABLE {_tables()}").all()


def _tables() -> str:
    return ", ".join(metadata.tables)
