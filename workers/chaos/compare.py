"""What must be true when all has come to rest: the shops' own memory against the hub's. Pure.

Invariant: every sold order is in the hub exactly once with the units that the shop says, every shipment is known to its
shop once and has one voucher, whatever was acknowledged is there, and every shop shows what the hub wants it to show.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from uuid import UUID

from orders.sales.census import Counted

_ALIVE = {"reserved", "backordered", "shipped", "completed"}


@dataclass(frozen=True, slots=True)
class Sold:
    """An order as its shop remembers it. `lines`: platform sku -> units that the buyer still wants."""

    shop_id: int
    external_id: str
    lines: Mapping[str, int]
    paid: bool
    cancelled: bool
    waybills: Sequence[str]
    unsent: int
    """units that the shop waits for"""

    @property
    def key(self) -> tuple[int, str]:
        """What makes an order one order."""
        return self.shop_id, self.external_id


@dataclass(frozen=True, slots=True)
class Shown:
    """A listing: what its shop shows, what the hub wants, what the stock offers now."""

    shop_id: int
    external_id: str
    shown: int | None
    want: int | None
    offer: int
    publish: bool


@dataclass(frozen=True, slots=True)
class Hubs:
    """The hub's memory."""

    orders: Sequence[Counted]
    vouchers: Sequence[str]
    """the shipment of each voucher about one"""
    moves: Set[UUID]
    refused_shipments: Set[str]
    """shipments that wait for a person because their shop refuses them"""


def compare_orders(sold: Sequence[Sold], hub: Hubs) -> Iterator[str]:
    """What is wrong with orders, shipments and their vouchers, in words."""
    counts = Counter((one.shop_id, one.external_id) for one in hub.orders)
    yield from (f"order {key} is in the hub {times} times" for key, times in counts.items() if times > 1)
    ours = {(one.shop_id, one.external_id): one for one in hub.orders}
    theirs = {one.key for one in sold}
    yield from (f"order {key} is in the hub and in no shop" for key in sorted(ours.keys() - theirs))
    for one in sold:
        if one.key not in ours:
            yield f"order {one.key} was sold and is not in the hub"
            continue
        mine = ours[one.key]
        yield from (f"order {one.key} ({mine.state}): {words}" for words in _compare(one, mine, hub))
    yield from _vouchers(hub)


def compare_shops(listings: Sequence[Shown]) -> Iterator[str]:
    """Where a shop shows another number than it should."""
    for one in listings:
        if not one.publish or not one.shown == one.want == one.offer:
            stopped = "" if one.publish else ", not published"
            yield (
                f"listing {one.external_id} of shop {one.shop_id} shows {one.shown}, wanted {one.want}, "
                f"offer {one.offer}{stopped}"
            )


def compare_promises(promised: Mapping[str, Set[UUID]], hub: Hubs) -> Iterator[str]:
    """What was acknowledged to a person and is not there. `promised`: shipped, received, counted."""
    shipments = {parcel.id for order in hub.orders for parcel in order.shipments}
    for name, ids in promised.items():
        lost = ids - (shipments if name == "shipped" else hub.moves)
        yield from (f"{name}: {one} was acknowledged and is not there" for one in sorted(lost, key=str))


def _compare(sold: Sold, mine: Counted, hub: Hubs) -> Iterator[str]:
    yield from _state(sold, mine)
    yield from _lines(sold, mine)
    yield from _parcels(sold, mine, hub)


def _parcels(sold: Sold, mine: Counted, hub: Hubs) -> Iterator[str]:
    """A shop that has cancelled, or waits for nothing more, may refuse a shipment; then a person has the case."""
    there = Counter(sold.waybills)
    wants = sold.unsent > 0 and not sold.cancelled
    for parcel in mine.shipments:
        told = there.pop(parcel.waybill, 0)
        if told > 1 or (told == 0 and wants):
            yield f"shipment {parcel.waybill} was told {told} times"
        if not parcel.told and str(parcel.id) not in hub.refused_shipments:
            yield f"shipment {parcel.waybill} is not told"
    yield from (f"the shop knows shipment {waybill}, the hub does not" for waybill in there)


def _state(sold: Sold, mine: Counted) -> Iterator[str]:
    if sold.cancelled:
        if mine.state != "cancelled" and not (mine.shipments and mine.cancel):
            yield "its shop has cancelled it"
    elif not any(sold.lines.values()):
        if mine.state != "cancelled" and not mine.shipments:
            yield "nothing of it is wanted any more"
    elif not sold.paid:
        if mine.state != "pending":
            yield "it is not paid"
    elif mine.state not in _ALIVE:
        yield f"it waits ({mine.state_reason})"


def _lines(sold: Sold, mine: Counted) -> Iterator[str]:
    if sold.cancelled or mine.state == "cancelled":
        return
    units = Counter({line.platform_sku: 0 for line in mine.lines})
    for line in mine.lines:
        units[line.platform_sku] += line.qty
    gone = bool(mine.shipments)  # what has left is not taken back by an edit of the shop
    for name in sorted({*units, *sold.lines}):
        wanted = sold.lines.get(name, 0)
        if units[name] < wanted or (units[name] != wanted and not gone):
            yield f"{units[name]} units of {name}, the shop says {wanted}"


def _vouchers(hub: Hubs) -> Iterator[str]:
    counts = Counter(hub.vouchers)
    for order in hub.orders:
        for parcel in order.shipments:
            if counts[str(parcel.id)] != 1:
                yield f"shipment {parcel.waybill} has {counts[str(parcel.id)]} vouchers"
    known = {str(parcel.id) for order in hub.orders for parcel in order.shipments}
    yield from (f"a voucher tells of shipment {one}, which is not there" for one in sorted(counts.keys() - known))
