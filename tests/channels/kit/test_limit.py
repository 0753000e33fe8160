"""The token bucket, on a real Valkey and without one."""

from collections.abc import Awaitable
from typing import Any

import pytest

from channels.kit.limit import Limiter, Told
from channels.kit.manifest import Rate
from hub.core.redis import Redis, RedisConnectionError

SLOW = Rate(per_second=0.001, burst=3)


@pytest.fixture(params=["shared", "alone"])
def limiter(request: pytest.FixtureRequest) -> Limiter:
    return Limiter(request.getfixturevalue("redis") if request.param == "shared" else None)


async def test_a_bucket_gives_its_burst_and_then_names_the_wait(limiter: Limiter) -> None:
    assert [await limiter.take(1, "orders", SLOW) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert await limiter.take(1, "orders", SLOW) > 900


async def test_shops_and_operations_do_not_share_a_bucket(limiter: Limiter) -> None:
    assert await limiter.take(1, "orders", SLOW, cost=3) == 0
    assert await limiter.take(2, "orders", SLOW, cost=3) == 0
    assert await limiter.take(1, "push", SLOW, cost=3) == 0


async def test_a_call_dearer_than_the_bucket_passes_when_it_is_full_and_leaves_a_debt(limiter: Limiter) -> None:
    assert await limiter.take(1, "orders", SLOW, cost=10) == 0
    assert await limiter.take(1, "orders", SLOW) > 7000


async def test_what_the_channel_says_wins(limiter: Limiter) -> None:
    assert await limiter.take(1, "orders", SLOW, cost=3) == 0
    await limiter.tell(1, "orders", Told(available=50, per_second=100, burst=2000))
    assert await limiter.take(1, "orders", SLOW, cost=50) == 0
    assert 0 < await limiter.take(1, "orders", SLOW, cost=100) <= 1.0


async def test_a_ban_closes_the_bucket_for_its_seconds(limiter: Limiter) -> None:
    await limiter.tell(1, "orders", Told(closed_seconds=31062))
    assert await limiter.take(1, "orders", SLOW) == pytest.approx(31062, abs=2)
    await limiter.tell(1, "orders", Told(closed_seconds=1))
    assert await limiter.take(1, "orders", SLOW) == pytest.approx(31062, abs=2)


async def test_two_workers_share_one_bucket(redis: Redis) -> None:
    first, second = Limiter(redis), Limiter(redis)
    assert await first.take(1, "orders", SLOW, cost=2) == 0
    assert await second.take(1, "orders", SLOW, cost=1) == 0
    assert await second.take(1, "orders", SLOW) > 0


class _Gone:
    """A Redis that is out of reach."""

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Awaitable[Any]:
        raise RedisConnectionError("gone")


async def test_without_redis_each_process_counts_alone() -> None:
    limiter = Limiter(_Gone())
    assert await limiter.take(1, "orders", SLOW, cost=3) == 0
    assert await limiter.take(1, "orders", SLOW) > 0
