"""Stock at moving weighted average: what the units on hand are worth in the books, and what a unit that leaves costs.

Invariants: an issue never changes the average; the units that leave last take the whole rest, so value is 0 at quantity
0; between two receipts the value left stays within a cent of (units left x average); neither ever falls below zero.
`lock` takes the rows in SKU order, so that two postings cannot wait for each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from sqlalchemy import ARRAY, BigInteger, any_, literal, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from finance.tables import stock_value
from hub.core.money import ZERO, quantum, round_money

_UNIT = Decimal("1e-12")


@dataclass(frozen=True, slots=True)
class Level:
    """Units of one SKU in the books, what they are worth, and the average unit cost (the last one known at qty 0)."""

    qty: int = 0
    value: Decimal = ZERO
    unit_cost: Decimal = ZERO


class TooFewError(ArithmeticError):
    """More would leave the books than they hold."""


def receive(level: Level, qty: int, value: Decimal) -> Level:
    """`qty` units worth `value` come in (or, both negative, are taken back): the average moves. Raises TooFewError."""
    left, worth = level.qty + qty, level.value + value
    if left < 0 or worth < 0 or (left == 0 and worth != 0):
        raise TooFewError
    return Level(left, worth, (worth / left).quantize(_UNIT) if left else level.unit_cost)


def issue(level: Level, qty: int, currency: str = "CNY") -> tuple[Decimal, Level]:
    """`qty` units leave: their cost, and what is left. Raises TooFewError."""
    left = level.qty - qty
    if left < 0:
        raise TooFewError
    if left == 0:
        return level.value, Level(0, ZERO, level.unit_cost)
    cost = round_money(level.unit_cost * qty, currency)
    drift = level.value - cost - level.unit_cost * left
    cost += drift.quantize(quantum(currency), rounding=ROUND_DOWN)  # whole cents that rounding has gathered
    return cost, Level(left, level.value - cost, level.unit_cost)


async def lock(
    session: AsyncSession, book_id: int, skus: Sequence[int], *, incoming: Sequence[int] = ()
) -> dict[int, Level]:
    """Lock the values of `skus` in SKU order until the end of the transaction. `incoming` get a row if need be."""
    if incoming:
        rows = [{"book_id": book_id, "sku_id": sku_id} for sku_id in sorted(incoming)]
        await session.execute(insert(stock_value).on_conflict_do_nothing(), rows)
    found = await session.execute(
        select(stock_value.c.sku_id, stock_value.c.qty, stock_value.c.value, stock_value.c.unit_cost)
        .where(stock_value.c.book_id == book_id, stock_value.c.sku_id == any_(literal(skus, ARRAY(BigInteger))))
        .order_by(stock_value.c.sku_id)
        .with_for_update()
    )
    return {row.sku_id: Level(row.qty, row.value, row.unit_cost) for row in found}


async def save(session: AsyncSession, book_id: int, levels: Mapping[int, Level]) -> None:
    """Write the new values of locked rows with one statement."""
    if levels:
        await session.execute(
            _SAVE,
            {
                "book_id": book_id,
                "skus": list(levels),
                "qtys": [level.qty for level in levels.values()],
                "worths": [level.value for level in levels.values()],
                "units": [level.unit_cost for level in levels.values()],
            },
        )


_SAVE = text(
    "UPDATE stock_value SET qty = new.qty, value = new.worth, unit_cost = new.unit FROM unnest("
    " CAST(:skus AS bigint[]), CAST(:qtys AS bigint[]), CAST(:worths AS numeric[]), CAST(:units AS numeric[])"
    ") AS new (sku_id, qty, worth, unit) WHERE stock_value.book_id = :book_id AND stock_value.sku_id = new.sku_id"
)
