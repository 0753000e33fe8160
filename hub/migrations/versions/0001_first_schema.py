"""The first schema: stock pool, orders, books, and the guards that the database keeps by itself."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    statements = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    for statement in statements.split("\n\n")[1:]:
        op.execute(statement)
