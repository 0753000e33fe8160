"""What the console reads from the books: typed rows, lists page by key, sums are computed by the database.

Invariant: reads only; drafts are never shown, so every row here has a number.
"""

from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Row, ScalarSelect, Select, and_, cast, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from finance.book import MAIN
from finance.rows import (
    BalanceRow,
    BookTotals,
    DetailRow,
    EntryRow,
    ItemKey,
    Key,
    PeriodRow,
    ReceivableRow,
    ShopReceivables,
    StockAgainstLedger,
    Totals,
    ValueRow,
    VoucherDetail,
    VoucherFilter,
    VoucherRow,
)
from finance.tables import account, account_role, book, entry, period, receivable, stock_value, subledger, voucher
from hub.core.errors import NotFound
from hub.core.shops import shop
from orders.sales.tables import sales_order
from stockpool.tables import sku, warehouse

MAX_PAGE = 200
_ALL = VoucherFilter()
_T = TypeVar("_T")
_red = voucher.alias("red")
_VOUCHERS = (
    select(
        *(voucher.c[name] for name in VoucherRow.__dataclass_fields__ if name in voucher.c),
        shop.c.name.label("shop_name"),
        _red.c.id.label("reversed_by"),
    )
    .outerjoin(shop, shop.c.id == voucher.c.shop_id)
    .outerjoin(_red, _red.c.reversal_of == voucher.c.id)
    .where(voucher.c.state == "posted")
)
_DETAILS = (
    select(
        *(subledger.c[name] for name in DetailRow.__dataclass_fields__ if name in subledger.c),
        sku.c.code.label("sku_code"),
        sku.c.name.label("sku_name"),
        warehouse.c.code.label("warehouse_code"),
    )
    .outerjoin(sku, sku.c.id == subledger.c.sku_id)
    .outerjoin(warehouse, warehouse.c.id == subledger.c.warehouse_id)
)


async def main_book_id(session: AsyncSession) -> int:
    """The id of the main book. Raises NotFound before the first start."""
    found = (await session.execute(select(book.c.id).where(book.c.code == MAIN))).scalar()
    if found is None:
        raise NotFound("There is no book %(code)s.", code=MAIN)
    return int(found)


async def list_vouchers(
    session: AsyncSession, wanted: VoucherFilter = _ALL, *, after: Key | None = None, limit: int = 50
) -> list[VoucherRow]:
    """Vouchers of the main book, newest number first; `after` is the key of the last row of the page before."""
    query = _VOUCHERS.where(voucher.c.book_id == await main_book_id(session), *_conditions(wanted))
    place = (voucher.c.period, voucher.c.number, voucher.c.id)
    if after is not None:
        query = query.where(tuple_(*place) < tuple_(*after))
    query = query.order_by(*(column.desc() for column in place)).limit(min(limit, MAX_PAGE))
    return [_row(VoucherRow, row) for row in await session.execute(query)]


async def vouchers_of_order(session: AsyncSession, order_id: UUID) -> list[VoucherRow]:
    """All vouchers of an order, in the order of posting."""
    query = _VOUCHERS.where(voucher.c.order_id == order_id).order_by(voucher.c.period, voucher.c.number)
    return [_row(VoucherRow, row) for row in await session.execute(query)]


async def voucher_detail(session: AsyncSession, voucher_id: UUID) -> VoucherDetail:
    """One voucher with everything behind it. Raises NotFound."""
    found = (await session.execute(_VOUCHERS.where(voucher.c.id == voucher_id))).one_or_none()
    if found is None:
        raise NotFound("There is no voucher %(voucher_id)s.", voucher_id=str(voucher_id))
    head = _row(VoucherRow, found)
    order = (
        await session.execute(
            select(sales_order.c.number, sales_order.c.external_id).where(sales_order.c.id == head.order_id)
        )
    ).one_or_none()
    return VoucherDetail(
        voucher=head,
        entries=await _entries(session, voucher_id),
        details=await details_of(session, subledger.c.voucher_id == voucher_id),
        order_number=order.number if order else None,
        order_external_id=order.external_id if order else None,
        shipment_id=UUID(head.source_id) if head.source_type == "shipment" else None,
    )


async def details_of_sku(session: AsyncSession, sku_id: int, limit: int = 50) -> list[DetailRow]:
    """The latest sub-ledger rows of a SKU, newest first."""
    return await details_of(session, subledger.c.sku_id == sku_id, limit=limit)


async def details_of(session: AsyncSession, condition: Any, limit: int = 1000) -> list[DetailRow]:
    """Sub-ledger rows, newest first, at most `limit`."""
    query = _DETAILS.where(condition).order_by(subledger.c.at.desc(), subledger.c.id).limit(limit)
    return [_row(DetailRow, row) for row in await session.execute(query)]


async def list_receivables(
    session: AsyncSession,
    *,
    shop_id: int | None = None,
    open_only: bool = True,
    after: ItemKey | None = None,
    limit: int = 50,
) -> list[ReceivableRow]:
    """Receivables, oldest first; `after` is the key of the last row of the page before."""
    query = (
        select(
            *(receivable.c[name] for name in ReceivableRow.__dataclass_fields__ if name in receivable.c),
            shop.c.name.label("shop_name"),
            sales_order.c.number.label("order_number"),
        )
        .join(shop, shop.c.id == receivable.c.shop_id)
        .outerjoin(sales_order, sales_order.c.id == receivable.c.order_id)
        .where(receivable.c.book_id == await main_book_id(session))
    )
    if shop_id is not None:
        query = query.where(receivable.c.shop_id == shop_id)
    if open_only:
        query = query.where(~receivable.c.closed)
    place = (receivable.c.opened_at, receivable.c.id)
    if after is not None:
        query = query.where(tuple_(*place) > tuple_(*after))
    rows = await session.execute(query.order_by(*place).limit(min(limit, MAX_PAGE)))
    return [_row(ReceivableRow, row) for row in rows]


async def receivables_per_shop(session: AsyncSession) -> list[ShopReceivables]:
    """What each shop's platform owes, by shop."""
    open_amount = func.sum(receivable.c.amount - receivable.c.settled)
    query = (
        select(
            receivable.c.shop_id,
            shop.c.name.label("shop_name"),
            receivable.c.currency,
            func.count().label("items"),
            func.count().filter(~receivable.c.closed).label("items_open"),
            func.sum(receivable.c.amount).label("amount"),
            func.sum(receivable.c.settled).label("settled"),
            open_amount.label("open_amount"),
        )
        .join(shop, shop.c.id == receivable.c.shop_id)
        .where(receivable.c.book_id == await main_book_id(session))
        .group_by(receivable.c.shop_id, shop.c.name, receivable.c.currency)
        .order_by(receivable.c.shop_id, receivable.c.currency)
    )
    return [_row(ShopReceivables, row) for row in await session.execute(query)]


async def trial_balance(session: AsyncSession, *, up_to_period: str | None = None) -> list[BalanceRow]:
    """Debits, credits and balance of every account that was ever posted to, by code."""
    query = (
        select(
            account.c.id.label("account_id"),
            account.c.code,
            account.c.name,
            account.c.kind,
            func.sum(entry.c.debit).label("debit"),
            func.sum(entry.c.credit).label("credit"),
            func.sum(entry.c.debit - entry.c.credit).label("balance"),
        )
        .join(account, account.c.id == entry.c.account_id)
        .join(voucher, voucher.c.id == entry.c.voucher_id)
        .where(voucher.c.book_id == await main_book_id(session), voucher.c.state == "posted")
        .group_by(account.c.id, account.c.code, account.c.name, account.c.kind)
        .order_by(account.c.code)
    )
    if up_to_period is not None:
        query = query.where(voucher.c.period <= up_to_period)
    return [_row(BalanceRow, row) for row in await session.execute(query)]


async def totals(session: AsyncSession) -> Totals:
    """Vouchers, entries, debits and credits of the main book."""
    return _row(Totals, (await session.execute(_sums(await main_book_id(session)))).one())


async def book_totals(session: AsyncSession) -> BookTotals:
    """The totals with the value of the goods and the balance of the inventory account, all of one moment."""
    book_id = await main_book_id(session)
    worth = _sum(stock_value.c.value).label("stock_value")
    goods = select(worth).where(stock_value.c.book_id == book_id).scalar_subquery()
    query = _sums(book_id).add_columns(
        goods.label("stock_value"), _inventory_balance(book_id).label("inventory_balance")
    )
    return _row(BookTotals, (await session.execute(query)).one())


async def stock_against_ledger(session: AsyncSession) -> StockAgainstLedger:
    """Stock value and inventory balance, both of one moment."""
    book_id = await main_book_id(session)
    query = select(
        cast(_sum(stock_value.c.qty), BigInteger).label("units"),
        _sum(stock_value.c.value).label("stock_value"),
        _inventory_balance(book_id).label("ledger_balance"),
    ).where(stock_value.c.book_id == book_id)
    return _row(StockAgainstLedger, (await session.execute(query)).one())


async def stock_values(session: AsyncSession, sku_ids: list[int]) -> dict[int, ValueRow]:
    """What the books hold of these SKUs, those that they know."""
    query = (
        select(stock_value.c.sku_id, sku.c.code.label("sku_code"), sku.c.name.label("sku_name"))
        .add_columns(stock_value.c.qty, stock_value.c.value, stock_value.c.unit_cost)
        .outerjoin(sku, sku.c.id == stock_value.c.sku_id)
        .where(stock_value.c.book_id == await main_book_id(session), stock_value.c.sku_id.in_(sku_ids))
    )
    return {row.sku_id: _row(ValueRow, row) for row in await session.execute(query)}


async def list_periods(session: AsyncSession) -> list[PeriodRow]:
    """All periods, newest first, with how many vouchers each holds."""
    held = and_(voucher.c.book_id == period.c.book_id, voucher.c.period == period.c.code)
    query = (
        select(period.c.code, period.c.state, func.count(voucher.c.id).label("vouchers"))
        .outerjoin(voucher, held)
        .where(period.c.book_id == await main_book_id(session))
        .group_by(period.c.code, period.c.state)
        .order_by(period.c.code.desc())
    )
    return [_row(PeriodRow, row) for row in await session.execute(query)]


def _row(kind: type[_T], row: Row[*tuple[Any, ...]]) -> _T:
    return kind(**row._mapping)


def _sum(amount: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(amount), 0)


def _sums(book_id: int) -> Select[*tuple[Any, ...]]:
    return (
        select(
            func.count(entry.c.voucher_id.distinct()).label("vouchers"),
            func.count().label("entries"),
            _sum(entry.c.debit).label("debit"),
            _sum(entry.c.credit).label("credit"),
        )
        .select_from(entry.join(voucher, voucher.c.id == entry.c.voucher_id))
        .where(voucher.c.book_id == book_id, voucher.c.state == "posted")
    )


def _inventory_balance(book_id: int) -> ScalarSelect[Any]:
    is_inventory = and_(account_role.c.account_id == entry.c.account_id, account_role.c.role == "inventory")
    balance = select(_sum(entry.c.debit - entry.c.credit)).select_from(entry.join(account_role, is_inventory))
    return balance.where(account_role.c.book_id == book_id).scalar_subquery()


def _conditions(wanted: VoucherFilter) -> list[Any]:
    equal = ("period", "shop_id", "order_id", "rule_set", "source_type")
    conditions: list[Any] = [
        voucher.c[name] == getattr(wanted, name) for name in equal if getattr(wanted, name) is not None
    ]
    if wanted.date_from is not None:
        conditions.append(voucher.c.date >= wanted.date_from)
    if wanted.date_to is not None:
        conditions.append(voucher.c.date <= wanted.date_to)
    if wanted.account_id is not None:
        touched = and_(entry.c.voucher_id == voucher.c.id, entry.c.account_id == wanted.account_id)
        conditions.append(select(entry.c.line).where(touched).exists())
    if wanted.text:
        conditions.append(_text_condition(wanted.text.strip()[:100]))
    return conditions


def _text_condition(words: str) -> Any:
    by_summary = voucher.c.summary.icontains(words, autoescape=True)
    number = words.rpartition("-")[2]
    if number.isascii() and number.isdigit() and len(number) < 10:
        return or_(by_summary, voucher.c.number == int(number))
    return by_summary


async def _entries(session: AsyncSession, voucher_id: UUID) -> list[EntryRow]:
    query = (
        select(
            *(entry.c[name] for name in EntryRow.__dataclass_fields__ if name in entry.c),
            account.c.code.label("account_code"),
            account.c.name.label("account_name"),
            shop.c.name.label("shop_name"),
            warehouse.c.code.label("warehouse_code"),
        )
        .join(account, account.c.id == entry.c.account_id)
        .outerjoin(shop, shop.c.id == entry.c.shop_id)
        .outerjoin(warehouse, warehouse.c.id == entry.c.warehouse_id)
        .where(entry.c.voucher_id == voucher_id)
        .order_by(entry.c.line)
    )
    return [_row(EntryRow, row) for row in await session.execute(query)]
