"""Storing what a channel says about its orders: once each, whatever the delivery repeats or reorders.

Invariant: one row per (shop, external id) under a derived id; the newest version decides (rules.fold); a page costs a
handful of statements. Everything of a page - raw answer, orders, lines, diary, cases - is one transaction of the
caller, who moves the shop's cursor in the same one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.kit.types import ChannelOrder, OrderPage, OrderStatus
from hub.core.cases import CaseKind, cases, close_cases_of, open_case
from hub.core.log import get_logger
from hub.core.points import point
from hub.core.seal import Seal
from hub.core.shops import Shop
from orders.sales.amend import amend
from orders.sales.errors import Unreadable
from orders.sales.lifecycle import State
from orders.sales.lock import is_one_of
from orders.sales.raw import store_page
from orders.sales.read import Found, Incoming, receive, wanted_listings
from orders.sales.record import Stored, record
from orders.sales.rules import Line, Reading, Verdict, compare, precedence
from orders.sales.tables import sales_order
from orders.sales.wake import wake
from stockpool.offers.listings import find_or_quarantine

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of one channel order."""

    order_id: UUID
    state: State
    changed: bool


async def ingest(session: AsyncSession, shop: Shop, channel_order: ChannelOrder) -> Ingested:
    """Store one order. Buyer data is sealed with session.info["seal"]. Raises Unreadable."""
    seal = session.info.get("seal")
    incoming = receive(shop, channel_order)
    return (await _ingest(session, shop, [incoming], seal if isinstance(seal, Seal) else None))[0]


async def ingest_page(session: AsyncSession, shop: Shop, page: OrderPage, seal: Seal) -> list[Ingested]:
    """Store a page: the raw answer, then its orders. What cannot be understood becomes a case; the rest goes on."""
    point("ingest.before")
    digest = await store_page(session, shop.id, page.raw, seal)
    incoming, refused = _receive_all(shop, page.orders)
    for external_id, reason in [*page.refused, *refused]:
        await _cannot_read(session, shop, external_id, reason, digest)
    ingested = await _ingest(session, shop, incoming, seal)
    point("ingest.stored")
    return ingested


def _receive_all(shop: Shop, orders: Iterable[ChannelOrder]) -> tuple[list[Incoming], list[tuple[str, str]]]:
    incoming, refused = [], []
    for order in orders:
        try:
            incoming.append(receive(shop, order))
        except Unreadable as error:
            refused.append((order.external_id, str(error)))
    return incoming, refused


async def _ingest(session: AsyncSession, shop: Shop, incoming: Sequence[Incoming], seal: Seal | None) -> list[Ingested]:
    waiting = sorted(_newest(incoming), key=lambda one: one.id)
    known = await _glance(session, [one.id for one in waiting])
    waiting = [one for one in waiting if one.id not in known or _compare(known[one.id], one) is not Verdict.IGNORE]
    states = {order_id: Ingested(order_id, row.state, changed=False) for order_id, row in known.items()}
    if waiting:
        found = await find_or_quarantine(session, shop.id, wanted_listings(waiting))  # opens UNMAPPED_LISTING cases
        stored = await _store(session, shop, waiting, found, seal=seal, known=known.keys())
        states |= {one.order_id: Ingested(one.order_id, one.state, one.changed) for one in stored}
        await _follow_up(session, shop, waiting, stored)
    return [states[order_id] for order_id in dict.fromkeys(one.id for one in incoming)]


def _newest(incoming: Iterable[Incoming]) -> Iterable[Incoming]:
    """A page may repeat an order: its newest reading counts, of equal ones the first."""
    newest: dict[UUID, Incoming] = {}
    for one in sorted(incoming, key=lambda one: precedence(one.order), reverse=True):
        newest.setdefault(one.id, one)
    return newest.values()


async def _store(
    session: AsyncSession,
    shop: Shop,
    waiting: Sequence[Incoming],
    found: Found,
    *,
    seal: Seal | None,
    known: Iterable[UUID],
) -> list[Stored]:
    """New orders first, in the order of their ids; then, also in that order, those that were here or came meanwhile."""
    here = set(known)
    recorded = await record(session, shop, [one for one in waiting if one.id not in here], found, seal)
    done = {one.order_id for one in recorded}
    in_flight = {sku_id for one in recorded if one.state is not State.NEW for sku_id in one.sku_ids}
    others = [one for one in waiting if one.id not in done]
    changed = await amend(session, shop, others, found, seal=seal, also_dirty=in_flight)
    return recorded + changed


async def _follow_up(session: AsyncSession, shop: Shop, waiting: Sequence[Incoming], stored: Sequence[Stored]) -> None:
    if any(one.changed and one.state is State.NEW for one in stored):
        wake(session, "book_orders")
    await _can_read_again(session, shop, [one.order.external_id for one in waiting])


async def _glance(session: AsyncSession, order_ids: Sequence[UUID]) -> dict[UUID, Stored]:
    """The stored versions, without a lock: enough to drop what is old news."""
    columns = [sales_order.c[name] for name in ("id", "state", "modified_at", "body_hash", "channel_status")]
    rows = await session.execute(select(*columns).where(is_one_of(sales_order.c.id, order_ids)))
    return {
        row.id: Stored(row.id, State(row.state), False, (row.modified_at, row.body_hash, row.channel_status))
        for row in rows
    }


def _compare(stored: Stored, incoming: Incoming) -> Verdict:
    assert stored.version is not None  # noqa: S101 - a glance always brings the version
    modified_at, body_hash, status = stored.version
    return compare(modified_at, body_hash, OrderStatus(status), _bare_reading(incoming))


def _bare_reading(incoming: Incoming) -> Reading:
    order = incoming.order
    no_lines: dict[str, Line] = {}
    return Reading(order.status, order.modified_at, incoming.body_hash, order.cancel_requested, no_lines)


async def _cannot_read(session: AsyncSession, shop: Shop, external_id: str, reason: str, digest: bytes) -> None:
    name = external_id[:100].replace("\x00", "?") or "unknown"
    log.warning("order_unreadable", shop_id=shop.id, order=name, reason=reason[:200])
    await open_case(
        session, CaseKind.UNREADABLE_ORDER, _subject(shop, name),
        shop_id=shop.id, external_id=name, reason=reason[:500].replace("\x00", "?"), raw_digest=digest.hex(),
    )  # fmt: skip


def _subject(shop: Shop, external_id: str) -> str:
    return f"shop:{shop.id}:{external_id}"


async def _can_read_again(session: AsyncSession, shop: Shop, external_ids: Sequence[str]) -> None:
    subjects = [_subject(shop, external_id) for external_id in external_ids]
    query = select(cases.c.subject).where(
        cases.c.kind == CaseKind.UNREADABLE_ORDER.value, cases.c.state == "open", cases.c.subject.in_(subjects)
    )
    for row in (await session.execute(query)).all():
        await close_cases_of(session, CaseKind.UNREADABLE_ORDER, row.subject, "hub", "a later reading was understood")
