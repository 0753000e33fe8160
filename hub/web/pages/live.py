"""The live stream: one event every second or two with the figures that open pages show.

Invariant: the session is checked when the stream opens and the transaction is closed before the first event, so that an
open page holds no connection to the database.
"""

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from hub.web.ask import current_visit
from hub.web.doors import Doors


async def stream(request: Request) -> Response:
    """The stream for a signed-in person; 401 otherwise, then the browser stops asking."""
    doors: Doors = request.app.state.doors
    async with doors.db.transaction() as session:
        visit = await current_visit(request, session)
    if visit is None or visit.person.must_change:
        return Response(status_code=401)
    doors.live.admit()
    await doors.live.look()
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(doors.live.stream(), media_type="text/event-stream", headers=headers)
