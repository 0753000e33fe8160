"""`python -m benchmarks [NAME] [--json]`, behind `make bench` and `tongku bench`."""

import asyncio
import json
import os
import platform
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from time import perf_counter

import click
from rich.console import Console
from rich.table import Table

from benchmarks import flatness, gate, ingest, post, reserve, sellout
from benchmarks.ground import Ground, Size, own_ground
from benchmarks.measure import Figure
from hub.core.log import configure

BENCHES: Mapping[str, Callable[[Ground], Awaitable[list[Figure]]]] = {
    "reserve": reserve.run,
    "gate": gate.run,
    "sellout": sellout.run,
    "flatness": flatness.run,
    "ingest": ingest.run,
    "post": post.run,
    "rebuild": gate.refill,
}


@click.command()
@click.argument("name", required=False, type=click.Choice(list(BENCHES)))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object last.")
@click.option("--tiny", is_flag=True, help="Only show that it runs; the figures mean nothing.")
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="Where the servers' data lie meanwhile."
)
def main(name: str | None, as_json: bool, tiny: bool, folder: Path | None) -> None:
    """Measure all, or the one called NAME."""
    configure("error", json_lines=False, process="bench")
    began = perf_counter()
    console = Console(width=None if sys.stdout.isatty() else 120)
    found: dict[str, list[Figure]] = {}
    with own_ground(Size(tiny), folder) as ground:
        for each in [name] if name else list(BENCHES):
            found[each] = asyncio.run(_measure(ground, each))
            console.print(_table(each, found[each]))
    took = perf_counter() - began
    console.print(f"{_machine()}; {took:.0f} s")
    if as_json:
        print(json.dumps(_plain(found, took)))


async def _measure(ground: Ground, name: str) -> list[Figure]:
    print(f"{name} ...", file=sys.stderr, flush=True)
    return await BENCHES[name](ground)


def _table(name: str, figures: list[Figure]) -> Table:
    table = Table(title=name, title_justify="left", expand=False)
    table.add_column("what", overflow="fold")
    for heading in ("median", "min", "max"):
        table.add_column(heading, justify="right")
    table.add_column("unit")
    for figure in figures:
        values = (figure.median, min(figure.rounds), max(figure.rounds))
        style = "bold" if figure.unit == "x" else None
        table.add_row(figure.name, *(_number(value) for value in values), figure.unit, style=style)
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _machine() -> str:
    load = f"load {os.getloadavg()[0]:.1f}"
    return f"{os.cpu_count()} CPUs ({platform.machine()}), {load}, Python {platform.python_version()}"


def _plain(found: Mapping[str, list[Figure]], took: float) -> dict[str, object]:
    return {
        "machine": {
            "cpus": os.cpu_count(),
            "architecture": platform.machine(),
            "load": round(os.getloadavg()[0], 2),
            "python": platform.python_version(),
        },
        "seconds": round(took, 1),
        "figures": [{"bench": name, **figure.as_dict()} for name, figures in found.items() for figure in figures],
    }


if __name__ == "__main__":
    main()
