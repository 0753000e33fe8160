"""A gate of its own for each test of the stock pool."""

import pytest
import pytest_asyncio

from hub.core.db import Database
from hub.core.redis import Redis
from stockpool.claims.gate import Gate


@pytest_asyncio.fixture
async def gate(db: Database, redis: Redis) -> Gate:
    """A fenced gate on an empty Valkey."""
    gate = Gate(redis, db)
    await gate.fence()
    return gate


@pytest.fixture(params=["with gate", "without gate"])
def any_gate(request: pytest.FixtureRequest) -> Gate | None:
    """Both roads: through the gate, and around it."""
    return request.getfixturevalue("gate") if request.param == "with gate" else None
