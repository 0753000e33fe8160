"""Each benchmark runs, in its tiny size, and reports figures. What they are is not looked at."""

import asyncio
from collections.abc import Iterator

import pytest

from benchmarks.__main__ import BENCHES
from benchmarks.ground import Ground, Size, own_ground
from benchmarks.measure import figure


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with own_ground(Size(tiny=True)) as found:
        yield found


@pytest.mark.parametrize("name", BENCHES)
def test_it_runs(name: str, ground: Ground) -> None:
    figures = asyncio.run(BENCHES[name](ground))
    assert figures
    assert all(one.rounds and min(one.rounds) >= 0 for one in figures)


def test_a_ratio_is_taken_round_by_round() -> None:
    ratio = figure("a", "s", [2.0, 9.0, 4.0]).over(figure("b", "s", [1.0, 3.0, 2.0]), "a / b")
    assert ratio.rounds == (2.0, 3.0, 2.0)
    assert ratio.as_dict() == {"name": "a / b", "unit": "x", "median": 2.0, "min": 2.0, "max": 3.0, "rounds": 3}
