"""The moves that end cases: for each kind, what a person can do, what it will change, and the verb that does it.

Invariant: each kind has at least two moves that work; each names its permission, says its effect before it is done, and
runs the ordinary verb with the actor; a case that a move has dealt with is closed in the same transaction.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hub.core import audit
from hub.core.cases import CaseKind, close_case, one_at_a_time
from hub.core.errors import NotFound
from hub.core.queries import Case, get_case
from hub.web.ask import Ask
from hub.web.ways_out import (
    do_add_and_map,
    do_cancel,
    do_close,
    do_close_thawed,
    do_event_again,
    do_late_cancel_keeps,
    do_late_cancel_returns,
    do_leave_unpublished,
    do_map,
    do_pause,
    do_pull,
    do_push_again,
    do_rebuild,
    do_resume,
    do_retry,
    do_run_again,
    do_tell_again,
    do_told_by_hand,
    do_wait,
)
from hub.web.words import _

Run = Callable[[Ask, Case], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to type for a move; `fact` names the fact of the case that is offered as its value."""

    name: str
    label: str
    fact: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """One way out. `settles`: the case is closed by the move when the verb has not done so."""

    name: str
    label: str
    button: str
    effect: str
    act: str
    run: Run
    fields: tuple[Field, ...] = ()
    settles: bool = True
    danger: bool = False


_NOTE = Field("note", _("What was agreed or done"))
_SKU = Field("sku", _("Sku code"), "channel_sku")


async def make(ask: Ask, case: Case, name: str) -> None:
    """Run one move on an open case. Raises NotFound, Forbidden, and whatever the verb refuses."""
    move = next((one for one in moves_of(case.kind) if one.name == name), None)
    await one_at_a_time(ask.session, case.id)
    case = await get_case(ask.session, case.id)
    if move is None or case.state != "open":
        raise NotFound("This case is closed or does not know this move.")
    ask.need(move.act)
    await move.run(ask, case)
    await audit.record(ask.session, ask.person.name, "case.move", f"case:{case.id}", move=name, kind=case.kind.value)
    if move.settles and (await get_case(ask.session, case.id)).state == "open":
        await close_case(ask.session, case.id, ask.person.name, move.name)


def moves_of(kind: CaseKind) -> tuple[Move, ...]:
    """The moves of a kind, the best first."""
    return MOVES[kind]


CLOSE = Move(
    "close",
    _("Close with a note"),
    _("Close"),
    _("Changes nothing else. If the trouble comes back, a new case opens."),
    "case.act",
    do_close,
    (_NOTE,),
)
_PULL = Move(
    "pull",
    _("Read the shop's orders again now"),
    _("Read now"),
    _("Reads again from a little before the last complete reading. Nothing is doubled."),
    "shop.operate",
    do_pull,
)
_PAUSE = Move(
    "pause",
    _("Pause the shop"),
    _("Pause"),
    _("Nothing goes in or out until it is resumed; what happens meanwhile is read then."),
    "shop.operate",
    do_pause,
)
_RESUME = Move(
    "resume",
    _("Try the shop again"),
    _("Try"),
    _("Reads and publishes again with the credentials as they are now."),
    "shop.operate",
    do_resume,
)
_RETRY = Move(
    "retry",
    _("Try to reserve again"),
    _("Try again"),
    _("Takes free units if there are any now; otherwise the order keeps waiting and the case stays."),
    "order.retry",
    do_retry,
    settles=False,
)
_WAIT = Move(
    "wait",
    _("Let the order wait for goods"),
    _("Let it wait"),
    _("The order is served first when goods come in. Tell the buyer that it takes longer."),
    "order.retry",
    do_wait,
)
_CANCEL = Move(
    "cancel",
    _("Cancel the order"),
    _("Cancel it"),
    _("Frees whatever it holds. Cancel and refund it at the channel too."),
    "order.cancel",
    do_cancel,
    danger=True,
)

MOVES: dict[CaseKind, tuple[Move, ...]] = {
    CaseKind.UNMAPPED_LISTING: (
        Move(
            "map",
            _("Match it to a Sku"),
            _("Match"),
            _("Its waiting orders are reserved at once, and the shop gets our number."),
            "listing.map",
            do_map,
            (_SKU,),
        ),
        Move(
            "add",
            _("Add a new Sku from this listing"),
            _("Add it"),
            _("Uses the channel's code and title. It sells nothing until goods are received."),
            "listing.map",
            do_add_and_map,
        ),
        Move(
            "leave",
            _("Do not publish this listing"),
            _("Leave it"),
            _("We never send a number for it; its orders still wait for a match."),
            "listing.publish",
            do_leave_unpublished,
        ),
    ),
    CaseKind.EXTERNAL_OVERSELL: (_RETRY, _WAIT, _CANCEL),
    CaseKind.SHORT_STOCK: (_RETRY, _WAIT, _CANCEL),
    CaseKind.REJECTED_PUSH: (
        Move(
            "push",
            _("Send our number again"),
            _("Send"),
            _("Publishes the listing and sends the number as it is now."),
            "listing.publish",
            do_push_again,
        ),
        Move(
            "stop",
            _("Stop publishing this listing"),
            _("Stop"),
            _("The channel keeps its last number and may sell what is not there. Take it off sale there too."),
            "listing.publish",
            do_leave_unpublished,
            danger=True,
        ),
    ),
    CaseKind.REJECTED_SHIPMENT: (
        Move(
            "tell",
            _("Tell the channel again"),
            _("Tell again"),
            _("Sends the same carrier and waybill once more."),
            "order.ship",
            do_tell_again,
        ),
        Move(
            "told",
            _("I have told the channel by hand"),
            _("It is told"),
            _("We stop telling it. Goods and books stay as they are."),
            "order.ship",
            do_told_by_hand,
        ),
    ),
    CaseKind.UNREADABLE_ORDER: (_PULL, CLOSE),
    CaseKind.STALE_FEED: (_PULL, _PAUSE, CLOSE),
    CaseKind.CREDENTIALS: (_RESUME, _PAUSE, CLOSE),
    CaseKind.FORGED_WEBHOOK: (_PULL, CLOSE),
    CaseKind.LATE_CANCEL: (
        Move(
            "returns",
            _("The goods come back"),
            _("Note it"),
            _("Notes that a return is expected. Receive the goods when they arrive."),
            "order.cancel",
            do_late_cancel_returns,
        ),
        Move(
            "keeps",
            _("The buyer keeps the goods"),
            _("Note it"),
            _("Notes that the sale stands. Nothing changes in stock or books."),
            "order.cancel",
            do_late_cancel_keeps,
        ),
    ),
    CaseKind.FROZEN_KEY: (
        Move(
            "rebuild",
            _("Rebuild the figures from the rows"),
            _("Rebuild"),
            _("Adds up moves and reservations again; it sells again if they agree."),
            "stock.adjust",
            do_rebuild,
        ),
        Move(
            "close",
            _("Close with a note"),
            _("Close"),
            _("Only when the Sku sells again; while it is frozen, the case stays."),
            "case.act",
            do_close_thawed,
            (_NOTE,),
        ),
    ),
    CaseKind.FAILED_JOB: (
        Move(
            "again",
            _("Run it again now"),
            _("Run"),
            _("The job looks at its work list again. Doing it twice is harmless."),
            "shop.operate",
            do_run_again,
        ),
        CLOSE,
    ),
    CaseKind.POSTING_BLOCKED: (
        Move(
            "again",
            _("Try to book it again"),
            _("Book"),
            _("Writes the voucher if the reason is gone; otherwise the case opens again."),
            "event.retry",
            do_event_again,
        ),
        CLOSE,
    ),
}
