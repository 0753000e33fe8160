"""The push list: which listings show an old number, and what the channels answered.

Invariant: one push in flight per listing (a lease); `sent_version` only grows, so a late answer never overwrites a
newer one; lower at once, raise only when the shop's feed has been read up to the reading; every answer leaves a row in
push_log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.cases import CaseKind, close_cases_of, open_case
from stockpool.tables import push_log

_LONGEST_PAUSE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class PushRow:
    """A number to be told to the channel. `expected` is the last number that the channel is known to have taken."""

    listing_id: int
    external_id: str
    keys: Mapping[str, Any]
    quantity: int
    version: int
    expected: int | None
    wanted_at: datetime
    sku_id: int


@dataclass(frozen=True, slots=True)
class PushAnswer:
    """What became of a pushed number. `quantity_after`: what the channel shows now, when it says so."""

    listing_id: int
    version: int
    quantity: int
    outcome: str
    """applied | accepted (the channel will do it later: `handle`) | rejected"""
    code: str = ""
    message: str = ""
    retry: bool = False
    quantity_after: int | None = None
    handle: str | None = None

    @property
    def taken(self) -> bool:
        """Whether the channel has it."""
        return self.outcome in ("applied", "accepted")


_BEHIND = """
    g.publish AND g.sku_id IS NOT NULL AND g.want_qty IS NOT NULL AND g.sent_version < g.want_version
    AND g.next_push_at <= now() AND (g.push_lease_until IS NULL OR g.push_lease_until < now())
    AND s.state = 'active' AND (g.want_qty <= g.sent_qty OR s.cursor_at >= g.raise_at)
"""
_SHOPS_BEHIND = text(
    f"SELECT DISTINCT g.shop_id FROM listing AS g JOIN shop AS s ON s.id = g.shop_id WHERE {_BEHIND} ORDER BY 1"  # noqa: S608
)
_CLAIM = text(
    f"""
    UPDATE listing AS t
    SET push_lease_until = now() + make_interval(secs => :lease_seconds), push_version = t.want_version,
        push_wanted_at = t.want_at
    FROM (
        SELECT g.id FROM listing AS g JOIN shop AS s ON s.id = g.shop_id
        WHERE g.shop_id = :shop_id AND {_BEHIND}
        ORDER BY g.want_at LIMIT :limit FOR NO KEY UPDATE OF g SKIP LOCKED
    ) AS chosen
    WHERE t.id = chosen.id
    RETURNING t.id, t.external_id, t.keys, t.want_qty, t.want_version, t.sent_qty, t.want_at, t.sku_id
    """  # noqa: S608  # a constant condition
)
_LOCK = text(
    "SELECT * FROM listing WHERE id = ANY(CAST(:ids AS bigint[])) AND shop_id = :shop_id ORDER BY id FOR NO KEY UPDATE"
)
_ANSWERED = text(
    """
    UPDATE listing AS g SET
        sent_qty = CASE WHEN a.newer THEN a.quantity ELSE coalesce(a.quantity_after, g.sent_qty) END,
        sent_version = CASE WHEN a.newer THEN a.version ELSE g.sent_version END,
        sent_at = CASE WHEN a.newer THEN now() ELSE g.sent_at END,
        -- It reached the channel after a newer number, or nobody knows in which order: say the newest again.
        want_version = g.want_version + a.crossed::int,
        push_lease_until = CASE WHEN g.push_version = a.version THEN NULL ELSE g.push_lease_until END,
        push_handle = CASE WHEN a.newer THEN a.handle ELSE g.push_handle END,
        push_failures = CASE WHEN a.newer THEN 0 WHEN a.failed AND NOT a.stale THEN g.push_failures + 1
            ELSE g.push_failures END,
        next_push_at = now() + make_interval(secs => CASE WHEN a.failed AND NOT a.stale
            THEN least(CAST(:longest AS integer), power(2, least(g.push_failures, 10))::integer) ELSE 0 END),
        -- Somebody sold there what we have not read yet: lower at once, raise only when the feed was read up to now.
        raise_at = CASE WHEN a.stale THEN clock_timestamp() ELSE g.raise_at END,
        publish = g.publish AND NOT a.refused,
        last_error = CASE WHEN a.newer THEN NULL WHEN a.failed THEN a.error ELSE g.last_error END
    FROM unnest(CAST(:ids AS bigint[]), CAST(:versions AS bigint[]), CAST(:quantities AS bigint[]),
                CAST(:after AS bigint[]), CAST(:handles AS text[]), CAST(:errors AS text[]), CAST(:newer AS boolean[]),
                CAST(:crossed AS boolean[]), CAST(:failed AS boolean[]), CAST(:refused AS boolean[]),
                CAST(:stale AS boolean[]))
         AS a(id, version, quantity, quantity_after, handle, error, newer, crossed, failed, refused, stale)
    WHERE g.id = a.id
    """
)


async def claim_pushes(session: AsyncSession, shop_id: int, limit: int, lease_seconds: float = 30) -> list[PushRow]:
    """Take up to `limit` numbers to be told to the shop now, oldest first, and lease them."""
    rows = await session.execute(_CLAIM, {"shop_id": shop_id, "limit": limit, "lease_seconds": lease_seconds})
    return sorted((PushRow(*row) for row in rows), key=lambda row: (row.wanted_at, row.listing_id))


async def shops_behind(session: AsyncSession) -> list[int]:
    """The active shops that have something to push now."""
    return [int(shop_id) for shop_id in (await session.execute(_SHOPS_BEHIND)).scalars()]


async def record_push(session: AsyncSession, shop_id: int, results: Sequence[PushAnswer]) -> None:
    """Book the answers to pushes. A refusal that will not go away by itself opens a case and stops the listing."""
    rows = await session.execute(_LOCK, {"ids": [answer.listing_id for answer in results], "shop_id": shop_id})
    listings = {row.id: row for row in rows}
    answers = [answer for answer in results if answer.listing_id in listings]
    if not answers:
        return
    await session.execute(insert(push_log), [_log_row(listings[answer.listing_id], answer) for answer in answers])
    await _book(session, listings, answers)
    await _cases(session, listings, answers)


async def _book(session: AsyncSession, listings: Mapping[int, Row[Any]], answers: Sequence[PushAnswer]) -> None:
    late = [answer.version < listings[answer.listing_id].sent_version for answer in answers]
    newer = [answer.taken and answer.version > listings[answer.listing_id].sent_version for answer in answers]
    failed = [not answer.taken and not is_late for answer, is_late in zip(answers, late, strict=True)]
    await session.execute(
        _ANSWERED,
        {
            "ids": [answer.listing_id for answer in answers],
            "versions": [answer.version for answer in answers],
            "quantities": [answer.quantity for answer in answers],
            "after": [None if answer.taken else answer.quantity_after for answer in answers],
            "handles": [answer.handle for answer in answers],
            "errors": [_error(answer) for answer in answers],
            "newer": newer,
            "crossed": [answer.taken and is_late for answer, is_late in zip(answers, late, strict=True)],
            "failed": failed,
            "refused": [bad and not answer.retry for answer, bad in zip(answers, failed, strict=True)],
            "stale": [bad and _is_stale(a, listings[a.listing_id]) for a, bad in zip(answers, failed, strict=True)],
            "longest": _LONGEST_PAUSE_SECONDS,
        },
    )


async def _cases(session: AsyncSession, listings: Mapping[int, Row[Any]], answers: Sequence[PushAnswer]) -> None:
    for answer in answers:
        row = listings[answer.listing_id]
        if answer.version < row.sent_version:
            continue
        if answer.taken and row.last_error is not None:
            await close_cases_of(session, CaseKind.REJECTED_PUSH, case_subject(row.id), "hub", "The channel took it.")
        elif not answer.taken and not answer.retry:
            await open_case(
                session,
                CaseKind.REJECTED_PUSH,
                case_subject(row.id),
                shop_id=row.shop_id,
                listing_id=row.id,
                sku_id=row.sku_id,
                external_id=row.external_id,
                quantity=answer.quantity,
                code=answer.code,
                reason=answer.message[:300],
            )


def _is_stale(answer: PushAnswer, row: Row[Any]) -> bool:
    """Whether the channel compared, and shows another number than it was believed to: no trouble, but news."""
    return answer.retry and answer.quantity_after is not None and answer.quantity_after != row.sent_qty


def case_subject(listing_id: int) -> str:
    """How cases name a listing."""
    return f"listing:{listing_id}"


def _log_row(row: Row[Any], answer: PushAnswer) -> dict[str, object]:
    return {
        "listing_id": row.id,
        "shop_id": row.shop_id,
        "sku_id": row.sku_id,
        "version": answer.version,
        "quantity": answer.quantity,
        "quantity_before": row.sent_qty,
        "wanted_at": row.push_wanted_at if row.push_version == answer.version else row.want_at,
        "outcome": answer.outcome,
        "code": answer.code[:100],
        "message": answer.message[:500],
    }


def _error(answer: PushAnswer) -> str | None:
    return None if answer.taken else f"{answer.code} {answer.message}".strip()[:500]
