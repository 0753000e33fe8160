"""`tongku faults` from end to end: set the stage, trade while things break, wait for rest, compare, audit, report.

Invariant: the verdict is taken when the hub's processes are stopped; exit code 1 whenever anything is not right, with
the seed that repeats it.
"""

import asyncio
import json
import signal
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from channels.kit.http import close_connections
from hub.core.embedded.process import follow_parent
from hub.core.log import configure
from hub.core.queries import count_cases, waiting_events
from hub.core.settings import Settings
from stockpool.outcome import epoch_bumps
from workers.audit import audit_hub
from workers.chaos.report import UNFORESEEN, Summary, read_logs
from workers.chaos.trade import Trade, keep_alive
from workers.context import Hub, close_hub, open_hub
from workers.prepare import prepare_database
from workers.replay.board import Board
from workers.replay.stage import Stage, set_stage
from workers.replay.together import with_background

WORKERS = 2
_CHILDREN = ("sweep", "sim")


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator asked for."""

    home: Path
    seed: int = 1
    seconds: float = 60.0
    keep: bool = False
    as_json: bool = False


def run_faults(settings: Settings, options: Options) -> int:
    """Run, print, return the exit code. Raises HubError, EmbeddedError, Stuck."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stop from outside takes the stage down as Ctrl-C does
    if settings.follow_parent:
        follow_parent(signal.SIGTERM)
    configure("error", json_lines=False, process="faults")  # that things break is no news here; the processes keep logs
    own = settings.model_copy(update={"workers": WORKERS})
    try:
        with Board() as board, set_stage(own, options.home, keep=options.keep, names=_CHILDREN) as stage:
            summary = asyncio.run(_perform(stage, options, board))
            if not summary.good:
                raise _PromiseBroken(summary)
    except _PromiseBroken as broken:
        _print(broken.summary, options)
        return 1
    _print(summary, options)
    return 0


class _PromiseBroken(Exception):
    """Leaves the stage as after a crash: its data stay, they are needed now."""

    def __init__(self, summary: Summary) -> None:
        super().__init__(f"{len(summary.wrong)} promises were broken")
        self.summary = summary


async def _perform(stage: Stage, options: Options, board: Board) -> Summary:
    board.begin("Preparing")
    await prepare_database(stage.settings)
    hub = await open_hub(stage.settings, "faults")
    try:
        trade = Trade(stage, hub, board, options.seed, options.seconds)
        await with_background(trade.run(), keep_alive(stage.processes))
        board.begin("Stopping")
        stage.processes.stop(stage.settings.drain_seconds)
        board.begin("Auditing")
        await trade.judge()
        return await _summarise(hub, trade, options)
    finally:
        await close_hub(hub)
        await close_connections()


async def _summarise(hub: Hub, trade: Trade, options: Options) -> Summary:
    report = await audit_hub(hub)
    async with hub.db.transaction() as session:
        events, bumps, cases = await waiting_events(session), await epoch_bumps(session), await count_cases(session)
    outcome, done = trade.outcome, trade.outcome.done
    wrong = [*outcome.wrong, *(f"{b.invariant}  {b.subject}: {b.detail}" for b in report.breaches)]
    if outcome.oversold_units:
        wrong.append(f"{outcome.oversold_units} units were promised twice")
    if events.count:
        wrong.append(f"{events.count} events are not handled")
    noticed = read_logs(hub.settings.home / "logs")
    wrong += [f"{noticed[name]} {name} in a way that nobody foresaw" for name in UNFORESEEN if name in noticed]
    return Summary(
        seed=options.seed,
        seconds=options.seconds,
        faults=dict(sorted(outcome.faults.items())),
        figures={
            "orders bought": done.bought,
            "cancelled by buyers": done.cancelled,
            "edited": done.edited,
            "shipments acknowledged": len(done.shipped),
            "receipts acknowledged": len(done.received),
            "counts acknowledged": len(done.counted),
            "internal oversell, units": outcome.oversold_units,
            "times promises were added up": outcome.looks,
            "epoch bumps": bumps,
            "seconds to rest": outcome.rest_seconds,
            "breaches found by the audit": len(report.breaches),
            **{f"open cases, {case.kind}": case.count for case in cases},
        },
        states={f"orders {state}": number for state, number in outcome.states.items()},
        noticed=noticed,
        wrong=wrong,
    )


def _print(summary: Summary, options: Options) -> None:
    console = Console()
    console.print(summary.as_table())
    for words in summary.wrong[:40]:
        print(f"FAILED: {words}")
    if summary.wrong:
        print(f"{len(summary.wrong)} promises broken; repeat with --seed {options.seed} --seconds {options.seconds:g}")
    else:
        print("Every promise was kept.")
    if options.keep or summary.wrong:
        print(f"Kept in {options.home}; the next run there removes it.")
    if options.as_json:
        print(json.dumps(summary.as_dict(), ensure_ascii=False))
