"""The webhook door: verify, keep raw once, answer, and have the shop read. A webhook is a hint; the order feed decides.

Invariant: nothing of a message is believed or stored before its signature fits; a message that comes twice has one
effect; repeated wrong signatures become a case, once per so many, so that a flood opens no flood of work.
"""

import hashlib
from collections.abc import Mapping
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from channels.kit.errors import BadAnswer, BadSignature, StopShop
from channels.kit.loader import manifest_of, verify_webhook
from hub.core.cases import CaseKind, open_case
from hub.core.db import Session, after_commit
from hub.core.errors import NotFound, Refused
from hub.core.log import get_logger
from hub.core.redis import RedisError
from hub.core.shops import Shop, get_shop, open_credentials, pull_soon
from hub.web import forms
from hub.web.doors import Doors
from hub.web.intake import read_raw
from orders.sales.raw import store_webhook

SECRET_PREFIX = "webhook_secret"  # noqa: S105  # the name of a credential, not one
FORGED_FOR_A_CASE = 5
FORGED_SECONDS = 3_600
_THEN_EVERY = 100

log = get_logger(__name__)


class Forged(Refused):
    """The signature is missing or wrong."""

    code = "bad_signature"
    status = 401


async def receive_hook(request: Request) -> Response:
    """POST /hooks/{shop_id}: 200 stored (or known), 401 wrong signature, 404 no such shop or no webhooks there."""
    doors: Doors = request.app.state.doors
    shop_id = forms.row_id(request.path_params["shop_id"])
    raw = await read_raw(request)
    try:
        async with doors.db.transaction() as session:
            shop = await _shop_with_webhooks(session, shop_id)
            secrets = _secrets(await open_credentials(session, doors.seal, shop.id))
            event_id = _verified(shop, request.headers, raw, secrets)
            if await store_webhook(session, shop.id, event_id, raw, doors.seal):
                await pull_soon(session, shop.id)
                after_commit(session, partial(_ring, doors, shop.id))
    except Forged:
        await _count_forged(doors, shop_id, len(raw))
        raise
    return JSONResponse({})


async def _ring(doors: Doors, shop_id: int) -> None:
    await doors.bell.ring("pull_orders", shop_id)


async def _shop_with_webhooks(session: Session, shop_id: int) -> Shop:
    shop = await get_shop(session, shop_id)
    try:
        sends = "webhooks" in manifest_of(shop.kind).capabilities
    except StopShop:
        sends = False
    if not sends:
        raise NotFound("This shop sends no webhooks.")
    return shop


def _secrets(credentials: Mapping[str, str]) -> list[str]:
    """Every credential whose name begins with webhook_secret: an old one stays good while it is kept beside the new."""
    return [value for name, value in sorted(credentials.items()) if name.startswith(SECRET_PREFIX) and value]


def _verified(shop: Shop, headers: Mapping[str, str], raw: bytes, secrets: list[str]) -> str:
    """The id of the event. A signed message that cannot be read is still a hint. Raises Forged."""
    try:
        return verify_webhook(shop.kind, headers, raw, secrets).event_id
    except BadSignature as error:
        raise Forged("The signature is missing or wrong.") from error
    except BadAnswer as error:
        log.warning("webhook_unreadable", shop=shop.id, code=error.code, bytes=len(raw))
        return f"unreadable:{hashlib.sha256(raw).hexdigest()}"


async def _count_forged(doors: Doors, shop_id: int, size: int) -> None:
    """Count within the hour; at the fifth, and then now and again, a person is told."""
    log.warning("webhook_forged", shop=shop_id, bytes=size)
    count = await _one_more(doors, shop_id)
    if count != FORGED_FOR_A_CASE and (count == 0 or count % _THEN_EVERY):
        return
    async with doors.db.transaction() as session:
        await open_case(session, CaseKind.FORGED_WEBHOOK, f"shop:{shop_id}:webhooks", shop_id=shop_id, count=count)


async def _one_more(doors: Doors, shop_id: int) -> int:
    """How many wrong signatures this shop had within an hour from the first; 0 when nobody can count."""
    key = f"tongku:forged:{shop_id}"
    try:
        async with doors.redis.pipeline(transaction=True) as pipe:
            pipe.incr(key)
            pipe.expire(key, FORGED_SECONDS, nx=True)
            count, _ = await pipe.execute()
    except (RedisError, OSError, TimeoutError) as error:
        log.warning("webhook_forged_uncounted", shop=shop_id, error=type(error).__name__)
        return 0
    return int(count)
