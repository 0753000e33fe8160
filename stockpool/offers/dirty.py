"""The list of skus whose published numbers and gate levels may be behind.

Invariant: whoever changes what an offer depends on, or learns that a shop has changed its own number, marks the sku in
the same transaction; a mark goes away only when its number `n` is unchanged since the offers were computed.
"""

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_MARK = text(
    """
    INSERT INTO dirty (sku_id, moved_shops)
    SELECT sku_id, coalesce(array_agg(DISTINCT shop_id) FILTER (WHERE shop_id IS NOT NULL), '{}')
    FROM unnest(CAST(:skus AS bigint[])) AS marked(sku_id)
    LEFT JOIN unnest(CAST(:moved_skus AS bigint[]), CAST(:moved_shops AS bigint[])) AS moved(sku_id, shop_id)
      USING (sku_id)
    GROUP BY sku_id ORDER BY sku_id
    ON CONFLICT (sku_id) DO UPDATE SET n = excluded.n,
        moved_shops = CASE WHEN dirty.moved_shops @> excluded.moved_shops THEN dirty.moved_shops
                      ELSE dirty.moved_shops || excluded.moved_shops END
    """
)


async def mark_dirty(session: AsyncSession, sku_ids: Iterable[int], *, moved: Iterable[tuple[int, int]] = ()) -> None:
    """Have the offers of these skus computed again. Marks in the order of ids, so that two transactions never cross.

    `moved`: (sku id, shop id) where the shop has changed its own number, by a sale or a cancellation there: it is told
    again even when what we want it to show is what we told it last.
    """
    pairs = sorted(set(moved))
    skus = sorted({*sku_ids, *(sku_id for sku_id, _ in pairs)})
    if skus:
        values = {"moved_skus": [sku_id for sku_id, _ in pairs], "moved_shops": [shop_id for _, shop_id in pairs]}
        await session.execute(_MARK, {"skus": skus, **values})
