"""What becomes of a job that fails."""

from sqlalchemy import text

from tests.stories.conftest import World
from workers.context import Hub
from workers.job import job

broken = True


@job
async def fragile(_hub: Hub) -> int:
    """Fails while it is broken."""
    if broken:
        raise ValueError("nobody foresaw this")
    return 7


async def test_a_job_that_fails_is_told_once_and_closed_when_it_works_again(world: World) -> None:
    global broken  # noqa: PLW0603 - the job must fail first and work later
    query = "SELECT count(*), max(seen) FROM cases WHERE kind = 'failed_job' AND state = 'open'"
    broken = True
    assert await fragile(world.hub) == 0
    assert await fragile(world.hub) == 0
    assert [tuple(row) for row in await world.rows(query)] == [(1, 2)]
    broken = False
    assert await fragile(world.hub) == 7
    async with world.hub.db.transaction() as session:
        assert (await session.execute(text(query))).one()[0] == 0
