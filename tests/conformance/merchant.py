"""One shop in a running simulator, seen from both sides: the adapter under test, and the control API."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
from pydantic import SecretStr

from channels.kit.loader import manifest_of, open_market
from channels.kit.market import Access, Market
from channels.kit.types import ChannelListing, ChannelOrder, OrderPage, PushItem, ShipmentLine, ShipmentNotice
from channels.sim.app import RunningSim

GOODS = [f"SKU-{number:03d}" for number in range(1, 9)]
FORGOTTEN = "SKU-008"
"""the listing that carries no seller's code"""
_SHOP_IDS = count(1)
"""each merchant has its own rate limits, which live as long as the process"""


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Merchant:
    """A connected shop. `world` is the simulator's inside, for facts that no protocol shows."""

    sim: RunningSim
    control: httpx.AsyncClient
    shop: dict[str, Any]
    shop_id: int = field(default_factory=lambda: next(_SHOP_IDS))
    market: Market = field(init=False)

    def __post_init__(self) -> None:
        self.market = self.connect()

    @property
    def kind(self) -> str:
        return str(self.shop["kind"])

    def connect(self, *, settings: dict[str, Any] | None = None, **secrets: str) -> Market:
        """A fresh adapter; with other settings or secrets on demand."""
        generous = {"limits": {"default": {"per_second": 10_000, "burst": 10_000}}}
        return open_market(
            Access(
                shop_id=self.shop_id,
                kind=self.kind,
                base_url=self.shop["base_url"],
                settings={**generous, **self.shop["settings"], **(settings or {})},
                secrets={name: SecretStr(text) for name, text in {**self.shop["secrets"], **secrets}.items()},
            )
        )

    async def tell(self, path: str, **body: Any) -> Any:
        """A POST to the control API."""
        answer = await self.control.post(f"/_sim/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def buy(self, *lines: tuple[str, int], **more: Any) -> str:
        """The new order's external id."""
        wanted = [{"code": code, "qty": units} for code, units in lines]
        bought = await self.tell("buy", shop=self.shop["id"], lines=wanted, **more)
        return str(bought["order"])

    async def buy_many(self, count: int) -> list[str]:
        baskets = [
            {"shop": self.shop["id"], "lines": [{"code": GOODS[number % len(GOODS)], "qty": 1}]}
            for number in range(count)
        ]
        return [basket["order"] for basket in (await self.tell("buys", baskets=baskets))["baskets"]]

    async def edit(self, do: str, order: str, **more: Any) -> None:
        await self.tell(f"shops/{self.shop['id']}/edit", do=do, order=order, **more)

    async def spoil(self, fault: str, **more: Any) -> None:
        await self.tell("faults", shop=self.shop["id"], fault=fault, **more)

    async def heal(self) -> None:
        (await self.control.delete("/_sim/faults", params={"shop": self.shop["id"]})).raise_for_status()

    async def shown(self) -> dict[str, int]:
        """What buyers see, by code."""
        answer = await self.control.get(f"/_sim/shops/{self.shop['id']}/listings")
        return {row["code"]: row["qty"] for row in answer.json()["listings"]}

    async def parcels(self, order: str) -> list[Any]:
        answer = await self.control.get(f"/_sim/shops/{self.shop['id']}/orders/{order}")
        return list(answer.json()["parcels"])

    async def pages(self, since: datetime | None = None, until: datetime | None = None) -> list[OrderPage]:
        first, last = since or now() - timedelta(hours=1), until or now() + timedelta(seconds=1)
        return [page async for page in self.market.orders_since(first, last)]

    async def orders(self, since: datetime | None = None) -> dict[str, ChannelOrder]:
        """The newest reading of each order in the feed."""
        return {order.external_id: order for page in await self.pages(since) for order in page.orders}

    async def order(self, external_id: str) -> ChannelOrder:
        return (await self.orders())[external_id]

    async def listings(self) -> dict[str, ChannelListing]:
        """By the seller's code ("" where it is forgotten)."""
        return {listing.sku or "": listing async for some in self.market.listings() for listing in some}

    async def item(self, code: str, quantity: int, *, expected: int | None = None, version: int = 1) -> PushItem:
        listing = (await self.listings())[code]
        number = GOODS.index(code) + 1
        return PushItem(
            listing_id=number, external_id=listing.external_id, keys=listing.keys, quantity=quantity, version=version,
            expected=expected,
        )  # fmt: skip

    async def notice(self, order: str, *units: int, key: str = "S1") -> ShipmentNotice:
        """A shipment of the first lines, so many units of each."""
        found = await self.order(order)
        lines = [
            ShipmentLine(line_id=line.line_id, platform_sku=line.platform_sku, quantity=count)
            for line, count in zip(found.lines, units, strict=False)
        ]
        return ShipmentNotice(
            order_id=order, shipment_key=key, carrier="SF", waybill=f"SF-{key}", lines=tuple(lines), shipped_at=now()
        )


def card_says(kind: str, rule: str) -> str:
    return manifest_of(kind).card[rule].state
