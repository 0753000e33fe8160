"""Sign-in, sign-out and the password page.

Invariant: attempts are counted in a transaction of their own before the password is looked at; the sign-in form carries
a token that a cookie of the same browser repeats, so that nobody is signed in by another site.
"""

import secrets

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.core.errors import Forbidden, HubError, Invalid
from hub.core.people import change_password
from hub.core.sessions import SESSION_HOURS, SignInRefused, TooManyAttempts, count_attempt, sign_in, sign_out
from hub.web.ask import COOKIE, Ask, check_token, cookie_options, current_visit, read_form, safe_next, words_of
from hub.web.doors import Doors
from hub.web.render import page, plain_page
from hub.web.sentences import explain

_PRE_COOKIE = "tongku_pre"


async def show_sign_in(request: Request) -> Response:
    """The form; somebody who is signed in already is led on."""
    doors: Doors = request.app.state.doors
    async with doors.db.transaction() as session:
        if await current_visit(request, session) is not None:
            return RedirectResponse("/", status_code=303)
    return _form(request, "", "", 200)


async def do_sign_in(request: Request) -> Response:
    """Check name and password; a new session, or the form again with a word."""
    form = await read_form(request)
    check_token(request, form, request.cookies.get(_PRE_COOKIE) or secrets.token_urlsafe())
    doors: Doors = request.app.state.doors
    name = form.get("name", "")[:60]
    address = request.client.host if request.client else "unknown"
    try:
        async with doors.db.transaction() as session:
            await count_attempt(session, name, address)
        async with doors.db.transaction() as session:
            agent = request.headers.get("user-agent", "")
            signed = await sign_in(session, name, form.get("password", ""), agent)
    except (SignInRefused, TooManyAttempts) as error:
        return _form(request, name, explain(words_of(request), error.message, dict(error.facts)), error.status)
    response = RedirectResponse(safe_next(form.get("next", "/")), status_code=303)
    response.set_cookie(COOKIE, signed.token, max_age=SESSION_HOURS * 3600, **cookie_options(request))
    response.delete_cookie(_PRE_COOKIE, path="/")
    return response


def _form(request: Request, name: str, trouble: str, status: int) -> Response:
    token = request.cookies.get(_PRE_COOKIE) or secrets.token_urlsafe(24)
    response = plain_page(
        request,
        words_of(request),
        "sign_in.html",
        status=status,
        name=name,
        trouble=trouble,
        csrf=token,
        next=safe_next(request.query_params.get("next", "/")),
    )
    response.set_cookie(_PRE_COOKIE, token, max_age=3600, **cookie_options(request))
    return response


async def do_sign_out(ask: Ask) -> Response:
    """End this session."""
    await sign_out(ask.session, ask.visit)
    response = ask.go("/sign-in")
    response.delete_cookie(COOKIE, path="/")
    return response


async def show_password(ask: Ask) -> Response:
    """The password page."""
    return page(ask, "password.html", trouble="")


async def do_password(ask: Ask) -> Response:
    """Change the own password; all other sessions end."""
    form = ask.form
    try:
        new = form.get("new", "")
        if new != form.get("again", ""):
            raise Invalid("The two new passwords differ.")
        await change_password(ask.session, ask.person.id, form.get("present", ""), new, ask.visit.digest)
    except HubError as error:
        if isinstance(error, Forbidden):
            raise
        trouble = explain(ask.words, error.message, dict(error.facts))
        return page(ask, "password.html", status=422, trouble=trouble)
    return ask.go("/", "Your password is changed. Your other sessions have ended.")
