"""Runs the migrations on the connection, and in the transaction, of the caller."""

from alembic import context

from sync_service.persistence.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite rebuilds a table to alter it
)
context.run_migrations()
