"""JSON without floats, with bounds."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.kit import json
from channels.kit.errors import BadAnswer


def test_ids_and_money_stay_exact() -> None:
    value = json.decode(b'{"tid": 2231958349123456789123, "fee": 0.1, "n": 1e3}')
    assert value == {"tid": 2231958349123456789123, "fee": Decimal("0.1"), "n": Decimal("1e3")}
    assert json.encode({"fee": Decimal("31.90"), "名": 1}) == '{"fee":"31.90","名":1}'.encode()


@pytest.mark.parametrize(
    "raw",
    [b"", b"<html>", b'{"a": [1, 2', b'{"a": NaN}', b'{"a": Infinity}', b"[" * 100 + b"]" * 100, b"[" * 100_000,
     b"\xff\xfe\xfa"],
)  # fmt: skip
def test_damage_is_a_bad_answer_that_keeps_the_raw(raw: bytes) -> None:
    with pytest.raises(BadAnswer) as caught:
        json.decode(raw)
    assert caught.value.raw == raw


@pytest.mark.parametrize("number", ["1e400", "1e-400", "1e9999999999999999999", "1" * 5000, "0." + "1" * 5000])
def test_a_number_beyond_all_use_stays_text_and_spoils_only_its_own_field(number: str) -> None:
    value = json.decode(f'{{"fee": {number}, "n": 1}}'.encode())
    assert value == {"fee": number, "n": 1}


def test_an_answer_beyond_the_limit_is_refused_unread() -> None:
    with pytest.raises(BadAnswer, match="bytes"):
        json.decode(b" " * (json.MAX_BYTES + 1))


def test_the_reason_never_quotes_the_answer() -> None:
    with pytest.raises(BadAnswer) as caught:
        json.decode(b'{"receiver_name": "Zhang San", ')
    assert "Zhang" not in caught.value.message


def test_nan_is_not_written() -> None:
    with pytest.raises((ValueError, TypeError)):
        json.encode({"a": Decimal("NaN")})


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(BadAnswer):
        json.decode(raw)
