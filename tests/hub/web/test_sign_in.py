"""Signing in: who gets in, how often one may try, what ends a session."""

import re

import httpx
import pytest

from hub.core.db import Database
from hub.core.errors import Invalid, Refused
from hub.core.people import (
    Role,
    add_person,
    change_password,
    ensure_first_admin,
    list_people,
    reset_password,
    set_active,
    set_role,
)
from hub.core.sessions import PER_NAME_PER_MINUTE
from hub.web.ask import COOKIE
from tests.hub.web.conftest import Web

PASSWORD = "a long enough pass phrase 7"


async def an_account(web: Web, name: str = "li", role: Role = Role.OPERATOR) -> None:
    async with web.doors.db.transaction() as session:
        once = await add_person(session, name, role, "test")
        found = next(one for one in await list_people(session) if one.name == name)
        await change_password(session, found.id, once, PASSWORD, None)


async def try_in(client: httpx.AsyncClient, name: str, password: str, **more: str) -> httpx.Response:
    page = (await client.get("/sign-in")).text
    token = page.split('name="csrf" value="')[1].split('"')[0]
    return await client.post("/sign-in", data={"csrf": token, "name": name, "password": password, **more})


async def test_the_first_admin_is_made_once_and_must_choose_a_password(db: Database, web: Web) -> None:
    async with db.transaction() as session:
        once = await ensure_first_admin(session)
        assert once is not None
        assert await ensure_first_admin(session) is None
    client = web.client()
    assert (await try_in(client, "admin", once)).status_code == 303
    assert (await client.get("/orders")).headers["location"] == "/password"


async def test_name_and_password_open_a_session_in_a_cookie_that_scripts_cannot_read(web: Web) -> None:
    await an_account(web)
    client = web.client()
    answer = await try_in(client, "li", PASSWORD, next="/orders?state=held")
    assert (answer.status_code, answer.headers["location"]) == (303, "/orders?state=held")
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith(COOKIE))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert (await client.get("/orders")).status_code == 200


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_nobody_is_led_to_another_site_after_signing_in(web: Web, target: str) -> None:
    await an_account(web)
    answer = await try_in(web.client(), "li", PASSWORD, next=target)
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(("name", "password"), [("li", "wrong password"), ("nobody", PASSWORD), ("li", "")])
async def test_a_wrong_name_or_password_is_refused_with_the_same_words(web: Web, name: str, password: str) -> None:
    await an_account(web)
    answer = await try_in(web.client(), name, password)
    assert answer.status_code == 401
    assert "The name or the password is not right." in answer.text


async def test_after_five_attempts_in_a_minute_a_name_has_to_wait_even_with_the_right_password(web: Web) -> None:
    await an_account(web)
    for _ in range(PER_NAME_PER_MINUTE):
        assert (await try_in(web.client(), "li", "wrong password")).status_code == 401
    assert (await try_in(web.client(), "li", PASSWORD)).status_code == 429


async def test_a_sign_in_form_of_another_browser_is_refused(web: Web) -> None:
    await an_account(web)
    client = web.client()
    answer = await client.post("/sign-in", data={"csrf": "made up", "name": "li", "password": PASSWORD})
    assert answer.status_code == 403


async def test_signing_out_ends_the_session_on_the_server(web: Web) -> None:
    client, token = await web.person(Role.VIEWER)
    kept = client.cookies[COOKIE]
    assert (await client.post("/sign-out", data={"csrf": token})).status_code == 303
    again = web.client()
    again.cookies.set(COOKIE, kept)
    assert (await again.get("/orders")).headers["location"].startswith("/sign-in")


async def test_a_closed_account_is_out_at_once(web: Web) -> None:
    client, _ = await web.person(Role.OPERATOR)
    async with web.doors.db.transaction() as session:
        await add_person(session, "boss", Role.ADMIN, "test")
        found = next(one for one in await list_people(session) if one.role is Role.OPERATOR)
        await set_active(session, found.id, False, "boss")
    assert (await client.get("/orders")).headers["location"].startswith("/sign-in")


async def test_a_reset_gives_a_new_one_time_password_and_ends_the_sessions(web: Web) -> None:
    client, _ = await web.person(Role.OPERATOR)
    async with web.doors.db.transaction() as session:
        found = next(one for one in await list_people(session) if one.role is Role.OPERATOR)
        once = await reset_password(session, found.id, "boss")
    assert re.fullmatch(r"(\w{4}-){3}\w{4}", once)
    assert (await client.get("/orders")).status_code == 303
    assert (await try_in(web.client(), found.name, once)).status_code == 303


async def test_the_last_admin_keeps_the_role_and_the_account(web: Web) -> None:
    async with web.doors.db.transaction() as session:
        await ensure_first_admin(session)
        (admin,) = await list_people(session)
    async with web.doors.db.transaction() as session:
        with pytest.raises(Refused, match="last active admin"):
            await set_role(session, admin.id, Role.VIEWER, "admin")
        with pytest.raises(Refused, match="last active admin"):
            await set_active(session, admin.id, False, "admin")


@pytest.mark.parametrize("weak", ["short", "li li li li li", "aaaaaaaaaaaa", "x" * 201])
async def test_a_weak_password_is_refused(web: Web, weak: str) -> None:
    await an_account(web)
    async with web.doors.db.transaction() as session:
        (found,) = await list_people(session)
        with pytest.raises(Invalid):
            await change_password(session, found.id, PASSWORD, weak, None)
