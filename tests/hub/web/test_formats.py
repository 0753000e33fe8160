"""Figures, instants and text as people and spreadsheets read them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from hub.core.errors import Invalid
from hub.web import forms
from hub.web.formats import Formats
from hub.web.languages import preferred, translator
from hub.web.pages.export import cell

ENGLISH, CHINESE = Formats(translator("en")), Formats(translator("zh"))


def test_money_has_its_currency_and_a_straight_minus() -> None:
    assert ENGLISH.money(Decimal("-1234.5")) == "−¥1,234.50"
    assert CHINESE.money(Decimal("1234.5")) == "¥1,234.50"
    assert ENGLISH.money(None) == "–"


def test_an_instant_is_shown_in_the_merchants_zone_with_utc_at_hand() -> None:
    shown = str(ENGLISH.moment(datetime(2026, 11, 23, 16, 30, 5, tzinfo=UTC)))
    assert ">2026-11-24 00:30:05</time>" in shown
    assert 'title="2026-11-23 16:30:05 UTC"' in shown


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0.44, "0.4 s", "0.4 秒"),
        (42, "42 s", "42 秒"),
        (600, "10 min", "10 分钟"),
        (7200, "2 h", "2 小时"),
        (200_000, "2 d", "2 天"),
    ],
)
def test_a_span_is_told_in_its_largest_fitting_unit(seconds: float, english: str, chinese: str) -> None:
    assert ENGLISH.span(seconds) == english
    assert CHINESE.span(timedelta(seconds=seconds)) == chinese


@pytest.mark.parametrize(
    ("asked", "language"), [("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en-GB,zh;q=0.5", "en"), ("fr,de", "en"), ("", "en")]
)
def test_the_browsers_first_known_language_is_taken(asked: str, language: str) -> None:
    assert preferred(asked) == language


@pytest.mark.parametrize("risky", ["=1+1", "+1", "-1", "@cmd", "\tx"])
def test_a_cell_that_a_spreadsheet_would_run_is_quoted(risky: str) -> None:
    assert cell(risky) == f"'{risky}"


def test_numbers_in_a_cell_stay_numbers() -> None:
    assert (cell(-3), cell(Decimal("-1.50")), cell(None)) == ("-3", "-1.50", "")


@pytest.mark.parametrize("typed", ["", "x", "1.5", "0", "10000001", "１e3"])
def test_what_is_no_whole_number_within_bounds_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        forms.whole({"qty": typed}, "qty")


@pytest.mark.parametrize("typed", ["", "x", "-1", "NaN", "Infinity", "1.0000001", "9" * 13])
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        forms.amount({"unit_cost": typed}, "unit_cost")


def test_text_with_control_characters_or_beyond_its_length_is_refused() -> None:
    for typed in ("a\x00b", "a" * 501, "   "):
        with pytest.raises(Invalid):
            forms.text({"note": typed}, "note")
