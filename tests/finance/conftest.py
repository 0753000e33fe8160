"""The books on a clean database: main book open, two shops, a warehouse, some SKUs."""

import pytest_asyncio

from finance.setup import ensure_book
from hub.core.db import Database
from tests.finance.given import World, make_world


@pytest_asyncio.fixture
async def world(db: Database) -> World:
    """An open book and what the stories stand on."""
    async with db.transaction() as session:
        return await make_world(session, await ensure_book(session))
