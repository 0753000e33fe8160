"""What a listing may sell: pure, and explained step by step.

Invariant: the values of the steps add up to the offer, and the offer is what is published; a shortage in one warehouse
is never netted against another; an offer is never below zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Held:
    """What one warehouse holds of a sku, in base units."""

    on_hand: int
    reserved: int
    frozen: bool = False

    @property
    def free(self) -> int:
        """Units that nobody has a claim on."""
        return max(0, self.on_hand - self.reserved)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the explanation: `value` is what it adds, `running` the sum up to here."""

    name: str
    value: int
    running: int


@dataclass(frozen=True, slots=True)
class Waterfall:
    """From what is on hand to what is published."""

    steps: tuple[Step, ...]

    @property
    def offer(self) -> int:
        """The number to publish: where the steps end."""
        return self.steps[-1].running


def offer(pool: Sequence[Held], *, in_flight: int, buffer: int) -> Waterfall:
    """The offer of one listing from the warehouses of its pool.

    `in_flight`: units in orders known to exist on the shop and not reserved here. `buffer`: units the shop keeps back.
    Steps: on_hand, reserved, shortage (added back), frozen, pool_free (a subtotal), in_flight, buffer, floor (at zero).
    """
    on_hand = sum(held.on_hand for held in pool)
    reserved = sum(held.reserved for held in pool)
    shortage = sum(max(0, held.reserved - held.on_hand) for held in pool)
    frozen = sum(held.free for held in pool if held.frozen)
    values = [
        ("on_hand", on_hand),
        ("reserved", -reserved),
        ("shortage", shortage),
        ("frozen", -frozen),
        ("pool_free", 0),
        ("in_flight", -in_flight),
        ("buffer", -buffer),
    ]
    below_zero = max(0, -sum(value for _, value in values))
    return Waterfall(_run([*values, ("floor", below_zero)]))


def _run(values: Sequence[tuple[str, int]]) -> tuple[Step, ...]:
    steps, running = [], 0
    for name, value in values:
        running += value
        steps.append(Step(name, value, running))
    return tuple(steps)
