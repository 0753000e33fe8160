"""The edge of every job: log context, one run at a time per work list and process, and what a failure means.

Invariant: a job drains a list that lies in the database, so running it twice, or not at all, loses nothing. Passing
trouble ends quietly (the sweeper comes back); what nobody foresaw is logged and becomes a FAILED_JOB case.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from channels.kit.errors import ChannelError
from hub.core.cases import CaseKind, close_cases_of, open_case
from hub.core.db import is_connection_trouble
from hub.core.errors import TryAgain
from hub.core.log import get_logger
from hub.core.redis import RedisError
from workers.context import Hub

log = get_logger(__name__)
Job = Callable[..., Awaitable[int]]


def job(run: Job) -> Job:
    """Make `run(hub, *arguments) -> int (how much was done)` callable by a worker and by the sweeper."""

    @wraps(run)
    async def guarded(hub: Hub, *arguments: Any) -> int:
        name = ":".join([run.__name__, *map(str, arguments)])
        await hub.bell.answered(run.__name__, *arguments)
        if name in hub.busy:
            return 0  # the run under way looks again before it ends
        hub.busy.add(name)
        try:
            done = await run(hub, *arguments)
            if name in hub.failing:
                await _close_failed(hub, name)
            return done
        except (TryAgain, RedisError, ChannelError) as error:
            log.warning("job_put_off", job=name, error=type(error).__name__, detail=str(error)[:300])
        except Exception as error:
            if not is_connection_trouble(error):
                log.exception("job_failed", job=name)
                await _open_failed(hub, name, error)
            else:
                log.warning("job_put_off", job=name, error=type(error).__name__, detail=str(error)[:300])
        finally:
            hub.busy.discard(name)
        return 0

    return guarded


async def _close_failed(hub: Hub, name: str) -> None:
    async with hub.db.transaction() as session:
        await close_cases_of(session, CaseKind.FAILED_JOB, name, "hub", "The job works again.")
    hub.failing.discard(name)


async def _open_failed(hub: Hub, name: str, error: Exception) -> None:
    hub.failing.add(name)
    try:
        async with hub.db.transaction() as session:
            await open_case(
                session, CaseKind.FAILED_JOB, name, job=name, error=f"{type(error).__name__}: {error}"[:300]
            )
    except Exception as second:  # the log line above remains; the job will fail again and try to tell again
        log.warning("case_not_opened", job=name, error=type(second).__name__)
