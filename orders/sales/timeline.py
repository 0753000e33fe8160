"""The order's diary: what happened to it, when and by whom, appended in the transaction in which it happened.

Invariant: rows are only added; facts hold numbers and codes, never buyer data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from orders.sales.tables import order_event


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `kind`: recorded, changed, differs, reserved, shipped, told, cancelled, ..."""

    order_id: UUID
    kind: str
    actor: str = "hub"
    facts: Mapping[str, Any] = field(default_factory=dict)


async def note(session: AsyncSession, entries: Sequence[Entry]) -> None:
    """Append entries with one statement."""
    if entries:
        rows = [
            {"order_id": entry.order_id, "kind": entry.kind, "actor": entry.actor, "facts": dict(entry.facts)}
            for entry in entries
        ]
        await session.execute(insert(order_event), rows)
