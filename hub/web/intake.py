"""Reading what a program sends: the raw bytes, bounded in size by hub.web.headers and in time here.

Invariant: no transaction is open while a slow sender is being waited for.
"""

import asyncio

from starlette.requests import ClientDisconnect, Request

from hub.core.errors import Refused

READ_SECONDS = 15.0


class Incomplete(Refused):
    """The body did not arrive in time, or not at all: send it again."""

    code = "incomplete"
    status = 408


async def read_raw(request: Request) -> bytes:
    """The whole body. Raises Incomplete."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await request.body()
    except (TimeoutError, ClientDisconnect) as error:
        raise Incomplete("The request did not arrive completely. Send it again.") from error
