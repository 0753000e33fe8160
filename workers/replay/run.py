"""`tongku replay` from end to end: read the demand, set the stage, build the world, let people buy, look at the result.

Invariant: the figures are taken when the hub has come to rest and its processes are stopped; exit code 1 whenever the
summary is not good.
"""

import asyncio
import json
import signal
from dataclasses import dataclass
from pathlib import Path

from channels.kit.http import close_connections
from hub.core.embedded.process import follow_parent
from hub.core.settings import Settings
from workers.context import close_hub, open_hub
from workers.prepare import prepare_database
from workers.replay.baskets import data_folder, read_baskets, read_products
from workers.replay.board import Board
from workers.replay.goods import Demanded, Good, goods_of, tally
from workers.replay.play import Play, Speed
from workers.replay.report import Summary
from workers.replay.stage import Stage, set_stage
from workers.replay.summarise import summarise
from workers.replay.together import tend, with_background


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator asked for. `baskets` None = all."""

    home: Path
    baskets: int | None = 5_000
    speed: Speed = None
    shops: int = 3
    keep: bool = False
    as_json: bool = False
    data: Path | None = None
    """folder of the data, None = the installed package's"""


def run_replay(settings: Settings, options: Options) -> int:
    """Replay, print the summary, return the exit code. Raises UnusableData, HubError, EmbeddedError, Stuck."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stop from outside takes the stage down as Ctrl-C does
    if settings.follow_parent:
        follow_parent(signal.SIGTERM)
    data = options.data or data_folder()
    with Board() as board:
        board.begin("Reading baskets", options.baskets)
        demanded = tally(read_baskets(data, options.baskets))
        board.show(demanded.baskets, demanded.baskets)
        titles = {number: title for number, title in read_products(data) if number in demanded.products}
        goods = goods_of(demanded, titles)
        with set_stage(settings, options.home, keep=options.keep) as stage:
            summary = asyncio.run(_perform(stage, options, board, demanded, goods))
    _print(summary, options)
    return 1 if summary.troubles else 0


def _print(summary: Summary, options: Options) -> None:
    width = max(len(name) for name, _ in summary.as_rows())
    for name, value in summary.as_rows():
        print(f"{name:<{width}}  {value}")
    for trouble in summary.troubles:
        print(f"FAILED: {trouble}")
    for breach in list(summary.breaches)[:20]:
        print(f"  {breach['invariant']}  {breach['subject']}: {breach['detail']}")
    if options.keep:
        print(f"Kept in {options.home}; the next replay there removes it.")
    if options.as_json:
        print(json.dumps(summary.as_dict(), ensure_ascii=False))


async def _perform(stage: Stage, options: Options, board: Board, demanded: Demanded, goods: list[Good]) -> Summary:
    board.begin("Preparing")
    await prepare_database(stage.settings)
    hub = await open_hub(stage.settings, "replay")
    data = options.data or data_folder()
    try:
        play = Play(hub, board, goods, options.shops, options.speed)
        played = await with_background(
            play.run(read_baskets(data, options.baskets), demanded), tend(stage.processes, stage.settings.home / "logs")
        )
        board.begin("Stopping")
        stage.processes.stop(stage.settings.drain_seconds)
        board.begin("Auditing")
        return await summarise(hub, played, demanded)
    finally:
        await close_hub(hub)
        await close_connections()
