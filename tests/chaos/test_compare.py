"""The comparison at the end of a fault run sees each kind of broken promise."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from orders.sales.census import Counted, CountedLine, CountedShipment
from workers.chaos.compare import Hubs, Shown, Sold, compare_orders, compare_promises, compare_shops

PARCEL = UUID(int=7)
SOLD = Sold(1, "A", {"x": 2}, paid=True, cancelled=False, waybills=(), unsent=2)
ORDER = Counted(UUID(int=1), 1, "A", "reserved", None, False, [CountedLine("x", 2, 0)], [])
SHIPPED = replace(
    ORDER, state="shipped", lines=[CountedLine("x", 2, 2)], shipments=[CountedShipment(PARCEL, "SF1", True)]
)
SENT = replace(SOLD, waybills=("SF1",), unsent=0)


def hubs(*orders: Counted, vouchers: tuple[str, ...] = (), refused: tuple[str, ...] = ()) -> Hubs:
    return Hubs(orders, vouchers, frozenset(), frozenset(refused))


def test_what_fits_is_not_mentioned() -> None:
    assert list(compare_orders([SOLD], hubs(ORDER))) == []
    assert list(compare_orders([SENT], hubs(SHIPPED, vouchers=(str(PARCEL),)))) == []


@pytest.mark.parametrize(
    ("sold", "orders", "words"),
    [
        ([SOLD], [], "was sold and is not in the hub"),
        ([], [ORDER], "is in the hub and in no shop"),
        ([SOLD], [ORDER, ORDER], "is in the hub 2 times"),
        ([SOLD], [replace(ORDER, lines=[CountedLine("x", 1, 0)])], "1 units of x, the shop says 2"),
        ([SOLD], [replace(ORDER, lines=[CountedLine("x", 2, 0), CountedLine("y", 1, 0)])], "1 units of y"),
        ([SOLD], [replace(ORDER, state="new")], "it waits"),
        ([SOLD], [replace(ORDER, state="cancelled")], "it waits"),
        ([replace(SOLD, cancelled=True)], [ORDER], "its shop has cancelled it"),
        ([replace(SOLD, paid=False)], [ORDER], "it is not paid"),
        ([replace(SOLD, lines={"x": 0})], [ORDER], "nothing of it is wanted any more"),
        ([replace(SOLD, waybills=("SF9",))], [ORDER], "the shop knows shipment SF9"),
    ],
)
def test_a_wrong_order_is_told(sold: list[Sold], orders: list[Counted], words: str) -> None:
    assert any(words in line for line in compare_orders(sold, hubs(*orders)))


def test_a_shipment_is_told_once_and_booked_once() -> None:
    twice = replace(SENT, waybills=("SF1", "SF1"))
    assert any("told 2 times" in line for line in compare_orders([twice], hubs(SHIPPED, vouchers=(str(PARCEL),))))
    never = replace(SENT, waybills=(), unsent=2)
    assert any("told 0 times" in line for line in compare_orders([never], hubs(SHIPPED, vouchers=(str(PARCEL),))))
    assert any("has 0 vouchers" in line for line in compare_orders([SENT], hubs(SHIPPED)))
    assert any("has 2 vouchers" in line for line in compare_orders([SENT], hubs(SHIPPED, vouchers=(str(PARCEL),) * 2)))
    assert any("not there" in line for line in compare_orders([], hubs(vouchers=("other",))))


def test_a_shipment_that_its_shop_refuses_waits_for_a_person() -> None:
    untold = replace(SHIPPED, cancel=True, shipments=[CountedShipment(PARCEL, "SF1", False)])
    cancelled = replace(SOLD, cancelled=True)
    booked = (str(PARCEL),)
    assert list(compare_orders([cancelled], hubs(untold, vouchers=booked, refused=booked))) == []
    assert any("is not told" in line for line in compare_orders([cancelled], hubs(untold, vouchers=booked)))


def test_what_was_acknowledged_is_there() -> None:
    move = uuid4()
    hub = Hubs([SHIPPED], (), frozenset({move}), frozenset())
    assert list(compare_promises({"shipped": {PARCEL}, "received": {move}}, hub)) == []
    assert len(list(compare_promises({"shipped": {uuid4()}, "received": {uuid4(), move}}, hub))) == 2


@pytest.mark.parametrize("wrong", [{"shown": 4}, {"want": 4}, {"offer": 4}, {"publish": False}, {"shown": None}])
def test_a_shop_shows_what_the_stock_offers(wrong: dict[str, int | None]) -> None:
    right = Shown(1, "x", 3, 3, 3, True)
    assert list(compare_shops([right])) == []
    assert len(list(compare_shops([replace(right, **wrong)]))) == 1  # type: ignore[arg-type]  # one field each
