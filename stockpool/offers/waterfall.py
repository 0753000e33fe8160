"""What the offer rules are fed with, read once for publishing and for explaining alike.

Invariant: the number that is explained comes from the same rows and the same function as the number that is published.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from stockpool.offers.rules import Held, Waterfall, offer

InFlight = Mapping[tuple[int, int], int]
"""(sku id, shop id) -> units in orders that the shop has and we have not reserved yet."""

# Only real storage is sellable: what is in transit or in quality control is another place.
_POOL = text(
    """
    SELECT l.sku_id, l.on_hand, l.reserved, l.frozen
    FROM stock_level AS l JOIN warehouse AS w ON w.id = l.warehouse_id
    WHERE w.kind = 'storage' AND l.sku_id = ANY(CAST(:skus AS bigint[])) ORDER BY l.sku_id, l.warehouse_id
    """
)


@dataclass(frozen=True, slots=True)
class Seller:
    """A listing that sells a sku, and what its shop keeps back."""

    listing_id: int
    shop_id: int
    sku_id: int
    buffer_units: int


async def pools(session: AsyncSession, sku_ids: Sequence[int]) -> Mapping[int, list[Held]]:
    """Per sku what each warehouse of the pool holds. A sku that was never stocked has an empty pool."""
    found: defaultdict[int, list[Held]] = defaultdict(list)
    for row in await session.execute(_POOL, {"skus": list(sku_ids)}):
        found[row.sku_id].append(Held(row.on_hand, row.reserved, row.frozen))
    return found


def explain(seller: Seller, pool: Sequence[Held], in_flight: InFlight) -> Waterfall:
    """The waterfall of one listing."""
    return offer(pool, in_flight=in_flight.get((seller.sku_id, seller.shop_id), 0), buffer=seller.buffer_units)
