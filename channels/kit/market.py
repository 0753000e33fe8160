"""What the hub asks of a marketplace adapter: the whole port, five calls and a signature check.

An adapter is a class `Adapter` in `channels/markets/<kind>/adapter.py`, made by the loader with
`Adapter(access, door)`; it knows nothing of our tables. It raises only errors of `channels.kit.errors`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from channels.kit.types import ChannelListing, OrderPage, PushItem, PushResult, ShipmentNotice


class Access(BaseModel):
    """How to reach one shop: plain settings and opened credentials. Lives in memory only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shop_id: int
    kind: str
    base_url: str
    """root of the marketplace's API for this shop (the simulator has another one than the real marketplace)"""
    settings: Mapping[str, Any] = Field(default_factory=dict)
    secrets: Mapping[str, SecretStr] = Field(default_factory=dict)


class Market(Protocol):
    """One connected shop, seen through its adapter."""

    def orders_since(self, since: datetime, until: datetime) -> AsyncIterator[OrderPage]:
        """Every order modified in [since, until], in pages, oldest gap first; the last page carries `complete_to`.

        Splits windows, reads backwards, waits for limits as the channel demands. A page may repeat orders.
        """
        ...

    def listings(self) -> AsyncIterator[Sequence[ChannelListing]]:
        """The whole catalogue, page by page."""
        ...

    async def push(self, items: Sequence[PushItem]) -> list[PushResult]:
        """Set absolute quantities; one result per item, in the order of the items. At most `batch_size` items."""
        ...

    async def confirm_shipment(self, notice: ShipmentNotice) -> None:
        """Tell the channel that goods left. Idempotent: an order that is already shipped is no error."""
        ...


class Webhook(BaseModel):
    """A verified message that a channel sent by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: str
    """for de-duplication, unique per shop"""
    topic: str
    order_id: str | None = None
