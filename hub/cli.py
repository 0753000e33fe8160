"""The command line `tongku`: starts the processes and gives people the tools that need no browser.

Invariant: commands are thin; each opens what it needs, calls one verb and says in plain words what happened. Exit
code 0 = done, 1 = found something that needs a person, 2 = could not be done as asked.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from hub.core.embedded import EmbeddedError, with_servers
from hub.core.errors import HubError
from hub.core.log import configure
from hub.core.people import FIRST_ADMIN
from hub.core.settings import Settings, SettingsError, load_settings, settings_table


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tongku", version="0.1.0.dev0")
def main() -> None:
    """Tongku: one shared stock pool for all your channels."""


def _settings(process: str) -> Settings:
    try:
        settings = load_settings()
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    json_lines = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    configure(settings.log_level, json_lines=json_lines, process=process)
    return settings


def _run(process: str, work: Callable[[Settings], Coroutine[Any, Any, int | None]]) -> None:
    """Run one coroutine with the settings, on the servers that run here when no addresses are given."""
    try:
        with with_servers(_settings(process)) as settings:
            code = asyncio.run(work(settings))
    except (HubError, SettingsError, EmbeddedError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        code = 130
    sys.exit(code or 0)


@main.command()
def up() -> None:
    """Run everything here: embedded servers, web, workers and the simulated marketplaces."""
    from hub.up import run_up
    from workers.prepare import prepare_database

    sys.exit(run_up(_settings("up"), prepare_database))


@main.command()
def serve() -> None:
    """Run the console and the API."""
    from hub.app import run_server

    try:
        with with_servers(_settings("web")) as settings:
            run_server(settings)
    except (SettingsError, EmbeddedError) as error:
        raise click.ClickException(str(error)) from error


@main.command()
def work() -> None:
    """Run a worker that answers the bell."""
    from workers.main import run_worker

    _run("work", run_worker)


@main.command()
def sweep() -> None:
    """Run the sweeper, which drives whatever was left behind."""
    from workers.main import run_sweeper

    _run("sweep", run_sweeper)


@main.command()
def sim() -> None:
    """Run the local simulator of the marketplaces."""
    from workers.demo import run_simulator

    _run("sim", run_simulator)


class _NumberOr(click.ParamType[int | float | None]):
    """A positive number; the word, or 0, stands for None."""

    name = "number"

    def __init__(self, word: str, kind: type[int] | type[float]) -> None:
        self._word = word
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float | None:
        try:
            number = 0 if value in (self._word, None) else self._kind(value)
        except ValueError:
            number = -1
        if number < 0:
            self.fail(f"a number above zero, or {self._word!r}", param, ctx)
        return number or None

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return f"N|{self._word}"


@main.command()
@click.option("--baskets", default="5000", type=_NumberOr("all", int), help="How many real baskets are bought again.")
@click.option("--speed", default="max", type=_NumberOr("max", float), help="Factor on the data's clock.")
@click.option("--shops", default=3, type=click.IntRange(2, 9), help="Simulated shops, on two protocols.")
@click.option("--home", type=click.Path(path_type=Path), help="Folder of the replay's own data [HUB_HOME/replay].")
@click.option("--keep", is_flag=True, help="Keep that folder after the run, until the next replay.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object last.")
def replay(as_json: bool, home: Path | None, **asked: Any) -> None:
    """Let real shopping baskets of a year be bought in simulated shops; exit 1 when the result is not good."""
    try:
        from workers.replay.run import Options, run_replay
    except ModuleNotFoundError as error:
        raise click.ClickException(f"The replay needs {error.name}: pip install 'tongku[replay]'.") from error

    settings = _settings("replay")
    try:
        sys.exit(run_replay(settings, Options(home=home or settings.home / "replay", as_json=as_json, **asked)))
    except (HubError, EmbeddedError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        sys.exit(130)


@main.command()
@click.option("--seed", default=1, type=click.IntRange(0), help="Repeats the people and the faults of a run.")
@click.option("--seconds", default=60.0, type=click.FloatRange(3, 3600), help="How long things break.")
@click.option("--home", type=click.Path(path_type=Path), help="Folder of the run's own data [HUB_HOME/faults].")
@click.option("--keep", is_flag=True, help="Keep that folder after the run, until the next one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object last.")
def faults(home: Path | None, **asked: Any) -> None:
    """Break processes, servers and marketplaces on purpose; exit 1 when a promise was broken."""
    from workers.chaos.run import Options, run_faults

    settings = _settings("faults")
    try:
        sys.exit(run_faults(settings, Options(home=home or settings.home / "faults", **asked)))
    except (HubError, EmbeddedError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        sys.exit(130)


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Measure on this machine; runs the benchmarks of the source tree [NAME] [--json]."""
    if find_spec("benchmarks") is None:
        raise click.ClickException("The benchmarks lie in the source tree, which is not on the path.")
    os.execv(sys.executable, [sys.executable, "-P", "-m", "benchmarks", *arguments])  # noqa: S606  # our own module


@main.command()
def demo() -> None:
    """Play the demo: connect the simulated shops once, then ship, restock and let buyers buy."""
    from workers.demo import run_demo

    _run("demo", run_demo)


@main.command()
def migrate() -> None:
    """Bring the database to the present schema and lay the reference data."""
    from workers.prepare import prepare_database

    async def run(settings: Settings) -> None:
        password = await prepare_database(settings)
        click.echo("The database is up to date.")
        if password:
            click.echo(f"One-time password of {FIRST_ADMIN}: {password}")

    _run("migrate", run)


@main.command(name="settings")
def show_settings() -> None:
    """Print every setting with its default and meaning."""
    click.echo(settings_table())


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def audit(as_json: bool) -> None:
    """Check every invariant of stock, orders and books; exit 1 when one is broken."""
    from workers.audit import audit_all

    async def run(settings: Settings) -> int:
        report = await audit_all(settings)
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False) if as_json else report.as_text())
        return 1 if report.breaches else 0

    _run("audit", run)


@main.command()
@click.option("--dry-run", is_flag=True, help="Only print what would be mended.")
def repair(dry_run: bool) -> None:
    """Mend what is safe to mend (derived figures); the rest is frozen and waits for a person."""
    from workers.audit import repair_all

    async def run(settings: Settings) -> int:
        lines = await repair_all(settings, dry_run=dry_run)
        click.echo("\n".join(lines) or "Nothing to mend.")
        return 0

    _run("repair", run)


@main.group()
def user() -> None:
    """People who may sign in."""


@user.command(name="add")
@click.argument("name")
@click.option("--role", type=click.Choice(["viewer", "operator", "warehouse", "finance", "admin"]), required=True)
def user_add(name: str, role: str) -> None:
    """Create a person with a one-time password, which is printed once."""
    from workers.prepare import add_person

    async def run(settings: Settings) -> None:
        password = await add_person(settings, name, role)
        click.echo(f"One-time password of {name}: {password}")

    _run("user", run)


@user.command(name="reset")
@click.argument("name")
def user_reset(name: str) -> None:
    """Give a person a new one-time password and end all of their sessions."""
    from workers.prepare import reset_person

    async def run(settings: Settings) -> None:
        password = await reset_person(settings, name)
        click.echo(f"One-time password of {name}: {password}")

    _run("user", run)


@main.group()
def adapter() -> None:
    """Adapters of marketplaces."""


@adapter.command(name="new")
@click.argument("kind")
def adapter_new(kind: str) -> None:
    """Write the folder of a new adapter and its test."""
    from channels.kit.scaffold import write_adapter

    try:
        written = write_adapter(kind, Path.cwd())
    except (ValueError, FileExistsError) as error:
        raise click.ClickException(str(error)) from error
    for path in written:
        click.echo(f"written: {path}")


if __name__ == "__main__":
    main()
