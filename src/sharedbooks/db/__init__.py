"""The SQL database: schema, engines, sessions and migrations."""
