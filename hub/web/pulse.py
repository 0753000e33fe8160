"""The live picture in the words and shapes that open pages take: figures, short texts in each language, one series.

Invariant: small (a few kilobytes) and free of buyer data; the page that is rendered shows the same values by the same
functions.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from hub.core.shops import Shop
from hub.web.formats import Formats
from hub.web.languages import LOCALES, translator
from hub.web.picture import FLOW_MINUTES, Picture
from hub.web.sentences import freshness, headline
from orders.sales.lifecycle import State
from orders.sales.queries import Minute

MAX_SERIES = 6
FEWEST_STEPS = 10
_WAITING = (State.NEW, State.PENDING, State.UNMAPPED)


def pulse(picture: Picture) -> dict[str, Any]:
    """The event that open pages receive."""
    return {
        "stream": picture.stream_id,
        "arrived": picture.arrived,
        "light": freshness(picture).tone,
        "figures": figures(picture),
        "texts": {language: texts(picture, language) for language in LOCALES},
        "flow": flow(picture.minutes, picture.shops, picture.at, step_minutes=1, steps=FLOW_MINUTES),
    }


def figures(picture: Picture) -> dict[str, int]:
    """Whole numbers, by the names that the pages give their places."""
    states = picture.slow.states
    return {
        "cases": picture.cases_open,
        "last_hour": picture.orders_last_hour,
        "to_ship": states[State.RESERVED],
        "waiting": sum(states[state] for state in _WAITING),
        "backordered": states[State.BACKORDERED],
        "sold_out": picture.slow.stock.out_of_stock,
        "oversold": picture.slow.oversold,
    }


def texts(picture: Picture, language: str) -> dict[str, str]:
    """Short texts in one language."""
    tongue = translator(language)
    formats = Formats(tongue)
    return {
        "light": tongue.gettext(freshness(picture).label),
        "lag50": formats.span(picture.slow.lag.visible_p50),
        "lag99": formats.span(picture.slow.lag.visible_p99),
        "headline": headline(picture, language)[1],
    }


def flow(
    minutes: Sequence[Minute], shops: Sequence[Shop], at: datetime, *, step_minutes: int, steps: int
) -> dict[str, Any]:
    """Orders per step and shop: {minutes: [epoch seconds], shops: [{name, counts}]}, quiet steps as 0, oldest first.

    Whole steps only: a step that is not over yet would look like trade breaking down. The time before the first shop
    was connected is left out, down to FEWEST_STEPS: it would look like trade that stood still.
    """
    last = at.replace(second=0, microsecond=0)
    last -= timedelta(minutes=last.minute % step_minutes + step_minutes)
    steps = min(steps, max(FEWEST_STEPS, _steps_since_first(shops, last, step_minutes)))
    starts = [last - timedelta(minutes=step_minutes * back) for back in range(steps - 1, -1, -1)]
    sums: dict[int, list[int]] = {}
    for minute in minutes:
        place = int((minute.at - starts[0]).total_seconds() // (60 * step_minutes))
        if 0 <= place < steps:
            sums.setdefault(minute.shop_id, [0] * steps)[place] += minute.orders
    return {"minutes": [int(start.timestamp()) for start in starts], "shops": _series(sums, shops, steps)}


def _steps_since_first(shops: Sequence[Shop], last: datetime, step_minutes: int) -> int:
    first = min((shop.created_at for shop in shops), default=last)
    return int((last - first).total_seconds() // (60 * step_minutes)) + 2


def _series(sums: Mapping[int, list[int]], shops: Sequence[Shop], steps: int) -> list[dict[str, Any]]:
    """One series per shop; beyond MAX_SERIES the smallest are drawn together."""
    named = [(shop.name, sums.get(shop.id, [0] * steps)) for shop in shops]
    if len(named) > MAX_SERIES:
        named.sort(key=lambda one: -sum(one[1]))
        rest = [sum(column) for column in zip(*(line for _, line in named[MAX_SERIES - 1 :]), strict=True)]
        named = [*named[: MAX_SERIES - 1], ("…", rest)]
    return [{"name": name, "counts": line} for name, line in named]
