"""The languages of the console: English message ids, and a zh_CN catalogue read at start without a compile step.

Invariant: a message without a translation shows in English, never as an error; tests keep the catalogue complete.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

LOCALES: Mapping[str, str] = {"zh": "zh_CN", "en": "en"}
_ROOT = Path(__file__).parent / "locale"


class Translator:
    """gettext over one catalogue."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.locale = LOCALES[language]
        self._single: dict[str, str] = {}
        self._plural: dict[str, tuple[str, ...]] = {}
        self._read(_ROOT / self.locale / "LC_MESSAGES" / "tongku.po")

    def gettext(self, message: str) -> str:
        """The message in this language."""
        return self._single.get(message, message)

    def ngettext(self, one: str, many: str, n: int) -> str:
        """The form for n; Chinese has one form, English two."""
        if one in self._plural:
            return self._plural[one][0]
        return one if n == 1 else many

    def say(self, message: str, **facts: object) -> str:
        """A translated message with its %(name)s places filled."""
        text = self.gettext(message)
        return text % facts if facts else text

    def _read(self, path: Path) -> None:
        if not path.exists():
            return
        with path.open("rb") as file:
            catalogue = read_po(file, locale=self.locale)
        for entry in catalogue:
            if not entry.id or entry.fuzzy or not entry.string:
                continue
            if isinstance(entry.id, str):
                self._single[entry.id] = str(entry.string)
            else:
                self._plural[entry.id[0]] = tuple(entry.string)


@cache
def translator(language: str) -> Translator:
    """The translator of 'zh' or 'en'."""
    return Translator(language if language in LOCALES else "en")


def preferred(accept_language: str) -> str:
    """The language a browser asks for: Chinese when Chinese stands before English, else English."""
    for part in accept_language.lower()[:200].split(","):
        tag = part.split(";")[0].strip()[:2]
        if tag in LOCALES:
            return tag
    return "en"
