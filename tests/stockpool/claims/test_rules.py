from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.errors import Invalid
from stockpool.claims.rules import Ask, Line, OpenClaim, choose_victims, decide, reservation_id, units_by_place

SKUS = st.integers(1, 4)
LINES = st.lists(st.tuples(SKUS, st.integers(1, 5)), min_size=1, max_size=5)
STOCK = st.dictionaries(SKUS, st.integers(-3, 12))


def ask(key: str, lines: list[tuple[int, int]]) -> Ask:
    return Ask(key, tuple(Line(str(at), sku, qty) for at, (sku, qty) in enumerate(lines)), warehouse_id=1)


@given(STOCK, st.lists(LINES, max_size=8))
def test_what_is_granted_never_exceeds_what_is_free(stock: dict[int, int], wanted: list[list[tuple[int, int]]]) -> None:
    asks = [ask(f"o{at}", lines) for at, lines in enumerate(wanted)]
    answers = decide({(sku, 1): units for sku, units in stock.items()}, asks)
    for sku in range(1, 5):
        granted = sum(one.demand.get((sku, 1), 0) for one, missing in zip(asks, answers, strict=True) if not missing)
        assert granted <= max(0, stock.get(sku, 0))


@given(STOCK, LINES)
def test_a_refusal_says_exactly_what_is_missing(stock: dict[int, int], lines: list[tuple[int, int]]) -> None:
    one = ask("o", lines)
    (missing,) = decide({(sku, 1): units for sku, units in stock.items()}, [one])
    enough = {**stock, **{sku: max(stock.get(sku, 0), 0) + units for sku, units in missing.items()}}
    assert decide({(sku, 1): units for sku, units in enough.items()}, [one]) == [{}]
    assert all(units > 0 for units in missing.values())


def test_two_lines_of_one_sku_are_summed_before_they_are_compared() -> None:
    assert decide({(1, 1): 1}, [ask("o", [(1, 1), (1, 1)])]) == [{1: 1}]


def test_an_ask_that_is_short_of_one_sku_takes_nothing_of_the_others() -> None:
    assert decide({(1, 1): 5, (2, 1): 0}, [ask("o", [(1, 5), (2, 1)]), ask("p", [(1, 5)])]) == [{2: 1}, {}]


def test_asks_are_decided_in_the_order_in_which_they_came() -> None:
    assert decide({(1, 1): 1}, [ask("first", [(1, 1)]), ask("second", [(1, 1)])]) == [{}, {1: 1}]


@pytest.mark.parametrize("lines", [(), (Line("1", 1, 0),), (Line("1", 1, -2),), (Line("1", 1, 1), Line("1", 2, 1))])
def test_an_ask_without_sense_is_refused(lines: tuple[Line, ...]) -> None:
    with pytest.raises(Invalid):
        Ask("o", lines, warehouse_id=1)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6)), max_size=8), st.integers(0, 40))
def test_victims_cover_the_deficit_and_not_one_claim_more(claims: list[tuple[int, int]], deficit: int) -> None:
    opened = [a_claim(at, age, qty) for at, (age, qty) in enumerate(claims)]
    victims = choose_victims(opened, deficit)
    freed = sum(victim.qty for victim in victims)
    assert freed >= min(deficit, sum(claim.qty for claim in opened))
    assert not victims or freed - victims[-1].qty < deficit
    spared = [claim for claim in opened if claim not in victims]
    assert all((victim.opened_at, victim.id) > (one.opened_at, one.id) for victim in victims for one in spared)


def test_units_are_summed_per_place() -> None:
    assert units_by_place([a_claim(1, 0, 2), a_claim(2, 0, 3)]) == {(1, 1): 5}


def test_the_same_line_of_the_same_attempt_has_the_same_reservation() -> None:
    assert reservation_id("o", "1", 1) == reservation_id("o", "1", 1)
    assert len({reservation_id("o", "1", 1), reservation_id("o", "1", 2), reservation_id("o|1", "", 1)}) == 3


def a_claim(number: int, age_days: int, qty: int) -> OpenClaim:
    opened = datetime(2026, 11, 1, tzinfo=UTC) - timedelta(days=age_days)
    return OpenClaim(UUID(int=number), f"o{number}", "1", 1, 1, 1, qty, opened)
