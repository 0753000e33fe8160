"""The summary says what happened, and whether the replay is good."""

from dataclasses import replace
from decimal import Decimal

import pytest

from workers.replay.report import Summary

GOOD = Summary(
    baskets=100, orders=98, lines=900, reserved=95, short=3, missing_units=4, missing_orders=0, internal_oversell=0,
    external_oversell=4, units_demanded=1000, units_sold=966, lost_units=34, pushes=2400, pushes_rejected=0,
    listings_changed=800, lag_p50_seconds=0.8, lag_p99_seconds=2.5, vouchers=200, debits=Decimal("123.40"),
    credits=Decimal("123.40"), stock_value=Decimal("50.00"), ledger_balance=Decimal("50.00"),
    states={"shipped": 95, "backordered": 3}, products=300, listings=900, setup_seconds=10.0, publish_seconds=5.0,
    sell_seconds=8.0, settle_seconds=2.0, breaches=(), unrest="",
)  # fmt: skip


def test_a_clean_replay_is_good() -> None:
    told = GOOD.as_dict()
    assert (told["verdict"], told["audit"], told["troubles"]) == ("good", "clean", [])
    assert (told["lost_percent"], told["orders_per_second"], told["pushes_per_listing"]) == (3.4, 9.8, 3.0)
    assert told["debits"] == "123.40"


@pytest.mark.parametrize(
    "bad",
    [
        replace(GOOD, breaches=({"invariant": "I1", "subject": "sku:1", "detail": "gone"},)),
        replace(GOOD, internal_oversell=1),
        replace(GOOD, missing_orders=1),
        replace(GOOD, credits=Decimal("123.41")),
        replace(GOOD, ledger_balance=Decimal("49.99")),
        replace(GOOD, unrest="3 orders not shipped"),
    ],
)
def test_whatever_breaks_a_promise_fails_the_replay(bad: Summary) -> None:
    assert len(bad.troubles) == 1
    assert bad.as_dict()["verdict"] == "failed"


def test_selling_beyond_the_stock_at_a_marketplace_is_told_and_is_no_failure() -> None:
    assert ("external oversell", "4 units") in GOOD.as_rows()
    assert GOOD.troubles == []
