"""GET /metrics: figures for Prometheus, read from the tables when they are asked for.

Invariant: figures only, no names, amounts or buyer data, because nobody signs in here; readers within a second of each
other share one reading, and a reading that takes longer than two seconds is given up and says so.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from finance.figures import count_vouchers
from hub.core.cases import CaseKind
from hub.core.clock import monotonic, utcnow
from hub.core.db import Database, Session
from hub.core.heartbeat import Alive, heard_from
from hub.core.log import get_logger
from hub.core.queries import Waiting, count_cases, count_opened_since, waiting_events
from hub.core.shops import Shop, ShopState, list_shops
from hub.web.doors import Doors
from hub.web.health import HEARD_WITHIN_SECONDS
from orders.sales.figures import counts, oldest_new_age
from orders.sales.lifecycle import State
from stockpool.figures import PoolFigures, listings_behind, pool_figures, push_outcomes

MOST_SECONDS = 2.0
KEPT_SECONDS = 1.0
_EVER_DAYS = 36_500
_OUTCOMES = ("applied", "accepted", "rejected")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Figures:
    """One reading."""

    orders: Mapping[State, int]
    oldest_new_seconds: float
    pool: PoolFigures
    behind: Mapping[int, int]
    pushes: Mapping[str, int]
    events: Waiting
    cases: Mapping[CaseKind, int]
    oversells: int
    vouchers: int
    shops: list[Shop]
    alive: list[Alive]


async def read_figures(session: Session) -> Figures:
    """Read everything in one transaction."""
    oldest = await oldest_new_age(session)
    return Figures(
        orders=await counts(session),
        oldest_new_seconds=oldest.total_seconds() if oldest else 0.0,
        pool=await pool_figures(session),
        behind=await listings_behind(session),
        pushes=await push_outcomes(session),
        events=await waiting_events(session),
        cases={one.kind: one.count for one in await count_cases(session)},
        oversells=await count_opened_since(session, CaseKind.EXTERNAL_OVERSELL, _EVER_DAYS),
        vouchers=await count_vouchers(session),
        shops=await list_shops(session),
        alive=await heard_from(session, HEARD_WITHIN_SECONDS),
    )


class Exposed(Collector):
    """One reading as Prometheus families; None = the database did not answer in time."""

    def __init__(self, found: Figures | None, lost_rings: int) -> None:
        self._found = found
        self._lost_rings = lost_rings

    def collect(self) -> Iterator[Metric]:
        """All families."""
        yield _one("scrape_ok", "1 when the figures below could be read", float(self._found is not None))
        yield _one("bell_rings_lost", "Rings of this process that reached no queue", self._lost_rings)
        if self._found is not None:
            yield from _orders(self._found)
            yield from _pool(self._found)
            yield from _rest(self._found)
            yield from _shops(self._found)


def _orders(found: Figures) -> Iterator[Metric]:
    by_state = [([state.value], count) for state, count in found.orders.items()]
    yield _many("orders", "Orders by state", ("state",), by_state)
    yield _one("oldest_new_order_seconds", "Age of the oldest order that waits for units", found.oldest_new_seconds)


def _pool(found: Figures) -> Iterator[Metric]:
    pool = found.pool
    yield _one("dirty_skus", "Skus whose offers wait to be computed", pool.dirty)
    yield _one("dirty_oldest_seconds", "Age of the oldest of them", pool.dirty_seconds)
    yield _one("internal_oversells", "Stock levels with more reserved than there is: 0", pool.overpromised)
    yield _one("frozen_levels", "Stock levels whose figures contradict each other", pool.frozen)
    yield _one("gate_epoch", "Epoch of the reservation gate", pool.gate_epoch)
    yield _one("gate_bumps", "How often the gate began anew", pool.gate_bumps)
    outcomes = [([name], found.pushes.get(name, 0)) for name in _OUTCOMES]
    yield _many("pushes_last_hour", "Answers of channels to numbers sent, last hour", ("outcome",), outcomes)


def _rest(found: Figures) -> Iterator[Metric]:
    yield _one("outbox_waiting", "Events that wait for their handlers", found.events.count)
    yield _one("outbox_oldest_seconds", "Age of the oldest of them", found.events.oldest_seconds or 0.0)
    open_cases = [([kind.value], found.cases.get(kind, 0)) for kind in CaseKind]
    yield _many("cases_open", "Open cases by kind", ("kind",), open_cases)
    yield _one("external_oversells", "Orders that a channel sold beyond the stock, ever", found.oversells)
    yield _one("vouchers", "Vouchers posted", found.vouchers)
    kinds = Counter(one.kind for one in found.alive)
    heard = [([kind], kinds[kind]) for kind in ("work", "sweep")]
    yield _many("processes_alive", "Processes heard from within 30 seconds", ("kind",), heard)


def _shops(found: Figures) -> Iterator[Metric]:
    now, names = utcnow(), ("shop", "kind")
    rows = [([str(shop.id), shop.kind], shop) for shop in found.shops]
    trades = [(label, float(shop.state is ShopState.ACTIVE)) for label, shop in rows]
    pulled = [(label, (now - shop.last_pull_ok_at).total_seconds()) for label, shop in rows if shop.last_pull_ok_at]
    lag = [(label, (now - shop.cursor_at).total_seconds()) for label, shop in rows]
    behind = [(label, found.behind.get(shop.id, 0)) for label, shop in rows]
    yield _many("shop_trading", "1 for a shop that is neither paused nor stopped", names, trades)
    yield _many("shop_pull_age_seconds", "Since the order feed was last read completely", names, pulled)
    yield _many("shop_cursor_lag_seconds", "How far behind now the order feed has been read", names, lag)
    yield _many("shop_listings_behind", "Listings whose number is not sent yet", names, behind)


def _one(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(f"tongku_{name}", told, value=value)


def _many(name: str, told: str, labels: tuple[str, ...], values: Iterable[tuple[Sequence[str], float]]) -> Metric:
    family = GaugeMetricFamily(f"tongku_{name}", told, labels=labels)
    for label, value in values:
        family.add_metric(label, value)
    return family


class Scrape:
    """Keeps the last reading for a moment, so that many readers cost as much as one."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._text = b""
        self._read_at = -1e9

    async def text(self, doors: Doors) -> bytes:
        """The exposition, at most a second old."""
        async with self._lock:
            if monotonic() - self._read_at > KEPT_SECONDS:
                registry = CollectorRegistry(auto_describe=False)
                registry.register(Exposed(await _read(doors.db), doors.bell.lost_rings))
                self._text, self._read_at = generate_latest(registry), monotonic()
            return self._text


async def _read(db: Database) -> Figures | None:
    try:
        async with asyncio.timeout(MOST_SECONDS), db.transaction() as session:
            return await read_figures(session)
    except Exception as error:  # whatever it is, the figures say that they are not there
        log.warning("metrics_unread", error=type(error).__name__)
        return None


async def show_metrics(request: Request) -> Response:
    """The figures."""
    state: Any = request.app.state
    if not hasattr(state, "scrape"):
        state.scrape = Scrape()
    return Response(await state.scrape.text(state.doors), headers={"Content-Type": CONTENT_TYPE_LATEST})
