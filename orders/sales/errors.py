"""What the order verbs refuse, named for what the caller should do next.

Refused
├── NotAllowed       the order is in a state that forbids this: look at it again
├── ClaimsGone       its units were taken away meanwhile: wait until it is reserved again
├── NotFound
│   └── NoSuchOrder
├── Invalid
│   └── Unreadable   the order cannot be stored as it is: keep it raw, open a case, go on
└── Conflict
    └── KeyReused    the same key was used for another shipment
"""

from hub.core.errors import Conflict, Invalid, NotFound, Refused


class NotAllowed(Refused):
    """The order's state forbids this."""

    code = "not_allowed"


class ClaimsGone(Refused):
    """The order says reserved but its units are no longer claimed."""

    code = "claims_gone"


class NoSuchOrder(NotFound):
    """There is no order with this id."""

    code = "no_such_order"


class Unreadable(Invalid):
    """A channel order that cannot be stored: a field is too long or holds what no text may hold."""

    code = "unreadable_order"


class KeyReused(Conflict):
    """The key belongs to a shipment with other content."""

    code = "key_reused"
