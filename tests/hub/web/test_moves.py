"""Every kind of case has ways out, and they work."""

from typing import Any

import pytest
from sqlalchemy import text

from channels.kit.types import OrderPage
from hub.core.cases import CaseKind, open_case
from hub.core.people import Role
from hub.core.queries import get_case, list_cases
from hub.web.moves import MOVES
from hub.web.permissions import ACTS
from orders.sales.ingest import ingest_page
from stockpool.offers.push import PushAnswer, claim_pushes, record_push
from stockpool.repair import freeze
from tests.hub.web.conftest import Web
from tests.orders.given import World, a_world, book_all, line, order, reading


async def opened(web: Web, kind: CaseKind, **facts: Any) -> int:
    async with web.doors.db.transaction() as session:
        return await open_case(session, kind, f"test:{kind}", **facts)


async def state_of(web: Web, case_id: int) -> str:
    async with web.doors.db.transaction() as session:
        return (await get_case(session, case_id)).state


async def only_case(web: Web, kind: CaseKind) -> int:
    async with web.doors.db.transaction() as session:
        return (await list_cases(session, kind=kind))[0].id


async def one(web: Web, query: str) -> Any:
    async with web.doors.db.transaction() as session:
        return (await session.execute(text(query))).scalar_one()


async def buy(web: Web, world: World, *lines: Any) -> Any:
    async with web.doors.db.transaction() as session:
        page = OrderPage(orders=(reading("1001", lines),), raw=b"")
        (told,) = await ingest_page(session, world.shop, page, web.doors.seal)
    await book_all(web.doors.db)
    return told.order_id


def test_each_kind_has_at_least_two_moves_with_words_and_a_known_permission() -> None:
    for kind in CaseKind:
        moves = MOVES[kind]
        assert len(moves) >= 2, kind
        assert len({move.name for move in moves}) == len(moves)
        assert all(move.label and move.effect and move.act in ACTS for move in moves)


async def test_an_unmatched_listing_is_matched_and_its_order_goes_on(web: Web) -> None:
    world = await a_world(web.doors.db, {"CUP": 10})
    order_id = await buy(web, world, line("NEW", 1, sku=None, platform_sku="P-NEW"))
    case_id = await only_case(web, CaseKind.UNMAPPED_LISTING)
    operator, token = await web.person(Role.OPERATOR)
    wrong = await operator.post(f"/cases/{case_id}/moves/map", data={"csrf": token, "sku": "NO SUCH"})
    assert wrong.status_code == 404
    assert await state_of(web, case_id) == "open"
    done = await operator.post(f"/cases/{case_id}/moves/map", data={"csrf": token, "sku": "CUP"})
    assert (done.status_code, done.headers["location"]) == (303, "/cases")
    assert await state_of(web, case_id) == "closed"
    assert await one(web, "SELECT sku_id FROM listing WHERE external_id = 'P-NEW'") == world.skus["CUP"]
    assert await one(web, "SELECT count(*) FROM outbox WHERE topic = 'listing.mapped'") == 1
    assert (await order(web.doors.db, order_id)).state == "unmapped"  # until the event is handled


async def test_a_new_sku_is_made_from_an_unmatched_listing(web: Web) -> None:
    world = await a_world(web.doors.db, {"CUP": 10})
    await buy(web, world, line("NEW", 1, sku="NEW-1", platform_sku="P-NEW"))
    case_id = await only_case(web, CaseKind.UNMAPPED_LISTING)
    operator, token = await web.person(Role.OPERATOR)
    await operator.post(f"/cases/{case_id}/moves/add", data={"csrf": token})
    assert await state_of(web, case_id) == "closed"
    assert await one(web, "SELECT code FROM sku ORDER BY id DESC LIMIT 1") == "NEW-1"


@pytest.mark.parametrize(
    ("move", "state", "case_state"),
    [("retry", "new", "open"), ("wait", "backordered", "closed"), ("cancel", "cancelled", "closed")],
)
async def test_an_oversold_order_is_tried_again_waits_or_is_cancelled(
    web: Web, move: str, state: str, case_state: str
) -> None:
    world = await a_world(web.doors.db, {"CUP": 1})
    order_id = await buy(web, world, line("CUP", 2))
    case_id = await only_case(web, CaseKind.EXTERNAL_OVERSELL)
    operator, token = await web.person(Role.OPERATOR)
    page = (await operator.get(f"/cases/{case_id}")).text
    assert "sold 1 units more than there are" in page
    await operator.post(f"/cases/{case_id}/moves/{move}", data={"csrf": token})
    assert (await order(web.doors.db, order_id)).state == state
    assert await state_of(web, case_id) == case_state


@pytest.mark.parametrize(("move", "publish"), [("push", True), ("stop", False)])
async def test_a_refused_number_is_sent_again_or_the_listing_is_stopped(web: Web, move: str, publish: bool) -> None:
    world = await a_world(web.doors.db, {"CUP": 5})
    async with web.doors.db.transaction() as session:
        await session.execute(text("UPDATE listing SET want_qty = 5, want_version = 1, want_at = now(), sent_qty = 9"))
        (row,) = await claim_pushes(session, world.shop.id, 10)
        refused = PushAnswer(row.listing_id, row.version, row.quantity, "rejected", "isv.sold-out", "item is locked")
        await record_push(session, world.shop.id, [refused])
    case_id = await only_case(web, CaseKind.REJECTED_PUSH)
    operator, token = await web.person(Role.OPERATOR)
    assert "item is locked" in (await operator.get(f"/cases/{case_id}")).text
    await operator.post(f"/cases/{case_id}/moves/{move}", data={"csrf": token})
    assert await state_of(web, case_id) == "closed"
    assert await one(web, "SELECT publish FROM listing") is publish


@pytest.mark.parametrize("kind", CaseKind)
async def test_the_page_of_every_kind_shows_its_sentence_and_its_moves(web: Web, kind: CaseKind) -> None:
    world = await a_world(web.doors.db, {"CUP": 5})
    case_id = await opened(web, kind, shop_id=world.shop.id, reason="a reason", error="an error", job="relay")
    for role, buttons in ((Role.ADMIN, len(MOVES[kind])), (Role.VIEWER, 0)):
        person, _ = await web.person(role)
        page = (await person.get(f"/cases/{case_id}")).text
        assert page.count(f'action="/cases/{case_id}/moves/') == buttons
        assert "%(" not in page


@pytest.mark.parametrize(
    ("kind", "move", "shop_state"),
    [
        (CaseKind.STALE_FEED, "pull", "active"),
        (CaseKind.STALE_FEED, "pause", "paused"),
        (CaseKind.CREDENTIALS, "resume", "active"),
        (CaseKind.UNREADABLE_ORDER, "pull", "active"),
    ],
)
async def test_a_case_about_a_shop_is_ended_by_acting_on_the_shop(
    web: Web, kind: CaseKind, move: str, shop_state: str
) -> None:
    world = await a_world(web.doors.db, {"CUP": 5})
    case_id = await opened(web, kind, shop_id=world.shop.id)
    operator, token = await web.person(Role.OPERATOR)
    await operator.post(f"/cases/{case_id}/moves/{move}", data={"csrf": token})
    assert await state_of(web, case_id) == "closed"
    assert await one(web, "SELECT state FROM shop") == shop_state


async def test_an_event_that_could_not_be_booked_is_due_again(web: Web) -> None:
    async with web.doors.db.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO outbox (event_id, topic, payload, attempts, error) "
                "VALUES (gen_random_uuid(), 'order.fulfilled', '{}', 8, 'no rate')"
            )
        )
    waiting = await one(web, "SELECT id FROM outbox")
    case_id = await opened(web, CaseKind.POSTING_BLOCKED, outbox_id=waiting, topic="order.fulfilled")
    accountant, token = await web.person(Role.FINANCE)
    await accountant.post(f"/cases/{case_id}/moves/again", data={"csrf": token})
    assert await state_of(web, case_id) == "closed"
    assert await one(web, "SELECT attempts FROM outbox") == 0


async def test_any_case_with_a_note_closes_with_what_was_agreed(web: Web) -> None:
    case_id = await opened(web, CaseKind.FAILED_JOB, job="relay")
    operator, token = await web.person(Role.OPERATOR)
    await operator.post(f"/cases/{case_id}/moves/close", data={"csrf": token, "note": "done by hand"})
    assert "done by hand" in (await operator.get(f"/cases/{case_id}")).text


async def test_the_case_of_a_frozen_sku_stays_until_the_sku_sells_again(web: Web) -> None:
    world = await a_world(web.doors.db, {"CUP": 5})
    async with web.doors.db.transaction() as session:
        warehouse = (await session.execute(text("SELECT warehouse_id FROM stock_level"))).scalar_one()
        await freeze(session, (world.skus["CUP"], warehouse), "test", "the figures differ")
    case_id = await only_case(web, CaseKind.FROZEN_KEY)
    admin, token = await web.person(Role.ADMIN)
    note = {"csrf": token, "note": "looked at it"}
    refused = await admin.post(f"/cases/{case_id}/moves/close", data=note)
    assert (refused.status_code, await state_of(web, case_id)) == (409, "open")
    assert "still frozen" in refused.text
    async with web.doors.db.transaction() as session:
        await session.execute(text("UPDATE stock_level SET frozen = false"))
    await admin.post(f"/cases/{case_id}/moves/close", data=note)
    assert await state_of(web, case_id) == "closed"


async def test_rebuilding_a_frozen_sku_lets_it_sell_and_ends_its_case(web: Web) -> None:
    world = await a_world(web.doors.db, {"CUP": 5})
    async with web.doors.db.transaction() as session:
        warehouse = (await session.execute(text("SELECT warehouse_id FROM stock_level"))).scalar_one()
        await freeze(session, (world.skus["CUP"], warehouse), "test", "the figures differ")
    case_id = await only_case(web, CaseKind.FROZEN_KEY)
    admin, token = await web.person(Role.ADMIN)
    await admin.post(f"/cases/{case_id}/moves/rebuild", data={"csrf": token})
    assert await state_of(web, case_id) == "closed"
    assert await one(web, "SELECT frozen FROM stock_level") is False


async def test_after_a_move_the_next_case_opens(web: Web) -> None:
    first = await opened(web, CaseKind.FAILED_JOB, job="relay")
    second = await opened(web, CaseKind.STALE_FEED)
    operator, token = await web.person(Role.OPERATOR)
    answer = await operator.post(f"/cases/{first}/moves/close", data={"csrf": token, "note": "x"})
    assert answer.headers["location"] == f"/cases/{second}"


async def test_a_move_of_another_kind_or_beyond_the_role_is_refused(web: Web) -> None:
    case_id = await opened(web, CaseKind.REJECTED_PUSH)
    operator, token = await web.person(Role.OPERATOR)
    assert (await operator.post(f"/cases/{case_id}/moves/cancel", data={"csrf": token})).status_code == 404
    viewer, token = await web.person(Role.VIEWER)
    assert (await viewer.post(f"/cases/{case_id}/moves/push", data={"csrf": token})).status_code == 403


async def test_who_is_on_a_case_is_shown(web: Web) -> None:
    case_id = await opened(web, CaseKind.FAILED_JOB, job="relay")
    operator, token = await web.person(Role.OPERATOR)
    await operator.post(f"/cases/{case_id}/own", data={"csrf": token, "take": "yes"})
    assert "a operator" in (await operator.get("/cases")).text.split('class="meta"')[1].split("</a>")[0]
