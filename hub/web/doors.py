"""What the web process holds in its hands: the database, the gate's server, the bell, the seal, the live picture.

Invariant: opened once per process by the lifespan of the app and closed at its end; requests only borrow.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.core.db import Database
from hub.core.queue import Bell
from hub.core.redis import Redis
from hub.core.seal import Seal
from hub.core.settings import Settings
from stockpool.claims.gate import Gate

if TYPE_CHECKING:
    from hub.web.live import Live


@dataclass(frozen=True, slots=True)
class Doors:
    """One process's open doors."""

    settings: Settings
    db: Database
    redis: Redis
    gate: Gate
    bell: Bell
    seal: Seal
    live: "Live"
