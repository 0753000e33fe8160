"""Shipping for programs: one order, or up to a hundred at once, each in its own transaction.

Invariant: the same key with the same parcel is one shipment, with another parcel a conflict. Without a key, a parcel of
named lines is known by its waybill, a whole order by its attempt; so a repeated call never ships twice.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from hub.core import audit
from hub.core.db import Database, is_connection_trouble
from hub.core.errors import HubError, Invalid
from hub.core.log import get_logger
from hub.web.api.bodies import Parcel, Ship, Shipments
from hub.web.api.edge import Call, Later
from hub.web.api.orders import order_of
from hub.web.languages import Translator
from hub.web.sentences import explain
from orders.sales.ship import ship

KEY_HEADER = "Idempotency-Key"
_MOST_KEY = 100
_AT_ONCE = 4

log = get_logger(__name__)


async def ship_one(call: Call) -> Any:
    """Ship one order, or lines of it."""
    order_id, body, name = order_of(call), call.body, call.person.name
    assert isinstance(body, Ship)  # noqa: S101  # the table says so
    shipment_id = await ship(
        call.session,
        order_id,
        carrier=body.carrier,
        waybill=body.waybill,
        actor=name,
        key=key_of(body, _given_key(call)),
        quantities=body.quantities,
    )
    await audit.record(call.session, name, "order.ship", f"order:{order_id}", waybill=body.waybill)
    return {"order_id": order_id, "shipment_id": shipment_id}


async def ship_many(call: Call) -> Later:
    """Ship many orders. The audit row is written first: what was asked for; each order's diary says what became."""
    body = call.body
    assert isinstance(body, Shipments)  # noqa: S101  # the table says so
    orders = [str(parcel.order_id) for parcel in body.shipments]
    await audit.record(call.session, call.person.name, "order.ship", f"orders:{len(orders)}", orders=orders)
    return Later(partial(_ship_all, call.doors.db, call.words, call.person.name, body.shipments))


def key_of(body: Ship, given: str | None) -> str | None:
    """The idempotency key; None = the order's attempt."""
    if given or body.lines is None:
        return given
    return f"waybill:{body.carrier}:{body.waybill}"


def _given_key(call: Call) -> str | None:
    given = call.request.headers.get(KEY_HEADER, "").strip()
    if len(given) > _MOST_KEY or not given.isprintable():
        raise Invalid("An idempotency key has at most %(most)s printable characters.", most=_MOST_KEY)
    return given or None


async def _ship_all(db: Database, words: Translator, actor: str, parcels: Sequence[Parcel]) -> dict[str, Any]:
    turn = asyncio.Semaphore(_AT_ONCE)
    results = await asyncio.gather(*(_ship_apart(db, turn, words, actor, parcel) for parcel in parcels))
    shipped = sum(one["error"] is None for one in results)
    return {"results": results, "shipped": shipped, "refused": len(results) - shipped}


async def _ship_apart(
    db: Database, turn: asyncio.Semaphore, words: Translator, actor: str, parcel: Parcel
) -> dict[str, Any]:
    """One shipment in its own transaction: what happens to it concerns no other."""
    try:
        async with turn, db.transaction() as session:
            shipment_id = await ship(
                session,
                parcel.order_id,
                carrier=parcel.carrier,
                waybill=parcel.waybill,
                actor=actor,
                key=key_of(parcel, parcel.key),
                quantities=parcel.quantities,
            )
    except HubError as error:
        return _result(parcel.order_id, None, error.code, explain(words, error.message, error.facts))
    except Exception as error:  # one parcel's trouble must not hide what became of the others
        away = is_connection_trouble(error)
        log.error("shipment_failed", order=str(parcel.order_id), error=type(error).__name__)
        code = "try_again" if away else "failed"
        return _result(parcel.order_id, None, code, words.gettext("It was not stored. Send it again."))
    return _result(parcel.order_id, shipment_id)


def _result(order_id: UUID, shipment_id: UUID | None, code: str = "", message: str = "") -> dict[str, Any]:
    error = {"code": code, "message": message} if code else None
    return {"order_id": order_id, "shipment_id": shipment_id, "error": error}
