"""What happens now, in one immutable picture that every page and the live stream share.

Invariant: figures only, no buyer data; a fast part for every second or two and a slow part for every ten.
"""

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from finance.queries import stock_against_ledger, totals
from finance.rows import StockAgainstLedger, Totals
from hub.core.cases import CaseKind
from hub.core.clock import utcnow
from hub.core.db import Session
from hub.core.queries import CaseCount, Waiting, count_cases, count_opened_since, waiting_events
from hub.core.shops import Shop, ShopState, list_shops
from orders.sales.lifecycle import State
from orders.sales.queries import Lag, Minute, counts, lag, orders_per_minute
from stockpool.queries import ShopPushes, StockTotals, pushes_per_shop, stock_totals

FLOW_MINUTES = 60
OVERSELL_DAYS = 7
_LAG_WINDOW = timedelta(hours=1)
_STREAM = f"{os.getpid()}-{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class SlowPart:
    """Figures that cost more to read."""

    states: Mapping[State, int]
    lag: Lag
    oversold: int
    stock: StockTotals
    books: Totals
    worth: StockAgainstLedger
    events: Waiting


@dataclass(frozen=True, slots=True)
class Picture:
    """The state of trade at one moment. `arrived` counts the orders seen by this process since it first looked."""

    at: datetime
    shops: tuple[Shop, ...]
    pushes: Mapping[int, ShopPushes]
    cases: tuple[CaseCount, ...]
    minutes: tuple[Minute, ...]
    arrived: int
    slow: SlowPart
    stream_id: str = _STREAM

    @property
    def cases_open(self) -> int:
        """Cases that wait for a person."""
        return sum(one.count for one in self.cases)

    @property
    def cases_overdue(self) -> int:
        """Cases whose time is over."""
        return sum(one.overdue for one in self.cases)

    @property
    def shops_stopped(self) -> int:
        """Shops that the hub has stopped."""
        return sum(shop.state is ShopState.STOPPED for shop in self.shops)

    @property
    def orders_last_hour(self) -> int:
        """Orders recorded within the last hour."""
        since = self.at - timedelta(minutes=FLOW_MINUTES)
        return sum(minute.orders for minute in self.minutes if minute.at >= since)

    @property
    def feed_lag_seconds(self) -> float | None:
        """The worst age of a trading shop's order feed."""
        return max(filter(None, (self.feed_age(shop) for shop in self.shops)), default=None)

    @property
    def push_lag_seconds(self) -> float | None:
        """For how long the oldest number waits to be sent to a trading shop."""
        return max((one.oldest_seconds for one in self.pushes.values() if one.oldest_seconds), default=None)

    def feed_age(self, shop: Shop) -> float | None:
        """Seconds since the shop's orders were read completely; None for a shop that does not trade."""
        if shop.state is not ShopState.ACTIVE or shop.last_pull_ok_at is None:
            return None
        return max(0.0, (self.at - shop.last_pull_ok_at).total_seconds())


async def gather_slow(session: Session) -> SlowPart:
    """Read the slow part."""
    return SlowPart(
        states=await counts(session),
        lag=await lag(session, utcnow() - _LAG_WINDOW),
        oversold=await count_opened_since(session, CaseKind.EXTERNAL_OVERSELL, OVERSELL_DAYS),
        stock=await stock_totals(session),
        books=await totals(session),
        worth=await stock_against_ledger(session),
        events=await waiting_events(session),
    )


async def gather(session: Session, before: Picture | None, slow: SlowPart) -> Picture:
    """Read the fast part."""
    at = utcnow()
    since = at.replace(second=0, microsecond=0) - timedelta(minutes=FLOW_MINUTES)
    minutes = tuple(await orders_per_minute(session, None, since))
    return Picture(
        at=at,
        shops=tuple(await list_shops(session)),
        pushes=await pushes_per_shop(session),
        cases=tuple(await count_cases(session)),
        minutes=minutes,
        arrived=before.arrived + newly_arrived(before.minutes, minutes) if before else 0,
        slow=slow,
    )


def newly_arrived(before: Sequence[Minute], now: Sequence[Minute]) -> int:
    """How many orders came between two readings of the same minutes."""
    known = {(minute.at, minute.shop_id): minute.orders for minute in before}
    return sum(max(0, minute.orders - known.get((minute.at, minute.shop_id), 0)) for minute in now)
