"""Alembic's entry: migrates the connection that akeso.adapters.journals.schema hands over."""

from alembic import context

from akeso.adapters.journals.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
)
with context.begin_transaction():
    context.run_migrations()
