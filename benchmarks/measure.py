"""Rounds, medians and what is made of them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing: a value per round, and what they say together."""

    name: str
    unit: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The value that is reported."""
        return median(self.rounds)

    def over(self, other: "Figure", name: str) -> "Figure":
        """The ratio to another figure, round by round, so that a slow moment of the machine hits both sides; to its
        median when it has another number of rounds."""
        same = len(self.rounds) == len(other.rounds)
        theirs = other.rounds if same else (other.median,) * len(self.rounds)
        return Figure(name, "x", tuple(mine / its for mine, its in zip(self.rounds, theirs, strict=True)))

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON, four significant digits."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": _short(self.median),
            "min": _short(min(self.rounds)),
            "max": _short(max(self.rounds)),
            "rounds": len(self.rounds),
        }


def figure(name: str, unit: str, values: Sequence[float]) -> Figure:
    """A figure from a value per round."""
    return Figure(name, unit, tuple(values))


async def seconds(work: Callable[[], Awaitable[object]]) -> float:
    """How long one call takes."""
    began = perf_counter()
    await work()
    return perf_counter() - began


async def fastest_ms(work: Callable[[], Awaitable[object]], times: int = 3) -> float:
    """Milliseconds of the fastest of a few calls: what the work itself takes, without what else the machine does."""
    return 1e3 * min([await seconds(work) for _ in range(times)])


def _short(value: float) -> float:
    return float(f"{value:.4g}")
