"""Shopify Admin GraphQL: effects only, the meaning of answers is in mapping.

Invariant: the order feed is read in ascending order of updatedAt by cursor, lines to their last page; a push never
writes over a number that changed at the shop; a shipment is checked against what remains before it is told.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from channels.kit.errors import BadAnswer, ChannelError, GiveUp, RetryLater, StopShop
from channels.kit.fields import Malformed
from channels.kit.http import Answer, Door
from channels.kit.json import decode, encode
from channels.kit.market import Access
from channels.kit.outcome import all_rejected, without_keys
from channels.kit.types import ChannelListing, OrderPage, PushItem, PushOutcome, PushResult, ShipmentNotice
from channels.markets.shopify import queries
from channels.markets.shopify.answers import STALE, classify_error, told_limits
from channels.markets.shopify.mapping import available_at, parse_listings, read_orders
from channels.markets.shopify.pushing import NEIGHBOUR, NEW_STYLE, idempotency_key, parse_push_result, quantities_input
from channels.markets.shopify.shipping import already_told, fulfilments

_ORDERS_PER_PAGE = 50
_LINES_PER_PAGE = 50
_SMALLEST_PAGE = 5
_MORE_LINES = 250
_VARIANTS_PER_PAGE = 250
_MAX_PAGES = 10_000
_MAX_LINE_PAGES = 20
_KEY_TRIES = 3
_PUSH_KEYS = ("inventory_item_id", "location_id")
_BURNT_KEY = "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"


class Adapter:
    """One shop."""

    def __init__(self, access: Access, door: Door) -> None:
        self._version = str(access.settings.get("api_version") or "2026-07")
        self._url = f"{access.base_url.rstrip('/')}/admin/api/{self._version}/graphql.json"
        self._token = access.secrets["access_token"]
        self._location = str(access.settings.get("location_id") or "")
        self._authorized_ships = bool(access.settings.get("authorized_ships"))
        self._orders_per_page = int(access.settings.get("orders_per_page") or _ORDERS_PER_PAGE)
        self._salt = uuid4().hex
        self._door = door

    async def orders_since(self, since: datetime, until: datetime) -> AsyncIterator[OrderPage]:
        """Every order updated in [since, until], oldest first; the last page carries `complete_to`."""
        search = f"updated_at:>='{_iso(since)}' updated_at:<='{_iso(until)}'"
        after: str | None = None
        for _ in range(_MAX_PAGES):
            body, raw = await self._order_page(search, after)
            orders = _connection(body, "orders")
            extra = [await self._complete_lines(node) for node in orders.get("nodes") or []]
            reading = read_orders(body, authorized_ships=self._authorized_ships)
            after = _next_cursor(orders)
            yield OrderPage(
                orders=reading.orders,
                refused=reading.refused,
                raw=b"\n".join([raw, *(one for part in extra for one in part)]),
                complete_to=until if after is None else None,
            )
            if after is None:
                return
        raise BadAnswer(f"more than {_MAX_PAGES} order pages", code="endless")

    async def _order_page(self, search: str, after: str | None) -> tuple[Any, bytes]:
        """One page; a query that the shop finds too costly is asked again with half the page."""
        while True:
            size = self._orders_per_page
            variables = {"first": size, "after": after, "search": search, "lines": min(size, _LINES_PER_PAGE)}
            try:
                return await self._ask("orders", queries.ORDERS, variables, cost=2 + size / 2)
            except GiveUp as error:
                if error.code != "MAX_COST_EXCEEDED" or size < _SMALLEST_PAGE * 2:
                    raise
                self._orders_per_page = size // 2

    async def _complete_lines(self, node: Any) -> list[bytes]:
        """Read the further pages of an order's lines into the node. Returns the raw answers."""
        lines = node.get("lineItems") if isinstance(node, Mapping) else None
        if not isinstance(lines, dict) or not isinstance(lines.get("nodes"), list):
            return []
        raws: list[bytes] = []
        after = _next_cursor(lines)
        while after is not None:
            if len(raws) >= _MAX_LINE_PAGES:
                raise BadAnswer("an order has too many pages of lines", code="endless")
            variables = {"id": node.get("id"), "first": _MORE_LINES, "after": after}
            body, raw = await self._ask("orders", queries.MORE_LINES, variables, cost=10)
            order = _data(body, "order")
            more = order.get("lineItems") if isinstance(order, Mapping) else None
            if not isinstance(more, Mapping) or not isinstance(more.get("nodes"), list):
                raise BadAnswer("the order vanished while its lines were read", code="wrong-root", raw=raw)
            lines["nodes"].extend(more["nodes"])
            raws.append(raw)
            after = _next_cursor(more)
        lines["pageInfo"] = {"hasNextPage": False, "endCursor": None}
        return raws

    async def listings(self) -> AsyncIterator[Sequence[ChannelListing]]:
        """All product variants with what the chosen location shows."""
        location = await self._location_id()
        after: str | None = None
        for _ in range(_MAX_PAGES):
            variables = {"first": _VARIANTS_PER_PAGE, "after": after, "location": location}
            body, _raw = await self._ask("listings", queries.VARIANTS, variables, cost=2 + _VARIANTS_PER_PAGE / 2)
            yield parse_listings(body, location)
            after = _next_cursor(_connection(body, "productVariants"))
            if after is None:
                return
        raise BadAnswer(f"more than {_MAX_PAGES} listing pages", code="endless")

    async def push(self, items: Sequence[PushItem]) -> list[PushResult]:
        """Set absolute quantities by compare-and-set. A row that the shop refuses does not hold up its neighbours. A
        stale row comes back rejected (retry) with the number that the shop shows now in `quantity_after`; a row that
        shows the wanted number already is applied (an earlier answer was lost)."""
        results = {result.listing_id: result for result in without_keys(items, _PUSH_KEYS)}
        for group in self._groups([item for item in items if item.listing_id not in results]):
            await self._push_group(group, results)
        stale = [item for item in items if results[item.listing_id].code in STALE]
        if stale:
            await self._read_back(stale, results)
        return [results[item.listing_id] for item in items]

    def _groups(self, items: Sequence[PushItem]) -> list[list[PushItem]]:
        """Rows that one call can carry: the old style compares all rows of a call or none."""
        if self._version >= NEW_STYLE:
            return [list(items)] if items else []
        compared = [item for item in items if item.expected is not None]
        blind = [item for item in items if item.expected is None]
        return [group for group in (compared, blind) if group]

    async def _push_group(self, items: list[PushItem], results: dict[int, PushResult]) -> None:
        """One call, and a second one for the rows that a bad neighbour held up."""
        results.update((result.listing_id, result) for result in await self._set(items))
        again = [item for item in items if results[item.listing_id].code == NEIGHBOUR]
        if again and len(again) < len(items):
            results.update((result.listing_id, result) for result in await self._set(again))

    async def _set(self, items: Sequence[PushItem]) -> list[PushResult]:
        """inventorySetQuantities; a key that a failed attempt has burnt is replaced."""
        results: list[PushResult] = []
        for attempt in range(_KEY_TRIES):
            variables: dict[str, Any] = {"input": quantities_input(items, self._version)}
            if self._version >= NEW_STYLE:
                variables["key"] = idempotency_key(items, self._salt, attempt)
            query = queries.SET_QUANTITIES if self._version >= NEW_STYLE else queries.SET_QUANTITIES_OLD
            try:
                body, _raw = await self._ask("push", query, variables, cost=12, refusals=True)
            except ChannelError as error:
                return all_rejected(items, error)
            results = parse_push_result(body, items)
            if not any(result.code == _BURNT_KEY for result in results):
                break
        return results

    async def _read_back(self, stale: Sequence[PushItem], results: dict[int, PushResult]) -> None:
        """What the shop shows now, for the rows that were stale: the hub pulls orders and decides anew."""
        items = {item.keys["inventory_item_id"]: item for item in stale}
        variables = {"ids": list(items), "location": stale[0].keys["location_id"]}
        try:
            body, _raw = await self._ask("push", queries.SHOWN, variables, cost=1 + len(items))
        except ChannelError:
            # the rows stay rejected without the number; the hub reads it with the next pull
            return
        for node in _data(body, "nodes") or []:
            item = items.get(str(node.get("id"))) if isinstance(node, Mapping) else None
            if item is not None:
                results[item.listing_id] = _seen(results[item.listing_id], item, _shown(node))

    async def confirm_shipment(self, notice: ShipmentNotice) -> None:
        """Create a fulfilment of what remains of the named lines; told before or nothing left = nothing to do."""
        order, parts = await self._fulfilment_orders(notice.order_id)
        if already_told(order, notice.waybill):
            return
        for fulfilment in fulfilments(order, parts, notice):
            try:
                await self._ask("ship", queries.FULFIL, {"fulfillment": fulfilment}, cost=12, once=True)
            except RetryLater:
                raise
            except GiveUp:
                # its errors have words but no code: somebody may have shipped meanwhile, so look once more
                order, parts = await self._fulfilment_orders(notice.order_id)
                if fulfilments(order, parts, notice) and not already_told(order, notice.waybill):
                    raise

    async def _fulfilment_orders(self, order_id: str) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
        parts: list[Mapping[str, Any]] = []
        after: str | None = None
        for _ in range(_MAX_LINE_PAGES):
            body, _raw = await self._ask("ship", queries.FULFILLMENT_ORDERS, {"id": order_id, "after": after}, cost=20)
            order = _data(body, "order")
            if not isinstance(order, Mapping):
                raise GiveUp("the shop does not know the order", code="NOT_FOUND")
            found = order.get("fulfillmentOrders")
            if not isinstance(found, Mapping):
                raise BadAnswer("the order has no fulfilment orders", code="wrong-root")
            parts.extend(part for part in found.get("nodes") or [] if isinstance(part, Mapping))
            after = _next_cursor(found)
            if after is None:
                return order, parts
        raise BadAnswer("an order has too many fulfilment orders", code="endless")

    async def _location_id(self) -> str:
        """The chosen location, else the first active one that fulfils online orders."""
        if not self._location:
            body, _raw = await self._ask("listings", queries.LOCATIONS, {}, cost=27)
            for node in _connection(body, "locations").get("nodes") or []:
                if isinstance(node, Mapping) and node.get("isActive") and node.get("fulfillsOnlineOrders"):
                    self._location = str(node.get("id"))
                    break
            else:
                raise StopShop("the shop has no active location that fulfils online orders", code="no-location")
        return self._location

    async def _ask(
        self,
        operation: str,
        query: str,
        variables: Mapping[str, Any],
        *,
        cost: float,
        refusals: bool = False,
        once: bool = False,
    ) -> tuple[Any, bytes]:
        """One request: (decoded, raw). Raises what the answer means; with `refusals` the caller reads userErrors;
        `once` = not safe to repeat."""
        content = encode({"query": query, "variables": dict(variables)})

        async def attempt() -> tuple[Any, bytes]:
            token = self._token.get_secret_value()
            headers = {"content-type": "application/json", "x-shopify-access-token": token}
            answer = await self._door.send(operation, self._url, headers=headers, content=content, cost=cost)
            return await self._read(operation, answer, refusals), answer.body

        return await attempt() if once else await self._door.patiently(operation, attempt)

    async def _read(self, operation: str, answer: Answer, refusals: bool) -> Any:
        body: Any
        unreadable: BadAnswer | None = None
        try:
            body = decode(answer.body)
        except BadAnswer as error:
            body, unreadable = answer.body, error
        told = told_limits(body)
        if told is not None:
            await self._door.tell(operation, told)
        failure: ChannelError | None = classify_error(answer.status, answer.headers, body)
        if isinstance(failure, BadAnswer) and unreadable is not None:
            raise unreadable
        if failure is not None and not (refusals and _only_user_errors(body)):
            raise failure
        return body


def _seen(result: PushResult, item: PushItem, shown: int | None) -> PushResult:
    """A stale row with what the shop shows now."""
    if shown == item.quantity:
        return PushResult(listing_id=item.listing_id, outcome=PushOutcome.APPLIED, quantity_after=shown)
    return result.model_copy(update={"quantity_after": shown})


def _shown(node: Mapping[str, Any]) -> int | None:
    try:
        return available_at(node)
    except Malformed:
        return None


def _only_user_errors(body: Any) -> bool:
    return isinstance(body, Mapping) and not body.get("errors")


def _iso(moment: datetime) -> str:
    """Whole seconds, as updatedAt has them."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _data(body: Any, field: str) -> Any:
    data = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(data, Mapping) or field not in data:
        raise BadAnswer(f"the answer has no {field}", code="wrong-root")
    return data[field]


def _connection(body: Any, field: str) -> Mapping[str, Any]:
    found = _data(body, field)
    if not isinstance(found, Mapping) or not isinstance(found.get("nodes"), list):
        raise BadAnswer(f"{field} is not a list of nodes", code="wrong-root")
    return found


def _next_cursor(connection: Mapping[str, Any]) -> str | None:
    """The cursor of the next page, None on the last. Raises BadAnswer when the page does not say which it is."""
    page = connection.get("pageInfo")
    if not isinstance(page, Mapping) or not isinstance(page.get("hasNextPage"), bool):
        raise BadAnswer("a page without pageInfo", code="wrong-root")
    if not page["hasNextPage"]:
        return None
    if not isinstance(page.get("endCursor"), str):
        raise BadAnswer("a next page without a cursor", code="wrong-root")
    return str(page["endCursor"])
