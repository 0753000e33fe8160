"""Gathers the figures of a replay that has come to rest: reads and the audit, nothing else."""

from finance.queries import book_totals
from orders.sales.figures import counts
from orders.sales.outcome import seen_elsewhere, totals
from stockpool.outcome import oversold_units, pushes_since
from workers.audit import audit_hub
from workers.context import Hub
from workers.replay.goods import Demanded
from workers.replay.play import Played
from workers.replay.report import Summary


async def summarise(hub: Hub, played: Played, demanded: Demanded) -> Summary:
    """All figures in one snapshot, then the verdict of the audit."""
    async with hub.db.transaction() as session:
        orders, per_state = await totals(session), await counts(session)
        lag = await seen_elsewhere(session, played.first_sale_at)
        pushes = await pushes_since(session, played.first_sale_at)
        oversold = await oversold_units(session)
        books = await book_totals(session)
    audit = await audit_hub(hub)
    return Summary(
        baskets=played.tally.baskets,
        orders=orders.orders,
        lines=orders.lines,
        reserved=orders.reserved,
        short=orders.short,
        missing_units=orders.missing_units,
        missing_orders=played.tally.orders - orders.orders,
        internal_oversell=oversold,
        external_oversell=played.external_oversell,
        units_demanded=demanded.units,
        units_sold=played.tally.units_sold,
        lost_units=played.tally.units_lost,
        pushes=pushes.pushes,
        pushes_rejected=pushes.rejected,
        listings_changed=pushes.listings,
        lag_p50_seconds=lag.p50_seconds,
        lag_p99_seconds=lag.p99_seconds,
        vouchers=books.vouchers,
        debits=books.debit,
        credits=books.credit,
        stock_value=books.stock_value,
        ledger_balance=books.inventory_balance,
        states={state.value: count for state, count in per_state.items() if count},
        products=played.goods,
        listings=played.listings,
        setup_seconds=played.setup_seconds,
        publish_seconds=played.publish_seconds,
        sell_seconds=played.sell_seconds,
        settle_seconds=played.settle_seconds,
        breaches=audit.as_dict()["breaches"],
        unrest=played.unrest,
    )
