"""Listings: which item of a channel sells which sku.

Invariant: an item that we do not know is quarantined, never guessed and never published; a listing is published only
while it is mapped; every change by a person is in the audit trail.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core import audit
from hub.core.cases import CaseKind, close_cases_of, open_case
from hub.core.errors import NotFound
from hub.core.ids import derive
from hub.core.outbox import emit
from stockpool.events import LISTING_MAPPED
from stockpool.offers.dirty import mark_dirty
from stockpool.offers.push import case_subject
from stockpool.tables import listing, sku

_LONGEST_TITLE = 500


@dataclass(frozen=True, slots=True)
class FoundListing:
    """An item as the channel lists it. `qty` is what the channel shows, None when it did not say."""

    external_id: str
    channel_sku: str | None
    title: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    qty: int | None = None


_REGISTER = text(
    """
    INSERT INTO listing AS g (shop_id, external_id, channel_sku, title, keys, sku_id, sent_qty)
    SELECT :shop_id, f.external_id, f.channel_sku, f.title, f.keys, s.id, f.qty
    FROM unnest(CAST(:external_ids AS text[]), CAST(:channel_skus AS text[]), CAST(:titles AS text[]),
                CAST(CAST(:keys AS text[]) AS jsonb[]), CAST(:qtys AS bigint[]))
         AS f(external_id, channel_sku, title, keys, qty)
    LEFT JOIN sku AS s ON s.code = f.channel_sku
    ORDER BY f.external_id
    ON CONFLICT (shop_id, external_id) DO UPDATE SET
        channel_sku = coalesce(excluded.channel_sku, g.channel_sku), title = excluded.title,
        keys = CASE WHEN excluded.keys = '{}'::jsonb THEN g.keys ELSE excluded.keys END,
        sku_id = coalesce(g.sku_id, excluded.sku_id)
    RETURNING g.id, g.shop_id, g.external_id, g.channel_sku, g.title, g.sku_id, (xmax = 0) AS is_new
    """
)
_SOLD_IN = text("SELECT DISTINCT sku_id FROM listing WHERE shop_id = :shop_id AND sku_id IS NOT NULL")
_KNOWN = text(
    """
    SELECT id, shop_id, external_id, channel_sku, title, sku_id FROM listing
    WHERE shop_id = :shop_id AND external_id = ANY(CAST(:external_ids AS text[]))
    """
)
_MAP = text(
    """
    UPDATE listing SET sku_id = :sku_id, want_qty = NULL, want_version = want_version + 1, next_push_at = now()
    WHERE id = :id RETURNING want_version
    """
)
_PUBLISH = text(
    """
    UPDATE listing SET publish = :publish, want_version = want_version + :again, push_failures = 0, last_error = NULL,
        next_push_at = now()
    WHERE id = :id
    """
)


async def register(session: AsyncSession, shop_id: int, found: Sequence[FoundListing]) -> list[int]:
    """Remember the items of a shop; one whose code equals a SKU's code is mapped. Returns the ids of the new ones."""
    rows = await _store(session, shop_id, found)
    return [int(row.id) for row in rows if row.is_new]


async def find_or_quarantine(
    session: AsyncSession, shop_id: int, wanted: Sequence[tuple[str, str | None, str]]
) -> dict[str, tuple[int, int | None]]:
    """The listings that orders speak of: [(platform sku, channel sku, title)] -> platform sku: (listing id, sku id).

    One that is unknown is registered; one without a SKU stays quarantined (sku id None) and has an open case.
    """
    items = {platform_sku: (channel_sku, title) for platform_sku, channel_sku, title in wanted}
    known = await session.execute(_KNOWN, {"shop_id": shop_id, "external_ids": list(items)})
    rows: dict[str, Row[Any]] = {row.external_id: row for row in known}
    missing = [FoundListing(name, *items[name]) for name in items if name not in rows]
    if missing:
        rows |= {row.external_id: row for row in await _store(session, shop_id, missing)}
    for name in sorted(items):
        if rows[name].sku_id is None:
            await _open_case(session, rows[name])
    return {name: (int(rows[name].id), rows[name].sku_id) for name in items}


async def map_listing(session: AsyncSession, listing_id: int, sku_id: int, actor: str) -> None:
    """Say which SKU a listing sells. Raises NotFound. The orders that waited for it hear of it by event."""
    row = await _get(session, listing_id)
    if (await session.execute(select(sku.c.id).where(sku.c.id == sku_id))).scalar() is None:
        raise NotFound("There is no SKU %(sku_id)s.", sku_id=sku_id)
    await _end_cases(session, listing_id, CaseKind.UNMAPPED_LISTING, actor, "mapped")
    if row.sku_id == sku_id:
        return
    await mark_dirty(session, {sku_id, row.sku_id or sku_id})
    version = (await session.execute(_MAP, {"id": listing_id, "sku_id": sku_id})).scalar_one()
    payload = {"listing_id": listing_id, "sku_id": sku_id}
    await emit(session, derive("listing mapped", listing_id, version), LISTING_MAPPED, payload)
    await audit.record(session, actor, "listing.map", case_subject(listing_id), sku_id=sku_id, before=row.sku_id)


async def set_publish(session: AsyncSession, listing_id: int, publish: bool, actor: str) -> None:
    """Start or stop publishing a listing. Raises NotFound. Ends the case of a rejected push."""
    row = await _get(session, listing_id)
    await _set(session, row, publish=publish, again=publish)
    await _end_cases(session, listing_id, CaseKind.REJECTED_PUSH, actor, "publish" if publish else "stop publishing")
    await audit.record(session, actor, "listing.publish", case_subject(listing_id), publish=publish)


async def push_again(session: AsyncSession, listing_id: int, actor: str) -> None:
    """Send the present number again, even if the channel is thought to have it. Raises NotFound."""
    row = await _get(session, listing_id)
    await _set(session, row, publish=True, again=True)
    await _end_cases(session, listing_id, CaseKind.REJECTED_PUSH, actor, "push again")
    await audit.record(session, actor, "listing.push_again", case_subject(listing_id))


async def offers_follow(session: AsyncSession, shop_id: int) -> None:
    """Have every number of a shop worked out again: its buffer changes in this transaction."""
    await mark_dirty(session, (await session.execute(_SOLD_IN, {"shop_id": shop_id})).scalars())


async def _store(session: AsyncSession, shop_id: int, found: Sequence[FoundListing]) -> list[Row[Any]]:
    items = list({one.external_id: one for one in found}.values())
    if not items:
        return []
    result = await session.execute(
        _REGISTER,
        {
            "shop_id": shop_id,
            "external_ids": [one.external_id for one in items],
            "channel_skus": [one.channel_sku for one in items],
            "titles": [one.title[:_LONGEST_TITLE] for one in items],
            "keys": [json.dumps(dict(one.keys), ensure_ascii=False) for one in items],
            "qtys": [None if one.qty is None else max(one.qty, 0) for one in items],
        },
    )
    rows = list(result)
    await mark_dirty(session, (row.sku_id for row in rows if row.sku_id is not None))
    for row in rows:
        if row.sku_id is None:
            await _open_case(session, row)
    return rows


async def _open_case(session: AsyncSession, row: Row[Any]) -> None:
    await open_case(
        session,
        CaseKind.UNMAPPED_LISTING,
        case_subject(row.id),
        shop_id=row.shop_id,
        listing_id=row.id,
        external_id=row.external_id,
        channel_sku=row.channel_sku,
        title=row.title,
    )


async def _get(session: AsyncSession, listing_id: int) -> Row[Any]:
    row = (await session.execute(select(listing).where(listing.c.id == listing_id))).one_or_none()
    if row is None:
        raise NotFound("There is no listing %(listing_id)s.", listing_id=listing_id)
    return row


async def _set(session: AsyncSession, row: Row[Any], *, publish: bool, again: bool) -> None:
    if row.sku_id is not None:
        await mark_dirty(session, [row.sku_id])
    await session.execute(_PUBLISH, {"id": row.id, "publish": publish, "again": int(again)})


async def _end_cases(session: AsyncSession, listing_id: int, kind: CaseKind, actor: str, resolution: str) -> None:
    await close_cases_of(session, kind, case_subject(listing_id), actor, resolution)
