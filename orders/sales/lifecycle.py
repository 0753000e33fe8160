"""The states of a sales order and the only steps between them.

Invariant: no verb writes a state that TRANSITIONS does not allow from the one before. `cancelled` is left only when
the channel itself says, with a newer version, that the order lives; a cancellation made here is final.
"""

from enum import StrEnum

from orders.sales.errors import NotAllowed


class State(StrEnum):
    PENDING = "pending"
    """not paid yet"""
    UNMAPPED = "unmapped"
    """a line's listing is not mapped to a Sku"""
    NEW = "new"
    """waits for its units"""
    RESERVED = "reserved"
    BACKORDERED = "backordered"
    HELD = "held"
    SHIPPED = "shipped"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


GONE = frozenset({State.SHIPPED, State.COMPLETED})
"""the goods have left"""

IN_FLIGHT = frozenset({State.PENDING, State.UNMAPPED, State.NEW})
"""known to exist on the channel and not decided here"""

_STEPS = {
    State.PENDING: {State.UNMAPPED, State.NEW, State.HELD, State.SHIPPED, State.CANCELLED},
    State.UNMAPPED: {State.PENDING, State.NEW, State.HELD, State.SHIPPED, State.CANCELLED},
    State.NEW: {
        State.PENDING, State.UNMAPPED, State.RESERVED, State.BACKORDERED, State.HELD, State.SHIPPED, State.CANCELLED,
    },
    State.RESERVED: {
        State.PENDING, State.UNMAPPED, State.NEW, State.BACKORDERED, State.HELD, State.SHIPPED, State.CANCELLED,
    },
    State.BACKORDERED: {State.PENDING, State.UNMAPPED, State.NEW, State.HELD, State.SHIPPED, State.CANCELLED},
    State.HELD: {
        State.PENDING, State.UNMAPPED, State.NEW, State.RESERVED, State.BACKORDERED, State.SHIPPED, State.CANCELLED,
    },
    State.SHIPPED: {State.COMPLETED, State.NEW, State.UNMAPPED, State.HELD},
    State.CANCELLED: {State.PENDING, State.UNMAPPED, State.NEW, State.HELD, State.SHIPPED},
}  # fmt: skip

TRANSITIONS = frozenset((before, after) for before, afters in _STEPS.items() for after in afters)


def check(before: str, after: str) -> State:
    """`after` as a State. Raises NotAllowed when there is no such step; staying is always allowed."""
    step = (State(before), State(after))
    if step[0] is not step[1] and step not in TRANSITIONS:
        raise NotAllowed("An order that is %(before)s cannot become %(after)s.", before=before, after=after)
    return step[1]
