"""Reading single values: the named type, or Malformed."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.kit import json
from channels.kit.fields import Malformed, clip, code, currency, ident, instant, money, shown_units, units, words

GMT8 = timezone(timedelta(hours=8))


@pytest.mark.parametrize(("value", "expected"), [(2**80, str(2**80)), (" 12 ", "12"), ("gid://x", "gid://x")])
def test_ids_are_exact_text(value: object, expected: str) -> None:
    assert ident(value, "id") == expected


@pytest.mark.parametrize("value", [None, "", " ", True, 1.5, 2.0e18, [], {}, "x" * 101, "a\x00b", "\ud800"])
def test_what_is_no_id_is_malformed(value: object) -> None:
    with pytest.raises(Malformed):
        ident(value, "id")


@pytest.mark.parametrize("value", [None, "", "   "])
def test_a_blank_code_is_no_code(value: object) -> None:
    assert code(value, "sku") is None


@pytest.mark.parametrize(
    ("value", "expected"), [("12.50", "12.50"), (12, "12"), (0.1, "0.1"), (Decimal("1.10"), "1.10")]
)
def test_money_is_read_by_its_text(value: object, expected: str) -> None:
    assert str(money(value, "price")) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "NaN",
        "abc",
        True,
        [],
        float("inf"),
        "1e20",
        "1e400",
        "1e1000000",
        "1e-1000000",
        "0e999999",
        "9" * 5000,
    ],
)
def test_what_is_no_amount_is_malformed(value: object) -> None:
    with pytest.raises(Malformed):
        money(value, "price")


@pytest.mark.parametrize(("value", "expected"), [(3, 3), ("3", 3), (Decimal("3.0"), 3), (0, 0)])
def test_units_are_whole(value: object, expected: int) -> None:
    assert units(value, "num") == expected


@pytest.mark.parametrize("value", [None, -1, "1.5", 1_000_001, True, "x", {}])
def test_what_is_no_count_is_malformed(value: object) -> None:
    with pytest.raises(Malformed):
        units(value, "num")


@pytest.mark.parametrize(
    ("value", "expected"), [(7, 7), (-2, 0), (10**30, None), (True, None), ("7", None), (None, None), (0.5, None)]
)
def test_what_a_channel_shows_is_plausible_or_left_out(value: object, expected: int | None) -> None:
    assert shown_units(value) == expected


def test_naive_times_need_a_zone_and_named_offsets_keep_theirs() -> None:
    assert instant("2026-01-01 08:00:00", "t", GMT8) == datetime(2026, 1, 1, tzinfo=UTC)
    assert instant("2025-12-31T19:00:00-05:00", "t") == datetime(2026, 1, 1, tzinfo=UTC)
    for wrong in ("2026-01-01 08:00:00", "yesterday", None, 5, "9999-12-31T23:59:59-12:00"):
        with pytest.raises(Malformed):
            instant(wrong, "t")


def test_a_currency_has_three_letters() -> None:
    assert currency("usd", "c") == "USD"
    for wrong in (None, "", "USDX", "元元元", 5):
        with pytest.raises(Malformed):
            currency(wrong, "c")


@given(
    st.recursive(
        st.none() | st.floats() | st.text() | st.binary(max_size=3),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_what_is_kept_can_always_be_stored(value: Any) -> None:
    stored = json.encode(clip(value))
    assert b"\\u0000" not in stored


def test_long_and_deep_values_are_cut_with_a_note() -> None:
    assert "cut, 5000000 characters" in clip({"a": "x" * 5_000_000})["a"]
    deep: Any = "x"
    for _ in range(500):
        deep = [deep]
    assert json.encode(clip({"a": "\ud800x\x00"})) == b'{"a":"?x"}'
    assert b"nested too deep" in json.encode(clip(deep))
    assert len(words("x" * 5_000_000)) == 500
