"""A business event: what happened, told once, stored in the outbox in the transaction in which it happened.

Payload keys are plain JSON: ids as text, money as decimal text, instants as ISO 8601 text. Each domain lists its topics
and payload shapes in its own events.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Event:
    """One outbox row. `id` is derived from the fact, so a fact cannot be told twice."""

    id: UUID
    topic: str
    payload: Mapping[str, Any]
    at: datetime
    attempts: int = 0
    """how often handling it has failed so far"""
