"""Language and theme: kept with the person, or in a cookie before sign-in.

Invariant: only known values are kept; a page that is switched comes back to where it was.
"""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.core.errors import Invalid
from hub.core.people import set_preferences
from hub.web.ask import (
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    check_token,
    cookie_options,
    current_visit,
    read_form,
    safe_next,
)
from hub.web.doors import Doors
from hub.web.languages import LOCALES

_KEPT_SECONDS = 365 * 86_400
THEMES = ("", "light", "dark")


async def do_preferences(request: Request) -> Response:
    """Set language, theme or both; works without a session too."""
    form = await read_form(request)
    language, theme = form.get("language"), form.get("theme")
    if language not in {None, *LOCALES} or theme not in {None, *THEMES}:
        raise Invalid("This choice does not exist.")
    doors: Doors = request.app.state.doors
    async with doors.db.transaction() as session:
        visit = await current_visit(request, session)
        if visit is not None:
            check_token(request, form, visit.csrf)
            await set_preferences(session, visit.person.id, language=language, theme=theme)
    response = RedirectResponse(safe_next(form.get("back", "/")), status_code=303)
    for cookie, value in ((LANGUAGE_COOKIE, language), (THEME_COOKIE, theme)):
        if value is not None:
            response.set_cookie(cookie, value, max_age=_KEPT_SECONDS, **cookie_options(request))
    return response
