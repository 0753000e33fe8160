"""What goes wrong when: pure, the same for the same seed.

Invariant: every kind of fault comes once before any comes twice, as far as the time allows.
"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import TypeVar

_MEAN_GAP_SECONDS = 1.5
_FIRST_AT_SECONDS = 1.0
_MOST = 2_000
T = TypeVar("T")


class Trouble(StrEnum):
    """The kinds of faults, told as an operator would."""

    KILL_WORKER = "worker killed"
    FREEZE_WORKER = "worker stopped for 2 s"
    KILL_SWEEPER = "sweeper killed"
    KILL_VALKEY = "Valkey killed and started again"
    FLUSH_ALL = "Valkey emptied"
    FLUSH_SCRIPTS = "scripts of Valkey forgotten"
    KILL_POSTGRES = "PostgreSQL killed and started again"
    CUT_SESSIONS = "database connections cut"
    SHOP = "fault at a shop"


SHOP_FAULTS = (
    "half_written", "server_error", "lost_answer", "duplicate_page", "moving_page", "throttle", "stale_push",
)  # fmt: skip
"""Of the simulator's. `reject_push` is left out: a refusal is an answer, and it waits for a person."""

_WEIGHTS = {
    Trouble.KILL_WORKER: 5,
    Trouble.FREEZE_WORKER: 3,
    Trouble.KILL_SWEEPER: 2,
    Trouble.KILL_VALKEY: 2,
    Trouble.FLUSH_ALL: 2,
    Trouble.FLUSH_SCRIPTS: 2,
    Trouble.KILL_POSTGRES: 2,
    Trouble.CUT_SESSIONS: 3,
    Trouble.SHOP: 9,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: `which` picks the worker or the shop, `down_seconds` how long a server stays away."""

    at_seconds: float
    trouble: Trouble
    which: int
    down_seconds: float
    shop_fault: str
    count: int

    @property
    def name(self) -> str:
        """How the fault is counted and shown."""
        return f"{self.trouble}: {self.shop_fault}" if self.trouble is Trouble.SHOP else str(self.trouble)


def plan(seed: int, seconds: float) -> list[Fault]:
    """The faults of a run, by time."""
    random = Random(f"faults {seed}")  # noqa: S311  # repeatable on purpose
    kinds = _each_once(random)
    shop_faults = _shuffled(random, list(SHOP_FAULTS))
    faults: list[Fault] = []
    gap = min(_MEAN_GAP_SECONDS, max(0.3, (seconds - _FIRST_AT_SECONDS) / (len(Trouble) + len(SHOP_FAULTS))))
    at = _FIRST_AT_SECONDS
    while at < seconds and len(faults) < _MOST:
        trouble = kinds.pop() if kinds else random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        told = trouble is Trouble.SHOP
        shop_fault = (shop_faults.pop() if shop_faults else random.choice(SHOP_FAULTS)) if told else ""
        faults.append(
            Fault(at, trouble, random.randrange(1000), random.uniform(0.2, 1.5), shop_fault, random.randint(1, 3))
        )
        at += random.expovariate(1 / gap)
    return faults


def _each_once(random: Random) -> list[Trouble]:
    others = [kind for kind in Trouble if kind is not Trouble.SHOP]
    return _shuffled(random, others + [Trouble.SHOP] * len(SHOP_FAULTS))


def _shuffled(random: Random, items: list[T]) -> list[T]:
    random.shuffle(items)
    return items
