"""Carries out the faults of the schedule on what this run has started itself.

Invariant: signals go to our own children by their handle, never by name; whatever was stopped goes on, and whatever was
taken down is up again, before `restore` returns.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence

from hub.core.clock import monotonic
from hub.core.cut import cut_sessions
from hub.core.db import is_connection_trouble
from hub.core.log import get_logger
from hub.core.redis import RedisError
from hub.processes import Child
from workers.chaos.schedule import Fault, Trouble
from workers.context import Hub
from workers.replay.caller import Caller, CallFailed
from workers.replay.stage import Stage

log = get_logger(__name__)

FROZEN_SECONDS = 2.0
_SHOP_OPTIONS = {"throttle": {"seconds": 1}, "moving_page": {"orders": 3}}


class Breaker:
    """Breaks one stage. `done` counts what was broken, by the fault's name."""

    def __init__(self, stage: Stage, hub: Hub, sim: Caller, shops: Sequence[str]) -> None:
        self._stage = stage
        self._hub = hub
        self._sim = sim
        self._shops = shops
        self._aside: set[asyncio.Task[None]] = set()
        self.done: Counter[str] = Counter()

    async def run(self, faults: Sequence[Fault]) -> None:
        """Each fault at its time; those that take a while run beside the next ones."""
        began = monotonic()
        for fault in faults:
            await asyncio.sleep(max(0.0, began + fault.at_seconds - monotonic()))
            task = asyncio.create_task(self._break(fault))
            self._aside.add(task)
            task.add_done_callback(self._aside.discard)

    async def restore(self) -> None:
        """Wait until the faults under way are over and both servers run; then nothing goes wrong any more."""
        await asyncio.gather(*self._aside)
        self._stage.servers.revive()
        for child in self._stage.processes.children:
            _signal(child, signal.SIGCONT)
        await self._sim.delete("/_sim/faults")

    async def _break(self, fault: Fault) -> None:
        log.info("fault", name=fault.name, which=fault.which)
        try:
            await self._carry_out(fault)
        except Exception as error:  # what is broken already cannot be broken again: that is no failure of the hub
            if not (isinstance(error, RedisError | CallFailed) or is_connection_trouble(error)):
                raise
            log.info("fault_missed", name=fault.name, error=type(error).__name__)
            return
        self.done[fault.name] += 1

    async def _carry_out(self, fault: Fault) -> None:
        match fault.trouble:
            case Trouble.KILL_WORKER:
                _signal(self._child("work", fault.which), signal.SIGKILL)
            case Trouble.KILL_SWEEPER:
                _signal(self._child("sweep", fault.which), signal.SIGKILL)
            case Trouble.FREEZE_WORKER:
                await _freeze(self._child("work", fault.which))
            case Trouble.FLUSH_ALL:
                await self._hub.redis.flushall()
            case Trouble.FLUSH_SCRIPTS:
                await self._hub.redis.script_flush()
            case Trouble.CUT_SESSIONS:
                await cut_sessions(self._hub.db)
            case Trouble.SHOP:
                await self._spoil(fault)
            case _:
                await self._take_down(fault)

    async def _take_down(self, fault: Fault) -> None:
        """A server is killed as by a power cut, stays away for a while and comes back with its data."""
        servers = self._stage.servers
        postgres = fault.trouble is Trouble.KILL_POSTGRES
        server = servers.postgres if postgres else servers.valkey
        if server is None or not server.running:
            return
        server.kill()
        await asyncio.sleep(fault.down_seconds)
        if postgres:
            servers.restart_postgres()
        else:
            servers.restart_valkey()

    async def _spoil(self, fault: Fault) -> None:
        shop = self._shops[fault.which % len(self._shops)]
        options = _SHOP_OPTIONS.get(fault.shop_fault, {})
        await self._sim.post("/_sim/faults", {"shop": shop, "fault": fault.shop_fault, "count": fault.count, **options})

    def _child(self, prefix: str, which: int) -> Child:
        ours = [child for child in self._stage.processes.children if child.name.startswith(prefix)]
        return ours[which % len(ours)]


def _signal(child: Child, number: signal.Signals) -> None:
    if child.process is not None and child.running:
        child.process.send_signal(number)


async def _freeze(child: Child) -> None:
    process = child.process
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(FROZEN_SECONDS)
    finally:
        process.send_signal(signal.SIGCONT)
