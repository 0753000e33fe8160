"""From a kind to its adapter."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from channels.kit.errors import StopShop
from channels.kit.loader import kinds, manifest_of, open_market, parse_orders, verify_webhook
from channels.kit.manifest import RULES, Answered, read_manifest
from channels.kit.market import Access


def test_every_folder_with_a_manifest_is_a_kind() -> None:
    assert {"shopify", "tmall"} <= set(kinds())
    for kind in kinds():
        assert set(manifest_of(kind).card) == set(RULES)


@pytest.mark.parametrize("kind", ["nothing", "../shopify", "", "Shopify"])
def test_an_unknown_kind_stops_the_shop(kind: str) -> None:
    with pytest.raises(StopShop):
        open_market(Access(shop_id=1, kind=kind, base_url="http://127.0.0.1"))
    with pytest.raises(StopShop):
        verify_webhook(kind, {}, b"", "")
    with pytest.raises(StopShop):
        parse_orders(kind, {})


def test_a_shop_without_its_credentials_says_which() -> None:
    secrets = {"app_key": SecretStr("k"), "session": SecretStr("")}
    with pytest.raises(StopShop, match="app_secret, session"):
        open_market(Access(shop_id=1, kind="tmall", base_url="http://127.0.0.1", secrets=secrets))


def test_an_exemption_needs_a_reason() -> None:
    with pytest.raises(ValidationError):
        Answered(state="exempt")


def test_a_broken_manifest_is_named(tmp_path: Path) -> None:
    path = tmp_path / "manifest.toml"
    path.write_text("kind = 5", encoding="utf-8")
    with pytest.raises(StopShop, match=r"manifest\.toml"):
        read_manifest(path)
