"""What a TOP answer says about itself: failures come inside HTTP 200, sometimes as XML, sorted by what to do next.

Invariant: None means no failure at any depth: no error_response, no result that says false.
Source: channel facts, section 2.7.
"""

import re
from collections.abc import Mapping
from typing import Any

from channels.kit.errors import BadAnswer, ChannelError, GiveUp, Reauthorise, RetryAfter, RetryLater, StopShop

_SESSION_CODES = {26, 27, 53}
_PARAMETER_CODES = {40, 41, 43}
_SETTINGS_CODES = {11, 12, 13, 21, 22, 23, 24, 25, 28, 29, 30, 31, 32, 33, 34, 42}
_FLOW_CODES = {4, 5, 6, 7, 8}
_CLOCK_CODES = {30, 31}
_BAN = re.compile(r"(\d{1,7})\s+more\s+seconds?", re.IGNORECASE)
_LATER = re.compile(r"稍后|稍候|重试|try again|retry|later", re.IGNORECASE)
_SHORT_WAIT_SECONDS = 2.0
_DAY_QUOTA_WAIT_SECONDS = 3600.0
_STOP_SUBS = (
    "isv.appkey-not-exists",
    "isv.permission-",
    "isv.invalid-signature",
    "isv.invalid-timestamp",
    "isv.ip-",
    "isp.ip-",
    "isv.insufficient-isv-permissions",
    "isv.insufficient-user-permissions",
)
_SESSION_SUBS = ("invalid-sessionkey", "session-expired", "isv.invalid-session", "sessionkey")


def classify_error(status: int, headers: Mapping[str, str], body: Any) -> ChannelError | None:
    """The failure in an answer, named for the next step; None = there is none.

    `body` is the decoded answer, or its text or bytes when it could not be decoded (a gateway error may be XML).
    """
    if isinstance(body, bytes | str):
        found, from_platform = _undecoded(body)
        return found if from_platform else _by_status(status, headers) or found
    if isinstance(body, Mapping) and isinstance(body.get("error_response"), Mapping):
        return _by_code(body["error_response"])
    by_status = _by_status(status, headers)
    if by_status is not None:
        return by_status
    if not isinstance(body, Mapping):
        return BadAnswer("the answer is not an object", code="wrong-root")
    return _said_no(body)


def _by_status(status: int, headers: Mapping[str, str]) -> ChannelError | None:
    if 200 <= status < 300:
        return None
    code = f"http-{status}"
    wait = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    if status == 429 or (status >= 500 and wait.isdigit()):
        return RetryAfter(
            f"HTTP {status}", code=code, wait_seconds=float(wait) if wait.isdigit() else _SHORT_WAIT_SECONDS
        )
    if status >= 500 or status == 408:
        return RetryLater(f"HTTP {status}", code=code)
    if status in (401, 403, 404) or 300 <= status < 400:
        return StopShop(f"HTTP {status}: check the gateway's address and the permissions", code=code)
    return GiveUp(f"HTTP {status}", code=code)


def _undecoded(body: bytes | str) -> tuple[ChannelError, bool]:
    """The failure, and whether it is the platform's own error in XML."""
    text = body[:4000].decode("utf-8", "replace") if isinstance(body, bytes) else body[:4000]
    text = text.lstrip("\ufeff \t\r\n")
    if not text:
        return RetryLater("the answer is empty", code="empty"), False
    if "<error_response" in text:
        names = ("code", "msg", "sub_code", "sub_msg")
        return _by_code({name: _xml_text(text, name) for name in names}), True
    if text.startswith("<"):
        return RetryLater("the answer is a page of HTML", code="html"), False
    return BadAnswer("the answer is not complete JSON", code="not-json"), False


def _xml_text(text: str, name: str) -> str:
    """The text of one simple element; no XML parser is let near the answer."""
    match = re.search(rf"<{name}>(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?</{name}>", text, re.DOTALL)
    return match.group(1).strip() if match else ""


def _by_code(error: Mapping[str, Any]) -> ChannelError:
    number = str(error.get("code") or "")
    code = int(number) if number.isdigit() and len(number) < 10 else -1
    sub_code = str(error.get("sub_code") or "").strip()
    sub_msg = str(error.get("sub_msg") or "")
    label = sub_code or number
    message = f"{code}: {error.get('msg') or ''} {sub_msg}".strip()
    sub = sub_code.lower()
    if code in _FLOW_CODES or sub.startswith("accesscontrol.limited-by"):
        return RetryAfter(message, code=label, wait_seconds=_ban_seconds(sub, sub_msg))
    if code in _CLOCK_CODES or sub.startswith("isv.invalid-timestamp"):
        return StopShop(f"{message} (check the clock of this computer: TOP allows ten minutes)", code=label)
    if code in _SESSION_CODES or sub.startswith(_SESSION_SUBS):
        return Reauthorise(message, code=label)
    if code in _SETTINGS_CODES or sub.startswith(_STOP_SUBS):
        return StopShop(message, code=label)
    if code in _PARAMETER_CODES:
        return GiveUp(message, code=label)
    return _business(code, sub, f"{error.get('msg') or ''} {sub_msg}", message, label)


def _business(code: int, sub: str, words: str, message: str, label: str) -> ChannelError:
    """isp.* is the platform's trouble, isv.* its refusal (unless it asks to come again)."""
    if sub.startswith("isp."):
        return RetryLater(message, code=label)
    if sub.startswith("isv."):
        return RetryLater(message, code=label) if _LATER.search(words) else GiveUp(message, code=label)
    passing = code in (9, 10, 15) or 500 <= code < 600 or _LATER.search(words)
    return RetryLater(message, code=label) if passing else GiveUp(message, code=label)


def _ban_seconds(sub_code: str, sub_msg: str) -> float:
    match = _BAN.search(sub_msg)
    if match:
        return max(1.0, float(match.group(1)))
    return _DAY_QUOTA_WAIT_SECONDS if sub_code == "accesscontrol.limited-by-app-access-count" else _SHORT_WAIT_SECONDS


def _said_no(body: Mapping[str, Any]) -> ChannelError | None:
    """A result that came without error_response but says false, one or two levels down."""
    for root in body.values():
        for part in [root, *(root.values() if isinstance(root, Mapping) else ())]:
            if isinstance(part, Mapping) and _is_false(part):
                code = str(_first(part, "sub_code", "error_code", "err_code", "msg_code", "code") or "refused")
                words = str(
                    _first(part, "error_msg", "err_msg", "error_message", "message", "msg", "sub_msg")
                    or "the platform says: no success"
                )
                return (
                    RetryLater(words, code=code)
                    if code.startswith("isp.") or _LATER.search(words)
                    else GiveUp(words, code=code)
                )
    return None


def _is_false(part: Mapping[str, Any]) -> bool:
    return any(part.get(name) in (False, "false") for name in ("success", "is_success"))


def _first(part: Mapping[str, Any], *names: str) -> Any:
    return next((part[name] for name in names if part.get(name)), None)
