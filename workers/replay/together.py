"""Runs one piece of work with others beside it, and keeps the hub's processes alive meanwhile.

Invariant: when the work ends, or any part fails, everything beside it is cancelled and has ended before we go on.
"""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hub.core.errors import TryAgain
from hub.processes import Processes

_TEND_SECONDS = 0.2
_MOST_ENDS = 5

T = TypeVar("T")


class Stuck(TryAgain):
    """The hub does not come to where it should, and nothing moves any more."""


async def with_background(work: Coroutine[Any, Any, T], *background: Coroutine[Any, Any, None]) -> T:
    """The result of `work`. A background that fails makes the whole fail; one that ends is an error of ours."""
    main = asyncio.ensure_future(work)
    beside = [asyncio.ensure_future(one) for one in background]
    try:
        await asyncio.wait([main, *beside], return_when=asyncio.FIRST_COMPLETED)
        for one in beside:
            if one.done():
                one.result()
                raise Stuck("Something that should go on beside the replay has ended.")
        return await main
    finally:
        for task in (main, *beside):
            task.cancel()
        await asyncio.gather(main, *beside, return_exceptions=True)


async def tend(processes: Processes, logs: Path) -> None:
    """Start what is to run and start again what ends, until cancelled. Raises Stuck when a process does not start."""
    while True:
        processes.tend()
        worst = processes.most_ends_in_a_row()
        if worst.ends_in_a_row > _MOST_ENDS:
            raise Stuck(f"The process `{worst.name}` does not start; its log in {logs} says why.")
        await asyncio.sleep(_TEND_SECONDS)
