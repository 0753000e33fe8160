"""How far back a pull reaches."""

from datetime import timedelta

import pytest

from workers.markets import backoff_seconds, reach_back


@pytest.mark.parametrize(("overlap", "wide", "seconds"), [(30, False, 3), (30, True, 60), (1, False, 1), (0, True, 0)])
def test_a_pull_reaches_back_a_little_and_far_once_in_a_while(overlap: int, wide: bool, seconds: int) -> None:
    assert reach_back(overlap, wide=wide) == timedelta(seconds=seconds)


def test_the_pause_grows_and_is_bounded() -> None:
    pauses = [backoff_seconds(failures) for failures in range(40)]
    assert pauses == sorted(pauses)
    assert pauses[:3] == [1, 2, 4]
    assert pauses[-1] == 300
