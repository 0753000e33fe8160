"""Sentences that the console says about what happened: made from facts and from the words of values.

Invariant: a missing fact is a dash, never an error; nothing here reads the database.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from hub.core.cases import CaseKind
from hub.core.clock import utcnow
from hub.core.queries import Case
from hub.core.shops import Shop
from hub.web.flash import Said
from hub.web.languages import Translator, translator
from hub.web.picture import Picture
from hub.web.words import FIELDS, ORDER_REASONS, ORDER_STATES, Word, _, word

FEED_SOON_SECONDS, FEED_BAD_SECONDS = 30, 120
PUSH_SOON_SECONDS, PUSH_BAD_SECONDS = 10, 60
_FRESH = Word(_("up to date"), "good", "check", _("Every shop was read and told within the last seconds."))
_LATE = Word(_("a little late"), "soon", "clock", _("A shop was not read or told for a while. Open to see which."))
_BEHIND = Word(_("behind"), "bad", "alert", _("A shop is far behind; its buyers see old numbers. Open to see which."))
_NO_SHOP = Word(_("no shop yet"), "quiet", "clock", _("Connect a shop to see orders arrive."))


def freshness(picture: Picture | None) -> Word:
    """How fresh the whole trade is: the worst feed lag and the worst push lag."""
    if picture is None or not picture.shops:
        return _NO_SHOP
    feed, push = picture.feed_lag_seconds or 0, picture.push_lag_seconds or 0
    if picture.shops_stopped or feed > FEED_BAD_SECONDS or push > PUSH_BAD_SECONDS:
        return _BEHIND
    return _LATE if feed > FEED_SOON_SECONDS or push > PUSH_SOON_SECONDS else _FRESH


def _named(name: str, value: str) -> str:
    """The word for a fact that names a field, a state or a reason; any other fact is its own word."""
    if name in {"state", "before", "after"}:
        return word(ORDER_STATES, value).label
    return {"field": FIELDS, "reason": ORDER_REASONS}.get(name, {}).get(value, value)


def explain(tongue: Translator, message: str, facts: Mapping[str, object]) -> str:
    """A message in the reader's language, field names included."""
    told = {
        name: tongue.gettext(_named(name, value)) if isinstance(value, str) else value for name, value in facts.items()
    }
    try:
        return tongue.say(message, **told)
    except (KeyError, TypeError, ValueError):  # a message whose places do not fit shows as it is
        return message


def told(said: Said, language: str) -> str:
    """The message left for this page, in its language."""
    return explain(translator(language), said.message, said.facts)


def event_facts(kind: str, facts: Mapping[str, object], language: str) -> list[str]:
    """The facts of one diary entry that help a reader, in words."""
    tongue = translator(language)
    told_facts: list[str] = []
    if kind == "shipped":
        told_facts = [f"{facts.get('carrier', '')} {facts.get('waybill', '')}".strip()]
    elif kind == "backordered" and isinstance(missing := facts.get("missing"), dict):
        n = sum(int(units) for units in missing.values())
        told_facts = [tongue.ngettext("%(num)s unit missing", "%(num)s units missing", n) % {"num": n}]
    reason = facts.get("reason") or facts.get("error") or facts.get("how")
    if reason:
        told_facts.append(tongue.gettext(ORDER_REASONS.get(str(reason), str(reason))))
    return [fact for fact in told_facts if fact]


def order_of_key(key: str | None) -> UUID | None:
    """The order that a reservation belongs to, None for other owners."""
    kind, _, rest = (key or "").partition(":")
    try:
        return UUID(rest) if kind == "order" else None
    except ValueError:
        return None


_SENTENCES: dict[CaseKind, str] = {
    CaseKind.UNMAPPED_LISTING: _("%(shop)s sells “%(title)s”, and we do not know which Sku that is."),
    CaseKind.EXTERNAL_OVERSELL: _("%(shop)s sold %(units)s units more than there are, in order %(number)s."),
    CaseKind.SHORT_STOCK: _("Order %(number)s of %(shop)s lost its units: there is less stock than was promised."),
    CaseKind.REJECTED_PUSH: _("%(shop)s refused the number %(quantity)s for “%(title)s”: %(reason)s"),
    CaseKind.REJECTED_SHIPMENT: _("%(shop)s did not accept the shipment %(waybill)s: %(error)s"),
    CaseKind.UNREADABLE_ORDER: _("%(shop)s sent order %(external_id)s in a form that we could not read: %(reason)s"),
    CaseKind.STALE_FEED: _("%(shop)s does not tell its orders: %(error)s"),
    CaseKind.CREDENTIALS: _("%(shop)s was stopped: %(error)s"),
    CaseKind.FORGED_WEBHOOK: _("%(count)s messages in the name of %(shop)s had a wrong signature and were refused."),
    CaseKind.LATE_CANCEL: _("Order %(number)s of %(shop)s was cancelled after its goods had left."),
    CaseKind.FROZEN_KEY: _("The figures of this Sku contradict each other: %(reason)s"),
    CaseKind.FAILED_JOB: _("The job %(job)s failed: %(error)s"),
    CaseKind.POSTING_BLOCKED: _("An event (%(topic)s) could not be booked: %(reason)s"),
}


class _Facts(dict[str, object]):
    """Facts for a sentence; a missing one is a dash, never an error."""

    def __missing__(self, name: str) -> str:
        return "–"


def case_sentence(case: Case, shops: Mapping[int, Shop], language: str) -> str:
    """What happened, in one sentence."""
    shop = shops.get(case.shop_id) if case.shop_id is not None else None
    known = {name: value for name, value in case.facts.items() if value not in (None, "")}
    title = known.get("title") or known.get("listing") or known.get("external_id") or case.subject
    facts = _Facts(known, shop=shop.name if shop else "–", title=title, units=known.get("units_missing", "–"))
    return translator(language).gettext(_SENTENCES[case.kind]) % facts


def case_facts(case: Case) -> list[tuple[str, str]]:
    """The plain facts of a case that its sentence and its links do not show."""
    shown = {"title", "listing", "channel_sku", "number", "shipment_id", "raw_digest", "skus"}
    plain = [(name, value) for name, value in case.facts.items() if name not in shown]
    return [(name, str(value)[:300]) for name, value in plain if isinstance(value, str | int | float) and value != ""]


def is_past(at: datetime) -> bool:
    """Whether an instant has gone by."""
    return at < utcnow()


def headline(picture: Picture, language: str) -> tuple[str, str]:
    """The answer of the overview: is anything wrong, and is trade flowing? As (tone, sentence)."""
    tongue = translator(language)
    if not picture.shops:
        return "quiet", tongue.gettext("No shop is connected yet.")
    if picture.shops_stopped:
        n = picture.shops_stopped
        told_now = tongue.ngettext("%(num)s shop is stopped.", "%(num)s shops are stopped.", n)
        return "bad", told_now % {"num": n}
    if freshness(picture).tone == "bad":
        return "bad", tongue.gettext("A shop is far behind; its buyers see old numbers.")
    if picture.cases_open:
        n = picture.cases_open
        told_now = tongue.ngettext(
            "Trade flows. %(num)s case waits for a person.", "Trade flows. %(num)s cases wait for a person.", n
        )
        return "soon", told_now % {"num": n}
    return "good", tongue.gettext("Trade flows, and nothing waits for a person.")
