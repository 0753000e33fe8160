"""Telling the gate what PostgreSQL has decided, after the commit.

Invariant: the pending is dropped in the same call that sets the base which contains it; losing this call costs nothing
but accuracy, because the sku is marked dirty in the transaction itself.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from hub.core.db import after_commit
from stockpool.claims.gate import Gate
from stockpool.claims.levels import Level


def gate_of(session: AsyncSession) -> Gate | None:
    """The gate that the edge laid into this session, None = every path bypasses it."""
    gate = session.info.get("gate")
    return gate if isinstance(gate, Gate) else None


def settle_later(
    session: AsyncSession, levels: Iterable[Level], *, tickets: Sequence[str] = (), epoch: int | None = None
) -> None:
    """Settle at the gate once the transaction is committed."""
    gate = gate_of(session)
    if gate is None:
        return
    known = tuple(levels)

    async def settle() -> None:
        await gate.settle(tickets, known, epoch=epoch)

    after_commit(session, settle)
