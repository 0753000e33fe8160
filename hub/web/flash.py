"""A word about what was just done, carried over one redirect in a short-lived cookie.

Invariant: the cookie holds a message id and its facts, shown through the translator and escaped; it is read once.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "tongku_said"
_MAX_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Said:
    """One message to show."""

    message: str
    facts: Mapping[str, Any]
    good: bool


def leave(response: Response, message: str, facts: Mapping[str, object], *, good: bool) -> None:
    """Leave a message for the next page."""
    body = json.dumps([message, {name: str(value)[:200] for name, value in facts.items()}, good])
    packed = base64.urlsafe_b64encode(body.encode()).decode()
    if len(packed) <= _MAX_CHARS:
        response.set_cookie(COOKIE, packed, max_age=20, httponly=True, samesite="lax", path="/")


def read(request: Request) -> Said | None:
    """The message that was left, or None."""
    packed = request.cookies.get(COOKIE, "")
    if not packed or len(packed) > _MAX_CHARS:
        return None
    try:
        message, facts, good = json.loads(base64.urlsafe_b64decode(packed))
        return Said(str(message), {str(name): str(value) for name, value in dict(facts).items()}, bool(good))
    except (ValueError, TypeError, binascii.Error):
        return None
