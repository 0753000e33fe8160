"""Jobs that speak with the marketplaces: pull orders, import listings, push availability, tell shipments.

Invariant: no database transaction is open while a marketplace is being waited for. What came in is stored raw before
it is understood; what goes out is a versioned absolute number, so sending it again is harmless.
"""

from collections.abc import Sequence
from datetime import timedelta
from math import inf

from channels.kit.errors import BadAnswer, ChannelError, GiveUp, Reauthorise, RetryAfter, RetryLater, StopShop
from channels.kit.loader import manifest_of
from channels.kit.outcome import UNLISTED
from channels.kit.types import OrderPage, PushItem, PushOutcome, PushResult
from hub.core.cases import CaseKind, close_cases_of, open_case
from hub.core.clock import monotonic, utcnow
from hub.core.db import is_connection_trouble
from hub.core.log import get_logger
from hub.core.points import point
from hub.core.shops import Shop, ShopState, record_pull, record_trouble, set_state
from hub.core.shops import record_push as note_push
from orders.sales.ingest import ingest_page
from orders.sales.tell import claim_untold, record_told
from stockpool.offers.listings import FoundListing, register
from stockpool.offers.publish import PushAnswer, PushRow, claim_pushes, record_push
from workers.context import Hub
from workers.job import job

log = get_logger(__name__)

STALE_AFTER_FAILURES = 5
MAX_BACKOFF_SECONDS = 300.0
MAX_TELL = 50
SHORT_OVERLAP_SECONDS = 3
NEEDS_PERSON = (StopShop, Reauthorise)  # adapters renew short-lived tokens themselves; a refused one needs a person


@job
async def pull_orders(hub: Hub, shop_id: int) -> int:
    """Read what changed since the cursor (with overlap), store it, move the cursor. Returns orders seen."""
    shop = await hub.shop(shop_id)
    if shop.state is not ShopState.ACTIVE:
        return 0
    overlap = manifest_of(shop.kind).feed.overlap_seconds
    wide = monotonic() - hub.wide_pull_at.get(shop.id, -inf) >= overlap
    seen = 0
    try:
        market = await hub.market(shop)
        async for page in market.orders_since(shop.cursor_at - reach_back(overlap, wide=wide), utcnow()):
            await _store(hub, shop, page)
            seen += len(page.orders)
        if wide:
            hub.wide_pull_at[shop.id] = monotonic()
    except ChannelError as error:
        await _pull_failed(hub, shop, error)
    except Exception as error:
        if not is_connection_trouble(error):  # nobody foresaw it: the job tells a person, the shop waits like any other
            await _pull_failed(hub, shop, _unforeseen(error))
        raise
    return seen


def _unforeseen(error: Exception) -> RetryLater:
    return RetryLater(type(error).__name__, code="unforeseen")


def reach_back(overlap_seconds: int, *, wide: bool) -> timedelta:
    """How far before the cursor a pull begins. Mostly a little, because each order in the overlap is read again at
    every pull; once per overlap of the manifest twice that overlap, for orders that the channel's feed shows late."""
    return timedelta(seconds=2 * overlap_seconds if wide else min(SHORT_OVERLAP_SECONDS, overlap_seconds))


async def _store(hub: Hub, shop: Shop, page: OrderPage) -> None:
    """One page, one transaction: raw answer, orders, refusals, cursor."""
    point("ingest.before")
    async with hub.db.transaction() as session:
        await ingest_page(session, shop, page, hub.seal)
        await record_pull(session, shop.id, complete_to=page.complete_to)
        if page.complete_to is not None:
            await close_cases_of(session, CaseKind.STALE_FEED, f"shop:{shop.id}", "hub", "The feed answers again.")
        point("ingest.before_commit")
    point("ingest.committed")
    if page.orders:
        await hub.bell.ring("book_orders")


async def _pull_failed(hub: Hub, shop: Shop, error: ChannelError) -> None:
    """Say what happened; wait, or stop the shop and ask a person."""
    log.warning("pull_failed", shop=shop.id, kind=type(error).__name__, code=error.code, detail=error.message[:300])
    told = f"{type(error).__name__} {error.code}: {error.message}".strip()
    if isinstance(error, NEEDS_PERSON):
        await stop_shop(hub, shop, error)
        return
    wait = error.wait_seconds if isinstance(error, RetryAfter) else backoff_seconds(shop.failures)
    async with hub.db.transaction() as session:
        failures = await record_trouble(session, shop.id, told, wait_seconds=wait)
        if failures >= STALE_AFTER_FAILURES or isinstance(error, BadAnswer):
            await open_case(session, CaseKind.STALE_FEED, f"shop:{shop.id}", shop_id=shop.id, error=told[:300])


def backoff_seconds(failures: int) -> float:
    """1, 2, 4, ... seconds, at most five minutes."""
    return min(2.0 ** min(failures, 20), MAX_BACKOFF_SECONDS)


async def stop_shop(hub: Hub, shop: Shop, error: ChannelError) -> None:
    """Settings or credentials are refused: nothing goes in or out until a person acts; nothing is lost meanwhile."""
    reason = f"{error.code}: {error.message}".strip(": ")[:500]
    async with hub.db.transaction() as session:
        await set_state(session, shop.id, ShopState.STOPPED, reason)
        await open_case(session, CaseKind.CREDENTIALS, f"shop:{shop.id}", shop_id=shop.id, error=reason[:300])


@job
async def import_listings(hub: Hub, shop_id: int) -> int:
    """Read the shop's catalogue; new listings are mapped by their code or quarantined. Returns listings read."""
    shop = await hub.shop(shop_id)
    market = await hub.market(shop)
    read = 0
    async for page in market.listings():
        found = [FoundListing(one.external_id, one.sku, one.title, one.keys, one.qty) for one in page]
        async with hub.db.transaction() as session:
            await register(session, shop.id, found)
        read += len(found)
    await hub.bell.ring("relay")
    return read


@job
async def push_offers(hub: Hub, shop_id: int) -> int:
    """Send every listing of the shop that is behind, batch by batch. Returns pushes answered."""
    shop = await hub.shop(shop_id)
    if shop.state is not ShopState.ACTIVE:
        return 0
    market = await hub.market(shop)
    batch, sent = manifest_of(shop.kind).quantity.batch_size, 0
    while True:
        async with hub.db.transaction() as session:
            rows = await claim_pushes(session, shop.id, min(batch, 100))
        if not rows:
            return sent
        point("push.claimed")
        try:
            results = await market.push([_item(row) for row in rows])
        except NEEDS_PERSON as error:
            await _push_refused(hub, shop, rows, error)
            await stop_shop(hub, shop, error)
            return sent
        except ChannelError as error:
            await _push_refused(hub, shop, rows, error)
            return sent
        except Exception as error:
            await _push_refused(hub, shop, rows, _unforeseen(error))
            raise
        point("push.sent")
        await _record(hub, shop, rows, results)
        point("push.recorded")
        sent += len(rows)


def _item(row: PushRow) -> PushItem:
    return PushItem(
        listing_id=row.listing_id,
        external_id=row.external_id,
        keys=row.keys,
        quantity=row.quantity,
        version=row.version,
        expected=row.expected,
    )


async def _record(hub: Hub, shop: Shop, rows: Sequence[PushRow], results: Sequence[PushResult]) -> None:
    by_id = {result.listing_id: result for result in results}
    answers = [_answer(row, by_id.get(row.listing_id)) for row in rows]
    async with hub.db.transaction() as session:
        await record_push(session, shop.id, answers)
        await note_push(session, shop.id, ok=any(answer.outcome != "rejected" for answer in answers))
    if any(answer.code == UNLISTED for answer in answers):
        await hub.bell.ring("import_listings", shop.id)


def _answer(row: PushRow, result: PushResult | None) -> PushAnswer:
    if result is None:
        return _failed(row, "no-answer", "no result came")
    retry = result.outcome is PushOutcome.REJECTED and result.failure is not None and result.failure != "give_up"
    return PushAnswer(
        row.listing_id,
        row.version,
        row.quantity,
        result.outcome.value,
        result.code,
        result.message,
        retry,
        result.quantity_after,
    )


def _failed(row: PushRow, code: str, message: str) -> PushAnswer:
    return PushAnswer(row.listing_id, row.version, row.quantity, "rejected", code, message, retry=True)


async def _push_refused(hub: Hub, shop: Shop, rows: Sequence[PushRow], error: ChannelError) -> None:
    """The whole call failed: every item stays wanted and is tried again later."""
    log.warning("push_failed", shop=shop.id, kind=type(error).__name__, code=error.code, detail=error.message[:300])
    answers = [_failed(row, error.code, error.message) for row in rows]
    async with hub.db.transaction() as session:
        await record_push(session, shop.id, answers)
        await note_push(session, shop.id, ok=False)


@job
async def tell_shipments(hub: Hub) -> int:
    """Tell the channels about goods that left. Returns shipments told."""
    told = 0
    surprise: Exception | None = None
    while True:
        async with hub.db.transaction() as session:
            waiting = await claim_untold(session, MAX_TELL)
        if not waiting:
            if surprise is not None:
                raise surprise
            return told
        for shop, notice in waiting:
            try:
                await (await hub.market(shop)).confirm_shipment(notice)
                point("tell.sent")
                failed: ChannelError | None = None
                told += 1
            except ChannelError as error:
                log.warning("tell_failed", shop=shop.id, kind=type(error).__name__, code=error.code)
                failed = error
            except Exception as error:  # the others behind it are told all the same
                surprise, failed = error, _unforeseen(error)
            await _record_told(hub, shop, notice.shipment_key, failed)


async def _record_told(hub: Hub, shop: Shop, shipment_key: str, error: ChannelError | None) -> None:
    async with hub.db.transaction() as session:
        if error is None:
            await record_told(session, shipment_key)
            return
        final = isinstance(error, GiveUp) and not isinstance(error, BadAnswer)
        await record_told(session, shipment_key, error=f"{error.code}: {error.message}", give_up=final)
    if isinstance(error, NEEDS_PERSON):
        await stop_shop(hub, shop, error)
