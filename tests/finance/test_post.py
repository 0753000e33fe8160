"""Events into the books: the worked cases, to the cent."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import func, select

from finance.approve import approve
from finance.errors import Block, PostingBlocked
from finance.post import on_adjusted, on_fulfilled, on_received, post_batch
from finance.tables import receivable, stock_value, subledger, voucher
from hub.core.db import Database
from hub.core.errors import Refused, TryAgain
from hub.core.events import Event
from tests.finance.given import World, adjusted, entries_of, fulfilled, received, vouchers

D = Decimal
ZERO = D("0.00")


async def value_of(db: Database, sku_id: int) -> tuple[int, Decimal]:
    async with db.transaction() as session:
        row = (await session.execute(select(stock_value).where(stock_value.c.sku_id == sku_id))).one()
        return row.qty, row.value


async def post(db: Database, *events: Event) -> list[tuple[Event, PostingBlocked]]:
    async with db.transaction() as session:
        return await post_batch(session, events)


async def test_p02_goods_received_without_an_invoice(db: Database, world: World) -> None:
    async with db.transaction() as session:
        await on_received(session, received(world, 100, "60.00"))
    (made,) = await vouchers(db)
    assert await entries_of(db, made.id) == [
        ("1405.01", D("6000.00"), ZERO),
        ("2202.02", ZERO, D("6000.00")),
    ]
    assert (made.word, made.number, made.state, made.period) == ("记", 1, "posted", "2026-11")
    assert (made.total, made.source_type, made.summary) == (D("6000.00"), "receipt", "采购入库暂估 PO-1")
    assert await value_of(db, world.skus[0]) == (100, D("6000.00"))


async def test_p07f_revenue_at_shipment(db: Database, world: World) -> None:
    sale = fulfilled(world, [(world.skus[0], 2, "226.00")])
    await post(db, received(world, 100, "60"))
    async with db.transaction() as session:
        await on_fulfilled(session, sale)
    made = (await vouchers(db))[-1]
    assert await entries_of(db, made.id) == [
        ("1122", D("226.00"), ZERO),
        ("6401", D("120.00"), ZERO),
        ("6001", ZERO, D("200.00")),
        ("2221.01.02", ZERO, D("26.00")),
        ("1405.01", ZERO, D("120.00")),
    ]
    assert (made.number, made.total, made.shop_id) == (2, D("346.00"), world.shop_id)
    assert (made.order_id, made.source_id) == (UUID(sale.payload["order_id"]), sale.payload["shipment_id"])
    async with db.transaction() as session:
        item = (await session.execute(select(receivable))).one()
        detail = (await session.execute(select(subledger).where(subledger.c.kind == "sale"))).one()
    assert (item.shop_id, item.order_id, item.kind, item.amount) == (world.shop_id, made.order_id, "sale", D("226.00"))
    assert (detail.qty, detail.gross, detail.net, detail.vat, detail.cost) == (
        -2,
        D("226.00"),
        D("200.00"),
        D("26.00"),
        D("-120.00"),
    )
    assert await value_of(db, world.skus[0]) == (98, D("5880.00"))


async def test_p07d_a_sellers_coupon_cuts_revenue(db: Database, world: World) -> None:
    await post(db, received(world, 100, "60"), fulfilled(world, [(world.skus[0], 2, "206.00")]))
    lines = await entries_of(db, (await vouchers(db))[-1].id)
    assert ("6001", ZERO, D("182.30")) in lines
    assert ("2221.01.02", ZERO, D("23.70")) in lines


async def test_an_order_is_taxed_as_a_whole_and_its_lines_add_up(db: Database, world: World) -> None:
    skus = world.skus[:5]
    await post(db, *(received(world, 10, "0.50", sku_id) for sku_id in skus))
    await post(db, fulfilled(world, [(sku_id, 1, "1.00") for sku_id in skus]))
    made = (await vouchers(db))[-1]
    assert ("6001", ZERO, D("4.42")) in await entries_of(db, made.id)
    async with db.transaction() as session:
        sums = select(func.sum(subledger.c.net), func.sum(subledger.c.vat), func.count())
        assert tuple((await session.execute(sums.where(subledger.c.voucher_id == made.id))).one()) == (
            D("4.42"),
            D("0.58"),
            5,
        )


async def test_p14_a_loss_waits_in_clearing_and_p14b_a_person_approves_it(db: Database, world: World) -> None:
    await post(db, received(world, 100, "60"))
    async with db.transaction() as session:
        await on_adjusted(session, adjusted(world, -2))
    loss = (await vouchers(db))[-1]
    assert await entries_of(db, loss.id) == [("1901", D("120.00"), ZERO), ("1405.01", ZERO, D("120.00"))]
    async with db.transaction() as session:
        approval = await approve(session, loss.id, "li")
        assert await approve(session, loss.id, "li") == approval
    assert await entries_of(db, approval) == [("6602.01", D("120.00"), ZERO), ("1901", ZERO, D("120.00"))]
    assert await value_of(db, world.skus[0]) == (98, D("5880.00"))
    with pytest.raises(Refused):
        async with db.transaction() as session:
            await approve(session, approval, "li")


async def test_p15_a_gain_comes_in_at_the_average_and_p15b_is_approved(db: Database, world: World) -> None:
    await post(db, received(world, 100, "60"), adjusted(world, 1))
    gain = (await vouchers(db))[-1]
    assert await entries_of(db, gain.id) == [("1405.01", D("60.00"), ZERO), ("1901", ZERO, D("60.00"))]
    async with db.transaction() as session:
        approval = await approve(session, gain.id, "li")
    assert await entries_of(db, approval) == [("1901", D("60.00"), ZERO), ("6602.01", ZERO, D("60.00"))]
    assert await value_of(db, world.skus[0]) == (101, D("6060.00"))


async def test_found_units_of_unknown_cost_wait_unless_a_cost_is_told(db: Database, world: World) -> None:
    unknown = adjusted(world, 5)
    ((event, blocked),) = await post(db, unknown)
    assert (event, blocked.reason) == (unknown, Block.NO_COST)
    assert await post(db, adjusted(world, 5, unit_cost="2.50")) == []
    assert await value_of(db, world.skus[0]) == (5, D("12.50"))
    assert await post(db, unknown) == []
    assert await value_of(db, world.skus[0]) == (10, D("25.00"))


async def test_found_units_of_a_sold_out_sku_come_in_at_the_last_cost(db: Database, world: World) -> None:
    await post(db, received(world, 2, "60"), fulfilled(world, [(world.skus[0], 2, "226.00")]), adjusted(world, 1))
    assert await value_of(db, world.skus[0]) == (1, D("60.00"))


async def test_an_event_enters_the_books_once(db: Database, world: World) -> None:
    receipt, sale = received(world, 10, "60"), fulfilled(world, [(world.skus[0], 2, "226.00")])
    assert await post(db, receipt, sale, sale) == []
    before = [made.id for made in await vouchers(db)]
    assert await post(db, receipt, sale) == []
    assert await post(db, sale) == []
    assert [made.id for made in await vouchers(db)] == before
    assert await value_of(db, world.skus[0]) == (8, D("480.00"))


async def test_an_event_that_many_workers_hold_at_once_is_posted_once(db: Database, world: World) -> None:
    events = [received(world, 10, "60"), fulfilled(world, [(world.skus[0], 2, "226.00")]), adjusted(world, -1)]
    assert await asyncio.gather(*(post(db, *events) for _ in range(8))) == [[]] * 8
    assert [made.number for made in await vouchers(db)] == [1, 2, 3]
    assert await value_of(db, world.skus[0]) == (7, D("420.00"))


async def test_a_move_is_booked_by_one_event_only(db: Database, world: World) -> None:
    receipt = received(world, 10, "60")
    twin = Event(UUID(int=1), receipt.topic, receipt.payload, receipt.at)
    ((event, blocked),) = await post(db, receipt, twin)
    assert (event, blocked.reason) == (twin, Block.MOVE_BOOKED)


async def test_a_foreign_order_waits_and_does_not_hold_up_the_others(db: Database, world: World) -> None:
    foreign = fulfilled(world, [(world.skus[0], 1, "100.00")], currency="USD")
    own = fulfilled(world, [(world.skus[0], 1, "113.00")])
    ((event, blocked),) = await post(db, received(world, 10, "60"), foreign, own)
    assert (event, blocked.reason, blocked.code) == (foreign, Block.CURRENCY, "posting_blocked")
    assert blocked.facts["currency"] == "USD"
    assert "no exchange rate" in str(blocked)
    assert await value_of(db, world.skus[0]) == (9, D("540.00"))
    async with db.transaction() as session:
        written = select(func.count()).where(subledger.c.event_id == foreign.id)
        assert (await session.execute(written)).scalar_one() == 0


async def test_units_that_the_books_do_not_hold_wait_for_their_receipt(db: Database, world: World) -> None:
    first, second = world.skus[:2]
    sale = fulfilled(world, [(first, 1, "10.00"), (second, 3, "30.00")])
    ((_, blocked),) = await post(db, received(world, 5, "6", first), received(world, 2, "6", second), sale)
    assert blocked.reason == Block.NO_STOCK_VALUE
    assert (blocked.facts["sku_id"], blocked.facts["qty"], blocked.facts["qty_in_books"]) == (second, 3, 2)
    assert await value_of(db, first) == (5, D("30.00"))
    assert await post(db, received(world, 1, "6", second), sale) == []
    assert await value_of(db, first) == (4, D("24.00"))
    assert await value_of(db, second) == (0, ZERO)


async def test_a_blocked_event_raises_from_its_handler(db: Database, world: World) -> None:
    with pytest.raises(PostingBlocked) as caught:
        async with db.transaction() as session:
            await on_fulfilled(session, fulfilled(world, [(world.skus[0], 1, "1.00")]))
    assert caught.value.reason == Block.NO_STOCK_VALUE


@pytest.mark.parametrize(
    "spoil",
    [
        {"lines": []},
        {"lines": "none"},
        {"lines": [{"sku_id": 1}]},
        {"order_id": "not an id"},
        {"shipped_at": "2026-11-20T04:00:00"},
        {"currency": None, "shop_id": None},
    ],
)
async def test_an_unreadable_event_is_blocked_alone(db: Database, world: World, spoil: dict[str, object]) -> None:
    whole = fulfilled(world, [(world.skus[0], 1, "113.00")])
    broken = Event(UUID(int=2), whole.topic, {**whole.payload, **spoil}, whole.at)
    ((event, blocked),) = await post(db, broken, received(world, 10, "60"))
    assert (event, blocked.reason) == (broken, Block.UNREADABLE)
    assert len(await vouchers(db)) == 1


async def test_what_has_no_value_has_no_voucher_but_is_in_the_books(db: Database, world: World) -> None:
    sample, gift = received(world, 10, "0"), fulfilled(world, [(world.skus[0], 1, "0.00")])
    assert await post(db, sample, gift) == []
    assert await post(db, sample, gift) == []
    assert await vouchers(db) == []
    assert await value_of(db, world.skus[0]) == (9, ZERO)
    async with db.transaction() as session:
        assert (await session.execute(select(func.count()).select_from(subledger))).scalar_one() == 2
        assert (await session.execute(select(func.count()).select_from(receivable))).scalar_one() == 0


async def test_the_business_date_is_the_books_own_day_and_decides_the_tax_rate(db: Database, world: World) -> None:
    late = datetime(2026, 11, 30, 16, 30, tzinfo=UTC)  # half past midnight of 1 December in Shanghai
    old = datetime(2018, 6, 1, tzinfo=UTC)
    stocked = received(world, 10, "60", at=old)
    await post(
        db,
        stocked,
        fulfilled(world, [(world.skus[0], 1, "116.00")], at=old),
        fulfilled(world, [(world.skus[0], 1, "113.00")], at=late),
    )
    made = {row.period: row for row in await vouchers(db) if row.rule_set == "order.fulfilled"}
    assert made["2026-12"].business_date.isoformat() == "2026-12-01"
    assert ("6001", ZERO, D("100.00")) in await entries_of(db, made["2026-12"].id)
    assert ("2221.01.02", ZERO, D("16.00")) in await entries_of(db, made["2018-06"].id)


async def test_a_batch_is_numbered_in_its_own_order(db: Database, world: World) -> None:
    sales = [fulfilled(world, [(world.skus[0], 1, "113.00")]) for _ in range(20)]
    await post(db, received(world, 100, "60"), *sales)
    made = [row for row in await vouchers(db) if row.source_type == "shipment"]
    assert [row.event_id for row in made] == [sale.id for sale in sales]
    assert [row.number for row in made] == list(range(2, 22))


async def test_a_batch_that_falls_back_leaves_nothing(db: Database, world: World) -> None:
    async def post_and_fall_back() -> None:
        async with db.transaction() as session:
            await post_batch(session, [received(world, 100, "60")])
            raise TryAgain("The database went away.")

    with pytest.raises(TryAgain):
        await post_and_fall_back()
    async with db.transaction() as session:
        for table in (voucher, subledger, stock_value):
            assert (await session.execute(select(func.count()).select_from(table))).scalar_one() == 0
