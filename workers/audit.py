"""`tongku audit` and `tongku repair`: every invariant of stock, orders and books, checked over the whole database.

Invariant: the audit only reads. Repair mends derived figures only (a level from its ledgers, the gate from the level, a
work list from its sweeper); ledgers are never edited, what they contradict is frozen and becomes a case.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finance.audit import check as check_books
from finance.queries import book_totals
from hub.core.audit import verify_chain
from hub.core.settings import Settings
from orders.sales.audit import check as check_orders
from stockpool.audit import Breach
from stockpool.audit import check as check_stock
from stockpool.repair import repair
from workers.context import Hub, close_hub, open_hub


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found."""

    breaches: Sequence[Breach]
    figures: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON: verdict, breaches, figures."""
        return {
            "verdict": "broken" if self.breaches else "clean",
            "breaches": [{"invariant": b.invariant, "subject": b.subject, "detail": b.detail} for b in self.breaches],
            "figures": dict(self.figures),
        }

    def as_text(self) -> str:
        """For a terminal."""
        lines = [f"{name}: {value}" for name, value in self.figures.items()]
        if not self.breaches:
            return "\n".join([*lines, "The audit is clean."])
        counts = Counter(breach.invariant for breach in self.breaches)
        told = [f"{b.invariant}  {b.subject}: {b.detail}" for b in self.breaches[:100]]
        total = ", ".join(f"{name} x {count}" for name, count in sorted(counts.items()))
        return "\n".join([*lines, *told, f"The audit found {len(self.breaches)} breaches ({total})."])


async def audit_all(settings: Settings) -> Report:
    """Check everything once."""
    hub = await open_hub(settings, "audit")
    try:
        return await audit_hub(hub)
    finally:
        await close_hub(hub)


async def audit_hub(hub: Hub) -> Report:
    """Check everything once, on open doors."""
    await hub.gate.fence(hub.db)
    async with hub.db.transaction() as session:
        breaches = [*await check_stock(session, hub.gate), *await check_orders(session), *await check_books(session)]
        altered = await verify_chain(session)
        totals = await book_totals(session)
    if altered is not None:
        breaches.append(Breach("A1", f"audit_log:{altered}", "the hash chain of the audit trail is broken here"))
    figures = {
        "vouchers": str(totals.vouchers),
        "debits": str(totals.debit),
        "credits": str(totals.credit),
        "stock value": str(totals.stock_value),
        "ledger balance of stock": str(totals.inventory_balance),
    }
    return Report(breaches, figures)


async def repair_all(settings: Settings, *, dry_run: bool) -> list[str]:
    """Mend what is safe; returns one line per correction."""
    hub = await open_hub(settings, "repair")
    try:
        await hub.gate.fence(hub.db)
        async with hub.db.transaction() as session:
            return list(await repair(session, hub.gate, dry_run=dry_run, actor="command line"))
    finally:
        await close_hub(hub)
