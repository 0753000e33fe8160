"""Every word that the console shows for a value of the domains: states, kinds, causes, fields.

Invariant: a value never reaches a page bare; each has a message id here (marked with `_` for extraction), a tone and an
icon, so that colour never carries meaning alone.
"""

from dataclasses import dataclass

from hub.core.cases import CaseKind
from hub.core.people import Role


def _(message: str) -> str:
    """Marks a message for the catalogue; the template translates it."""
    return message


@dataclass(frozen=True, slots=True)
class Word:
    """How a value is shown. Tones: quiet, accent, good, soon, bad."""

    label: str
    tone: str = "quiet"
    icon: str = "dot"
    hint: str = ""


ORDER_STATES: dict[str, Word] = {
    "pending": Word(_("unpaid"), "quiet", "clock", _("The buyer has not paid yet; nothing is reserved.")),
    "unmapped": Word(_("unmapped"), "soon", "link", _("A listing of this order is not matched to a Sku yet.")),
    "new": Word(_("to reserve"), "accent", "clock", _("Recorded; units are about to be reserved.")),
    "reserved": Word(_("to ship"), "accent", "box", _("All units are reserved. Ship it.")),
    "backordered": Word(
        _("backordered"), "bad", "alert", _("Units are missing. It is reserved as soon as stock comes.")
    ),
    "held": Word(_("held"), "soon", "pause", _("A person holds this order.")),
    "shipped": Word(_("shipped"), "good", "truck", _("The goods have left.")),
    "completed": Word(_("completed"), "good", "check", _("The channel calls it complete.")),
    "cancelled": Word(_("cancelled"), "quiet", "cross", _("Nothing is reserved any more.")),
}

CASE_KINDS: dict[CaseKind, Word] = {
    CaseKind.UNMAPPED_LISTING: Word(
        _("Listing without a Sku"),
        "soon",
        "link",
        _("Orders for it wait, and nothing is published until it is matched."),
    ),
    CaseKind.EXTERNAL_OVERSELL: Word(
        _("Oversold at the channel"), "bad", "alert", _("The channel sold more than there is. A buyer waits for goods.")
    ),
    CaseKind.SHORT_STOCK: Word(
        _("Stock shortage"), "bad", "alert", _("Less is on hand than was promised; the newest claims were taken back.")
    ),
    CaseKind.REJECTED_PUSH: Word(
        _("Stock number refused"), "bad", "alert", _("The channel refused our number and may sell what is not there.")
    ),
    CaseKind.REJECTED_SHIPMENT: Word(
        _("Shipment refused"), "soon", "truck", _("The goods have left, but the channel does not accept the shipment.")
    ),
    CaseKind.UNREADABLE_ORDER: Word(
        _("Unreadable order"), "bad", "alert", _("An order arrived that could not be understood. It is kept raw.")
    ),
    CaseKind.STALE_FEED: Word(
        _("Order feed is late"),
        "bad",
        "clock",
        _("The shop does not answer; new orders are not seen. Nothing is lost."),
    ),
    CaseKind.CREDENTIALS: Word(
        _("Shop stopped"), "bad", "key", _("Credentials or settings are refused. Nothing goes in or out until renewed.")
    ),
    CaseKind.FORGED_WEBHOOK: Word(
        _("Messages with a wrong signature"),
        "soon",
        "key",
        _("Somebody sends messages in the shop's name, or its signing secret is out of date. None was believed."),
    ),
    CaseKind.LATE_CANCEL: Word(
        _("Cancelled after shipment"), "soon", "cross", _("The buyer cancelled when the goods had left already.")
    ),
    CaseKind.FROZEN_KEY: Word(
        _("Frozen stock"),
        "bad",
        "alert",
        _("The figures of a Sku contradict each other; it sells nothing until checked."),
    ),
    CaseKind.FAILED_JOB: Word(_("Failed job"), "soon", "alert", _("A background job failed and will be tried again.")),
    CaseKind.POSTING_BLOCKED: Word(
        _("Posting blocked"), "soon", "book", _("An event could not be booked; the voucher is missing until it is.")
    ),
}

SHOP_STATES: dict[str, Word] = {
    "active": Word(_("trading"), "good", "check"),
    "paused": Word(_("paused"), "soon", "pause"),
    "stopped": Word(_("stopped"), "bad", "alert"),
}

ROLES: dict[Role, Word] = {
    Role.VIEWER: Word(_("viewer"), hint=_("Sees figures, no buyers; changes nothing.")),
    Role.OPERATOR: Word(_("operator"), hint=_("Works on orders, listings, cases and shops.")),
    Role.WAREHOUSE: Word(_("warehouse"), hint=_("Receives, adjusts and ships.")),
    Role.FINANCE: Word(_("finance"), hint=_("Sees costs and vouchers.")),
    Role.ADMIN: Word(_("admin"), hint=_("May do everything, people and keys included.")),
}

MOVE_CAUSES: dict[str, str] = {
    "receive": _("goods received"),
    "ship": _("shipment"),
    "adjust": _("adjustment"),
}

ADJUST_REASONS: dict[str, str] = {
    "count": _("stocktake"),
    "damaged": _("damaged"),
    "lost": _("lost"),
    "found": _("found again"),
    "sample": _("given as a sample"),
    "other": _("another reason"),
}

WAREHOUSES = (_("Main warehouse"),)
"""Names that the hub itself gives; other warehouses have the merchant's names."""

RESERVATION_KINDS: dict[str, str] = {"hold": _("hold"), "claim": _("claim")}

WATERFALL: dict[str, Word] = {
    "on_hand": Word(_("on hand"), hint=_("Units in our warehouses.")),
    "reserved": Word(_("reserved"), hint=_("Units promised to orders and carts.")),
    "shortage": Word(_("shortage"), hint=_("Reserved beyond what is there; it counts as zero, never below.")),
    "frozen": Word(_("frozen"), hint=_("Units whose figures contradict each other; they are not sold.")),
    "pool_free": Word(_("free"), hint=_("What all shops share.")),
    "in_flight": Word(_("in flight"), hint=_("Sold at this shop, known to us, not reserved yet.")),
    "buffer": Word(_("buffer"), hint=_("Kept back at this shop against sales that we have not heard of.")),
    "floor": Word(_("floor at zero"), hint=_("A channel never gets a number below zero.")),
    "offer": Word(_("sellable"), hint=_("The number that is published.")),
}

PUSH_OUTCOMES: dict[str, Word] = {
    "applied": Word(_("applied"), "good", "check"),
    "accepted": Word(_("accepted"), "accent", "clock"),
    "rejected": Word(_("refused"), "bad", "cross"),
}

ORDER_EVENTS: dict[str, str] = {
    "recorded": _("Recorded from the channel"),
    "changed": _("The channel changed it"),
    "differs": _("The channel tells something else under the same version"),
    "mapped": _("Listing matched"),
    "reserved": _("Units reserved"),
    "backordered": _("Units are missing: backordered"),
    "held": _("Held"),
    "released": _("Hold ended"),
    "retried": _("Tried again"),
    "shipped": _("Goods left"),
    "told": _("The channel knows of the shipment"),
    "tell_again": _("The channel is told again"),
    "tell_refused": _("The channel refused the shipment"),
    "cancelled": _("Cancelled"),
    "cancel_asked": _("Cancellation asked for"),
    "keeps_waiting": _("Keeps waiting for goods"),
    "late_cancel_settled": _("Late cancellation settled"),
    "voided": _("Claim taken back: less stock than promised"),
}

ORDER_CHIPS: dict[str, str] = {
    "to_ship": _("to ship"),
    "waiting": _("waiting"),
    "backordered": _("backordered"),
    "held": _("held"),
    "gone": _("shipped"),
    "cancelled": _("cancelled"),
}

ORDER_REASONS: dict[str, str] = {
    "cancelled_here": _("Cancelled here"),
    "cancelled_by_channel": _("Cancelled at the channel"),
    "all_removed": _("All lines were removed"),
    "held_here": _("Held by a person"),
    "held_by_channel": _("Held by the channel"),
    "cancel_requested": _("The buyer asks to cancel"),
    "no_lines": _("The channel named no lines yet"),
    "before_connection": _("Older than the connection of the shop"),
    "no_stock": _("Not enough stock"),
    "claims_voided": _("Less stock than promised"),
}

CHANNEL_STATUSES: dict[str, str] = {
    "pending": _("unpaid"),
    "to_ship": _("to ship"),
    "part_shipped": _("shipped in part"),
    "shipped": _("shipped"),
    "completed": _("completed"),
    "cancelled": _("cancelled"),
    "refunded": _("refunded"),
    "hold": _("held"),
}

TRACK: dict[str, str] = {
    "placed": _("Placed"),
    "recorded": _("Recorded"),
    "reserved": _("Reserved"),
    "shipped": _("Shipped"),
    "told": _("Channel told"),
}

EVENT_TONES: dict[str, str] = {
    "reserved": "good",
    "shipped": "good",
    "told": "good",
    "backordered": "bad",
    "differs": "bad",
    "tell_refused": "bad",
    "cancelled": "bad",
}

BUYER_FIELDS: dict[str, str] = {
    "name": _("name"),
    "nick": _("account"),
    "email": _("e-mail"),
    "phone": _("phone"),
    "mobile": _("phone"),
    "address": _("address"),
    "address1": _("address"),
    "address2": _("address, second line"),
    "city": _("city"),
    "district": _("district"),
    "state": _("province"),
    "province": _("province"),
    "zip": _("postcode"),
    "country": _("country"),
}

SUBLEDGER: dict[str, str] = {
    "sale": _("sale"),
    "cost": _("cost"),
    "receipt": _("goods received"),
    "adjustment": _("adjustment"),
    "reversal": _("reversal"),
}

VOUCHER_SOURCES: dict[str, str] = {
    "shipment": _("shipment"),
    "receipt": _("goods received"),
    "adjustment": _("adjustment"),
}

FIELDS: dict[str, str] = {
    "name": _("name"),
    "password": _("password"),
    "present": _("present password"),
    "new": _("new password"),
    "qty": _("quantity"),
    "unit_cost": _("unit cost"),
    "reference": _("reference"),
    "reason": _("reason"),
    "carrier": _("carrier"),
    "waybill": _("waybill"),
    "code": _("code"),
    "barcode": _("barcode"),
    "sku": _("Sku"),
    "role": _("role"),
    "note": _("note"),
    "base_url": _("address"),
    "currency": _("currency"),
    "buffer": _("buffer"),
    "pause": _("seconds between two readings"),
}

ACTIONS: dict[str, str] = {
    "person.add": _("added a person"),
    "person.role": _("changed a role"),
    "person.close": _("closed an account"),
    "person.open": _("reopened an account"),
    "person.reset_password": _("gave a new one-time password"),
    "person.change_password": _("changed the own password"),
    "person.sign_in": _("signed in"),
    "person.sign_out": _("signed out"),
    "person.revoke_session": _("ended a session"),
    "key.add": _("made an API key"),
    "key.revoke": _("revoked an API key"),
    "shop.pause": _("paused a shop"),
    "shop.resume": _("resumed a shop"),
    "shop.pull": _("asked for a pull"),
    "shop.credentials": _("renewed credentials"),
    "shop.change": _("changed buffer or pace of a shop"),
    "shop.import": _("read the catalogue"),
    "shop.connect": _("connected a shop"),
    "list.export": _("exported a list"),
    "stock.freeze": _("froze a Sku"),
    "stock.rebuild": _("rebuilt the figures of a Sku"),
    "stock.repair": _("repaired a figure"),
    "case.close": _("closed a case"),
    "case.own": _("took a case"),
    "case.move": _("worked on a case"),
    "order.ship": _("shipped an order"),
    "order.cancel": _("cancelled an order"),
    "order.hold": _("held an order"),
    "order.unhold": _("ended a hold"),
    "order.retry": _("tried an order again"),
    "stock.receive": _("received goods"),
    "stock.adjust": _("adjusted stock"),
    "sku.add": _("added a Sku"),
    "listing.map": _("matched a listing"),
    "listing.publish": _("switched publishing"),
    "listing.push_again": _("asked for a push"),
    "order.keep_waiting": _("let an order wait for goods"),
    "order.late_cancel": _("settled a late cancellation"),
    "shipment.tell_again": _("told a channel again"),
    "shipment.told_by_hand": _("noted that a channel was told by hand"),
    "buyer.look": _("looked at buyer data"),
    "event.retry": _("asked for an event to be tried again"),
}

FACTS: dict[str, str] = {
    "reason": _("Reason"),
    "error": _("What the other side said"),
    "code": _("Error code"),
    "quantity": _("Number that was sent"),
    "external_id": _("Id at the channel"),
    "units_missing": _("Units missing"),
    "placed_at": _("Placed"),
    "recorded_at": _("Recorded"),
    "pull_lag_seconds": _("Seconds from sale to our reading"),
    "published": _("Number that the channel had"),
    "attempts": _("Attempts"),
    "job": _("Job"),
    "topic": _("Event"),
    "state": _("State"),
    "waybill": _("Waybill"),
}


def word(table: dict[str, Word], value: str) -> Word:
    """The word for a value; an unknown value shows as itself, quietly."""
    return table.get(value, Word(value))
