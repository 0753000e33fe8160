"""The rules: whatever the order of arrival, the same end; whatever the numbers, the parts add up."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.kit.types import ChannelLine, OrderStatus
from hub.core.money import add
from orders.sales.amounts import line_amounts, share_of_units
from orders.sales.errors import NotAllowed
from orders.sales.lifecycle import TRANSITIONS, State, check
from orders.sales.rules import Backorder, Known, Line, Reading, Verdict, body_hash, fold, servable
from tests.orders.given import T0, line, reading

STATUSES = st.sampled_from(list(OrderStatus))
LINES = st.dictionaries(
    st.sampled_from(["L1", "L2", "L3"]), st.builds(Line, st.sampled_from([None, 1, 2]), st.integers(0, 3)), max_size=3
)


@st.composite
def histories(draw: st.DrawFn) -> list[Reading]:
    """Distinct versions of one order, oldest first."""
    versions = draw(st.lists(st.tuples(STATUSES, LINES, st.booleans()), min_size=1, max_size=5))
    return [
        Reading(status, T0 + timedelta(seconds=number), bytes([number]), asked, lines)
        for number, (status, lines, asked) in enumerate(versions)
    ]


def known_after(known: Known | None, reading: Reading) -> Known:
    """What is stored after a reading was folded in."""
    decision = fold(known, reading)
    if known is not None and decision.verdict is not Verdict.CHANGE:
        return known
    before = known.lines if known else {}
    lines = dict(before)
    if decision.rewrite_lines:
        lines = {key: replace(one, qty=0) for key, one in before.items()}
        lines |= {
            key: Line(one.sku_id, one.qty, before[key].gone if key in before else decision.gone.get(key, 0))
            for key, one in reading.lines.items()
        }
    if known is not None:
        check(known.state, decision.state)
    return Known(
        decision.state, decision.reason, reading.status, reading.modified_at, reading.body_hash,
        decision.cancel, decision.attempt, decision.claimed, lines,
    )  # fmt: skip


def booked(known: Known) -> Known:
    """The grant has come."""
    return replace(known, state=State.RESERVED, claimed=True) if known.state is State.NEW else known


def settled(known: Known) -> tuple[object, ...]:
    """What must not depend on the order of arrival, once booking has come to rest."""
    end = booked(known)
    lives = end.state is not State.CANCELLED
    wanted = {key: one.qty for key, one in end.lines.items() if one.qty} if lives else {}
    held_with_units = end.state is State.HELD  # whether a held order kept units depends on what came before
    return end.state, end.cancel, end.modified_at, wanted if not held_with_units else {}


@given(histories(), st.data())
def test_any_order_of_arrival_with_repeats_ends_in_the_same_state(history: list[Reading], data: st.DataObject) -> None:
    extra = data.draw(st.lists(st.sampled_from(history), max_size=5))
    arrivals = data.draw(st.permutations(history + extra))
    bookings = data.draw(st.lists(st.booleans(), min_size=len(arrivals), max_size=len(arrivals)))
    shuffled: Known | None = None
    for one, books in zip(arrivals, bookings, strict=True):
        shuffled = known_after(shuffled, one)
        shuffled = booked(shuffled) if books else shuffled
    assert shuffled is not None
    newest = known_after(None, history[-1])
    if newest.state is State.HELD and not history[-1].lines:
        assert shuffled.state is State.HELD
    else:
        assert settled(shuffled) == settled(newest)


@given(histories(), st.lists(st.booleans(), min_size=5, max_size=5))
def test_claims_are_given_back_exactly_when_the_units_change(history: list[Reading], bookings: list[bool]) -> None:
    known: Known | None = None
    for one, books in zip(history, bookings, strict=False):
        decision = fold(known, one)
        if known is not None and known.claimed:
            assert decision.void != decision.claimed
            assert not decision.void or decision.attempt > known.attempt or decision.state is State.CANCELLED
        known = known_after(known, one)
        assert (known.state is not State.RESERVED) or known.claimed
        known = booked(known) if books else known


def a_known(**changes: object) -> Known:
    base = Known(State.NEW, None, OrderStatus.TO_SHIP, T0, b"1", False, 1, False, {"L1": Line(1, 2)})
    return replace(base, **changes)  # type: ignore[arg-type]


def a_reading(**changes: object) -> Reading:
    base = Reading(OrderStatus.TO_SHIP, T0 + timedelta(seconds=1), b"2", False, {"L1": Line(1, 2)})
    return replace(base, **changes)  # type: ignore[arg-type]


def test_an_older_reading_is_ignored_even_when_it_cancels() -> None:
    older = a_reading(status=OrderStatus.CANCELLED, modified_at=T0 - timedelta(seconds=1))
    assert fold(a_known(), older).verdict is Verdict.IGNORE


def test_at_equal_versions_a_cancellation_wins_whichever_came_first() -> None:
    cancelled = a_reading(status=OrderStatus.CANCELLED, modified_at=T0)
    assert fold(a_known(), cancelled).state is State.CANCELLED
    tombstone = a_known(state=State.CANCELLED, status=OrderStatus.CANCELLED, cancel=True)
    assert fold(tombstone, a_reading(modified_at=T0)).verdict is Verdict.DIFFERS


def test_a_cancelled_order_that_the_channel_revives_asks_under_a_new_attempt() -> None:
    decision = fold(a_known(state=State.CANCELLED, status=OrderStatus.CANCELLED, cancel=True), a_reading())
    assert (decision.state, decision.attempt, decision.cancel) == (State.NEW, 2, False)


def test_a_backorder_whose_units_did_not_change_keeps_its_place() -> None:
    assert fold(a_known(state=State.BACKORDERED), a_reading()).state is State.BACKORDERED
    assert fold(a_known(state=State.BACKORDERED), a_reading(lines={"L1": Line(1, 1)})).state is State.NEW


def test_the_hash_ignores_how_amounts_are_written_and_what_buyers_are_called() -> None:
    one = reading("1", [line("A", price="10.00")], buyer={"name": "W***"})
    other = reading("1", [line("A", price="10.0")], buyer={"name": "X***"}, version=7)
    assert body_hash(one) == body_hash(other)
    assert body_hash(one) != body_hash(reading("1", [line("A", 2)]))


def test_every_step_is_a_known_one() -> None:
    with pytest.raises(NotAllowed, match="shipped"):
        check(State.SHIPPED, State.CANCELLED)
    assert check(State.NEW, State.NEW) is State.NEW
    assert (State.COMPLETED, State.NEW) not in TRANSITIONS


def test_old_backorders_come_first_and_do_not_block_younger_ones() -> None:
    ids = [UUID(int=number) for number in range(4)]
    waiting = [
        Backorder(ids[0], {1: 1}),
        Backorder(ids[1], {1: 5}),
        Backorder(ids[2], {1: 1, 2: 1}),
        Backorder(ids[3], {1: 1}),
    ]
    assert servable(waiting, {1: 2, 2: 1}) == [ids[0], ids[2]]


CENTS = st.decimals(0, 10_000, places=2)


@given(
    st.lists(st.tuples(st.integers(0, 5), CENTS, CENTS, CENTS, CENTS), min_size=1, max_size=6),
    st.one_of(st.none(), CENTS),
    CENTS,
    st.booleans(),
)
def test_the_lines_add_up_to_the_total(
    numbers: list[tuple[int, Decimal, Decimal, Decimal, Decimal]],
    total: Decimal | None,
    shipping: Decimal,
    included: bool,
) -> None:
    lines = [
        ChannelLine(
            line_id=str(index),
            qty=qty,
            qty_ordered=5,
            unit_price=price,
            discount=discount,
            tax=tax,
            shipping_share=share,
        )
        for index, (qty, price, discount, tax, share) in enumerate(numbers)
    ]
    order = reading("1", lines, total=total, shipping=shipping, tax_included=included)
    amounts = line_amounts(order)
    assert [amount for amount, one in zip(amounts, lines, strict=True) if not one.qty and amount] == []
    if total is not None and any(one.qty for one in lines):
        assert add(amounts) == total


def test_tax_on_top_and_shipping_are_part_of_what_a_line_costs() -> None:
    lines = [line("A", 2, price="10.00", tax=Decimal("2.60")), line("B", 1, price="20.00", tax=Decimal("2.60"))]
    order = reading("1", lines, shipping=Decimal("4.80"), tax_included=False)
    assert add(line_amounts(order)) == Decimal("50.00")


@given(CENTS, st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_the_shipments_of_a_line_add_up_to_its_amount(amount: Decimal, parcels: list[int]) -> None:
    qty, upto, billed = sum(parcels), 0, Decimal("0.00")
    for units in parcels:
        upto += units
        part = share_of_units(amount, qty, upto, billed, "CNY")
        assert part >= 0
        billed += part
    assert billed == amount
