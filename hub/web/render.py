"""Templates to HTML: one Jinja environment per language, everything escaped, undefined names are errors.

Invariant: a page receives what it shows and asks for nothing itself; static files carry their content's hash, so that
they may be cached for ever.
"""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from hub.core.people import Person
from hub.web import flash, sentences, words
from hub.web.ask import THEME_COOKIE, Ask
from hub.web.formats import Formats
from hub.web.languages import LOCALES, Translator, translator
from hub.web.permissions import allowed

_HERE = Path(__file__).parent
STATIC = _HERE / "static"


def page(ask: Ask, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page for a signed-in person."""
    return _answer(ask.request, ask.words, template, status, person=ask.person, csrf=ask.visit.csrf, ask=ask, **values)


def plain_page(
    request: Request,
    language: Translator,
    template: str,
    *,
    status: int = 200,
    person: Person | None = None,
    **values: Any,
) -> HTMLResponse:
    """A page outside the frame: sign-in, errors."""
    return _answer(request, language, template, status, person=person, ask=None, **{"csrf": "", **values})


def _answer(request: Request, language: Translator, template: str, status: int, **values: Any) -> HTMLResponse:
    person: Person | None = values["person"]
    said = flash.read(request)
    html = (
        environment(language.language)
        .get_template(template)
        .render(
            request=request,
            path=request.url.path,
            language=language.language,
            theme=(person.theme if person else "") or _theme(request),
            may=lambda act: person is not None and allowed(person.role, act),
            said=said,
            live=request.app.state.doors.live.picture if hasattr(request.app.state, "doors") else None,
            **values,
        )
    )
    response = HTMLResponse(html, status_code=status)
    if said is not None:
        response.delete_cookie(flash.COOKIE, path="/")
    return response


def _theme(request: Request) -> str:
    theme = request.cookies.get(THEME_COOKIE, "")
    return theme if theme in {"light", "dark"} else ""


@cache
def environment(language: str) -> Environment:
    """The templates in one language."""
    tongue = translator(language)
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    made.install_gettext_callables(tongue.gettext, tongue.ngettext, newstyle=True)  # type: ignore[attr-defined]
    formats = Formats(tongue)
    for name in (
        "number",
        "signed",
        "money",
        "plain_money",
        "percent",
        "when",
        "moment",
        "day",
        "span",
        "ago",
        "until",
    ):
        made.filters[name] = getattr(formats, name)
    made.filters["say"] = tongue.gettext
    made.filters["json"] = lambda value: json.dumps(value, ensure_ascii=False, default=str)
    made.globals.update(static=static, words=words, sentences=sentences, languages=LOCALES)
    return made


@cache
def static(path: str) -> str:
    """The address of a static file, with the hash of its content."""
    file = STATIC / path
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12] if file.exists() else "missing"
    return f"/static/{path}?v={digest}"
