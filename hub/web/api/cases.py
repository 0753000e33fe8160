"""Cases for programs: the queue by id, and the same moves as in the console.

Invariant: every move goes through hub.web.moves, which checks its own permission.
"""

from typing import Any

from hub.core.cases import CaseKind
from hub.core.errors import Invalid
from hub.core.queries import get_case, page_cases
from hub.web import forms
from hub.web.api.bodies import Move
from hub.web.api.edge import Call, limit_of, text_of
from hub.web.ask import Ask
from hub.web.moves import make, moves_of


async def list_all(call: Call) -> Any:
    """A page, oldest first; each open case names the moves that this asker may make."""
    limit, after = limit_of(call), text_of(call, "after")
    kind, state, shop_id = case_filter(call)
    rows = await page_cases(
        call.session,
        state=state,
        kind=kind,
        shop_id=shop_id,
        after=forms.row_id(after) if after else 0,
        limit=limit,
    )
    moves = {
        row.id: [one.name for one in moves_of(row.kind) if row.state == "open" and call.may(one.act)] for row in rows
    }
    return {
        "cases": [{"case": row, "moves": moves[row.id]} for row in rows],
        "next": str(rows[-1].id) if len(rows) == limit else None,
    }


async def make_move(call: Call) -> Any:
    """Make a move of a case."""
    body = call.body
    assert isinstance(body, Move)  # noqa: S101  # the table says so
    case = await get_case(call.session, forms.row_id(call.request.path_params["id"]))
    call.form = body.model_dump(exclude_none=True)
    await make(call, case, call.request.path_params["move"])
    return {"case": await get_case(call.session, case.id)}


def case_filter(ask: Ask) -> tuple[CaseKind | None, str, int | None]:
    """(kind, state, shop) in the address; state is 'open' unless it says 'closed'."""
    query = ask.request.query_params
    kind, state, shop = query.get("kind", ""), query.get("state", "open"), query.get("shop", "")
    if (kind and kind not in set(CaseKind)) or state not in {"open", "closed"}:
        raise Invalid("This choice does not exist.")
    return (CaseKind(kind) if kind else None), state, (forms.row_id(shop) if shop else None)
