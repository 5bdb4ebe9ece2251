"""Called by Alembic: run the steps on the connection that `engine.open_catalog` hands over."""

from alembic import context

from chowon.store.catalog.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by making a new one
)
with context.begin_transaction():
    context.run_migrations()
