"""Shops for programs: how they do, change, pause, resume, pull now.

Invariant: credentials and settings never leave here.
"""

from typing import Any

from hub.core import audit
from hub.core.cases import CaseKind, close_cases_of
from hub.core.shops import Shop, ShopState, get_shop, list_shops, pull_soon, set_state
from hub.web import forms
from hub.web.api.edge import Call
from hub.web.health import pull_age_seconds
from hub.web.shop_changes import change

_SHOWN = (
    "id", "kind", "name", "currency", "state", "state_reason", "buffer_units", "poll_seconds", "cursor_at",
    "last_pull_ok_at", "last_push_ok_at", "last_error", "failures",
)  # fmt: skip


async def list_all(call: Call) -> Any:
    """All shops."""
    return {"shops": [shown(shop) for shop in await list_shops(call.session)]}


async def change_one(call: Call) -> Any:
    """Buffer and pace; the shop's numbers follow."""
    told, shop_id = call.body, (await _shop(call)).id
    after = await change(call, shop_id, buffer_units=told.buffer_units, poll_seconds=told.poll_seconds)
    return {"shop": shown(after)}


async def pause(call: Call) -> Any:
    """Nothing goes in or out until it is resumed."""
    shop = await _shop(call)
    await set_state(call.session, shop.id, ShopState.PAUSED, call.person.name)
    return await _done(call, shop.id, "shop.pause")


async def resume(call: Call) -> Any:
    """Read and publish again, with the credentials as they are now."""
    shop = await _shop(call)
    await set_state(call.session, shop.id, ShopState.ACTIVE, None)
    await close_cases_of(call.session, CaseKind.CREDENTIALS, f"shop:{shop.id}", call.person.name, "resumed")
    call.wake("pull_orders", shop.id)
    call.wake("push_offers", shop.id)
    return await _done(call, shop.id, "shop.resume")


async def pull(call: Call) -> Any:
    """Read the orders now; a paused or stopped shop is read when it is resumed."""
    shop = await _shop(call)
    await pull_soon(call.session, shop.id)
    call.wake("pull_orders", shop.id)
    return await _done(call, shop.id, "shop.pull")


def shown(shop: Shop) -> dict[str, Any]:
    """A shop without settings."""
    return {name: getattr(shop, name) for name in _SHOWN} | {"pull_age_seconds": pull_age_seconds(shop)}


async def _shop(call: Call) -> Shop:
    return await get_shop(call.session, forms.row_id(call.request.path_params["id"]))


async def _done(call: Call, shop_id: int, action: str) -> dict[str, Any]:
    await audit.record(call.session, call.person.name, action, f"shop:{shop_id}")
    return {"shop": shown(await get_shop(call.session, shop_id))}
