from hub.core.db import Database
from stockpool.catalogue import NewSku, add_sku, add_skus, add_warehouse, default_warehouse, ensure_places
from tests.stockpool.given import a_pool


async def test_a_sku_is_added_once(db: Database) -> None:
    pool = await a_pool(db, {"A": 0})
    async with db.transaction() as session:
        assert await add_sku(session, "A", "another name") == pool["A"]
        ids = await add_skus(session, [NewSku("A", "x"), NewSku("B", "b", "690123"), NewSku("B", "again")])
    assert set(ids) == {"A", "B"}
    assert await pool.rows("SELECT code, name, barcode FROM sku ORDER BY code") == [
        ("A", "Goods A", None),
        ("B", "b", "690123"),
    ]


async def test_places_exist_however_often_they_are_asked_for(db: Database) -> None:
    async with db.transaction() as session:
        main = await default_warehouse(session)
        await ensure_places(session)
        await ensure_places(session)
        assert await default_warehouse(session) == main
        assert await add_warehouse(session, "MAIN", "x", "storage") == main
        assert await add_warehouse(session, "EAST", "East", "storage") != main
