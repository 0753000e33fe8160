"""Two people, one case."""

import asyncio

from sqlalchemy import text

from hub.core.cases import CaseKind, open_case
from hub.core.people import Role
from tests.hub.web.conftest import Web
from tests.orders.given import a_world


async def test_of_several_moves_on_one_case_at_the_same_moment_exactly_one_is_made(web: Web) -> None:
    world = await a_world(web.doors.db, {"CUP": 1})
    program = await web.program(Role.ADMIN)
    for number in range(5):
        async with web.doors.db.transaction() as session:
            subject = f"pull_orders:{world.shop.id}"
            case_id = await open_case(session, CaseKind.FAILED_JOB, f"{subject}:{number}", job=subject)
        asked = [
            program.post(f"/api/cases/{case_id}/moves/{move}", json={"note": "seen"})
            for move in ("again", "close", "again", "close")
        ]
        answers = sorted(answer.status_code for answer in await asyncio.gather(*asked))
        assert answers == [200, 404, 404, 404]
    async with web.doors.db.transaction() as session:
        made = await session.execute(text("SELECT count(*) FROM audit_log WHERE action = 'case.move'"))
        assert made.scalar_one() == 5
