"""How a refusal is told: JSON to programs, a notice to htmx, a page in plain words to people.

Invariant: no stack trace, secret or buyer data leaves here; every answer says what to do next.
"""

from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hub.core.errors import HubError
from hub.core.sessions import Visit
from hub.web.ask import back_with, words_of
from hub.web.languages import Translator
from hub.web.render import environment, plain_page
from hub.web.sentences import explain
from hub.web.words import _

_TITLES = {
    400: _("This request cannot be read"),
    401: _("Please sign in"),
    403: _("Your role does not allow this"),
    404: _("There is nothing at this address"),
    405: _("This address does not take that"),
    409: _("This cannot be done now"),
    413: _("This is too large"),
    422: _("Something needs correcting"),
    429: _("Too many attempts"),
    502: _("The marketplace did not answer as expected"),
    503: _("Tongku cannot answer for the moment"),
}
_LAST_TITLE = _("Something went wrong on our side")
NEXT = {
    403: _("Ask an admin for the role that this needs."),
    404: _("Check the address, or search for an order or Sku above."),
    503: _("Nothing is lost. Wait a few seconds and load the page again."),
}
_LAST_NEXT = _(
    "What you did was not half done: either all of it is stored or nothing. Try again; if it stays, tell an admin."
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is told: a status, a stable code for programs, a message id with its facts."""

    status: int
    code: str
    message: str
    facts: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


def title_of(status: int) -> str:
    """The message id that names what an answer of this status means."""
    return _TITLES.get(status, _LAST_TITLE)


def answer(request: Request, refusal: Refusal, error: Exception) -> Response:
    """The answer in the shape that the asker reads."""
    visit: Visit | None = getattr(request.state, "visit", None)
    words = words_of(request, visit.person if visit else None)
    told = explain(words, refusal.message, refusal.facts)
    if request.url.path.startswith(("/api", "/hooks", "/readyz", "/healthz", "/metrics")):
        body = {"error": {"code": refusal.code, "message": told}}
        return JSONResponse(body, status_code=refusal.status, headers=refusal.headers)
    if request.headers.get("HX-Request") == "true":
        return _notice(words, refusal, told)
    if isinstance(error, HubError) and (back := back_with(request, error)) is not None:
        return back
    return plain_page(
        request,
        words,
        "refused.html",
        status=refusal.status,
        person=visit.person if visit else None,
        csrf=visit.csrf if visit else "",
        title=title_of(refusal.status),
        told=told,
        next=NEXT.get(refusal.status, _LAST_NEXT if refusal.status >= 500 else ""),
    )


def _notice(words: Translator, refusal: Refusal, told: str) -> Response:
    html = environment(words.language).get_template("_notice.html").render(told=told, good=False)
    headers = {"HX-Retarget": "#notice", "HX-Reswap": "innerHTML", "HX-Push-Url": "false", **refusal.headers}
    return Response(html, status_code=refusal.status, media_type="text/html", headers=headers)
