"""The line of trade: whole steps, and none from before there was anything to trade."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from hub.core.shops import Shop, ShopState
from hub.web.pulse import FEWEST_STEPS, flow
from orders.sales.queries import Minute

NOW = datetime(2026, 11, 23, 8, 30, 20, tzinfo=UTC)


def a_shop(shop_id: int, *, minutes_old: int) -> Shop:
    created = NOW - timedelta(minutes=minutes_old)
    return Shop(
        id=shop_id, kind="tmall", name=f"shop {shop_id}", base_url="http://127.0.0.1:1", currency="CNY", settings={},
        state=ShopState.ACTIVE, state_reason=None, buffer_units=0, poll_seconds=2, created_at=created,
        cursor_at=created, last_pull_at=None, last_pull_ok_at=None, last_push_at=None, last_push_ok_at=None,
        last_error=None, failures=0,
    )  # fmt: skip


def drawn(shops: Sequence[Shop], *minutes: Minute) -> list[int]:
    """The counts of the first shop, oldest first."""
    told = flow(minutes, shops, NOW, step_minutes=1, steps=60)
    assert {len(one["counts"]) for one in told["shops"]} == {len(told["minutes"])}
    return list(told["shops"][0]["counts"])


@pytest.mark.parametrize(("minutes_old", "steps"), [(1, FEWEST_STEPS), (30, 30), (90, 60)])
def test_the_line_begins_when_the_first_shop_was_connected(minutes_old: int, steps: int) -> None:
    shops = [a_shop(1, minutes_old=minutes_old), a_shop(2, minutes_old=0)]
    assert len(drawn(shops)) == steps


def test_quiet_minutes_of_a_connected_shop_are_drawn_as_quiet() -> None:
    counts = drawn([a_shop(1, minutes_old=600)], Minute(datetime(2026, 11, 23, 8, 29, tzinfo=UTC), 1, 7))
    assert counts == [0] * 59 + [7]
