"""TOP signatures, against the vectors that its own documents and kits publish."""

import pytest

from channels.kit.errors import BadSignature, StopShop
from channels.markets.tmall.signing import sign, verify_webhook

COMMON = {"app_key": "12345678", "session": "test", "timestamp": "2016-01-01 12:00:00", "v": "2.0", "format": "json"}
SELLER = {
    **COMMON, "method": "taobao.item.seller.get", "fields": "num_iid,title,nick,price,num", "num_iid": "11223344",
}  # fmt: skip


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("md5", "66987CB115214E59E6EC978214934FB8"),
        ("hmac", "D56D7858309C31B6251083A874D48273"),
        ("hmac-sha256", "04DB15AD0774D5CFCE2C837DE43E3FCEA9011ED74F3038FB6AB5F3C4CEA119E8"),
    ],
)
def test_the_published_example_is_signed_alike(method: str, expected: str) -> None:
    assert sign({**SELLER, "sign_method": method}, "helloworld") == expected


def test_chinese_values_are_signed_as_utf8() -> None:
    params = {
        **COMMON, "method": "taobao.trade.close", "tid": "2231958349", "close_reason": "缺货", "sign_method": "md5",
    }  # fmt: skip
    assert sign(params, "helloworld") == "47895B79DBC49FFE3BEF7B0FD234D436"


def test_empty_values_and_an_old_signature_do_not_count() -> None:
    params = {**SELLER, "sign_method": "md5"}
    assert sign({**params, "empty": "", "sign": "OLD"}, "helloworld") == sign(params, "helloworld")


def test_an_unknown_method_stops_the_shop() -> None:
    with pytest.raises(StopShop):
        sign({**SELLER, "sign_method": "sha1"}, "helloworld")


def test_whatever_comes_in_as_a_webhook_is_not_from_top() -> None:
    with pytest.raises(BadSignature):
        verify_webhook({"sign": "x"}, b"{}", "helloworld")
