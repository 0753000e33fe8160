"""What channels said, kept as they said it: sealed, once, before anything acts on it.

Invariant: insert-or-ignore. A page read twice is one row (digest of its body); a webhook is one row per event id.
"""

import hashlib

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.seal import Seal
from orders.sales.tables import raw_answer

MAX_RAW_BYTES = 20_000_000


async def store_page(session: AsyncSession, shop_id: int, body: bytes, seal: Seal) -> bytes:
    """Keep the answer of a pull; returns its digest. A body that is here already is not sealed again."""
    digest = hashlib.sha256(body).digest()
    if body and not await _is_stored(session, shop_id, digest):
        await _store(session, shop_id, digest, body, seal)
    return digest


async def store_webhook(session: AsyncSession, shop_id: int, event_id: str, body: bytes, seal: Seal) -> bool:
    """The webhook inbox: True = new, False = delivered before. Call it after the signature check."""
    digest = hashlib.sha256(event_id.encode() + b"\0" + body).digest()  # equal bodies under other ids are other events
    return await _store(session, shop_id, digest, body[:MAX_RAW_BYTES], seal, event_id=event_id[:200])


async def _is_stored(session: AsyncSession, shop_id: int, digest: bytes) -> bool:
    query = select(raw_answer.c.shop_id).where(raw_answer.c.shop_id == shop_id, raw_answer.c.digest == digest)
    return (await session.execute(query)).first() is not None


async def _store(
    session: AsyncSession, shop_id: int, digest: bytes, body: bytes, seal: Seal, *, event_id: str | None = None
) -> bool:
    result = await session.execute(
        insert(raw_answer)
        .values(
            shop_id=shop_id,
            digest=digest,
            source="webhook" if event_id else "pull",
            event_id=event_id,
            body=seal.seal(body),
        )
        .on_conflict_do_nothing()
        .returning(raw_answer.c.digest)
    )
    return result.first() is not None
