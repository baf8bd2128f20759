"""Alembic's environment and the migrations, one transaction each."""
