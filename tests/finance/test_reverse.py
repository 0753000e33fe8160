"""红字冲销: the red copy stands beside the black one, and everything under it goes back too."""

from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import select, update

from finance.approve import approve
from finance.audit import check
from finance.errors import NotReversible
from finance.post import post_batch
from finance.queries import list_vouchers, receivables_per_shop, stock_against_ledger, totals, trial_balance
from finance.reverse import reverse
from finance.tables import receivable, subledger
from hub.core.db import Database
from hub.core.errors import NotFound, Refused
from hub.core.events import Event
from tests.finance.given import World, adjusted, book_moves, entries_of, fulfilled, received, vouchers

D = Decimal
ZERO = D("0.00")


async def post(db: Database, world: World, *events: Event) -> UUID:
    async with db.transaction() as session:
        for event in events:
            await book_moves(session, world, event)
        assert await post_batch(session, events) == []
    return UUID(str((await vouchers(db))[-1].id))


async def turn_red(db: Database, voucher_id: UUID) -> UUID:
    async with db.transaction() as session:
        return await reverse(session, voucher_id, "li", "wrong shop")


async def breaches(db: Database) -> list[object]:
    async with db.transaction() as session:
        return list(await check(session))


async def test_a_sale_in_red_has_the_same_sides_with_negative_amounts(db: Database, world: World) -> None:
    sale = await post(db, world, received(world, 10, "60"), fulfilled(world, [(world.skus[0], 1, "113.00")]))
    red = await turn_red(db, sale)
    assert await entries_of(db, red) == [
        ("1122", D("-113.00"), ZERO),
        ("6401", D("-60.00"), ZERO),
        ("6001", ZERO, D("-100.00")),
        ("2221.01.02", ZERO, D("-13.00")),
        ("1405.01", ZERO, D("-60.00")),
    ]
    made = (await vouchers(db))[-1]
    assert (made.id, made.number, made.reversal_of, made.made_by) == (red, 3, sale, "li")
    assert made.summary == "冲销 2026-11 记-2 wrong shop"


async def test_everything_under_a_sale_goes_back_with_it(db: Database, world: World) -> None:
    goods = received(world, 3, "33.333333")
    sale = await post(db, world, goods, fulfilled(world, [(world.skus[0], 2, "226.00")]))
    await turn_red(db, sale)
    async with db.transaction() as session:
        stock = await stock_against_ledger(session)
        (shop,) = await receivables_per_shop(session)
        balances = {row.code: row.balance for row in await trial_balance(session)}
        rows = {row.id: row for row in await list_vouchers(session)}
        sums = await totals(session)
    assert (stock.units, stock.stock_value, stock.difference) == (3, D("100.00"), ZERO)
    assert (shop.open_amount, shop.items, shop.items_open) == (ZERO, 2, 0)
    assert balances == {
        "1122": 0,
        "1405.01": D("100.00"),
        "2202.02": D("-100.00"),
        "2221.01.02": 0,
        "6001": 0,
        "6401": 0,
    }
    assert rows[sale].reversed_by is not None
    assert sums.debit == sums.credit
    assert await breaches(db) == []


async def test_a_voucher_is_reversed_once_and_a_reversal_never(db: Database, world: World) -> None:
    sale = await post(db, world, received(world, 10, "60"), fulfilled(world, [(world.skus[0], 1, "113.00")]))
    red = await turn_red(db, sale)
    assert await turn_red(db, sale) == red
    with pytest.raises(NotReversible):
        await turn_red(db, red)
    with pytest.raises(NotFound):
        await turn_red(db, UUID(int=0))
    assert len(await vouchers(db)) == 3
    assert await breaches(db) == []


async def test_a_receipt_whose_units_have_left_is_not_reversed(db: Database, world: World) -> None:
    receipt = await post(db, world, received(world, 10, "60"))
    await post(db, world, fulfilled(world, [(world.skus[0], 1, "113.00")]))
    with pytest.raises(NotReversible):
        await turn_red(db, receipt)
    assert len(await vouchers(db)) == 2
    assert await breaches(db) == []


async def test_settled_money_is_dealt_with_first(db: Database, world: World) -> None:
    sale = await post(db, world, received(world, 10, "60"), fulfilled(world, [(world.skus[0], 1, "113.00")]))
    async with db.transaction() as session:
        await session.execute(update(receivable).values(settled=D("13.00")))
    with pytest.raises(NotReversible):
        await turn_red(db, sale)


async def test_an_approved_adjustment_goes_back_after_its_approval(db: Database, world: World) -> None:
    loss = await post(db, world, received(world, 10, "60"), adjusted(world, -2))
    async with db.transaction() as session:
        approval = await approve(session, loss, "li")
    with pytest.raises(NotReversible):
        await turn_red(db, loss)
    await turn_red(db, approval)
    await turn_red(db, loss)
    async with db.transaction() as session:
        balances = {row.code: row.balance for row in await trial_balance(session)}
    assert (balances["1901"], balances["6602.01"], balances["1405.01"]) == (0, 0, D("600.00"))
    assert await breaches(db) == []

    async def approve_again() -> None:
        async with db.transaction() as session:
            await approve(session, loss, "li")

    with pytest.raises(Refused):
        await approve_again()


async def test_a_reversal_moves_money_and_no_goods(db: Database, world: World) -> None:
    sale = await post(db, world, received(world, 10, "60"), fulfilled(world, [(world.skus[0], 1, "113.00")]))
    red = await turn_red(db, sale)
    async with db.transaction() as session:
        (row,) = (await session.execute(select(subledger).where(subledger.c.voucher_id == red))).all()
    assert (row.kind, row.move_id, row.qty, row.gross, row.cost) == ("reversal", None, 1, D("-113.00"), D("60.00"))
