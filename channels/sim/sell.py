"""What buyers and sellers do inside a simulated shop: buy, pay, cancel, edit.

Invariant: a buyer gets only what the shop shows at that moment, all in one transaction; the shop's own number falls
when its marketplace says so (Shopify at the order, TOP at the payment); every change moves the order's modified time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from channels.sim.clock import SimClock
from channels.sim.store import Listing, Sale, Shop, Store

MAX_LINES = 2_000
_LINE_IDS_PER_SALE = 4_096


@dataclass(frozen=True, slots=True)
class Wish:
    """One line of a basket: the listing (None = the shop has no such thing) and how many."""

    listing: Listing | None
    asked: int


@dataclass(frozen=True, slots=True)
class Bought:
    """What became of a basket; `sold` per wish, in order."""

    sale: Sale | None
    sold: tuple[int, ...]


class Till:
    """The verbs, on one store and one clock."""

    def __init__(self, store: Store, clock: SimClock) -> None:
        self._store = store
        self._clock = clock

    def buy(self, shop: Shop, wishes: Sequence[Wish], *, buyer: str, partial: bool = True, paid: bool = True) -> Bought:
        """Take what is shown. Without `partial` all lines or none."""
        lowers_now = paid or shop.kind == "shopify"
        with self._store.change():
            sold = self._take_shown(wishes, really=lowers_now)
            if not partial and any(got < wish.asked for got, wish in zip(sold, wishes, strict=True)):
                self._give_back(wishes, sold, really=lowers_now)
                sold = [0] * len(wishes)
            lost = sum(wish.asked for wish in wishes) - sum(sold)
            if lost:
                self._store.count(shop.id, "units_lost", lost)
            sale = self._record(shop, wishes, sold, buyer=buyer, paid=paid, lowered=lowers_now) if any(sold) else None
        return Bought(sale, tuple(sold))

    def _take_shown(self, wishes: Sequence[Wish], *, really: bool) -> list[int]:
        sold = []
        for wish in wishes:
            shown = self._store.listing(wish.listing.shop, wish.listing.id) if wish.listing else None
            got = max(0, min(wish.asked, shown.qty)) if shown else 0
            if got and really and shown:
                self._store.take(shown.id, got)
            sold.append(got)
        return sold

    def _give_back(self, wishes: Sequence[Wish], sold: Sequence[int], *, really: bool) -> None:
        for wish, got in zip(wishes, sold, strict=True):
            if wish.listing and got and really:
                self._store.lower(wish.listing.id, -got)

    def _record(
        self, shop: Shop, wishes: Sequence[Wish], sold: Sequence[int], *, buyer: str, paid: bool, lowered: bool
    ) -> Sale:
        now = self._clock.tick_ms()
        doc: dict[str, Any] = {
            "buyer": buyer, "created_ms": now, "paid_ms": now if paid else None, "lowered": lowered,
            "cancelled_ms": None, "closed_ms": None, "refund": "", "shipping": "0.00", "parcels": [],
            "lines": [
                _line(number, wish.listing, got)
                for number, (wish, got) in enumerate(zip(wishes, sold, strict=True))
                if wish.listing and got
            ],
        }  # fmt: skip
        sale = Sale(self._store.add_sale(shop.id, now, doc), shop.id, now, doc)
        for line in doc["lines"]:
            line["id"] = sale.id * _LINE_IDS_PER_SALE + line["id"]
            self._store.count_sold(line["listing"], line["code"], line["qty"])
        self._store.save_sale(sale)
        self._store.count(shop.id, "orders")
        self._store.count(shop.id, "units_sold", sum(sold))
        return sale

    def edit(self, shop: Shop, sale: Sale, do: str, how: Mapping[str, Any]) -> None:
        """One of the verbs below. Raises ValueError for an unknown one."""
        verb = _VERBS.get(do)
        if verb is None:
            raise ValueError(f"unknown edit {do!r}; there are {', '.join(_VERBS)}")
        with self._store.change():
            sale.modified_ms = self._clock.tick_ms()
            verb(self._store, shop, sale, how)
            self._store.save_sale(sale)

    def ship(self, sale: Sale, *, carrier: str, waybill: str, lines: Mapping[int, int]) -> None:
        """Goods leave: `lines` maps line id to units, checked by the caller."""
        with self._store.change():
            sale.modified_ms = self._clock.tick_ms()
            for line in sale.doc["lines"]:
                line["shipped"] += lines.get(line["id"], 0)
            parcel = {"carrier": carrier, "waybill": waybill, "at_ms": sale.modified_ms, "lines": list(lines.items())}
            sale.doc["parcels"].append(parcel)
            self._store.save_sale(sale)
            self._store.count(sale.shop, "shipments")


def _line(number: int, listing: Listing, units: int) -> dict[str, Any]:
    return {
        "id": number, "listing": listing.id, "single": listing.single, "sku": listing.sku, "code": listing.code,
        "title": listing.title, "price": listing.price, "qty": units, "cur": units, "shipped": 0, "discount": "0.00",
    }  # fmt: skip


def total(sale: Sale, *, current: bool = False) -> Decimal:
    """What the buyer pays."""
    key = "cur" if current else "qty"
    goods = sum((Decimal(x["price"]) * x[key] - Decimal(x["discount"]) for x in sale.doc["lines"]), Decimal(0))
    return max(Decimal(0), goods) + Decimal(sale.doc["shipping"])


def remaining(line: Mapping[str, Any]) -> int:
    """Units of a line that have not left."""
    return max(0, int(line["cur"]) - int(line["shipped"]))


def _pay(store: Store, _shop: Shop, sale: Sale, _how: Mapping[str, Any]) -> None:
    if sale.doc["paid_ms"] is None:
        sale.doc["paid_ms"] = sale.modified_ms
        if not sale.doc["lowered"]:
            for line in sale.doc["lines"]:
                store.lower(line["listing"], line["qty"])
            sale.doc["lowered"] = True


def _restock(store: Store, sale: Sale) -> None:
    for line in sale.doc["lines"]:
        back = remaining(line)
        if back and sale.doc["lowered"]:
            store.lower(line["listing"], -back)
        if back:
            store.count_sold(line["listing"], line["code"], -back)


def _cancel(store: Store, _shop: Shop, sale: Sale, how: Mapping[str, Any]) -> None:
    if sale.doc["cancelled_ms"] is None:
        sale.doc["cancelled_ms"] = sale.modified_ms
        if how.get("restock", True):
            _restock(store, sale)


def _ask_refund(_store: Store, _shop: Shop, sale: Sale, _how: Mapping[str, Any]) -> None:
    sale.doc["refund"] = "OPEN"


def _refund(store: Store, shop: Shop, sale: Sale, how: Mapping[str, Any]) -> None:
    sale.doc["refund"] = "DONE"
    _cancel(store, shop, sale, how)


def _close(_store: Store, _shop: Shop, sale: Sale, _how: Mapping[str, Any]) -> None:
    sale.doc["closed_ms"] = sale.modified_ms


def _set_line(store: Store, _shop: Shop, sale: Sale, how: Mapping[str, Any]) -> None:
    """Lower a line to `qty` units; `line` is its place in the order."""
    line = sale.doc["lines"][int(how.get("line", 0))]
    units = max(line["shipped"], min(int(how["qty"]), line["cur"]))
    if sale.doc["lowered"]:
        store.lower(line["listing"], units - line["cur"])
    store.count_sold(line["listing"], line["code"], units - line["cur"])
    line["cur"] = units


def _touch(_store: Store, _shop: Shop, _sale: Sale, _how: Mapping[str, Any]) -> None:
    """Only the modified time moves."""


def _presale(_store: Store, _shop: Shop, sale: Sale, how: Mapping[str, Any]) -> None:
    sale.doc["presale"] = str(how.get("step", "FRONT_PAID_FINAL_NOPAID"))


def _hold(_store: Store, _shop: Shop, sale: Sale, _how: Mapping[str, Any]) -> None:
    sale.doc["on_hold"] = True


_VERBS = {
    "pay": _pay, "cancel": _cancel, "ask_refund": _ask_refund, "refund": _refund, "close": _close,
    "set_line": _set_line, "touch": _touch, "presale": _presale, "hold": _hold,
}  # fmt: skip
