"""The edge of every page and action: who asks, may they, in one transaction, and what happens when the answer is no.

Invariant: a handler runs only after session, permission and (for changes) the CSRF token were checked here; the
transaction is opened and closed here; a refusal becomes plain words, never a stack trace.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.core.db import Session, after_commit
from hub.core.errors import Forbidden, HubError, Invalid, NotFound
from hub.core.people import Person
from hub.core.sessions import Visit, find_visit
from hub.web import flash
from hub.web.doors import Doors
from hub.web.forms import MAX_FIELDS, Form
from hub.web.languages import LOCALES, Translator, preferred, translator
from hub.web.permissions import allowed

COOKIE = "tongku_session"
LANGUAGE_COOKIE = "tongku_lang"
THEME_COOKIE = "tongku_theme"
_FREE_WHILE_MUST_CHANGE = {"/password", "/sign-out", "/preferences"}


@dataclass(slots=True)
class Ask:
    """One request in hand: who asks, in which language, over which session of the database."""

    request: Request
    session: Session
    visit: Visit
    form: Form
    words: Translator

    @property
    def person(self) -> Person:
        return self.visit.person

    @property
    def doors(self) -> Doors:
        doors: Doors = self.request.app.state.doors
        return doors

    def may(self, act: str) -> bool:
        """Whether this person may do this act."""
        return allowed(self.person.role, act)

    def need(self, act: str) -> None:
        """Raises Forbidden when this person may not."""
        if not self.may(act):
            raise Forbidden("Your role does not allow this. Ask an admin.")

    @property
    def partial(self) -> bool:
        """Whether only a fragment of the page was asked for."""
        headers = self.request.headers
        return headers.get("HX-Request") == "true" and headers.get("HX-Target") is not None

    def wake(self, job: str, *arguments: object) -> None:
        """Ring for a job once this transaction is committed."""
        bell = self.doors.bell

        async def ring() -> None:
            await bell.ring(job, *arguments)

        after_commit(self.session, ring)

    def go(self, address: str, message: str = "", **facts: object) -> Response:
        """Lead on to another page, with a word about what was done."""
        if self.request.headers.get("HX-Request") == "true":
            response = Response(status_code=204, headers={"HX-Redirect": address})
        else:
            response = RedirectResponse(address, status_code=303)
        if message:
            flash.leave(response, message, facts, good=True)
        return response


Handler = Callable[[Ask], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def screen(act: str) -> Callable[[Handler], Endpoint]:
    """A page or action behind sign-in that needs the permission `act`."""

    def decorate(handler: Handler) -> Endpoint:
        @wraps(handler)
        async def endpoint(request: Request) -> Response:
            refuse_zero_bytes(request)
            form = await read_form(request)
            doors: Doors = request.app.state.doors
            async with doors.db.transaction() as session:
                visit = await current_visit(request, session)
                if visit is None:
                    return to_sign_in(request)
                request.state.visit = visit
                if visit.person.must_change and request.url.path not in _FREE_WHILE_MUST_CHANGE:
                    return lead(request, "/password")
                if changes(request):
                    check_token(request, form, visit.csrf)
                ask = Ask(request, session, visit, form, words_of(request, visit.person))
                ask.need(act)
                return await handler(ask)

        endpoint.act = act  # type: ignore[attr-defined]  # a test looks whether every route has one
        return endpoint

    return decorate


async def current_visit(request: Request, session: Session) -> Visit | None:
    """The live session that the request's cookie names."""
    token = request.cookies.get(COOKIE, "")
    return await find_visit(session, token) if 20 <= len(token) <= 100 else None


def changes(request: Request) -> bool:
    """Whether the method may change something."""
    return request.method not in {"GET", "HEAD", "OPTIONS"}


def check_token(request: Request, form: Form, expected: str) -> None:
    """The request must come from a page of ours. Raises Forbidden."""
    given = request.headers.get("X-CSRF-Token") or form.get("csrf", "")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise Forbidden("This request came from another site and was refused.")
    if not secrets.compare_digest(given.encode(), expected.encode()):
        raise Forbidden("This form is too old. Load the page again and repeat.")


async def read_form(request: Request) -> Form:
    """The fields of a POST, text only, bounded. Raises Invalid."""
    if not changes(request):
        return {}
    kind = request.headers.get("content-type", "")
    if not kind.startswith("application/x-www-form-urlencoded"):
        if int(request.headers.get("content-length") or 0) == 0:
            return {}
        raise Invalid("This form arrived in a shape that cannot be read.")
    async with request.form(max_fields=MAX_FIELDS, max_files=0) as data:
        form = {name: value for name, value in data.multi_items() if isinstance(value, str)}
    if any("\x00" in value for value in form.values()):
        raise Invalid("This form arrived in a shape that cannot be read.")
    return form


def refuse_zero_bytes(request: Request) -> None:
    """No text of ours holds a zero byte, and no database takes one: such an address leads nowhere. Raises NotFound."""
    if "\x00" in request.url.path or any("\x00" in value for value in request.query_params.values()):
        raise NotFound("This address leads nowhere.")


def words_of(request: Request, person: Person | None = None) -> Translator:
    """The language: the person's, else the cookie's, else what the browser asks for."""
    chosen = (person.language if person else "") or request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen not in LOCALES:
        chosen = preferred(request.headers.get("accept-language", ""))
    return translator(chosen)


def to_sign_in(request: Request) -> Response:
    """Lead to the sign-in page, and back afterwards when that is harmless."""
    if request.method != "GET" or request.url.path == "/":
        return lead(request, "/sign-in")
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return lead(request, f"/sign-in?next={quote(back[:500])}")


def lead(request: Request, address: str) -> Response:
    """A redirect that htmx follows as a page change too."""
    if request.headers.get("HX-Request") == "true":
        return Response(status_code=204, headers={"HX-Redirect": address})
    return RedirectResponse(address, status_code=303)


def safe_next(address: str) -> str:
    """A path of our own, or the front page: nobody is sent to another site."""
    own = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if own and "\\" not in address else "/"


def back_with(request: Request, error: HubError) -> Response | None:
    """For a refused plain form: back to the page it came from, saying why. None when it did not come from a page."""
    referer = request.headers.get("referer", "")
    origin = f"{request.url.scheme}://{request.url.netloc}/"
    if not changes(request) or not referer.startswith(origin):
        return None
    response = RedirectResponse(safe_next("/" + referer.removeprefix(origin)), status_code=303)
    flash.leave(response, error.message, error.facts, good=False)
    return response


def cookie_options(request: Request) -> dict[str, Any]:
    """How every cookie of ours is set: unreadable for scripts, not sent from other sites, https-only under https."""
    return {"httponly": True, "samesite": "lax", "secure": request.url.scheme == "https", "path": "/"}
