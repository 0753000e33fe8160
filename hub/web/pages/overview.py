"""Overview: is anything wrong, and is trade flowing?

Invariant: everything shown comes from the live picture, so that the page and its live updates never disagree; every
figure is a door to its rows.
"""

from datetime import timedelta

from starlette.responses import Response

from hub.web.ask import Ask
from hub.web.picture import FLOW_MINUTES, OVERSELL_DAYS, Picture
from hub.web.pulse import figures, flow, texts
from hub.web.render import page
from hub.web.sentences import headline
from orders.sales.queries import Minute, orders_per_minute

_DAY_STEP_MINUTES = 15


async def show(ask: Ask) -> Response:
    """The page; `?span=day` draws the last day instead of the last hour."""
    picture = await ask.doors.live.look()
    day = ask.request.query_params.get("span") == "day"
    tone, sentence = headline(picture, ask.words.language)
    return page(
        ask,
        "overview.html",
        picture=picture,
        slow=picture.slow,
        figures=figures(picture),
        texts=texts(picture, ask.words.language),
        tone=tone,
        sentence=sentence,
        flow=await _day_flow(ask, picture) if day else _hour_flow(picture),
        day=day,
        oversell_days=OVERSELL_DAYS,
    )


def _hour_flow(picture: Picture) -> dict[str, object]:
    return flow(picture.minutes, picture.shops, picture.at, step_minutes=1, steps=FLOW_MINUTES)


async def _day_flow(ask: Ask, picture: Picture) -> dict[str, object]:
    since = picture.at - timedelta(days=1)
    minutes: list[Minute] = []
    for shop in picture.shops:
        minutes += await orders_per_minute(ask.session, shop.id, since)
    steps = 24 * 60 // _DAY_STEP_MINUTES
    return flow(minutes, picture.shops, picture.at, step_minutes=_DAY_STEP_MINUTES, steps=steps)
