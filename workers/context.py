"""What every job holds in its hands: the database, the gate, the bell, the seal and the road to the marketplaces.

Invariant: opened once per process at the edge, closed at its end; nothing here is global.
"""

import os
import socket
from dataclasses import dataclass, field

from pydantic import SecretStr

from channels.kit.loader import open_market
from channels.kit.market import Access, Market
from hub.core.db import Database
from hub.core.queue import Bell
from hub.core.redis import Redis, connect
from hub.core.seal import Seal
from hub.core.settings import Settings
from hub.core.shops import Shop, get_shop, open_credentials
from stockpool.claims.gate import Gate


@dataclass(slots=True)
class Hub:
    """One process's open doors."""

    settings: Settings
    db: Database
    gate: Gate
    bell: Bell
    seal: Seal
    redis: Redis
    name: str
    busy: set[str] = field(default_factory=set)
    wide_pull_at: dict[int, float] = field(default_factory=dict)
    """shop id -> when this process last completed a pull with the whole overlap (monotonic seconds)"""
    failing: set[str] = field(default_factory=set)
    """jobs whose last run here failed for reasons that nobody foresaw"""

    async def shop(self, shop_id: int) -> Shop:
        """The shop as it is stored now."""
        async with self.db.transaction() as session:
            return await get_shop(session, shop_id)

    async def market(self, shop: Shop) -> Market:
        """The adapter of one shop, with its credentials opened for this one use."""
        async with self.db.transaction() as session:
            secrets = await open_credentials(session, self.seal, shop.id)
        access = Access(
            shop_id=shop.id,
            kind=shop.kind,
            base_url=shop.base_url,
            settings=shop.settings,
            secrets={name: SecretStr(value) for name, value in secrets.items()},
        )
        return open_market(access, self.redis)


async def open_hub(settings: Settings, kind: str) -> Hub:
    """Open all doors of a process of this kind (work, sweep, ...)."""
    redis = connect(settings.gate())
    gate = Gate(redis)
    bell = Bell(settings.redis())
    seal = Seal(settings.secret())
    db = Database(
        settings.database(),
        info={"gate": gate, "bell": bell, "seal": seal},
        pool_size=settings.database_pool_size,
    )
    return Hub(settings, db, gate, bell, seal, redis, f"{kind}:{socket.gethostname()}:{os.getpid()}")


async def close_hub(hub: Hub) -> None:
    """Close what open_hub opened."""
    await hub.bell.close()
    await hub.redis.aclose()
    await hub.db.close()
