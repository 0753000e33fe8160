"""How a price splits, and how a rule turns amounts into entries."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finance.errors import Unbalanced
from finance.rules import DraftEntry, Part, RuleLine, compose, read_lines, split_vat, summarise, take_vat_out, total_of

RATE = Decimal("0.13")
cents = st.integers(0, 10**9).map(lambda minor: Decimal(minor) / 100)
rates = st.sampled_from([Decimal("0.17"), RATE, Decimal("0.09"), Decimal("0.06"), Decimal("0.01"), Decimal(0)])


@pytest.mark.parametrize(
    ("gross", "rate", "net", "vat"),
    [
        ("226.00", "0.13", "200.00", "26.00"),
        ("206.00", "0.13", "182.30", "23.70"),
        ("113.00", "0.13", "100.00", "13.00"),
        ("11.30", "0.06", "10.66", "0.64"),
        ("5.65", "0.06", "5.33", "0.32"),
        ("0.00", "0.13", "0.00", "0.00"),
    ],
)
def test_vat_comes_out_of_an_inclusive_price(gross: str, rate: str, net: str, vat: str) -> None:
    taxed = take_vat_out(Decimal(gross), Decimal(rate))
    assert (taxed.net, taxed.vat) == (Decimal(net), Decimal(vat))


def test_five_lines_of_one_yuan_are_taxed_as_one_order() -> None:
    taxed = split_vat([Decimal("1.00")] * 5, RATE)
    assert sum(line.net for line in taxed) == Decimal("4.42")
    assert sorted(line.net for line in taxed) == [Decimal("0.88")] * 4 + [Decimal("0.90")]


def test_the_cent_that_is_left_over_lies_on_the_largest_line() -> None:
    taxed = split_vat([Decimal("1.00"), Decimal("9.00"), Decimal("1.00")], RATE)
    assert [line.net for line in taxed] == [Decimal("0.88"), Decimal("7.97"), Decimal("0.88")]


@given(st.lists(cents, min_size=1, max_size=30), rates)
def test_the_parts_of_an_order_add_up_to_the_whole(lines: list[Decimal], rate: Decimal) -> None:
    taxed, whole = split_vat(lines, rate), take_vat_out(sum(lines, Decimal(0)), rate)
    assert [line.gross for line in taxed] == lines
    assert all(line.net + line.vat == line.gross for line in taxed)
    assert sum(line.net for line in taxed) == whole.net
    assert sum(line.vat for line in taxed) == whole.vat


SALE = read_lines(
    [
        {"side": "debit", "role": "ar", "amount": "gross", "dimensions": ["shop"]},
        {"side": "credit", "role": "revenue", "amount": "net"},
        {"side": "credit", "role": "vat", "amount": "vat"},
        {"side": "debit", "role": "cogs", "amount": "cost"},
        {"side": "credit", "role": "stock", "amount": "cost", "dimensions": ["warehouse"]},
    ]
)
ACCOUNTS = {"ar": 1, "revenue": 2, "vat": 3, "cogs": 4, "stock": 5}


def part(gross: Decimal, cost: Decimal, warehouse_id: int) -> Part:
    taxed = take_vat_out(gross, RATE)
    amounts = {"gross": taxed.gross, "net": taxed.net, "vat": taxed.vat, "cost": cost}
    return Part(amounts, shop_id=7, warehouse_id=warehouse_id)


def test_lines_merge_by_account_side_and_dimensions() -> None:
    parts = [part(Decimal("113.00"), Decimal("60.00"), 1), part(Decimal("113.00"), Decimal("60.00"), 2)]
    assert compose(SALE, parts, ACCOUNTS.__getitem__) == (
        DraftEntry(1, Decimal("226.00"), Decimal("0.00"), shop_id=7),
        DraftEntry(2, Decimal("0.00"), Decimal("200.00")),
        DraftEntry(3, Decimal("0.00"), Decimal("26.00")),
        DraftEntry(4, Decimal("120.00"), Decimal("0.00")),
        DraftEntry(5, Decimal("0.00"), Decimal("60.00"), warehouse_id=1),
        DraftEntry(5, Decimal("0.00"), Decimal("60.00"), warehouse_id=2),
    )


@given(st.lists(st.tuples(cents, cents, st.integers(1, 3)), min_size=1, max_size=20))
def test_what_a_sale_composes_balances_and_has_no_empty_line(rows: list[tuple[Decimal, Decimal, int]]) -> None:
    entries = compose(SALE, [part(*row) for row in rows], ACCOUNTS.__getitem__)
    assert all(entry.debit or entry.credit for entry in entries)
    if entries:
        expected = sum((gross + cost for gross, cost, _ in rows), Decimal(0))
        assert total_of(entries) == expected


@given(st.lists(st.tuples(cents, cents, st.integers(1, 3)), min_size=1, max_size=20))
def test_the_red_copy_cancels_the_black_one(rows: list[tuple[Decimal, Decimal, int]]) -> None:
    for entry in compose(SALE, [part(*row) for row in rows], ACCOUNTS.__getitem__):
        red = entry.red()
        assert (entry.debit + red.debit, entry.credit + red.credit) == (0, 0)
        assert (red.account_id, red.shop_id, red.warehouse_id) == (entry.account_id, entry.shop_id, entry.warehouse_id)


def test_a_gift_composes_nothing_for_its_price() -> None:
    entries = compose(SALE, [part(Decimal("0.00"), Decimal("60.00"), 1)], ACCOUNTS.__getitem__)
    assert [entry.account_id for entry in entries] == [4, 5]


@pytest.mark.parametrize(
    "entries", [(), (DraftEntry(1, Decimal(1), Decimal(0)), DraftEntry(2, Decimal(0), Decimal(2)))]
)
def test_an_empty_or_lopsided_voucher_is_refused(entries: tuple[DraftEntry, ...]) -> None:
    with pytest.raises(Unbalanced):
        total_of(entries)


def test_a_rule_line_that_says_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="not a rule line"):
        read_lines([{"side": "left", "role": "ar", "amount": "gross"}])


def test_a_summary_fills_its_places_and_keeps_what_it_does_not_know() -> None:
    assert summarise("出库 $number $what", number="N-1") == "出库 N-1 $what"
    assert len(summarise("$number", number="9" * 999)) == 200


def test_a_rule_line_keeps_its_dimensions() -> None:
    assert SALE[0] == RuleLine("debit", "ar", "gross", ("shop",))
