"""Connected shops: one account on one channel, with sealed credentials, its cursor and its health.

Invariant: `cursor_at` only moves forward, in the transaction that stored everything up to it; credentials are stored
sealed and leave this module only through `open_credentials`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Integer,
    LargeBinary,
    Table,
    Text,
    case,
    func,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import select

from hub.core.db import Instant, metadata
from hub.core.errors import Invalid, NotFound
from hub.core.seal import Seal

MAX_BUFFER_UNITS = 10_000
MAX_POLL_SECONDS = 86_400


class ShopState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    """by a person"""
    STOPPED = "stopped"
    """by the hub: credentials or settings are wrong, a case is open"""


shop = Table(
    "shop",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False, unique=True),
    Column("base_url", Text, nullable=False),
    Column("currency", Text, nullable=False, server_default=text("'CNY'")),
    Column("settings", JSONB, nullable=False, server_default=text("'{}'")),
    Column("credentials", LargeBinary, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'active'")),
    Column("state_reason", Text),
    Column("buffer_units", Integer, nullable=False, server_default=text("0")),
    Column("poll_seconds", Integer, nullable=False, server_default=text("2")),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("cursor_at", Instant, nullable=False, server_default=func.now()),
    # the order feed has been read completely up to here
    Column("next_pull_at", Instant, nullable=False, server_default=func.now()),
    Column("last_pull_at", Instant),
    Column("last_pull_ok_at", Instant),
    Column("last_push_at", Instant),
    Column("last_push_ok_at", Instant),
    Column("last_error", Text),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    CheckConstraint("state IN ('active', 'paused', 'stopped')", name="state"),
    CheckConstraint("buffer_units >= 0 AND poll_seconds BETWEEN 1 AND 86400", name="limits"),
)


@dataclass(frozen=True, slots=True)
class Shop:
    """One shop without its credentials."""

    id: int
    kind: str
    name: str
    base_url: str
    currency: str
    settings: Mapping[str, Any]
    state: ShopState
    state_reason: str | None
    buffer_units: int
    poll_seconds: int
    created_at: datetime
    cursor_at: datetime
    last_pull_at: datetime | None
    last_pull_ok_at: datetime | None
    last_push_at: datetime | None
    last_push_ok_at: datetime | None
    last_error: str | None
    failures: int


_COLUMNS = [shop.c[name] for name in Shop.__dataclass_fields__]


def _to_shop(row: Row[Any]) -> Shop:
    fields = dict(row._mapping)
    return Shop(**{**fields, "state": ShopState(fields["state"])})


async def connect_shop(
    session: AsyncSession,
    seal: Seal,
    *,
    kind: str,
    name: str,
    base_url: str,
    credentials: Mapping[str, str],
    settings: Mapping[str, Any] | None = None,
    currency: str = "CNY",
    buffer_units: int = 0,
    poll_seconds: int = 2,
) -> int:
    """Store a shop (or renew the credentials of the one with this name). Returns its id."""
    values = {
        "kind": kind,
        "name": name,
        "base_url": base_url,
        "credentials": seal.seal_json(dict(credentials)),
        "settings": dict(settings or {}),
        "currency": currency,
        "buffer_units": buffer_units,
        "poll_seconds": poll_seconds,
    }
    renewed = {name: values[name] for name in ("base_url", "credentials", "settings")}
    result = await session.execute(
        insert(shop)
        .values(**values)
        .on_conflict_do_update(index_elements=["name"], set_={**renewed, "state": "active", "state_reason": None})
        .returning(shop.c.id)
    )
    return int(result.scalar_one())


async def get_shop(session: AsyncSession, shop_id: int) -> Shop:
    """One shop. Raises NotFound."""
    row = (await session.execute(select(*_COLUMNS).where(shop.c.id == shop_id))).one_or_none()
    if row is None:
        raise NotFound("There is no shop %(shop_id)s.", shop_id=shop_id)
    return _to_shop(row)


async def list_shops(session: AsyncSession, *, state: ShopState | None = None) -> list[Shop]:
    """All shops by id, or those in one state."""
    query = select(*_COLUMNS).order_by(shop.c.id)
    if state is not None:
        query = query.where(shop.c.state == state.value)
    return [_to_shop(row) for row in await session.execute(query)]


async def open_credentials(session: AsyncSession, seal: Seal, shop_id: int) -> dict[str, str]:
    """The clear credentials: for the adapter only."""
    sealed = (await session.execute(select(shop.c.credentials).where(shop.c.id == shop_id))).scalar_one()
    opened: dict[str, str] = seal.open_json(sealed)
    return opened


async def due_for_pull(session: AsyncSession, limit: int = 100) -> list[int]:
    """Take the active shops whose next pull is due, and set their next one, so that two workers do not both pull."""
    due = (
        select(shop.c.id)
        .where(shop.c.state == "active", shop.c.next_pull_at <= func.now())
        .order_by(shop.c.next_pull_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)  # an order being stored does not hide its shop
        .scalar_subquery()
    )
    result = await session.execute(
        update(shop)
        .where(shop.c.id.in_(due))
        .values(next_pull_at=func.now() + text("poll_seconds * interval '1 second'"))
        .returning(shop.c.id)
    )
    return [int(row.id) for row in result]


async def pull_soon(session: AsyncSession, shop_id: int) -> None:
    """A webhook or a person asks: pull at the next chance. A shop that is due already is not touched: many webhooks at
    once do not queue up for its row.
    """
    due = shop.c.next_pull_at <= func.now()
    await session.execute(update(shop).where(shop.c.id == shop_id, ~due).values(next_pull_at=func.now()))


async def record_pull(session: AsyncSession, shop_id: int, *, complete_to: datetime | None) -> None:
    """A page was stored; with `complete_to` the cursor moves, never back."""
    values: dict[str, Any] = {"last_pull_at": func.now(), "failures": 0, "last_error": None}
    if complete_to is not None:
        values |= {"cursor_at": func.greatest(shop.c.cursor_at, complete_to), "last_pull_ok_at": func.now()}
    await session.execute(update(shop).where(shop.c.id == shop_id).values(**values))


async def record_trouble(session: AsyncSession, shop_id: int, error: str, *, wait_seconds: float) -> int:
    """A pull failed: say why and wait. Returns the number of failures in a row."""
    result = await session.execute(
        update(shop)
        .where(shop.c.id == shop_id)
        .values(
            last_pull_at=func.now(),
            last_error=error[:500],
            failures=shop.c.failures + 1,
            next_pull_at=func.now() + timedelta(seconds=min(max(wait_seconds, 1.0), 86_400.0)),
        )
        .returning(shop.c.failures)
    )
    return int(result.scalar_one())


async def record_push(session: AsyncSession, shop_id: int, *, ok: bool) -> None:
    """A push was answered."""
    values: dict[str, Any] = {"last_push_at": func.now()}
    if ok:
        values["last_push_ok_at"] = func.now()
    await session.execute(update(shop).where(shop.c.id == shop_id).values(**values))


async def set_state(session: AsyncSession, shop_id: int, state: ShopState, reason: str | None) -> None:
    """Pause, stop or resume a shop."""
    await session.execute(
        update(shop)
        .where(shop.c.id == shop_id)
        .values(state=state.value, state_reason=reason, next_pull_at=func.now(), failures=0)
    )


async def change_shop(
    session: AsyncSession, shop_id: int, *, buffer_units: int | None = None, poll_seconds: int | None = None
) -> None:
    """Change the units kept back (0 to 10,000) or the pause between two readings (1 to 86,400 s); None leaves it.

    A healthy shop is read within the new pause from now on. Its offers do not follow by themselves: whoever calls this
    marks them in the same transaction. Raises Invalid and NotFound.
    """
    if buffer_units is not None and not 0 <= buffer_units <= MAX_BUFFER_UNITS:
        raise Invalid("The buffer must lie between 0 and %(most)s units.", most=MAX_BUFFER_UNITS)
    if poll_seconds is not None and not 1 <= poll_seconds <= MAX_POLL_SECONDS:
        raise Invalid("The pause between two readings must lie between 1 and %(most)s seconds.", most=MAX_POLL_SECONDS)
    present = await get_shop(session, shop_id)
    pause = present.poll_seconds if poll_seconds is None else poll_seconds
    soon = func.least(shop.c.next_pull_at, func.now() + timedelta(seconds=pause))
    await session.execute(
        update(shop)
        .where(shop.c.id == shop_id)
        .values(
            buffer_units=present.buffer_units if buffer_units is None else buffer_units,
            poll_seconds=pause,
            next_pull_at=case((shop.c.failures == 0, soon), else_=shop.c.next_pull_at),  # a failing shop rests on
        )
    )


async def renew_credentials(session: AsyncSession, seal: Seal, shop_id: int, credentials: Mapping[str, str]) -> None:
    """Replace the credentials that are given, keep the others, and let a stopped shop trade again. Raises NotFound."""
    kept = await open_credentials(session, seal, (await get_shop(session, shop_id)).id)
    sealed = seal.seal_json(kept | dict(credentials))
    await session.execute(update(shop).where(shop.c.id == shop_id).values(credentials=sealed))
    await set_state(session, shop_id, ShopState.ACTIVE, None)
