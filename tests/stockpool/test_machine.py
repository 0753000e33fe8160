"""Any sequence of reserve, release, fulfil, receive and adjust leaves every number explained by its ledgers."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hub.core.db import Database
from hub.core.redis import connect
from stockpool.claims.fulfil import fulfil
from stockpool.claims.gate import Gate
from stockpool.claims.grant import Granted, grant
from stockpool.claims.release import release
from stockpool.floor.adjust import adjust
from stockpool.floor.receive import receive
from tests.stockpool.given import COST, Pool, a_pool, relay

CODES = st.sampled_from(["A", "B"])
UNITS = st.integers(1, 4)


class Trade(RuleBasedStateMachine):
    """A model that only counts units, beside the real stores."""

    urls: ClassVar[tuple[str, str]]
    clean: ClassVar[Callable[[], None]]

    @initialize(with_gate=st.booleans())
    def open(self, with_gate: bool) -> None:
        type(self).clean()
        self.loop = asyncio.new_event_loop()
        self.db, self.redis = Database(self.urls[0]), connect(self.urls[1])
        self.run(self.redis.flushdb())
        self.pool: Pool = self.run(a_pool(self.db, {"A": 5, "B": 5}, Gate(self.redis, self.db) if with_gate else None))
        self.on_hand, self.step = {"A": 5, "B": 5}, 0
        self.held: dict[str, dict[str, int]] = {}

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def free(self, code: str) -> int:
        return self.on_hand[code] - sum(lines.get(code, 0) for lines in self.held.values())

    @rule(asks=st.lists(st.dictionaries(CODES, UNITS, min_size=1), min_size=1, max_size=3))
    def book(self, asks: list[dict[str, int]]) -> None:
        wanted = {f"o{self.step}-{n}": lines for n, lines in enumerate(asks)}
        answers = self.run(self._book(wanted))
        for key, lines in wanted.items():
            expected = all(self.free(code) >= qty for code, qty in lines.items())
            assert isinstance(answers[key], Granted) == expected
            if expected:
                self.held[key] = dict(lines)
        self.step += 1

    async def _book(self, wanted: dict[str, dict[str, int]]) -> Any:
        asks = [self.pool.ask(key, *lines.items()) for key, lines in wanted.items()]
        if self.pool.gate is not None:
            await self.pool.gate.admit(asks)
        async with self.db.transaction() as session:
            return await grant(session, asks)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), twice=st.booleans())
    def cancel(self, data: st.DataObject, twice: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.held)))
        units = sum(self.held.pop(key).values())
        for _ in range(1 + twice):
            assert self.run(self._cancel(key)) == units

    async def _cancel(self, key: str) -> int:
        async with self.db.transaction() as session:
            return await release(session, key, "cancelled")

    @precondition(lambda self: self.held)
    @rule(data=st.data(), twice=st.booleans())
    def ship(self, data: st.DataObject, twice: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.held)))
        lines = self.held.pop(key)
        for _ in range(1 + twice):
            moved = self.run(self._ship(key))
            assert sum(move.qty for move in moved) == sum(lines.values())
        for code, qty in lines.items():
            self.on_hand[code] -= qty

    async def _ship(self, key: str) -> Any:
        async with self.db.transaction() as session:
            return await fulfil(session, key, "shipped", f"S-{key}", "packer")

    @rule(code=CODES, qty=UNITS)
    def arrive(self, code: str, qty: int) -> None:
        self.step += 1
        self.run(self._arrive(code, qty))
        self.on_hand[code] += qty

    async def _arrive(self, code: str, qty: int) -> None:
        async with self.db.transaction() as session:
            await receive(
                session, sku_id=self.pool[code], qty=qty, unit_cost=COST, reference=f"PO{self.step}", actor="test"
            )

    @precondition(lambda self: self.on_hand["A"] > 0)
    @rule(qty=UNITS)
    def write_off(self, qty: int) -> None:
        qty = min(qty, self.on_hand["A"])
        self.step += 1
        result = self.run(self._write_off(qty))
        self.on_hand["A"] -= qty
        for key in result.voided:  # the orders domain gives the other lines of such an order back
            self.run(self._cancel(key))
            self.held.pop(key)
        assert self.free("A") >= 0

    async def _write_off(self, qty: int) -> Any:
        async with self.db.transaction() as session:
            return await adjust(
                session, sku_id=self.pool["A"], qty_delta=-qty, reason="lost", reference=f"c{self.step}", actor="test"
            )

    @rule()
    def forget(self) -> None:
        self.run(self.redis.flushall())

    @rule()
    def publish(self) -> None:
        self.run(relay(self.pool))

    @invariant()
    def levels_are_as_counted(self) -> None:
        if hasattr(self, "pool"):
            for code, on_hand in self.on_hand.items():
                assert self.run(self.pool.level(code)) == (on_hand, on_hand - self.free(code))

    def teardown(self) -> None:
        if hasattr(self, "pool"):
            self.run(self.pool.settled())
            self.run(self.redis.aclose())
            self.run(self.db.close())
            self.loop.close()


@pytest.fixture
def machine(request: pytest.FixtureRequest, shared_database_url: str, redis_url: str) -> type[Trade]:
    """The machine on this process's servers."""
    from tests.conftest import _clean

    Trade.urls = (shared_database_url, redis_url)
    Trade.clean = staticmethod(lambda: asyncio.run(_clean(shared_database_url)))  # type: ignore[assignment]
    return Trade


def test_any_sequence_of_verbs_leaves_every_number_right(machine: type[Trade]) -> None:
    bounded = settings(
        max_examples=30, stateful_step_count=15, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=bounded)
