"""Alive, ready, and figures for machines: /healthz, /readyz.

Invariant: ready means that the main job runs: the database and the gate answer, workers were heard from, and every
trading shop was pulled lately, and no order waits long to be reserved. Each reason against it is named.
"""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hub.core.clock import utcnow
from hub.core.heartbeat import heard_from
from hub.core.redis import RedisError
from hub.core.shops import Shop, ShopState, list_shops
from hub.web.doors import Doors
from orders.sales.queries import oldest_new_age

HEARD_WITHIN_SECONDS = 30
PULL_LATE_SECONDS = 120
NEW_LATE_SECONDS = 60
_CHECK_SECONDS = 5.0


async def healthz(_request: Request) -> Response:
    """The process answers."""
    return JSONResponse({"alive": True})


async def readyz(request: Request) -> Response:
    """Whether the main job runs: 200, or 503 with the reasons."""
    doors: Doors = request.app.state.doors
    checks = await asyncio.gather(_database(doors), _gate(doors))
    report: dict[str, Any] = {}
    reasons: list[str] = []
    for found, against in checks:
        report |= found
        reasons += against
    body = {"ready": not reasons, "reasons": reasons, **report}
    return JSONResponse(body, status_code=503 if reasons else 200)


async def _database(doors: Doors) -> tuple[dict[str, Any], list[str]]:
    try:
        async with asyncio.timeout(_CHECK_SECONDS), doors.db.transaction() as session:
            alive = await heard_from(session, HEARD_WITHIN_SECONDS)
            shops = await list_shops(session)
            waited = await oldest_new_age(session)
    except Exception as error:  # whatever it is, the database does not serve the main job
        return {"database": False}, [f"database: {type(error).__name__}"]
    kinds = {one.kind for one in alive}
    reasons = [f"no {kind} process was heard from" for kind in ("work", "sweep") if kind not in kinds]
    reasons += [reason for shop in shops if (reason := _late(shop))]
    if waited is not None and waited.total_seconds() > NEW_LATE_SECONDS:
        reasons.append(f"an order has waited {waited.total_seconds():.0f} s to be reserved")
    return {
        "database": True,
        "workers": [
            {"process": one.process, "kind": one.kind, "age_seconds": round(one.age_seconds, 1)} for one in alive
        ],
        "shops": [_shop(shop) for shop in shops],
    }, reasons


async def _gate(doors: Doors) -> tuple[dict[str, Any], list[str]]:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await doors.redis.ping()
    except (RedisError, OSError, TimeoutError) as error:
        return {"gate": False}, [f"gate: {type(error).__name__} (orders are still reserved, slower)"]
    return {"gate": True}, []


def _shop(shop: Shop) -> dict[str, Any]:
    return {
        "id": shop.id,
        "name": shop.name,
        "kind": shop.kind,
        "state": shop.state.value,
        "last_pull_at": shop.last_pull_ok_at.isoformat() if shop.last_pull_ok_at else None,
        "pull_age_seconds": pull_age_seconds(shop),
    }


def pull_age_seconds(shop: Shop) -> float | None:
    """Seconds since the order feed was last read completely; None when it never was."""
    return None if shop.last_pull_ok_at is None else round((utcnow() - shop.last_pull_ok_at).total_seconds(), 1)


def _late(shop: Shop) -> str | None:
    """Why this shop speaks against being ready. A stopped or paused shop is a case, not an outage of the hub."""
    if shop.state is not ShopState.ACTIVE:
        return None
    age = pull_age_seconds(shop)
    if age is None:
        return f"shop {shop.id} was not pulled yet"
    limit = PULL_LATE_SECONDS + shop.poll_seconds
    return f"shop {shop.id} was last pulled {age:.0f} s ago" if age > limit else None
