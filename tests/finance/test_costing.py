"""Moving weighted average, to the cent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finance.costing import Level, TooFewError, issue, receive

D = Decimal


def test_an_issue_costs_the_average_and_does_not_change_it() -> None:
    level = receive(receive(Level(), 100, D("6000.00")), 50, D("3300.00"))
    assert level == Level(150, D("9300.00"), D("62.00"))
    cost, left = issue(level, 40)
    assert cost == D("2480.00")
    assert left == Level(110, D("6820.00"), D("62.00"))


def test_the_last_unit_takes_the_rest() -> None:
    level, costs = receive(Level(), 3, D("100.00")), []
    for _ in range(3):
        cost, level = issue(level, 1)
        costs.append(cost)
    assert costs == [D("33.33"), D("33.33"), D("33.34")]
    assert level == Level(0, D("0.00"), D("33.333333333333"))


def test_cheap_goods_do_not_pile_up_a_rest() -> None:
    level = receive(Level(), 3000, D("1000.00"))
    for left in range(2999, 0, -1):
        _, level = issue(level, 1)
        assert abs(level.value - D("1000.00") * left / 3000) < D("0.0101")
    assert issue(level, 1)[0] in (D("0.33"), D("0.34"))


def test_more_than_there_is_does_not_leave() -> None:
    with pytest.raises(TooFewError):
        issue(receive(Level(), 2, D("10.00")), 3)


def test_a_receipt_is_taken_back_at_its_own_value_or_not_at_all() -> None:
    level = receive(receive(Level(), 100, D("6000.00")), 50, D("3300.00"))
    assert receive(level, -50, D("-3300.00")) == Level(100, D("6000.00"), D("60.00"))
    _, sold = issue(level, 120)
    with pytest.raises(TooFewError):
        receive(sold, -50, D("-3300.00"))


@given(st.data())
def test_all_that_leaves_costs_all_that_came(data: st.DataObject) -> None:
    level, came, left = Level(), D(0), D(0)
    for _ in range(data.draw(st.integers(1, 20))):
        if level.qty and data.draw(st.booleans()):
            before = level
            cost, level = issue(level, data.draw(st.integers(1, level.qty)))
            left += cost
            assert 0 <= cost <= before.value
            assert level.unit_cost == before.unit_cost
            assert abs(level.value - level.unit_cost * level.qty) < D("0.0101")
        else:
            qty, minor = data.draw(st.integers(1, 10_000)), data.draw(st.integers(0, 10_000_000))
            level = receive(level, qty, D(minor) / 100)
            came += D(minor) / 100
        assert level.value >= 0
        assert level.qty or level.value == 0
        assert came - left == level.value
    if level.qty:
        cost, level = issue(level, level.qty)
        assert came == left + cost
        assert level.value == 0
