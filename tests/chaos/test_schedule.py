"""The plan of a fault run repeats by its seed and leaves nothing out."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from workers.chaos.schedule import SHOP_FAULTS, Trouble, plan


@given(st.integers(0, 10_000), st.floats(3, 600))
def test_a_plan_repeats_by_its_seed_and_keeps_to_its_time(seed: int, seconds: float) -> None:
    faults = plan(seed, seconds)
    assert faults == plan(seed, seconds)
    assert [fault.at_seconds for fault in faults] == sorted(fault.at_seconds for fault in faults)
    assert all(0 < fault.at_seconds < seconds for fault in faults)


def test_other_seeds_make_other_plans() -> None:
    assert len({tuple(plan(seed, 60)) for seed in range(20)}) == 20


def test_a_minute_holds_every_kind_of_fault() -> None:
    for seed in range(20):
        counts = Counter(fault.trouble for fault in plan(seed, 60))
        assert set(counts) == set(Trouble)
        assert {fault.shop_fault for fault in plan(seed, 60)} == {"", *SHOP_FAULTS}
