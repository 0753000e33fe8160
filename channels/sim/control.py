"""The simulator's own API under /_sim: make shops, buy, edit, spoil, look.

Invariant: bounded bodies and batches; a wrong request is answered 4xx with {"error": text} and changes nothing.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from channels.kit.errors import BadAnswer
from channels.kit.json import decode, encode
from channels.sim.buyers import Buyers
from channels.sim.quirks.protocol import Quirks, World
from channels.sim.sell import MAX_LINES, Bought, Wish
from channels.sim.store import Listing, Sale, Shop
from channels.sim.webhooks import Postman

_MAX_LISTINGS = 5_000
_MAX_BASKETS = 1_000
_MAX_LIMIT = 5_000
_MAX_UNITS = 1_000_000
_SHOP_ID = re.compile(r"^[a-z0-9][a-z0-9-]{0,39}$")

Body = Mapping[str, Any]


class _Wrong(Exception):
    """A request that is refused; the text goes to the caller."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Control:
    """The handlers."""

    def __init__(self, world: World, quirks: Mapping[str, Quirks], postman: Postman, base_url: str) -> None:
        self._world = world
        self._quirks = quirks
        self._postman = postman
        self._base_url = base_url.rstrip("/")
        self.buyers: Buyers | None = None

    def routes(self) -> list[Route]:
        table: list[tuple[str, str, Callable[[Request, Body], Awaitable[Any]]]] = [
            ("/_sim/shops", "POST", self.make_shop),
            ("/_sim/shops", "GET", self.list_shops),
            ("/_sim/shops/{id}", "GET", self.show_shop),
            ("/_sim/shops/{id}", "POST", self.change_shop),
            ("/_sim/shops/{id}/listings", "GET", self.list_listings),
            ("/_sim/shops/{id}/listings", "POST", self.add_listings),
            ("/_sim/shops/{id}/edit", "POST", self.edit),
            ("/_sim/shops/{id}/orders/{order:path}", "GET", self.show_order),
            ("/_sim/buy", "POST", self.buy),
            ("/_sim/buys", "POST", self.buy_many),
            ("/_sim/stock", "POST", self.set_stock),
            ("/_sim/stats", "GET", self.stats),
            ("/_sim/faults", "POST", self.add_fault),
            ("/_sim/faults", "DELETE", self.clear_faults),
            ("/_sim/buyers", "POST", self.set_buyers),
            ("/_sim/clock", "POST", self.move_clock),
        ]
        return [Route(path, _answering(handler), methods=[method]) for path, method, handler in table]

    # shops
    async def make_shop(self, request: Request, body: Body) -> Any:
        kind, name = _text(body, "kind"), _text(body, "name")
        if kind not in self._quirks:
            raise _Wrong(f"no marketplace {kind!r}; there are {', '.join(self._quirks)}")
        store = self._world.store
        shop_id = str(body.get("id") or f"{kind}-{len(store.shops()) + 1}")
        if not _SHOP_ID.match(shop_id):
            raise _Wrong("id: lower-case letters, digits and dashes")
        known = store.shop(shop_id)
        if known is not None:
            return self._shop_view(request, known)
        rows = [_read_listing(row) for row in _rows(body, "listings", _MAX_LISTINGS)]
        settings = {**self._quirks[kind].new_settings(shop_id), **_shop_settings(body)}
        with store.change():
            shop = store.save_shop(shop_id, kind, name, str(body.get("currency") or "CNY"), settings)
            for row in rows:
                store.add_listing(shop_id, **row)
        return self._shop_view(request, shop)

    async def list_shops(self, request: Request, _body: Body) -> Any:
        return {"shops": [self._shop_view(request, shop) for shop in self._world.store.shops()]}

    async def show_shop(self, request: Request, _body: Body) -> Any:
        return self._shop_view(request, self._shop(request.path_params["id"]))

    async def change_shop(self, request: Request, body: Body) -> Any:
        shop = self._shop(request.path_params["id"])
        settings = {**shop.settings, **_shop_settings(body)}
        changed = self._world.store.save_shop(shop.id, shop.kind, shop.name, shop.currency, settings)
        return self._shop_view(request, changed)

    def _shop_view(self, request: Request, shop: Shop) -> dict[str, Any]:
        quirks = self._quirks[shop.kind]
        settings, secrets = quirks.access(shop)
        root = self._base_url or f"{request.url.scheme}://{request.url.netloc}"
        return {
            "id": shop.id, "kind": shop.kind, "name": shop.name, "currency": shop.currency,
            "base_url": root + quirks.base_path(shop), "settings": settings, "secrets": secrets,
        }  # fmt: skip

    def _shop(self, shop_id: object) -> Shop:
        shop = self._world.store.shop(str(shop_id))
        if shop is None:
            raise _Wrong(f"there is no shop {str(shop_id)[:40]!r}", 404)
        return shop

    # listings
    async def add_listings(self, request: Request, body: Body) -> Any:
        shop = self._shop(request.path_params["id"])
        rows = [_read_listing(row) for row in _rows(body, "listings", _MAX_LISTINGS)]
        with self._world.store.change():
            added = [self._world.store.add_listing(shop.id, **row) for row in rows]
        return {"listings": [self._listing_view(shop, listing) for listing in added]}

    async def list_listings(self, request: Request, _body: Body) -> Any:
        shop = self._shop(request.path_params["id"])
        after = _number(request.query_params.get("after", "0"), "after", 0, 1 << 60)
        limit = _number(request.query_params.get("limit", "1000"), "limit", 1, _MAX_LIMIT)
        found = self._world.store.listings(shop.id, after, limit)
        following = found[-1].id if len(found) == limit else None
        return {"listings": [self._listing_view(shop, listing) for listing in found], "next": following}

    def _listing_view(self, shop: Shop, listing: Listing) -> dict[str, Any]:
        return {
            "external_id": self._quirks[shop.kind].listing_ref(listing), "sku": listing.sku, "code": listing.code,
            "title": listing.title, "price": listing.price, "qty": listing.qty, "sold": listing.sold,
        }  # fmt: skip

    # buying
    async def buy(self, _request: Request, body: Body) -> Any:
        return self._buy(body)

    async def buy_many(self, _request: Request, body: Body) -> Any:
        baskets = _rows(body, "baskets", _MAX_BASKETS)
        with self._world.store.change():
            return {"baskets": [self._buy(basket) for basket in baskets]}

    def _buy(self, body: Body) -> dict[str, Any]:
        shop = self._shop(body.get("shop"))
        wishes = [self._wish(shop, row) for row in _rows(body, "lines", MAX_LINES)]
        bought = self._world.till.buy(
            shop,
            wishes,
            buyer=str(body.get("buyer") or "buyer")[:100],
            partial=bool(body.get("partial", True)),
            paid=bool(body.get("paid", True)),
        )
        self.told(shop, bought)
        ref = self._quirks[shop.kind].listing_ref
        return {
            "order": self._quirks[shop.kind].order_ref(bought.sale.id) if bought.sale else None,
            "lines": [
                {"platform_sku": ref(wish.listing) if wish.listing else None, "asked": wish.asked, "sold": sold,
                 "lost": wish.asked - sold}
                for wish, sold in zip(wishes, bought.sold, strict=True)
            ],
        }  # fmt: skip

    def _wish(self, shop: Shop, row: Body) -> Wish:
        asked = _number(row.get("qty", 1), "qty", 1, _MAX_UNITS)
        if row.get("platform_sku"):
            number = self._quirks[shop.kind].listing_id(str(row["platform_sku"]))
            listing = self._world.store.listing(shop.id, number) if number is not None else None
        else:
            listing = self._world.store.listing_by_code(shop.id, str(row.get("sku") or row.get("code") or ""))
        return Wish(listing, asked)

    def told(self, shop: Shop, bought: Bought) -> None:
        """Say by webhook that something was bought."""
        if bought.sale is not None:
            self._say(shop, bought.sale, "orders/create")

    def _say(self, shop: Shop, sale: Sale, topic: str) -> None:
        self._postman.post(shop.id, self._quirks[shop.kind].webhook(self._world, shop, sale, topic))

    # editing
    async def edit(self, request: Request, body: Body) -> Any:
        shop = self._shop(request.path_params["id"])
        if body.get("do") == "stock":
            return self._edit_stock(shop, body)
        sale = self._sale(shop, body.get("order"))
        try:
            self._world.till.edit(shop, sale, _text(body, "do"), body)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise _Wrong(str(error)) from error
        self._say(shop, sale, "orders/cancelled" if body["do"] == "cancel" else "orders/updated")
        return self._quirks[shop.kind].order_view(shop, sale)

    def _edit_stock(self, shop: Shop, body: Body) -> dict[str, Any]:
        """Somebody sets a number by hand in the marketplace's own pages."""
        wish = self._wish(shop, {**body, "qty": 1})
        if wish.listing is None:
            raise _Wrong("there is no such listing", 404)
        self._world.store.set_qty(wish.listing.id, _number(body.get("qty"), "qty", 0, _MAX_UNITS))
        shown = self._world.store.listing(shop.id, wish.listing.id)
        return self._listing_view(shop, shown or wish.listing)

    async def show_order(self, request: Request, _body: Body) -> Any:
        shop = self._shop(request.path_params["id"])
        sale = self._sale(shop, request.path_params["order"])
        quirks = self._quirks[shop.kind]
        lines = [
            {name: line[name] for name in ("sku", "code", "qty", "cur", "shipped", "price")}
            for line in sale.doc["lines"]
        ]
        return {
            "order": quirks.order_ref(sale.id), "lines": lines, "parcels": sale.doc["parcels"],
            "cancelled": sale.doc["cancelled_ms"] is not None, "view": quirks.order_view(shop, sale),
        }  # fmt: skip

    def _sale(self, shop: Shop, order: object) -> Sale:
        number = self._quirks[shop.kind].order_id(str(order))
        sale = self._world.store.sale(shop.id, number) if number is not None else None
        if sale is None:
            raise _Wrong("there is no such order", 404)
        return sale

    # looking, spoiling, time
    async def set_stock(self, _request: Request, body: Body) -> Any:
        units = {str(code): _number(count, "units", 0, 1 << 40) for code, count in body.items()}
        with self._world.store.change():
            self._world.store.set_units(units)
        return self._world.store.goods()

    async def stats(self, _request: Request, _body: Body) -> Any:
        store = self._world.store
        return {"shops": {shop.id: store.counters(shop.id) for shop in store.shops()}, "goods": store.goods()}

    async def add_fault(self, _request: Request, body: Body) -> Any:
        shop = self._shop(body.get("shop"))
        options = {name: value for name, value in body.items() if name not in ("shop", "fault", "count")}
        try:
            self._world.faults.add(
                shop.id, _text(body, "fault"), _number(body.get("count", 1), "count", 1, 1_000_000), options
            )
        except ValueError as error:
            raise _Wrong(str(error)) from error
        return {}

    async def clear_faults(self, request: Request, _body: Body) -> Any:
        self._world.faults.clear(request.query_params.get("shop"))
        return {}

    async def set_buyers(self, _request: Request, body: Body) -> Any:
        if self.buyers is None:
            raise _Wrong("there are no buyers here", 409)
        try:
            self.buyers.set_rate(float(body.get("per_minute", 0)), _number(body.get("seed", 1), "seed", 0, 1 << 60))
        except (ValueError, TypeError) as error:
            raise _Wrong(str(error)) from error
        return {"per_minute": self.buyers.per_minute}

    async def move_clock(self, _request: Request, body: Body) -> Any:
        self._world.clock.advance(
            float(_number(body.get("advance_seconds", 0), "advance_seconds", -86_400, 86_400 * 366))
        )
        return {"now": self._world.clock.now().isoformat()}


def _answering(handler: Callable[[Request, Body], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            raw = await request.body()
            body = decode(raw) if raw else {}
            if not isinstance(body, dict):
                raise _Wrong("the body must be an object")
            return _json(await handler(request, body))
        except BadAnswer as error:
            return _json({"error": error.message}, 400)
        except _Wrong as error:
            return _json({"error": str(error)}, error.status)

    return answer


def _json(value: Any, status: int = 200) -> Response:
    return Response(encode(value), status_code=status, media_type="application/json")


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value or len(value) > 200:
        raise _Wrong(f"{name}: a text of 1 to 200 characters")
    return value


def _number(value: object, name: str, lowest: int, highest: int) -> int:
    try:
        number = int(str(value))
    except ValueError as error:
        raise _Wrong(f"{name}: a whole number") from error
    if not lowest <= number <= highest:
        raise _Wrong(f"{name}: between {lowest} and {highest}")
    return number


def _rows(body: Body, name: str, highest: int) -> list[Body]:
    rows = body.get(name, [])
    if not isinstance(rows, list) or len(rows) > highest or not all(isinstance(row, dict) for row in rows):
        raise _Wrong(f"{name}: a list of at most {highest} objects")
    return rows


def _shop_settings(body: Body) -> dict[str, Any]:
    settings: dict[str, Any] = {name: str(body[name]) for name in ("webhook_url",) if name in body}
    if isinstance(body.get("limits"), dict):
        settings["limits"] = {
            name: float(value) for name, value in body["limits"].items() if name in ("per_second", "burst")
        }
    return settings


def _read_listing(row: Body) -> dict[str, Any]:
    sku = str(row["sku"]) if row.get("sku") else None
    try:
        price = Decimal(str(row.get("price", "0")))
    except InvalidOperation as error:
        raise _Wrong("price: a decimal number as text") from error
    return {
        "sku": sku, "code": str(row.get("code") or sku or ""), "title": str(row.get("title") or sku or "")[:500],
        "price": f"{price:.2f}", "qty": _number(row.get("qty", 0), "qty", 0, _MAX_UNITS),
        "single": bool(row.get("single")),
    }  # fmt: skip
