"""The acts behind the moves: each takes the case in hand to the ordinary verb, with the actor and a row in the trail.

Invariant: nothing here decides whether somebody may; hub.web.moves has asked before. A case that lacks what an act
needs is refused in words.
"""

from typing import Any
from uuid import UUID

from hub.core import audit, outbox
from hub.core.cases import close_case
from hub.core.errors import Conflict, Invalid, NotFound
from hub.core.queries import Case
from hub.core.shops import ShopState, pull_soon, set_state
from hub.web import forms
from hub.web.ask import Ask
from orders.sales.resolve import (
    accept_late_cancel,
    cancel_here,
    keep_waiting,
    map_and_drive,
    mark_told_by_hand,
    retry_backorder,
    tell_again,
)
from stockpool.catalogue import add_sku
from stockpool.claims.rules import Place
from stockpool.offers.listings import push_again, set_publish
from stockpool.queries import find_sku, listing_detail
from stockpool.repair import is_frozen, rebuild_level


def _of(case: Case, name: str) -> Any:
    value = getattr(case, name)
    if value is None:
        raise Invalid("This case does not say which one it is about. Close it with a note.")
    return value


async def do_map(ask: Ask, case: Case) -> None:
    """The listing sells the Sku whose code was typed."""
    code = forms.text(ask.form, "sku", most=200)
    found = await find_sku(ask.session, code)
    if found is None:
        raise NotFound("There is no Sku with the code %(code)s.", code=code)
    await map_and_drive(ask.session, _of(case, "listing_id"), found.id, ask.person.name)
    ask.wake("handle_events")


async def do_add_and_map(ask: Ask, case: Case) -> None:
    """A new Sku from the listing, matched to it."""
    listing = await listing_detail(ask.session, _of(case, "listing_id"))
    code = (listing.channel_sku or listing.external_id).strip()
    sku_id = await add_sku(ask.session, code, listing.title or code)
    await audit.record(ask.session, ask.person.name, "sku.add", f"sku:{sku_id}", code=code)
    await map_and_drive(ask.session, listing.id, sku_id, ask.person.name)
    ask.wake("handle_events")


async def do_leave_unpublished(ask: Ask, case: Case) -> None:
    """No number of this listing is sent."""
    await set_publish(ask.session, _of(case, "listing_id"), False, ask.person.name)


async def do_push_again(ask: Ask, case: Case) -> None:
    """Our number is sent again."""
    await push_again(ask.session, _of(case, "listing_id"), ask.person.name)
    ask.wake("relay")
    ask.wake("push_offers", _of(case, "shop_id"))


async def do_retry(ask: Ask, case: Case) -> None:
    """The backorder is tried again."""
    await retry_backorder(ask.session, _of(case, "order_id"), ask.person.name)


async def do_cancel(ask: Ask, case: Case) -> None:
    """The order ends here."""
    await cancel_here(ask.session, _of(case, "order_id"), ask.person.name, "oversold")


async def do_wait(ask: Ask, case: Case) -> None:
    """The backorder waits for goods."""
    await keep_waiting(ask.session, _of(case, "order_id"), ask.person.name)


async def do_late_cancel_returns(ask: Ask, case: Case) -> None:
    """A return is expected."""
    await accept_late_cancel(ask.session, _of(case, "order_id"), ask.person.name, "goods come back")


async def do_late_cancel_keeps(ask: Ask, case: Case) -> None:
    """The sale stands."""
    await accept_late_cancel(ask.session, _of(case, "order_id"), ask.person.name, "buyer keeps the goods")


def _shipment(case: Case) -> UUID:
    return forms.uuid(str(case.facts.get("shipment_id", "")))


async def do_tell_again(ask: Ask, case: Case) -> None:
    """The channel is told of the shipment again."""
    await tell_again(ask.session, _shipment(case), ask.person.name)
    ask.wake("tell_shipments")


async def do_told_by_hand(ask: Ask, case: Case) -> None:
    """A person has told the channel."""
    await mark_told_by_hand(ask.session, _shipment(case), ask.person.name)


async def do_pull(ask: Ask, case: Case) -> None:
    """The shop's orders are read now."""
    shop_id = _of(case, "shop_id")
    await pull_soon(ask.session, shop_id)
    await audit.record(ask.session, ask.person.name, "shop.pull", f"shop:{shop_id}")
    ask.wake("pull_orders", shop_id)


async def do_resume(ask: Ask, case: Case) -> None:
    """The shop trades again."""
    shop_id = _of(case, "shop_id")
    await set_state(ask.session, shop_id, ShopState.ACTIVE, None)
    await audit.record(ask.session, ask.person.name, "shop.resume", f"shop:{shop_id}")
    ask.wake("pull_orders", shop_id)


async def do_pause(ask: Ask, case: Case) -> None:
    """The shop pauses."""
    shop_id = _of(case, "shop_id")
    await set_state(ask.session, shop_id, ShopState.PAUSED, f"case {case.id}")
    await audit.record(ask.session, ask.person.name, "shop.pause", f"shop:{shop_id}")


async def do_run_again(ask: Ask, case: Case) -> None:
    """The job runs again."""
    job, *arguments = str(case.facts.get("job", "")).split(":")
    if not job.isidentifier():
        raise Invalid("This case does not say which one it is about. Close it with a note.")
    ask.wake(job, *(int(one) if one.isdecimal() else one for one in arguments))


async def do_event_again(ask: Ask, case: Case) -> None:
    """The event is due again, now."""
    outbox_id = case.facts.get("outbox_id")
    if not isinstance(outbox_id, int):
        raise Invalid("This case does not say which one it is about. Close it with a note.")
    await outbox.try_again(ask.session, outbox_id)
    await audit.record(ask.session, ask.person.name, "event.retry", f"outbox:{outbox_id}")
    ask.wake("handle_events")


async def do_rebuild(ask: Ask, case: Case) -> None:
    """The level is added up from its rows."""
    await rebuild_level(ask.session, _place(case), ask.person.name)
    ask.wake("relay")


async def do_close_thawed(ask: Ask, case: Case) -> None:
    """Ends the case of a Sku that sells again: closed earlier, nothing would tell that it sells nothing."""
    if await is_frozen(ask.session, _place(case)):
        raise Conflict("This Sku is still frozen and sells nothing. Rebuild its figures first.")
    await do_close(ask, case)


def _place(case: Case) -> Place:
    kind, *ids = case.subject.split(":")
    if kind != "level" or len(ids) != 2 or not all(one.isdecimal() for one in ids):
        raise Invalid("This case does not say which one it is about. Close it with a note.")
    return int(ids[0]), int(ids[1])


async def do_close(ask: Ask, case: Case) -> None:
    """Ends the case with a note."""
    note = forms.text(ask.form, "note", most=400)
    await close_case(ask.session, case.id, ask.person.name, note)
    await audit.record(ask.session, ask.person.name, "case.close", f"case:{case.id}", note=note)
