"""Reserve units for a buyer who waits for the answer: own shop, till, quote. The gate first, then the grant.

Invariant: an answer "yes" leaves only with the caller's commit; the same key and attempt always get the same
reservations.
"""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.errors import Invalid
from stockpool.catalogue import default_warehouse
from stockpool.claims.grant import Granted, Short, Spent, existing_answers, grant
from stockpool.claims.levels import read_levels
from stockpool.claims.rules import Ask, Line
from stockpool.claims.settle import gate_of
from stockpool.errors import ClaimSpent, OutOfStock

_LONGEST_HOLD_SECONDS = 30 * 86_400


async def reserve(
    session: AsyncSession,
    demand: Mapping[int, int],
    key: str,
    *,
    warehouse_id: int | None = None,
    attempt: int = 1,
    kind: str = "claim",
    ttl_seconds: float | None = None,
) -> list[UUID]:
    """Reserve `demand` (sku id -> units), all or nothing. Returns the reservation ids in the order of `demand`.

    `kind='hold'` expires after `ttl_seconds`. Raises OutOfStock (ask again soon when not `final`), ClaimSpent, Invalid.
    """
    _check_kind(kind, ttl_seconds)
    place = warehouse_id if warehouse_id is not None else await default_warehouse(session)
    lines = tuple(Line(str(sku_id), sku_id, qty) for sku_id, qty in demand.items())
    ask = Ask(key, lines, place, attempt)
    refusal = await _ask_gate(session, ask)
    if refusal is None:
        answer = (await grant(session, [ask], kind=kind, ttl_seconds=ttl_seconds))[key]
    else:
        # A second call of one that was granted must not hear the no that was meant for others.
        found = (await existing_answers(session, [ask])).get(key)
        if found is None:
            raise refusal
        answer = found
    if isinstance(answer, Granted):
        return list(answer.reservation_ids)
    await _give_back(session, ask)
    raise _refusal_of(answer)


def _check_kind(kind: str, ttl_seconds: float | None) -> None:
    if kind not in ("claim", "hold"):
        raise Invalid("A reservation is a claim or a hold.")
    if (kind == "hold") != (ttl_seconds is not None):
        raise Invalid("A hold needs a time to live, a claim has none.")
    if ttl_seconds is not None and not 0 < ttl_seconds <= _LONGEST_HOLD_SECONDS:
        raise Invalid("A hold lives between a moment and 30 days.")


async def _ask_gate(session: AsyncSession, ask: Ask) -> OutOfStock | None:
    gate = gate_of(session)
    if gate is None:
        return None
    (answer,) = await gate.admit([ask])
    return OutOfStock(answer.missing, final=answer.verdict == "final") if answer.refused else None


async def _give_back(session: AsyncSession, ask: Ask) -> None:
    """A late no: the caller will roll back, so the pending is dropped here and not after a commit."""
    gate = gate_of(session)
    if gate is not None:
        gate.counts["late_no"] += 1
        levels = await read_levels(session, list(ask.demand))
        await gate.settle([ask.ticket], levels.values())


def _refusal_of(answer: Short) -> Exception:
    if isinstance(answer, Spent):
        return ClaimSpent("This claim has ended or has other content; ask again under the next attempt.")
    return OutOfStock(answer.missing)
