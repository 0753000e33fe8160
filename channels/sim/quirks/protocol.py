"""What the simulator asks of each marketplace's quirks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from channels.sim.clock import SimClock
from channels.sim.faults import Faults
from channels.sim.sell import Till
from channels.sim.store import Listing, Sale, Shop, Store


@dataclass(frozen=True, slots=True)
class World:
    """Everything a protocol needs to answer."""

    store: Store
    clock: SimClock
    till: Till
    faults: Faults


@dataclass(frozen=True, slots=True)
class Message:
    """A webhook on its way out."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class Quirks(Protocol):
    """One marketplace."""

    kind: str
    path: str
    """Starlette path of its endpoint, may hold {shop}"""

    async def answer(self, world: World, request: Request) -> Response: ...

    def base_path(self, shop: Shop) -> str:
        """What follows the simulator's address in the shop's base_url."""
        ...

    def new_settings(self, shop_id: str) -> dict[str, Any]:
        """Credentials and settings of a fresh shop, as the store keeps them."""
        ...

    def access(self, shop: Shop) -> tuple[dict[str, Any], dict[str, str]]:
        """(settings, secrets) as the hub's adapter wants them."""
        ...

    def listing_ref(self, listing: Listing) -> str:
        """The external id of a listing."""
        ...

    def listing_id(self, external_id: str) -> int | None: ...

    def order_ref(self, sale_id: int) -> str: ...

    def order_id(self, external_id: str) -> int | None: ...

    def order_view(self, shop: Shop, sale: Sale) -> dict[str, Any]:
        """The order as the protocol shows it, for people and tests."""
        ...

    def webhook(self, world: World, shop: Shop, sale: Sale, topic: str) -> Message | None:
        """The message about a change, or None when this marketplace sends none."""
        ...
