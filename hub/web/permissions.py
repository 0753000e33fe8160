"""The one table of who may do what.

Invariant: every page and every action names one act of this table, checked in one place (hub.web.ask); an act that is
not in the table is allowed to nobody.
"""

from hub.core.people import Role

_V, _O, _W, _F, _A = Role.VIEWER, Role.OPERATOR, Role.WAREHOUSE, Role.FINANCE, Role.ADMIN

ACTS: dict[str, frozenset[Role]] = {
    "overview.see": frozenset({_V, _O, _W, _F, _A}),
    "order.see": frozenset({_V, _O, _W, _F, _A}),
    "order.export": frozenset({_O, _W, _F, _A}),
    "order.ship": frozenset({_O, _W, _A}),
    "order.cancel": frozenset({_O, _A}),
    "order.hold": frozenset({_O, _A}),
    "order.retry": frozenset({_O, _W, _A}),
    "buyer.see": frozenset({_O, _W, _A}),
    "stock.see": frozenset({_V, _O, _W, _F, _A}),
    "stock.export": frozenset({_O, _W, _F, _A}),
    "stock.add": frozenset({_O, _W, _A}),
    "stock.receive": frozenset({_W, _A}),
    "stock.adjust": frozenset({_W, _A}),
    "cost.see": frozenset({_F, _A}),
    "listing.map": frozenset({_O, _A}),
    "listing.publish": frozenset({_O, _A}),
    "case.see": frozenset({_V, _O, _W, _F, _A}),
    "case.act": frozenset({_O, _W, _F, _A}),
    "case.export": frozenset({_O, _W, _F, _A}),
    "voucher.see": frozenset({_V, _F, _A}),
    "voucher.export": frozenset({_F, _A}),
    "event.retry": frozenset({_F, _A}),
    "shop.see": frozenset({_V, _O, _W, _F, _A}),
    "shop.operate": frozenset({_O, _A}),
    "shop.credentials": frozenset({_A}),
    "self.see": frozenset({_V, _O, _W, _F, _A}),
    "people.manage": frozenset({_A}),
    "keys.manage": frozenset({_A}),
    "audit.see": frozenset({_A}),
}


def allowed(role: Role, act: str) -> bool:
    """Whether this role may do this act."""
    return role in ACTS.get(act, frozenset())
