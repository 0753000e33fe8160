"""What the stock pool refuses, named for what the caller should do next.

Refused
├── OutOfStock     not enough units: `missing` says how many of which sku; `final` False = ask again soon
├── UnfitServer    a store is set up so that it may forget what it acknowledged: do not start
└── Conflict
    └── ClaimSpent the key and attempt were used for something else, or have ended: use the next attempt
TryAgain
└── GateClosed     the gate cannot be fenced now: decide by PostgreSQL alone
"""

from collections.abc import Mapping

from hub.core.errors import Conflict, Refused, TryAgain


class OutOfStock(Refused):
    """Nothing was taken. `missing` maps sku id -> units missing."""

    code = "out_of_stock"

    def __init__(self, missing: Mapping[int, int], *, final: bool = True) -> None:
        super().__init__("There is not enough stock: %(units)s units are missing.", units=sum(missing.values()))
        self.missing = dict(missing)
        self.final = final


class ClaimSpent(Conflict):
    """A claim under this key and attempt exists with other content, or has been released."""

    code = "claim_spent"


class UnfitServer(Refused):
    """A store must be set up otherwise before the hub may run on it."""

    code = "unfit_server"


class GateClosed(TryAgain):
    """Redis is away, a replica, or changed under our hands."""

    code = "gate_closed"
