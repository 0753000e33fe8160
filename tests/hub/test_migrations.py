"""The schema is what the migrations make, and the database itself keeps the rules that no statement may get around."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

import finance.tables  # noqa: F401
import hub.core.tables  # noqa: F401
import orders.sales.tables  # noqa: F401
import stockpool.tables  # noqa: F401
from hub.core.db import Database, metadata
from hub.migrations.run import config, upgrade


async def test_the_migrations_make_exactly_the_declared_tables(db: Database) -> None:
    def difference(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    async with db.engine.connect() as connection:
        assert await connection.run_sync(difference) == []


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory.from_config(config()).get_heads()) == 1


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    await upgrade(database_url)


async def test_triggers_guard_the_ledgers(db: Database) -> None:
    guarded = {"stock_move", "resolution", "reservation", "audit_log", "subledger", "voucher", "entry"}
    query = "SELECT DISTINCT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT tgisinternal"
    async with db.transaction() as session:
        rows = await session.execute(text(query))
        assert guarded <= set(rows.scalars())


@pytest.mark.parametrize("statement", ["UPDATE stock_move SET qty = qty + 1", "DELETE FROM stock_move"])
async def test_a_move_is_never_edited(db: Database, statement: str) -> None:
    async with db.transaction() as session:
        await session.execute(
            text("INSERT INTO warehouse (code, name, kind) VALUES ('A', 'A', 'supplier'), ('B', 'B', 'storage')")
        )
        await session.execute(text("INSERT INTO sku (code, name) VALUES ('X', 'X')"))
        await session.execute(
            text(
                "INSERT INTO stock_move (id, sku_id, from_id, to_id, qty, cause, reference, actor)"
                " SELECT gen_random_uuid(), s.id, a.id, b.id, 1, 'receive', 'r', 'test'"
                " FROM sku s, warehouse a, warehouse b WHERE a.code = 'A' AND b.code = 'B'"
            )
        )
    with pytest.raises(DBAPIError, match="append-only"):
        async with db.transaction() as session:
            await session.execute(text(statement))
