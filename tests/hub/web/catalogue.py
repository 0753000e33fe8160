"""Every message that the console can show, collected from templates and code as the catalogue must hold it."""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract_from_dir
from jinja2.ext import babel_extract

from finance import errors as finance_errors
from stockpool.errors import OutOfStock

ROOT = Path(__file__).parents[3]
_ERRORS = [
    "Refused",
    "NotFound",
    "Invalid",
    "Conflict",
    "Forbidden",
    "TryAgain",
    "SealBroken",
    "TooManyAttempts",
    "SignInRefused",
    "NotSignedIn",
    "Forged",
    "Incomplete",
    "ClaimSpent",
    "UnfitServer",
    "GateClosed",
    "NotAllowed",
    "ClaimsGone",
    "NoSuchOrder",
    "Unreadable",
    "KeyReused",
    "PeriodClosed",
    "NotReversible",
    "Unbalanced",
]
_KEYWORDS = {
    "_": None,
    "gettext": None,
    "say": None,
    "ngettext": (1, 2),
    "go": (2,),
    **dict.fromkeys(_ERRORS, None),
}
_CODE = ("hub/app.py", "hub/core", "hub/web", "stockpool", "orders", "finance")

Message = str | tuple[str, str]


def messages() -> set[Message]:
    """All message ids; a plural one as (one, many)."""
    return set(_from_templates()) | set(_from_code()) | _unnamed()


def _from_templates() -> Iterator[Message]:
    for path in sorted((ROOT / "hub/web/templates").rglob("*.html")):
        with path.open("rb") as file:
            options = {"extensions": "jinja2.ext.i18n,jinja2.ext.do", "trim_blocks": "true", "silent": "false"}
            for _line, _function, found, _comments in babel_extract(file, ("_", "gettext", "ngettext"), [], options):
                yield _plain(found)


def _from_code() -> Iterator[Message]:
    for name in _CODE:
        path = ROOT / name
        folder, pattern = (path.parent, path.name) if path.is_file() else (path, "**.py")
        for row in extract_from_dir(str(folder), [(pattern, "python")], keywords=_KEYWORDS):
            if row[2]:
                yield _plain(row[2])


def _unnamed() -> set[Message]:
    """Messages that no call names where they stand."""
    return {*finance_errors._MESSAGES.values(), OutOfStock({}).message}


def _plain(found: object) -> Message:
    if isinstance(found, tuple | list):
        texts = [text for text in found if isinstance(text, str)]
        return (texts[0], texts[1]) if len(texts) > 1 else texts[0]
    return str(found)
