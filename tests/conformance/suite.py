"""The rules that every adapter keeps, shown over real HTTP against the simulator.

A rule that the adapter's report card exempts is not asked for; everything else is, and `done` must be true.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest
import pytest_asyncio

from channels.kit import json
from channels.kit.errors import (
    BadAnswer,
    BadSignature,
    ChannelError,
    GiveUp,
    Reauthorise,
    RetryAfter,
    RetryLater,
    StopShop,
)
from channels.kit.loader import manifest_of, parse_orders, verify_webhook
from channels.kit.manifest import RULES
from channels.kit.types import FailureClass, OrderStatus, PushOutcome
from channels.sim.app import start
from tests.conformance.merchant import FORGOTTEN, GOODS, Merchant, card_says, now
from tests.conformance.receiver import receiver


class Conformance:
    """Inherit, set `kind`, done."""

    kind = ""

    @pytest_asyncio.fixture
    async def shop(self) -> AsyncIterator[Merchant]:
        """A shop with eight goods, 500 of each, one without a code, one (where it matters) without variants."""
        listings = [
            {"sku": None if code == FORGOTTEN else code, "code": code, "title": f"商品 {code}", "price": "12.50",
             "qty": 500, "single": code == GOODS[1]}
            for code in GOODS
        ]  # fmt: skip
        async with start() as sim, httpx.AsyncClient(base_url=sim.url, trust_env=False) as control:
            body = {"id": "shop", "kind": self.kind, "name": "测试店", "listings": listings}
            yield Merchant(sim, control, (await control.post("/_sim/shops", json=body)).json())

    # the feed
    async def test_every_order_arrives_however_many_pages_it_takes(self, shop: Merchant) -> None:
        bought = await shop.buy_many(130)
        pages = await shop.pages()
        found = {order.external_id for page in pages for order in page.orders}
        assert found == set(bought)
        assert len(pages) > 2
        assert not any(page.refused for page in pages)

    async def test_an_order_of_more_lines_than_a_page_holds_arrives_whole(self, shop: Merchant) -> None:
        more = [{"sku": f"MORE-{n}", "title": "x", "price": "1.00", "qty": 5} for n in range(120)]
        await shop.tell(f"shops/{shop.shop['id']}/listings", listings=more)
        order = await shop.order(await shop.buy(*((f"MORE-{n}", 2) for n in range(120))))
        assert [line.sku for line in order.lines] == [f"MORE-{n}" for n in range(120)]
        assert order.total == Decimal("240.00")

    async def test_the_last_page_says_how_far_the_feed_is_complete(self, shop: Merchant) -> None:
        await shop.buy((GOODS[0], 1))
        until = now()
        pages = await shop.pages(until=until)
        assert [page.complete_to is not None for page in pages] == [False] * (len(pages) - 1) + [True]
        assert until - timedelta(seconds=1) <= pages[-1].complete_to <= until

    async def test_an_empty_feed_is_complete_too(self, shop: Merchant) -> None:
        pages = await shop.pages(since=now() - timedelta(days=3))
        assert not any(page.orders for page in pages)
        assert pages[-1].complete_to is not None

    async def test_a_page_that_comes_twice_adds_no_order(self, shop: Merchant) -> None:
        bought = await shop.buy_many(3)
        await shop.spoil("duplicate_page")
        assert set(await shop.orders()) == set(bought)

    async def test_a_page_that_changes_under_the_reader_loses_no_order(self, shop: Merchant) -> None:
        bought = await shop.buy_many(130)
        shop.sim.world.clock.advance(5)
        begun = now()
        await shop.spoil("moving_page", count=2, orders=7)
        first = await shop.pages(until=begun)
        overlap = timedelta(seconds=manifest_of(self.kind).feed.overlap_seconds)
        second = await shop.pages(since=first[-1].complete_to - overlap, until=begun + timedelta(minutes=2))
        assert {order.external_id for page in [*first, *second] for order in page.orders} == set(bought)

    async def test_an_order_carries_exact_ids_amounts_and_times(self, shop: Merchant) -> None:
        before = now().replace(microsecond=0)
        number = await shop.buy((GOODS[0], 3), (FORGOTTEN, 1), buyer="小林")
        order = await shop.order(number)
        assert order.external_id == number
        assert int(number.rsplit("/", 1)[-1]) > 2**53
        assert (order.total, order.currency, order.shipping) == (Decimal("50.00"), "CNY", Decimal(0))
        assert [(line.sku, line.qty, line.qty_ordered, line.unit_price) for line in order.lines] == [
            (GOODS[0], 3, 3, Decimal("12.50")), (None, 1, 1, Decimal("12.50")),
        ]  # fmt: skip
        assert before <= order.placed_at <= order.modified_at <= now()
        assert order.modified_at.utcoffset() == timedelta(0)
        assert json.decode(json.encode(order.raw)) == order.raw

    async def test_a_status_follows_the_order_through_its_life(self, shop: Merchant) -> None:
        unpaid = await shop.buy((GOODS[0], 1), paid=False)
        paid, cancelled, sent, part = [await shop.buy((GOODS[0], 2)) for _ in range(4)]
        gone = await shop.buy((GOODS[0], 1), paid=False)
        await shop.edit("cancel", gone)
        await shop.edit("refund", cancelled)
        await shop.market.confirm_shipment(await shop.notice(sent, 2))
        await shop.market.confirm_shipment(await shop.notice(part, 1, key="S2"))
        found = await shop.orders()
        assert {name: found[order].status for name, order in [
            ("unpaid", unpaid), ("paid", paid), ("refunded", cancelled), ("cancelled", gone), ("sent", sent),
        ]} == {
            "unpaid": OrderStatus.PENDING, "paid": OrderStatus.TO_SHIP, "refunded": OrderStatus.REFUNDED,
            "cancelled": OrderStatus.CANCELLED, "sent": OrderStatus.SHIPPED,
        }  # fmt: skip
        assert found[part].status in (OrderStatus.PART_SHIPPED, OrderStatus.TO_SHIP)
        assert found[sent].lines[0].qty_shipped == 2

    async def test_a_removed_line_stays_with_nothing_left_of_it(self, shop: Merchant) -> None:
        number = await shop.buy((GOODS[0], 2), (GOODS[2], 1))
        await shop.edit("set_line", number, line=0, qty=0)
        assert [(line.qty, line.qty_ordered) for line in (await shop.order(number)).lines] == [(0, 2), (1, 1)]

    # trouble
    async def test_a_short_throttle_is_sat_out(self, shop: Merchant) -> None:
        bought = await shop.buy_many(2)
        await shop.spoil("throttle", seconds=1)
        assert set(await shop.orders()) == set(bought)

    async def test_a_long_throttle_is_handed_up_with_its_seconds(self, shop: Merchant) -> None:
        await shop.buy_many(1)
        await shop.spoil("throttle", count=9, seconds=31062)
        with pytest.raises(RetryAfter) as caught:
            await shop.pages()
        assert caught.value.wait_seconds == pytest.approx(31062 if self.kind == "tmall" else 3600, abs=2)

    @pytest.mark.parametrize("fault", ["half_written", "html", "server_error", "lost_answer"])
    async def test_one_spoiled_answer_is_read_again(self, shop: Merchant, fault: str) -> None:
        bought = await shop.buy_many(2)
        await shop.spoil(fault)
        assert set(await shop.orders()) == set(bought)

    @pytest.mark.parametrize(
        ("fault", "error"), [("half_written", BadAnswer), ("html", RetryLater), ("server_error", RetryLater)]
    )
    async def test_answers_that_stay_spoiled_are_named(
        self, shop: Merchant, fault: str, error: type[ChannelError]
    ) -> None:
        await shop.buy_many(2)
        await shop.spoil(fault, count=50)
        with pytest.raises(error):
            await shop.pages()

    async def test_one_malformed_order_is_refused_and_its_neighbours_stay(self, shop: Merchant) -> None:
        bought = await shop.buy_many(4)
        await shop.spoil("bad_order")
        pages = await shop.pages()
        found = {order.external_id for page in pages for order in page.orders}
        refused = [entry for page in pages for entry in page.refused]
        assert len(found) == 3
        assert found | {refused[0][0]} == set(bought)
        assert "createdAt" in refused[0][1] or "orders" in refused[0][1] or "lineItems" in refused[0][1]

    async def test_a_field_of_five_megabytes_is_cut(self, shop: Merchant) -> None:
        number = await shop.buy((GOODS[0], 1))
        await shop.spoil("long_field")
        order = await shop.order(number)
        assert len(order.lines[0].title) <= 500
        assert len(json.encode(order.raw)) < 100_000

    async def test_wrong_credentials_ask_for_new_ones_or_stop_the_shop(self, shop: Merchant) -> None:
        for name in ("access_token", "session", "app_secret"):
            if name in shop.shop["secrets"]:
                market = shop.connect(**{name: "wrong"})
                with pytest.raises((Reauthorise, StopShop)):
                    [page async for page in market.orders_since(now() - timedelta(hours=1), now())]

    async def test_a_refused_token_asks_for_a_new_one(self, shop: Merchant) -> None:
        await shop.spoil("bad_token", count=5)
        with pytest.raises(Reauthorise):
            await shop.pages()

    async def test_a_clock_ten_minutes_off_stops_the_shop_and_says_why(self, shop: Merchant) -> None:
        await shop.buy_many(1)
        await shop.spoil("clock_skew", seconds=660)
        if card_says(self.kind, "clock_skew_stops_the_shop") == "exempt":
            assert await shop.orders()
            return
        with pytest.raises(StopShop, match="clock"):
            await shop.pages()

    # the catalogue
    async def test_the_catalogue_is_whole_and_names_what_orders_name(self, shop: Merchant) -> None:
        listings = await shop.listings()
        assert set(listings) == {"", *GOODS} - {FORGOTTEN}
        assert {listing.qty for listing in listings.values()} == {500}
        order = await shop.order(await shop.buy(*((code, 1) for code in GOODS)))
        assert {line.platform_sku for line in order.lines} == {listing.external_id for listing in listings.values()}

    # pushing
    async def test_a_push_sets_what_buyers_see(self, shop: Merchant) -> None:
        items = [await shop.item(code, 40 + place, expected=500) for place, code in enumerate(GOODS[:4])]
        results = await shop.market.push(items)
        assert [(one.listing_id, one.outcome) for one in results] == [(n, PushOutcome.APPLIED) for n in (1, 2, 3, 4)]
        shown = await shop.shown()
        assert [shown[code] for code in GOODS[:4]] == [40, 41, 42, 43]

    async def test_a_refused_item_does_not_hold_up_the_others(self, shop: Merchant) -> None:
        items = [await shop.item(code, 7, expected=500) for code in GOODS[:3]]
        await shop.spoil("reject_push", platform_sku=items[1].external_id, code="isv.item-locked")
        results = await shop.market.push(items)
        assert [one.outcome for one in results] == [PushOutcome.APPLIED, PushOutcome.REJECTED, PushOutcome.APPLIED]
        assert (results[1].code, results[1].failure) == ("isv.item-locked", FailureClass.GIVE_UP)
        shown = await shop.shown()
        assert [shown[code] for code in GOODS[:3]] == [7, 500, 7]

    async def test_a_push_whose_answer_was_lost_is_repeated_without_harm(self, shop: Merchant) -> None:
        item = await shop.item(GOODS[0], 9, expected=500)
        await shop.spoil("lost_answer")
        [result] = await shop.market.push([item])
        assert result.outcome is PushOutcome.APPLIED
        assert (await shop.shown())[GOODS[0]] == 9

    async def test_a_push_that_the_platform_cannot_take_comes_back_to_be_repeated(self, shop: Merchant) -> None:
        item = await shop.item(GOODS[0], 9, expected=500)
        await shop.spoil("server_error", count=9)
        [result] = await shop.market.push([item])
        assert (result.outcome, result.failure) == (PushOutcome.REJECTED, FailureClass.RETRY)

    async def test_a_push_for_an_unknown_listing_is_given_up(self, shop: Merchant) -> None:
        item = await shop.item(GOODS[0], 9)
        wrong = {name: text if name == "location_id" else text[:-4] + "9999" for name, text in item.keys.items()}
        [result] = await shop.market.push([item.model_copy(update={"keys": wrong})])
        assert (result.outcome, result.failure) == (PushOutcome.REJECTED, FailureClass.GIVE_UP)

    async def test_a_stale_push_overwrites_nothing(self, shop: Merchant) -> None:
        if card_says(self.kind, "a_stale_push_overwrites_nothing") == "exempt":
            assert manifest_of(self.kind).quantity.mode != "compare_and_set"
            return
        item = await shop.item(GOODS[0], 500, expected=500, version=2)
        await shop.spoil("stale_push")
        [result] = await shop.market.push([item])
        assert (result.outcome, result.failure) == (PushOutcome.REJECTED, FailureClass.RETRY)
        assert result.quantity_after == 499
        assert (await shop.shown())[GOODS[0]] == 499
        [result] = await shop.market.push([item.model_copy(update={"quantity": 498, "expected": 499})])
        assert result.outcome is PushOutcome.APPLIED
        [again] = await shop.connect().push([item.model_copy(update={"quantity": 498, "expected": 499})])
        assert (again.outcome, again.quantity_after) == (PushOutcome.APPLIED, 498)

    async def test_a_batch_of_the_declared_size_is_taken(self, shop: Merchant) -> None:
        size = min(manifest_of(self.kind).quantity.batch_size, 60)
        more = [{"sku": f"MORE-{n}", "title": "x", "price": "1.00", "qty": 5} for n in range(size)]
        await shop.tell(f"shops/{shop.shop['id']}/listings", listings=more)
        listings = await shop.listings()
        template = await shop.item(GOODS[0], 3)
        items = [
            template.model_copy(update={"listing_id": 100 + n, "external_id": one.external_id, "keys": one.keys})
            for n, one in enumerate(listings[f"MORE-{n}"] for n in range(size))
        ]
        assert {result.outcome for result in await shop.market.push(items)} == {PushOutcome.APPLIED}

    async def test_the_shops_number_falls_when_the_contract_says(self, shop: Merchant) -> None:
        contract = manifest_of(self.kind).quantity
        order = await shop.buy((GOODS[0], 5), paid=False)
        assert (await shop.shown())[GOODS[0]] == (495 if contract.decremented_when == "order" else 500)
        await shop.edit("pay", order)
        assert (await shop.shown())[GOODS[0]] == 495

    # shipping
    async def test_a_shipment_is_told_once_however_often_it_is_said(self, shop: Merchant) -> None:
        order = await shop.buy((GOODS[0], 2), (GOODS[2], 1))
        notice = await shop.notice(order, 2, 1)
        for _ in range(3):
            await shop.market.confirm_shipment(notice)
        [parcel] = await shop.parcels(order)
        assert (parcel["carrier"], parcel["waybill"]) == ("SF", "SF-S1")

    async def test_a_shipment_whose_answer_was_lost_is_not_told_twice(self, shop: Merchant) -> None:
        order = await shop.buy((GOODS[0], 4))
        notice = await shop.notice(order, 2)
        with pytest.raises(RetryLater):
            await self._ship_into_a_lost_answer(shop, notice)
        await shop.market.confirm_shipment(notice)
        assert len(await shop.parcels(order)) == 1

    async def _ship_into_a_lost_answer(self, shop: Merchant, notice: object) -> None:
        """Spoil the telling call itself, not the look before it: as many tries as the look may repeat itself."""
        original = shop.sim.world.till.ship

        def ship_and_lose(*args: object, **kwargs: object) -> None:
            original(*args, **kwargs)  # type: ignore[arg-type]
            shop.sim.world.faults.add(shop.shop["id"], "lost_answer", 1, {})

        shop.sim.world.till.ship = ship_and_lose  # type: ignore[method-assign]
        try:
            await shop.market.confirm_shipment(notice)  # type: ignore[arg-type]
        finally:
            shop.sim.world.till.ship = original  # type: ignore[method-assign]

    async def test_two_parcels_of_one_order_are_two_shipments(self, shop: Merchant) -> None:
        order = await shop.buy((GOODS[0], 3), (GOODS[2], 1))
        first, second = await shop.notice(order, 2), await shop.notice(order, 1, 1, key="S2")
        await shop.market.confirm_shipment(first)
        await shop.market.confirm_shipment(second)
        assert [parcel["waybill"] for parcel in await shop.parcels(order)] == ["SF-S1", "SF-S2"]
        assert (await shop.order(order)).status is OrderStatus.SHIPPED

    async def test_a_cancelled_order_is_never_shipped(self, shop: Merchant) -> None:
        order = await shop.buy((GOODS[0], 1))
        notice = await shop.notice(order, 1)
        await shop.edit("cancel", order)
        with pytest.raises(GiveUp):
            await shop.market.confirm_shipment(notice)
        assert await shop.parcels(order) == []

    # messages
    async def test_a_webhook_is_verified_and_tells_the_same_order_as_the_feed(self, shop: Merchant) -> None:
        if "webhooks" not in manifest_of(self.kind).capabilities:
            with pytest.raises(BadSignature):
                verify_webhook(self.kind, {}, b"{}", "secret")
            return
        async with receiver() as received:
            await shop.tell(f"shops/{shop.shop['id']}", webhook_url=received.url)
            secret = shop.shop["secrets"]["webhook_secret"]
            number = await shop.buy((GOODS[0], 2))
            headers, raw = await received.next()
            hook = verify_webhook(self.kind, headers, raw, secret)
            assert hook.order_id == number
            [told], pulled = parse_orders(self.kind, json.decode(raw)), await shop.order(number)
            told_lines, pulled_lines = (
                [line.model_dump() for line in told.lines],
                [x.model_dump() for x in pulled.lines],
            )
            assert told_lines == pulled_lines
            assert (told.status, told.total, told.modified_at) == (pulled.status, pulled.total, pulled.modified_at)
            await shop.spoil("webhook_twice")
            await shop.buy((GOODS[0], 1))
            twice = [verify_webhook(self.kind, *await received.next(), secret) for _ in range(2)]
            assert twice[0].event_id == twice[1].event_id != hook.event_id

    async def test_a_webhook_with_a_wrong_signature_is_refused(self, shop: Merchant) -> None:
        if "webhooks" not in manifest_of(self.kind).capabilities:
            return
        async with receiver() as received:
            await shop.tell(f"shops/{shop.shop['id']}", webhook_url=received.url)
            secret = shop.shop["secrets"]["webhook_secret"]
            await shop.spoil("webhook_bad_signature")
            await shop.buy((GOODS[0], 2))
            headers, raw = await received.next()
            with pytest.raises(BadSignature):
                verify_webhook(self.kind, headers, raw, secret)
            await shop.buy((GOODS[0], 2))
            headers, raw = await received.next()
            assert verify_webhook(self.kind, headers, raw, ["new secret", secret])
            with pytest.raises(BadSignature):
                verify_webhook(self.kind, headers, raw + b" ", secret)

    # the declaration
    def test_the_report_card_answers_every_rule(self) -> None:
        manifest = manifest_of(self.kind)
        assert set(manifest.card) == set(RULES)
        assert [rule for rule in RULES if manifest.card[rule].state == "todo"] == []

    async def test_the_declared_webhooks_are_those_that_the_platform_sends(self, shop: Merchant) -> None:
        exempt = card_says(self.kind, "webhooks_are_verified") == "exempt"
        assert exempt == ("webhooks" not in manifest_of(self.kind).capabilities)

    async def test_the_feed_reaches_back_over_many_windows(self, shop: Merchant) -> None:
        number = await shop.buy((GOODS[0], 1))
        assert number in await shop.orders(since=now() - timedelta(days=9))
