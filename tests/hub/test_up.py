"""`tongku up`: one command that brings everything up, keeps it up, and leaves nothing behind."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from hub.core.embedded.lock import take_servers
from hub.up import Exit

_REPOSITORY = Path(__file__).parents[2]
_UP = """
import sys
from hub.core.log import configure
from hub.core.settings import load_settings
from hub.processes import Child
from hub.up import run_up

configure()
settings = load_settings()
web = ["http.server", str(settings.port), "--bind", "127.0.0.1", "--directory", sys.argv[1]]

async def prepare(settings):
    return settings.database_url.partition(":")[0]

sys.exit(run_up(settings, prepare, [Child("web", web if len(sys.argv) < 3 else [sys.argv[2]])]))
"""
_PARENT_OF_UP = """
import subprocess, sys
sys.exit(subprocess.call([sys.executable, "-c", *sys.argv[1:]]))
"""


class Up:
    """A running `tongku up` whose web process is Python's file server; the file `readyz` makes it ready."""

    def __init__(self, home: Path, pages: Path, *, port: int, more: tuple[str, ...] = (), below: bool = False) -> None:
        self.port = port
        env = {"PYTHONPATH": str(_REPOSITORY), "HUB_HOME": str(home), "HUB_PORT": str(port), "HUB_SIM": "false"}
        arguments = [_PARENT_OF_UP, _UP] if below else [_UP]
        self.process = subprocess.Popen(
            [sys.executable, "-c", *arguments, str(pages), *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env | ({"HUB_FOLLOW_PARENT": "true"} if below else {}),
        )

    def until_ready(self) -> list[str]:
        """The lines said up to and with the last of the welcome."""
        assert self.process.stdout is not None
        lines: list[str] = []
        while not (lines and lines[-1].startswith("Ctrl-C stops it")):
            line = self.process.stdout.readline()
            assert line, f"ended before it was ready: {lines}, {self.rest()}"
            lines.append(line.strip())
        return lines

    def logged(self, event: str) -> dict[str, Any]:
        """The next log line of that kind."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("{") and (found := json.loads(line))["event"] == event:
                return dict(found)
        raise AssertionError(f"ended without logging {event}")

    def rest(self) -> str:
        """Everything that it still said, to its end."""
        out, errors = self.process.communicate()
        return out + errors

    def stop(self, number: signal.Signals) -> tuple[int, str]:
        self.process.send_signal(number)
        rest = self.rest()
        return self.process.returncode, rest


@pytest.fixture
def home(scratch: Path) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="up-", dir=scratch))
    path.chmod(0o711)
    yield path / "home"
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def start(home: Path, port: int, tmp_path: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []
    (tmp_path / "readyz").write_text('{"shops": [1]}')

    def up(**given: Any) -> Up:
        started.append(Up(home, tmp_path, **{"port": port, **given}))
        return started[-1]

    yield up
    for each in started:
        each.process.kill()
        each.process.communicate()


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _assert_all_ended(home: Path, port: int) -> None:
    os.close(take_servers(home))  # returns when no process of either server lives
    socket.create_server(("127.0.0.1", port)).close()  # nobody listens any more


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_says_when_it_is_ready_and_stops_cleanly(
    start: Callable[..., Up], home: Path, port: int, number: signal.Signals
) -> None:
    up = start()
    lines = up.until_ready()
    assert any(f"http://127.0.0.1:{port}" in line for line in lines)
    assert any("one-time password postgresql+asyncpg" in line for line in lines)
    code, _ = up.stop(number)
    assert code == Exit.STOPPED
    _assert_all_ended(home, port)


def test_the_secret_is_made_once_and_for_the_owner_only(start: Callable[..., Up], home: Path) -> None:
    secrets = []
    for _ in range(2):
        up = start()
        up.until_ready()
        up.stop(signal.SIGTERM)
        secrets.append((home / "secret.key").read_text())
    assert secrets[0] == secrets[1]
    assert len(secrets[0].strip()) >= 32
    assert (home / "secret.key").stat().st_mode & 0o777 == 0o600


def test_killing_it_leaves_nothing_and_the_next_start_works(start: Callable[..., Up], home: Path, port: int) -> None:
    up = start()
    up.until_ready()
    up.process.kill()
    up.rest()
    _assert_all_ended(home, port)
    again = start()
    again.until_ready()
    assert again.stop(signal.SIGTERM)[0] == Exit.STOPPED


def test_killing_what_started_it_stops_it_when_it_was_told_to_follow(
    start: Callable[..., Up], home: Path, port: int
) -> None:
    up = start(below=True)
    up.until_ready()
    up.process.kill()
    up.rest()  # returns when the last process that holds the pipes has ended
    _assert_all_ended(home, port)


def test_a_killed_process_is_started_again(start: Callable[..., Up], port: int) -> None:
    up = start()
    first = up.logged("child_started")
    up.until_ready()
    os.kill(first["pid"], signal.SIGKILL)
    assert up.logged("child_ended")["code"] == -signal.SIGKILL
    assert up.logged("child_started")["pid"] != first["pid"]
    while not _answers(port):
        assert up.process.poll() is None
    assert up.stop(signal.SIGTERM)[0] == Exit.STOPPED


def test_a_killed_server_is_started_again(start: Callable[..., Up], home: Path) -> None:
    up = start()
    up.until_ready()
    pid = (home / "servers" / "postgres" / "postmaster.pid").read_text().splitlines()[0]
    os.kill(int(pid), signal.SIGKILL)
    assert up.logged("server_had_died")["started_again"] == ["postgres"]
    assert up.stop(signal.SIGTERM)[0] == Exit.STOPPED


def test_a_second_one_on_the_same_home_is_refused(start: Callable[..., Up], home: Path, port: int) -> None:
    up = start()
    up.until_ready()
    second = start(port=port)
    said = second.rest()
    assert second.process.returncode == Exit.BUSY_HOME
    assert str(home) in said
    assert _answers(port)
    assert up.stop(signal.SIGTERM)[0] == Exit.STOPPED


def test_a_taken_port_is_named_with_the_variable_that_changes_it(start: Callable[..., Up], home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        up = start(port=taken.getsockname()[1])
        said = up.rest()
    assert up.process.returncode == Exit.BUSY_PORT
    assert "HUB_PORT" in said
    assert not (home / "servers").exists()


def test_a_home_that_cannot_be_written_is_named(start: Callable[..., Up], home: Path) -> None:
    home.write_text("a file stands where the folder should be")
    up = start()
    said = up.rest()
    assert up.process.returncode == Exit.FAILED
    assert f"HUB_HOME cannot be written: File exists: {home}" in said


def test_a_process_that_never_starts_ends_it_with_its_name(start: Callable[..., Up], home: Path, port: int) -> None:
    up = start(more=("no_such_module",))
    said = up.rest()
    assert up.process.returncode == Exit.FAILED
    assert "`web` does not start" in said
    _assert_all_ended(home, port)
