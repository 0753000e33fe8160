"""When a channel has changed its own number: it took units, or put some back."""

from dataclasses import replace

import pytest

from channels.kit.types import OrderStatus
from orders.sales.lifecycle import State
from orders.sales.rules import Known, Line, Reading, moves_the_shop
from tests.orders.given import T0

LINES = {"L1": Line(1, 2)}
READING = Reading(OrderStatus.TO_SHIP, T0, b"a", False, LINES)
KNOWN = Known(State.RESERVED, None, OrderStatus.TO_SHIP, T0, b"a", False, 1, True, LINES)


@pytest.mark.parametrize(
    ("before", "after", "moves"),
    [
        (OrderStatus.PENDING, OrderStatus.TO_SHIP, True),
        (OrderStatus.TO_SHIP, OrderStatus.CANCELLED, True),
        (OrderStatus.SHIPPED, OrderStatus.REFUNDED, True),
        (OrderStatus.CANCELLED, OrderStatus.TO_SHIP, True),
        (OrderStatus.TO_SHIP, OrderStatus.TO_SHIP, False),
        (OrderStatus.TO_SHIP, OrderStatus.SHIPPED, False),
        (OrderStatus.SHIPPED, OrderStatus.COMPLETED, False),
    ],
)
def test_a_status_moves_the_shop_when_it_takes_or_frees_units(
    before: OrderStatus, after: OrderStatus, moves: bool
) -> None:
    assert moves_the_shop(replace(KNOWN, status=before), replace(READING, status=after)) is moves


def test_a_changed_quantity_moves_the_shop_and_units_that_left_do_not() -> None:
    assert moves_the_shop(KNOWN, replace(READING, lines={"L1": Line(1, 1)}))
    assert moves_the_shop(KNOWN, replace(READING, lines={}))
    assert not moves_the_shop(KNOWN, replace(READING, lines={"L1": Line(1, 2, gone=2)}))
