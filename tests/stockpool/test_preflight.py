import pytest
from sqlalchemy import text

from hub.core.db import Database
from hub.core.redis import Redis
from stockpool.claims.gate import refuse_unfit_server
from stockpool.errors import UnfitServer
from stockpool.preflight import refuse_forgetful_database


async def test_the_embedded_servers_are_fit(db: Database, redis: Redis) -> None:
    await refuse_unfit_server(redis)
    async with db.transaction() as session:
        await refuse_forgetful_database(session)


@pytest.mark.parametrize("setting", ["off", "local"])
async def test_a_database_that_may_forget_is_refused(db: Database, setting: str) -> None:
    async with db.transaction() as session:
        await session.execute(text(f"SET LOCAL synchronous_commit = {setting}"))
        with pytest.raises(UnfitServer):
            await refuse_forgetful_database(session)


async def test_a_redis_that_evicts_is_refused(redis: Redis) -> None:
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(UnfitServer):
            await refuse_unfit_server(redis)
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")
