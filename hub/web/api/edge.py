"""The edge of every API operation: who asks (an API key or a console session), may they, in one transaction.

Invariant: a handler runs only after key or session, permission and body were checked; a session's writes carry the CSRF
token, a key's do not need it because no browser sends a key by itself; every answer and every refusal is JSON.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hub.core.db import Session
from hub.core.errors import Forbidden, Invalid, Refused
from hub.core.keys import find_key
from hub.core.people import Person
from hub.core.sessions import Visit
from hub.web import forms
from hub.web.api.shape import plain
from hub.web.ask import Ask, Endpoint, changes, check_token, current_visit, refuse_zero_bytes, words_of
from hub.web.doors import Doors
from hub.web.intake import read_raw
from hub.web.refusals import Refusal, answer

MAX_ROWS = 200
_SCHEME = "bearer "
_B = TypeVar("_B", bound=BaseModel)


class NotSignedIn(Refused):
    """No valid key and no live session."""

    code = "not_signed_in"
    status = 401


@dataclass(slots=True)
class Call(Ask):
    """One API request in hand; `body` is the operation's checked model, None without one."""

    body: Any


@dataclass(frozen=True, slots=True)
class Later:
    """An answer that is worked out after the commit: for operations that are many transactions."""

    run: Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the table: where, who may, what it takes, what it does."""

    method: str
    path: str
    act: str
    summary: str
    handler: Callable[[Call], Awaitable[Any]]
    body: type[BaseModel] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    """name -> what it means"""
    headers: Mapping[str, str] = field(default_factory=dict)


def endpoint(operation: Operation) -> Endpoint:
    """The operation as Starlette calls it."""

    async def serve(request: Request) -> Response:
        refuse_zero_bytes(request)
        raw = await read_raw(request) if operation.body is not None else b""
        try:
            told = await _run(operation, request, raw)
        except NotSignedIn as error:
            headers = {"WWW-Authenticate": 'Bearer realm="tongku"'}
            return answer(request, Refusal(error.status, error.code, error.message, headers=headers), error)
        return JSONResponse(plain(told))

    return serve


async def _run(operation: Operation, request: Request, raw: bytes) -> Any:
    doors: Doors = request.app.state.doors
    async with doors.db.transaction() as session:
        visit = await _who(request, session)
        request.state.visit = visit
        call = Call(request, session, visit, {}, words_of(request, visit.person), None)
        call.need(operation.act)
        if operation.body is not None:
            call.body = read_model(operation.body, raw)
        told = await operation.handler(call)
    return await told.run() if isinstance(told, Later) else told


async def _who(request: Request, session: Session) -> Visit:
    """The asker; a request with a key is judged by the key alone."""
    given = request.headers.get("authorization", "")
    if given:
        return await _key_holder(session, given)
    visit = await current_visit(request, session)
    if visit is None:
        raise NotSignedIn("Send an API key, as Authorization: Bearer, or sign in to the console.")
    if visit.person.must_change:
        raise Forbidden("Choose a password of your own first.")
    if changes(request):
        check_token(request, {}, visit.csrf)
    return visit


async def _key_holder(session: Session, given: str) -> Visit:
    secret = given[len(_SCHEME) :].strip()
    usable = given[: len(_SCHEME)].lower() == _SCHEME and 20 <= len(secret) <= 100 and secret.isascii()
    key = await find_key(session, secret) if usable else None
    if key is None:
        raise NotSignedIn("This API key opens nothing. It may have been revoked.")
    holder = Person(
        id=0,
        name=f"key:{key.name}",
        role=key.role,
        must_change=False,
        language="",
        theme="",
        active=True,
        created_at=key.created_at,
    )
    return Visit(b"", "", holder)


def read_model(model: type[_B], raw: bytes) -> _B:
    """The body as its model. Raises Invalid, naming the field and never showing its value."""
    try:
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise Invalid("The field %(field)s is not right: %(reason)s", field=place, reason=first["msg"]) from error


def limit_of(call: Call, usual: int = 50) -> int:
    """How many rows a page shall have: ?limit=1..200."""
    query = call.request.query_params
    return forms.whole(query, "limit", most=MAX_ROWS) if query.get("limit") else usual


def text_of(call: Call, name: str, most: int = 200) -> str:
    """A text of the address, '' when absent. Raises Invalid for control characters."""
    return forms.text(call.request.query_params, name, most=most, required=False)
