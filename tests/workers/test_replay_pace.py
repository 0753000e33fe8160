"""The buyers keep step with the hub, or with the data's clock."""

from datetime import UTC, datetime, timedelta

from workers.replay.pace import DataClock, KeepingUp, Reading

NOON = datetime(2017, 1, 1, 12, tzinfo=UTC)


def test_before_the_hub_is_known_only_a_few_orders_are_sold() -> None:
    assert KeepingUp().room(0, 0.0) == 20


def test_a_faster_hub_gets_more_orders_ahead() -> None:
    pace = KeepingUp()
    pace.note(Reading(0.0, 0, 0.0))
    pace.note(Reading(1.0, 100, 0.1))
    assert pace.room(100, 1.0) == 240
    assert pace.room(300, 1.0) == 40
    assert pace.room(400, 1.0) == 0


def test_buyers_wait_while_something_waits_for_long() -> None:
    pace = KeepingUp()
    pace.note(Reading(0.0, 0, 0.0))
    pace.note(Reading(1.0, 100, 5.1))
    assert pace.room(100, 1.0) == 0


def test_an_old_reading_no_longer_counts() -> None:
    pace = KeepingUp()
    pace.note(Reading(0.0, 0, 0.0))
    pace.note(Reading(1.0, 1000, 0.0))
    for second in range(2, 20):
        pace.note(Reading(float(second), 1000, 0.0))
    assert pace.room(1000, 20.0) == 20


def test_the_clock_of_the_data_runs_as_much_faster_as_asked() -> None:
    pace = DataClock(60.0, NOON, began=100.0)
    assert pace.is_due(NOON, now=100.0)
    assert not pace.is_due(NOON + timedelta(minutes=2), now=101.0)
    assert pace.is_due(NOON + timedelta(minutes=2), now=102.0)
