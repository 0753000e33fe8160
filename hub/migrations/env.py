"""Alembic's entry: runs the migrations on the connection that `hub.migrations.run` hands over."""

from alembic import context

# imported for the tables that they declare
import finance.tables  # noqa: F401
import hub.core.tables  # noqa: F401
import orders.sales.tables  # noqa: F401
import stockpool.tables  # noqa: F401
from hub.core.db import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    compare_type=True,
    compare_server_default=False,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
