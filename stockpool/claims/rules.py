"""The decisions about claims: pure, no clock, no database.

Invariant: demand is summed per (sku, warehouse) before it is compared, so two lines of one sku cannot both take its
last unit; an ask gets all of its lines or none; asks are decided in the order given.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub.core.errors import Invalid
from hub.core.ids import derive

Place = tuple[int, int]
"""(sku id, warehouse id): what a stock level is kept for; sorted, it is the order of locking."""

MAX_LINES = 2000


@dataclass(frozen=True, slots=True)
class Line:
    """Units of one sku; `line` names it within its ask."""

    line: str
    sku_id: int
    qty: int


@dataclass(frozen=True, slots=True)
class Ask:
    """A claim that is wanted whole. `key` says for whom; a refused or voided one comes again under the next attempt."""

    key: str
    lines: tuple[Line, ...]
    warehouse_id: int
    attempt: int = 1

    def __post_init__(self) -> None:
        if not 1 <= len(self.lines) <= MAX_LINES:
            raise Invalid("A claim has between 1 and %(most)s lines.", most=MAX_LINES)
        if any(line.qty <= 0 for line in self.lines):
            raise Invalid("A claim needs at least one unit on each line.")
        if len({line.line for line in self.lines}) < len(self.lines):
            raise Invalid("Two lines of one claim have the same name.")

    @property
    def ticket(self) -> str:
        """The name of this attempt at the gate."""
        return f"{self.key}#{self.attempt}"

    @property
    def demand(self) -> dict[Place, int]:
        """Units wanted per place."""
        wanted: Counter[Place] = Counter()
        for line in self.lines:
            wanted[line.sku_id, self.warehouse_id] += line.qty
        return dict(wanted)


@dataclass(frozen=True, slots=True)
class OpenClaim:
    """A reservation that has not ended."""

    id: UUID
    key: str
    line: str
    attempt: int
    sku_id: int
    warehouse_id: int
    qty: int
    opened_at: datetime

    @property
    def place(self) -> Place:
        """Where it holds units."""
        return self.sku_id, self.warehouse_id


def gate_key(place: Place) -> str:
    """The plain name of a stock level at the gate."""
    return f"{place[0]}:{place[1]}"


def reservation_id(key: str, line: str, attempt: int) -> UUID:
    """The same line of the same attempt always has the same reservation."""
    return derive("reservation", key, line, attempt)


def decide(free: Mapping[Place, int], asks: Sequence[Ask]) -> list[dict[int, int]]:
    """Hand out `free` units in the order of `asks`. Per ask: what is missing, sku id -> units; empty = granted."""
    left = dict(free)
    answers = []
    for ask in asks:
        demand = ask.demand
        missing = {place[0]: qty - left.get(place, 0) for place, qty in demand.items() if qty > left.get(place, 0)}
        if not missing:
            for place, qty in demand.items():
                left[place] -= qty
        answers.append(missing)
    return answers


def choose_victims(claims: Iterable[OpenClaim], deficit: int) -> list[OpenClaim]:
    """The newest claims whose units together cover `deficit`; all of them when that is not enough."""
    chosen, covered = [], 0
    for claim in sorted(claims, key=lambda one: (one.opened_at, one.id), reverse=True):
        if covered >= deficit:
            break
        chosen.append(claim)
        covered += claim.qty
    return chosen


def units_by_place(claims: Iterable[OpenClaim]) -> dict[Place, int]:
    """Units that these claims hold, per place."""
    held: Counter[Place] = Counter()
    for claim in claims:
        held[claim.place] += claim.qty
    return dict(held)
