from hypothesis import given
from hypothesis import strategies as st

from stockpool.offers.rules import Held, Step, offer

UNITS = st.integers(0, 1000)
POOL = st.lists(st.builds(Held, UNITS, UNITS, st.booleans()), max_size=4)


@given(POOL, UNITS, UNITS)
def test_the_steps_add_up_to_the_offer(pool: list[Held], in_flight: int, buffer: int) -> None:
    waterfall = offer(pool, in_flight=in_flight, buffer=buffer)
    running = 0
    for step in waterfall.steps:
        running += step.value
        assert step.running == running
    assert waterfall.offer == running >= 0


@given(POOL, UNITS, UNITS)
def test_the_offer_is_what_is_free_less_what_is_coming_and_kept_back(
    pool: list[Held], in_flight: int, buffer: int
) -> None:
    free = sum(max(0, held.on_hand - held.reserved) for held in pool if not held.frozen)
    assert offer(pool, in_flight=in_flight, buffer=buffer).offer == max(0, free - in_flight - buffer)


@given(POOL, UNITS, UNITS, st.integers(0, 20))
def test_more_claims_never_raise_an_offer(pool: list[Held], in_flight: int, buffer: int, more: int) -> None:
    before = offer(pool, in_flight=in_flight, buffer=buffer).offer
    claimed = [Held(held.on_hand, held.reserved + more, held.frozen) for held in pool]
    assert offer(claimed, in_flight=in_flight, buffer=buffer).offer <= before
    assert offer(pool, in_flight=in_flight + more, buffer=buffer).offer <= before
    assert offer(pool, in_flight=in_flight, buffer=buffer + more).offer <= before


def test_a_shortage_is_never_netted_against_another_warehouse() -> None:
    assert offer([Held(3, 5), Held(4, 0)], in_flight=0, buffer=0).offer == 4


def test_the_steps_are_told_by_name() -> None:
    assert offer([Held(10, 4)], in_flight=1, buffer=7).steps == (
        Step("on_hand", 10, 10),
        Step("reserved", -4, 6),
        Step("shortage", 0, 6),
        Step("frozen", 0, 6),
        Step("pool_free", 0, 6),
        Step("in_flight", -1, 5),
        Step("buffer", -7, -2),
        Step("floor", 2, 0),
    )
