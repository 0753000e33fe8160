"""The Taobao Open Platform: effects only, the meaning of answers is in mapping.

Invariant: the feed is read window by window, counted first and paged from the last page back; a window that grew while
it was read is read again; the complete trade comes from fullinfo. Quantities are absolute (type 1) and never relative,
so that a repeated call is harmless.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from channels.kit.errors import BadAnswer, ChannelError, GiveUp, RetryLater
from channels.kit.http import Answer, Door
from channels.kit.json import decode, encode
from channels.kit.market import Access
from channels.kit.outcome import all_rejected, without_keys
from channels.kit.types import ChannelListing, ChannelOrder, OrderPage, PushItem, PushResult, ShipmentNotice
from channels.markets.tmall.answers import classify_error
from channels.markets.tmall.catalogue import items_of, listings_of
from channels.markets.tmall.mapping import GMT8, parse_orders, read_orders, total_results, trade_ids
from channels.markets.tmall.pushing import parse_push_result
from channels.markets.tmall.shipping import consign_parcels
from channels.markets.tmall.signing import sign
from channels.markets.tmall.windows import MAX_PAGES_PER_WINDOW, halves, pages_backwards, windows
from hub.core.clock import utcnow

_TYPES = (
    "fixed,auction,guarantee_trade,step,independent_simple_trade,independent_shop_trade,auto_delivery,ec,cod,"
    "game_equipment,shopex_trade,netcn_trade,external_trade,instant_trade,b2c_cod,hotel_trade,super_market_trade,"
    "super_market_cod_trade,taohua,waimai,o2o_offlinetrade,nopaid,eticket,tmall_i18n,insurance_plus,finance"
)
_ORDER_FIELDS = (
    "oid,oid_str,num_iid,sku_id,outer_iid,outer_sku_id,title,num,price,total_fee,payment,discount_fee,adjust_fee,"
    "part_mjz_discount,divide_order_fee,sub_order_tax_fee,status,refund_status,refund_id,consign_time,store_code,"
    "invoice_no,logistics_company"
)
_TRADE_FIELDS = (
    "tid,tid_str,status,type,step_trade_status,created,modified,pay_time,consign_time,end_time,payment,post_fee,"
    "discount_fee,total_fee,order_tax_fee,buyer_nick,buyer_open_uid,buyer_message,receiver_name,receiver_mobile,"
    "receiver_phone,receiver_state,receiver_city,receiver_district,receiver_town,receiver_address,receiver_zip,oaid,"
) + ",".join(f"orders.{name}" for name in _ORDER_FIELDS.split(","))
_TRADES_PER_PAGE = 50
_ITEMS_PER_PAGE = 200
_ITEMS_PER_SKU_CALL = 40
_SKUS_PER_PUSH = 20
_AT_ONCE = 6
_READS_OF_A_WINDOW = 3
_MAX_ITEM_PAGES = 5_000


class Adapter:
    """One seller."""

    def __init__(self, access: Access, door: Door) -> None:
        self._url = access.base_url
        self._secrets = access.secrets
        self._sign_method = str(access.settings.get("sign_method") or "hmac-sha256")
        self._full = str(access.settings.get("detail") or "full") == "full"
        self._door = door

    async def orders_since(self, since: datetime, until: datetime) -> AsyncIterator[OrderPage]:
        """Every trade modified in [since, until], window by window; the last page carries `complete_to`."""
        todo = list(windows(since.astimezone(UTC), until.astimezone(UTC)))[::-1]
        done_to = since
        while todo:
            start, end = todo.pop()
            total, raw = await self._count(start, end)
            if total > MAX_PAGES_PER_WINDOW * _TRADES_PER_PAGE and (cut := halves(start, end)):
                todo.extend((cut[1], cut[0]))
                continue
            async for page in self._window(start, end, total):
                yield page
            done_to = end
            if not todo:
                yield OrderPage(orders=(), raw=raw, complete_to=min(until, max(done_to, since)))

    async def _window(self, start: datetime, end: datetime, total: int) -> AsyncIterator[OrderPage]:
        """The pages of a window from the last to the first, again while it grows."""
        for _ in range(_READS_OF_A_WINDOW):
            seen = total
            for number in pages_backwards(total, _TRADES_PER_PAGE):
                page, seen = await self._page(start, end, number)
                yield page
            if seen <= total:
                return
            total = seen
        raise RetryLater("the window grew while it was read", code="moving-window")

    async def _count(self, start: datetime, end: datetime) -> tuple[int, bytes]:
        body, raw = await self._call(
            "taobao.trades.sold.increment.get",
            {**_between(start, end), "fields": "tid", "page_no": "1", "page_size": "1"},
        )
        return total_results(body), raw

    async def _page(self, start: datetime, end: datetime, number: int) -> tuple[OrderPage, int]:
        """One page with its complete trades, and the window's total as it is now."""
        fields = "tid,tid_str" if self._full else _TRADE_FIELDS
        asked = {**_between(start, end), "fields": fields, "page_no": str(number), "page_size": str(_TRADES_PER_PAGE)}
        body, raw = await self._call("taobao.trades.sold.increment.get", asked)
        if not self._full:
            reading = read_orders(body)
            return OrderPage(orders=reading.orders, refused=reading.refused, raw=raw), total_results(body)
        orders, refused, raws = await self._details(trade_ids(body))
        page = OrderPage(orders=tuple(orders), refused=tuple(refused), raw=b"\n".join([raw, *raws]))
        return page, total_results(body)

    async def _details(self, tids: Sequence[str]) -> tuple[list[ChannelOrder], list[tuple[str, str]], list[bytes]]:
        """fullinfo of each trade, a few at a time; one that cannot be read is refused alone."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(tid: str) -> tuple[ChannelOrder | None, tuple[str, str] | None, bytes]:
            async with gate:
                return await self._detail(tid)

        found = await asyncio.gather(*(one(tid) for tid in tids), return_exceptions=True)
        for outcome in found:
            if isinstance(outcome, BaseException):
                raise outcome
        good = [outcome for outcome in found if not isinstance(outcome, BaseException)]
        return [o for o, _, _ in good if o], [r for _, r, _ in good if r], [raw for _, _, raw in good]

    async def _detail(self, tid: str) -> tuple[ChannelOrder | None, tuple[str, str] | None, bytes]:
        try:
            body, raw = await self._call("taobao.trade.fullinfo.get", {"tid": tid, "fields": _TRADE_FIELDS})
        except GiveUp as error:
            # also an answer that stays unreadable after several tries: the neighbours must not wait for it
            return None, (tid, error.message), getattr(error, "raw", b"")
        reading = read_orders(body)
        if reading.orders and reading.orders[0].external_id == tid:
            return reading.orders[0], None, raw
        reason = reading.refused[0][1] if reading.refused else "the answer is about another trade"
        return None, (tid, reason), raw

    async def listings(self) -> AsyncIterator[Sequence[ChannelListing]]:
        """All items on sale with their SKUs."""
        for number in range(1, _MAX_ITEM_PAGES + 1):
            asked = {
                "fields": "num_iid,title,outer_id,num,price",
                "page_no": str(number),
                "page_size": str(_ITEMS_PER_PAGE),
            }
            body, _raw = await self._call("taobao.items.onsale.get", asked)
            items = items_of(body)
            for begin in range(0, len(items), _ITEMS_PER_SKU_CALL):
                some = items[begin : begin + _ITEMS_PER_SKU_CALL]
                ids = ",".join(str(item.get("num_iid")) for item in some)
                fields = "sku_id,num_iid,quantity,outer_id,properties_name"
                skus, _raw = await self._call("taobao.item.skus.get", {"fields": fields, "num_iids": ids})
                yield listings_of(some, skus)
            if number * _ITEMS_PER_PAGE >= total_results(body):
                return
        raise BadAnswer(f"more than {_MAX_ITEM_PAGES} item pages", code="endless")

    async def push(self, items: Sequence[PushItem]) -> list[PushResult]:
        """Set absolute quantities: one call per item with up to twenty of its SKUs. What one call refuses does not
        touch the others; when a call of several SKUs is refused, each is tried alone to find the one to blame."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(group: list[PushItem]) -> list[PushResult]:
            async with gate:
                return await self._push_group(group)

        results = {result.listing_id: result for result in without_keys(items, ("num_iid",))}
        known = [item for item in items if item.listing_id not in results]
        groups = await asyncio.gather(*(one(group) for group in _by_item(known)))
        results |= {result.listing_id: result for group in groups for result in group}
        return [results[item.listing_id] for item in items]

    async def _push_group(self, group: list[PushItem]) -> list[PushResult]:
        try:
            return await self._set(group)
        except ChannelError as error:
            if len(group) == 1 or not isinstance(error, GiveUp):
                return all_rejected(group, error)
            return [result for item in group for result in await self._push_group([item])]

    async def _set(self, group: list[PushItem]) -> list[PushResult]:
        num_iid = group[0].keys["num_iid"]
        if group[0].keys.get("sku_id"):
            pairs = ";".join(f"{item.keys['sku_id']}:{item.quantity}" for item in group)
            method, asked = "taobao.skus.quantity.update", {"num_iid": num_iid, "skuid_quantities": pairs, "type": "1"}
        else:
            quantity = str(group[0].quantity)
            method, asked = "taobao.item.quantity.update", {"num_iid": num_iid, "quantity": quantity, "type": "1"}
        body, _raw = await self._call(method, asked)
        return parse_push_result(body, group)

    async def confirm_shipment(self, notice: ShipmentNotice) -> None:
        """Tell TOP what left; what the trade shows as sent already is not told again."""
        parcels = consign_parcels(await self._trade(notice.order_id), notice)
        if not parcels:
            return
        asked = {"tid": notice.order_id, "consign_type": "1", "consign_pkgs": encode(parcels).decode()}
        try:
            await self._call("alibaba.ascp.logistics.offline.send", asked, once=True)
        except RetryLater:
            raise
        except GiveUp:
            # somebody may have sent it meanwhile: look once more
            if consign_parcels(await self._trade(notice.order_id), notice):
                raise

    async def _trade(self, tid: str) -> ChannelOrder:
        body, _raw = await self._call("taobao.trade.fullinfo.get", {"tid": tid, "fields": _TRADE_FIELDS})
        orders = parse_orders(body)
        if not orders:
            raise GiveUp("TOP does not know the trade", code="isv.trade-not-exist")
        return orders[0]

    async def _call(self, method: str, asked: Mapping[str, str], *, once: bool = False) -> tuple[Any, bytes]:
        """One signed request: (decoded, raw). Raises what the answer means; `once` = not safe to repeat."""

        async def attempt() -> tuple[Any, bytes]:
            content = urlencode(self._signed(method, asked)).encode()
            headers = {"content-type": "application/x-www-form-urlencoded;charset=utf-8"}
            answer = await self._door.send(method, self._url, headers=headers, content=content)
            return _read(method, answer), answer.body

        return await attempt() if once else await self._door.patiently(method, attempt)

    def _signed(self, method: str, asked: Mapping[str, str]) -> dict[str, str]:
        params = {
            "method": method,
            "app_key": self._secrets["app_key"].get_secret_value(),
            "session": self._secrets["session"].get_secret_value(),
            "timestamp": _gmt8(utcnow()),
            "v": "2.0",
            "format": "json",
            "sign_method": self._sign_method,
            **{name: value for name, value in asked.items() if value != ""},
        }
        return {**params, "sign": sign(params, self._secrets["app_secret"].get_secret_value())}


def _read(method: str, answer: Answer) -> Any:
    body: Any
    unreadable: BadAnswer | None = None
    try:
        body = decode(answer.body)
    except BadAnswer as error:
        body, unreadable = answer.body, error
    failure: ChannelError | None = classify_error(answer.status, answer.headers, body)
    if isinstance(failure, BadAnswer) and unreadable is not None:
        raise unreadable
    if failure is not None:
        raise failure
    root = method.removeprefix("taobao.").replace(".", "_") + "_response"
    if not isinstance(body, Mapping) or not isinstance(body.get(root), Mapping):
        raise BadAnswer(f"{method}: the answer's root is not {root}", code="wrong-root", raw=answer.body)
    return body


def _gmt8(moment: datetime) -> str:
    return moment.astimezone(GMT8).strftime("%Y-%m-%d %H:%M:%S")


def _between(start: datetime, end: datetime) -> dict[str, str]:
    return {"start_modified": _gmt8(start), "end_modified": _gmt8(end), "type": _TYPES}


def _by_item(items: Sequence[PushItem]) -> list[list[PushItem]]:
    """Groups that one call can carry: the SKUs of one item, twenty at most; an item without SKUs alone."""
    groups: dict[tuple[str, bool], list[PushItem]] = {}
    for item in items:
        groups.setdefault((item.keys["num_iid"], bool(item.keys.get("sku_id"))), []).append(item)
    cut: list[list[PushItem]] = []
    for (_, has_skus), group in groups.items():
        size = _SKUS_PER_PUSH if has_skus else 1
        cut.extend(group[begin : begin + size] for begin in range(0, len(group), size))
    return cut
