"""The summary of a replay: figures from the database and the simulator, and the verdict over them.

Invariant: a replay is good only when the audit is clean, no unit was promised twice, every sold order was received,
debits equal credits and the stock's value equals the ledger's balance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that a replay found out. Units are pieces, seconds are wall clock, money is CNY."""

    baskets: int
    orders: int
    lines: int
    reserved: int
    short: int
    missing_units: int
    missing_orders: int
    """sold by a shop and never received"""
    internal_oversell: int
    """units promised beyond what came in"""
    external_oversell: int
    """units that the shops sold beyond what there was"""
    units_demanded: int
    units_sold: int
    lost_units: int
    pushes: int
    pushes_rejected: int
    listings_changed: int
    lag_p50_seconds: float
    lag_p99_seconds: float
    vouchers: int
    debits: Decimal
    credits: Decimal
    stock_value: Decimal
    ledger_balance: Decimal
    states: Mapping[str, int]
    products: int
    listings: int
    setup_seconds: float
    publish_seconds: float
    sell_seconds: float
    settle_seconds: float
    breaches: Sequence[Mapping[str, str]]
    unrest: str
    """what had not come to rest at the end, empty when all had"""

    @property
    def lost_percent(self) -> float:
        """Lost sales as a share of the demanded units."""
        return round(100 * self.lost_units / self.units_demanded, 2) if self.units_demanded else 0.0

    @property
    def pushes_per_listing(self) -> float:
        """Numbers sent per listing that changed at all, the opening publish left out."""
        return round(self.pushes / self.listings_changed, 2) if self.listings_changed else 0.0

    @property
    def orders_per_second(self) -> float:
        """Orders over the time from the first sale until the last one was shipped, booked and published."""
        seconds = self.sell_seconds + self.settle_seconds
        return round(self.orders / seconds, 1) if seconds else 0.0

    @property
    def troubles(self) -> list[str]:
        """What makes the replay fail, in words."""
        rules = {
            f"the audit found {len(self.breaches)} breaches": bool(self.breaches),
            f"{self.internal_oversell} units were promised twice": self.internal_oversell > 0,
            f"{self.missing_orders} orders were sold and never received": self.missing_orders != 0,
            f"debits {self.debits} are not credits {self.credits}": self.debits != self.credits,
            f"stock value {self.stock_value} is not the ledger's {self.ledger_balance}": (
                self.stock_value != self.ledger_balance
            ),
            f"the hub did not come to rest: {self.unrest}": bool(self.unrest),
        }
        return [words for words, broken in rules.items() if broken]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON; money as text."""
        plain = {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(self).items()}
        return plain | {
            "lost_percent": self.lost_percent,
            "pushes_per_listing": self.pushes_per_listing,
            "orders_per_second": self.orders_per_second,
            "audit": "broken" if self.breaches else "clean",
            "verdict": "failed" if self.troubles else "good",
            "troubles": self.troubles,
        }

    def as_rows(self) -> list[tuple[str, str]]:
        """(name, value) for a terminal."""
        seconds = self.sell_seconds + self.settle_seconds
        return [
            ("orders", f"{self.orders:,}  (of {self.baskets:,} baskets)"),
            ("lines", f"{self.lines:,}"),
            ("reserved", f"{self.reserved:,}"),
            ("short", f"{self.short:,}  ({self.missing_units:,} units missing)"),
            ("internal oversell", f"{self.internal_oversell:,} units"),
            ("external oversell", f"{self.external_oversell:,} units"),
            ("lost sales", f"{self.lost_units:,} units, {self.lost_percent} % of the demand"),
            (
                "pushes per changed listing",
                f"{self.pushes_per_listing}  ({self.pushes:,} to {self.listings_changed:,})",
            ),
            ("sale to visible, p50 / p99", f"{self.lag_p50_seconds:.2f} s / {self.lag_p99_seconds:.2f} s"),
            ("vouchers", f"{self.vouchers:,}"),
            ("debits = credits", f"{self.debits:,} {_sign(self.debits, self.credits)} {self.credits:,}"),
            (
                "stock value = ledger balance",
                f"{self.stock_value:,} {_sign(self.stock_value, self.ledger_balance)} {self.ledger_balance:,}",
            ),
            ("orders/s", f"{self.orders_per_second}  (in {seconds:.0f} s, {self.settle_seconds:.0f} s of it to rest)"),
            ("before the first sale", f"{self.setup_seconds:.0f} s, {self.publish_seconds:.0f} s of it first publish"),
            ("tongku audit", f"{len(self.breaches)} breaches" if self.breaches else "clean"),
        ]


def _sign(left: Decimal, right: Decimal) -> str:
    return "=" if left == right else "≠"
