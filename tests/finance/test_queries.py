"""What the console reads."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert

from finance.post import post_batch
from finance.queries import (
    book_totals,
    details_of_sku,
    list_periods,
    list_receivables,
    list_vouchers,
    receivables_per_shop,
    stock_against_ledger,
    stock_values,
    totals,
    trial_balance,
    voucher_detail,
    vouchers_of_order,
)
from finance.rows import VoucherFilter
from hub.core.db import Database
from hub.core.errors import NotFound
from hub.core.events import Event
from orders.sales.tables import sales_order
from tests.finance.given import AT, World, adjusted, fulfilled, received

D = Decimal


async def post(db: Database, *events: Event) -> None:
    async with db.transaction() as session:
        assert await post_batch(session, events) == []


async def make_order(db: Database, world: World) -> UUID:
    order_id = uuid4()
    async with db.transaction() as session:
        await session.execute(
            insert(sales_order).values(
                id=order_id,
                shop_id=world.shop_id,
                external_id="E-77",
                number="N-77",
                state="shipped",
                channel_status="paid",
                currency="CNY",
                body_hash=b"",
                placed_at=AT,
                modified_at=AT,
            )
        )
    return order_id


async def test_the_list_pages_by_key_and_shows_each_voucher_once(db: Database, world: World) -> None:
    october = datetime(2026, 10, 5, tzinfo=UTC)
    await post(db, *(received(world, 1, "1.00", at=october) for _ in range(7)))
    await post(db, *(received(world, 1, "1.00") for _ in range(6)))
    async with db.transaction() as session:
        seen, page = [], await list_vouchers(session, limit=5)
        while page:
            seen += [(row.period, row.number) for row in page]
            page = await list_vouchers(session, after=page[-1].key, limit=5)
    assert seen == [("2026-11", number) for number in range(6, 0, -1)] + [
        ("2026-10", number) for number in range(7, 0, -1)
    ]


async def test_the_list_is_filtered(db: Database, world: World) -> None:
    sale = fulfilled(world, [(world.skus[0], 1, "113.00")])
    other = fulfilled(world, [(world.skus[0], 1, "113.00")], shop_id=world.other_shop_id, at=AT + timedelta(days=1))
    await post(db, received(world, 10, "60"), sale, other, adjusted(world, -1))
    order_id = UUID(sale.payload["order_id"])
    async with db.transaction() as session:

        async def numbers(**words: object) -> list[int]:
            return [row.number for row in await list_vouchers(session, VoucherFilter(**words))]  # type: ignore[arg-type]

        assert await numbers() == [4, 3, 2, 1]
        assert await numbers(shop_id=world.shop_id) == [2]
        assert await numbers(order_id=order_id) == [2]
        assert await numbers(source_type="receipt") == [1]
        assert await numbers(rule_set="stock.adjusted.loss") == [4]
        assert await numbers(period="2026-10") == []
        assert await numbers(date_from=date(2026, 11, 21)) == [3]
        assert await numbers(date_to=date(2026, 11, 20), text="出库") == [2]
        assert await numbers(text="记-3") == [3]
        assert await numbers(text="%") == []
        clearing = next(row.account_id for row in await trial_balance(session) if row.code == "1901")
        assert await numbers(account_id=clearing) == [4]
        assert [row.number for row in await vouchers_of_order(session, order_id)] == [2]


async def test_a_voucher_opens_into_the_rows_that_add_up_to_it(db: Database, world: World) -> None:
    order_id = await make_order(db, world)
    sale = fulfilled(world, [(world.skus[0], 1, "113.00"), (world.skus[1], 2, "226.00")], order_id=order_id)
    await post(db, received(world, 10, "60"), received(world, 10, "30", world.skus[1]), sale)
    async with db.transaction() as session:
        (head,) = await vouchers_of_order(session, order_id)
        opened = await voucher_detail(session, head.id)
    assert (opened.order_number, opened.order_external_id) == ("N-77", "E-77")
    assert opened.shipment_id == UUID(sale.payload["shipment_id"])
    assert opened.voucher.shop_name == "Tmall"
    assert (opened.entries[0].account_code, opened.entries[0].account_name) == ("1122", "应收账款")
    assert sum(row.debit for row in opened.entries) == opened.voucher.total == sum(row.credit for row in opened.entries)
    assert {row.sku_code for row in opened.details} == {"SKU-0", "SKU-1"}
    assert {row.warehouse_code for row in opened.details} == {"MAIN"}
    by_code = {row.account_code: row for row in opened.entries}
    assert sum(row.gross for row in opened.details) == by_code["1122"].debit
    assert sum(row.net for row in opened.details) == by_code["6001"].credit
    assert sum(row.vat for row in opened.details) == by_code["2221.01.02"].credit
    assert -sum(row.cost for row in opened.details) == by_code["6401"].debit == by_code["1405.01"].credit
    assert by_code["1405.01"].warehouse_code == "MAIN"
    async with db.transaction() as session:
        with pytest.raises(NotFound):
            await voucher_detail(session, uuid4())


async def test_receivables_are_listed_and_summed_per_shop(db: Database, world: World) -> None:
    lines = [(world.skus[0], 1, "113.00")]
    sales = [fulfilled(world, lines, at=AT + timedelta(minutes=number)) for number in range(5)]
    await post(db, received(world, 10, "60"), *sales, fulfilled(world, lines, shop_id=world.other_shop_id))
    async with db.transaction() as session:
        per_shop = await receivables_per_shop(session)
        first = await list_receivables(session, shop_id=world.shop_id, limit=3)
        second = await list_receivables(session, shop_id=world.shop_id, after=first[-1].key, limit=3)
    assert [(row.shop_name, row.items, row.open_amount) for row in per_shop] == [
        ("Tmall", 5, D(565)),
        ("JD", 1, D(113)),
    ]
    assert [str(row.order_id) for row in first + second] == [sale.payload["order_id"] for sale in sales]
    assert first[0].open_amount == D("113.00")


async def test_the_sums_of_the_book_agree(db: Database, world: World) -> None:
    await post(db, received(world, 10, "60"), fulfilled(world, [(world.skus[0], 1, "113.00")]), adjusted(world, -1))
    async with db.transaction() as session:
        sums, stock = await totals(session), await stock_against_ledger(session)
        balances = await trial_balance(session)
        whole = await book_totals(session)
        earlier = await trial_balance(session, up_to_period="2026-10")
        values = await stock_values(session, [world.skus[0], world.skus[1]])
        moved = await details_of_sku(session, world.skus[0])
        (month,) = await list_periods(session)
    assert (sums.vouchers, sums.entries, sums.debit, sums.credit) == (3, 9, D(833), D(833))
    assert (stock.units, stock.stock_value, stock.ledger_balance, stock.difference) == (8, D(480), D(480), 0)
    assert (whole.vouchers, whole.debit, whole.credit) == (sums.vouchers, sums.debit, sums.credit)
    assert (whole.stock_value, whole.inventory_balance) == (D(480), D(480))
    assert sum(row.balance for row in balances) == 0
    assert [row.code for row in balances] == sorted(row.code for row in balances)
    assert earlier == []
    assert list(values) == [world.skus[0]]
    assert (values[world.skus[0]].qty, values[world.skus[0]].unit_cost) == (8, D(60))
    assert [row.qty for row in moved].count(-1) == 2
    assert (month.code, month.state, month.vouchers) == ("2026-11", "open", 3)


async def test_an_empty_book_sums_to_nothing(db: Database, world: World) -> None:
    async with db.transaction() as session:
        assert (await totals(session)).debit == 0
        assert (await stock_against_ledger(session)).difference == 0
        assert await trial_balance(session) == []
