"""The opening stock fails exactly the asked share of the demand, always in the same goods."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.replay.baskets import Basket, Line, data_folder, read_baskets
from workers.replay.goods import Demand, goods_of, price_of, shop_kinds, shop_of, shortfalls, tally

NOON = datetime(2017, 1, 1, 12, tzinfo=UTC)


def basket(number: int, *lines: Line) -> Basket:
    return Basket(number, number % 5, NOON + timedelta(minutes=number), lines)


def test_all_baskets_are_summed_per_product() -> None:
    demanded = tally([basket(1, Line(10, 2, 300), Line(11, 1, 50)), basket(2, Line(10, 1, 150))])
    assert (demanded.baskets, demanded.lines, demanded.units) == (2, 3, 4)
    assert demanded.products == {10: Demand(3, 450), 11: Demand(1, 50)}
    assert demanded.last_at - demanded.first_at == timedelta(minutes=1)


def test_no_basket_is_no_replay() -> None:
    with pytest.raises(ValueError, match="no basket"):
        tally([])


@given(st.dictionaries(st.integers(1, 10_000), st.integers(1, 500), min_size=1, max_size=80))
def test_the_shortfall_is_the_share_and_never_more_than_half_of_a_product(units: dict[int, int]) -> None:
    missing = shortfalls(units, Decimal("0.03"))
    total = sum(units.values())
    possible = sum(count // 2 for count in units.values())
    assert sum(missing.values()) == min(possible, int((total * Decimal("0.03")).to_integral_value("ROUND_HALF_UP")))
    assert all(0 < lacking <= units[number] // 2 for number, lacking in missing.items())


def test_the_same_goods_are_scarce_at_every_run() -> None:
    units = dict.fromkeys(range(1, 101), 10)
    assert shortfalls(units, Decimal("0.03")) == shortfalls(dict(reversed(units.items())), Decimal("0.03"))
    assert len(shortfalls(units, Decimal("0.03"))) == 6


def test_a_price_is_what_was_really_paid_and_never_nothing() -> None:
    assert price_of(Demand(3, 500)) == Decimal("1.67")
    assert price_of(Demand(4, 0)) == Decimal("0.01")


def test_a_store_keeps_its_shop_and_all_shops_have_stores() -> None:
    served = [shop_of(store, 3) for store in range(457)]
    assert served == [shop_of(store, 3) for store in range(457)]
    assert min(served.count(shop) for shop in range(3)) > 100


def test_three_shops_speak_two_protocols() -> None:
    assert shop_kinds(3) == ["shopify", "tmall", "shopify"]


def test_real_baskets_give_goods_of_which_three_percent_fail() -> None:
    demanded = tally(read_baskets(data_folder(), 500))
    goods = goods_of(demanded, {})
    lacking = sum(good.demanded - good.opening for good in goods)
    assert lacking == round(demanded.units * 0.03)
    assert all(good.opening >= 1 and good.cost > 0 and good.price >= Decimal("0.01") for good in goods)
