"""Figures, money, instants and spans of time as people read them, in one language.

Invariant: instants are stored in UTC and shown in the zone of the business with UTC at hand; money keeps its currency;
nothing here computes.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_currency, format_decimal, format_percent
from markupsafe import Markup, escape

from hub.core.clock import utcnow
from hub.web.languages import Translator


def _(message: str) -> str:
    """Marks a message for the catalogue."""
    return message


ZONE = ZoneInfo("Asia/Shanghai")
NOTHING = "–"


class Formats:
    """The filters of one language's templates."""

    def __init__(self, words: Translator) -> None:
        self._words = words
        self._locale = words.locale

    def number(self, value: float | Decimal | None, digits: int = 0) -> str:
        """1,234 or a dash."""
        if value is None:
            return NOTHING
        pattern = "#,##0" if digits == 0 else f"#,##0.{'0' * digits}"
        return self._minus(format_decimal(value, format=pattern, locale=self._locale))

    def signed(self, value: int | None) -> str:
        """+3 or −3."""
        if not value:
            return self.number(value)
        return f"{'+' if value > 0 else '−'}{self.number(abs(value))}"

    def money(self, value: Decimal | None, currency: str = "CNY") -> str:
        """¥12.00 or a dash; the merchant's own currency is short in both languages."""
        if value is None:
            return NOTHING
        pattern = "¤#,##0.00" if currency != "CNY" else "'¥'#,##0.00"
        return self._minus(format_currency(value, currency, pattern, locale=self._locale))

    def plain_money(self, value: Decimal | None) -> str:
        """12.00 without the currency, blank for zero: the columns of a voucher."""
        return self.number(value, 2) if value else ""

    @staticmethod
    def _minus(text: str) -> str:
        """A minus as wide as a digit, so that columns stand straight."""
        return text.replace("-", "−")

    def percent(self, value: float | None) -> str:
        """12.5%."""
        return NOTHING if value is None else format_percent(value, format="#,##0.0%", locale=self._locale)

    def when(self, value: datetime | None) -> Markup:
        """A <time> element: short for today, with the date before; UTC in its title."""
        if value is None:
            return escape(NOTHING)
        local, today = value.astimezone(ZONE), utcnow().astimezone(ZONE)
        if local.date() == today.date():
            shown = format_time(local, format="HH:mm:ss", locale=self._locale)
        elif local.year == today.year:
            shown = format_datetime(local, format="MM-dd HH:mm", locale=self._locale)
        else:
            shown = format_datetime(local, format="yyyy-MM-dd HH:mm", locale=self._locale)
        return self._time(value, shown)

    def moment(self, value: datetime | None) -> Markup:
        """A <time> element with date and seconds."""
        if value is None:
            return escape(NOTHING)
        return self._time(value, format_datetime(value.astimezone(ZONE), "yyyy-MM-dd HH:mm:ss", locale=self._locale))

    def day(self, value: date | None) -> str:
        """2026-11-23, or 2026年11月23日."""
        pattern = "y年M月d日" if self._words.language == "zh" else "yyyy-MM-dd"
        return NOTHING if value is None else format_date(value, format=pattern, locale=self._locale)

    def span(self, value: float | timedelta | None) -> str:
        """A length of time in its largest fitting unit: 0.4 s, 12 s, 3 min, 5 h, 2 d."""
        if value is None:
            return NOTHING
        seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
        say = self._words.say
        if seconds < 10:
            return say("%(n)s s", n=self.number(Decimal(str(max(seconds, 0))), 1))
        for size, limit, message in _UNITS:
            if seconds < limit:
                return say(message, n=self.number(int(seconds // size)))
        return say("%(n)s d", n=self.number(int(seconds // 86_400)))

    def ago(self, value: datetime | None) -> str:
        """How long ago, or a dash."""
        if value is None:
            return NOTHING
        return self._words.say("%(span)s ago", span=self.span(utcnow() - value))

    def until(self, value: datetime | None) -> str:
        """How long until, or how long overdue."""
        if value is None:
            return NOTHING
        left = value - utcnow()
        if left < timedelta(0):
            return self._words.say("overdue by %(span)s", span=self.span(-left))
        return self._words.say("due in %(span)s", span=self.span(left))

    def _time(self, value: datetime, shown: str) -> Markup:
        utc = value.strftime("%Y-%m-%d %H:%M:%S UTC")
        return Markup('<time datetime="{}" title="{}">{}</time>').format(value.isoformat(), escape(utc), shown)


_UNITS = ((1, 90, _("%(n)s s")), (60, 5_400, _("%(n)s min")), (3_600, 129_600, _("%(n)s h")))
