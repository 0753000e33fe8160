"""A whole hub that is up, and a person's browser in front of it: for the console's tests and for its pictures.

Invariant: what is started here ends here, in order; the browser finds no proxy, no cloud and no other host.
"""

import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

REPOSITORY = Path(__file__).parents[2]
PASSWORD = "goods arrive before noon"
BROWSER_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NO_BROWSER = "There is no Chromium on this machine: install it (apt-get install chromium) to walk the console."
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_READY_SECONDS = 90


@dataclass
class World:
    """The running hub: its address, and the password of its admin as it is now."""

    url: str
    one_time: str
    password: str = ""


def browser_path() -> str | None:
    """The system's Chromium, None when it has none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def hub_up(home: Path, settings: Mapping[str, str]) -> Iterator[World]:
    """`tongku up` with its files in `home`, on free ports; ended by Ctrl-C."""
    port = _free_port()
    env = {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(REPOSITORY),
        "HUB_HOME": str(home),
        "HUB_PORT": str(port),
        "HUB_SIM_PORT": str(_free_port()),
        "HUB_LOG_LEVEL": "warning",
        **settings,
    }
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "hub.cli", "up"], env=env, stdout=subprocess.PIPE, stderr=log, text=True, cwd=home
        )
        try:
            yield World(f"http://127.0.0.1:{port}", _until_ready(process, home / "log"))
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def sign_in(page: Page, world: World) -> None:
    """Sign in; the first time with the one-time password, which is changed at once."""
    page.goto(f"{world.url}/sign-in")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(world.password or world.one_time)
    page.get_by_role("button", name="Sign in").click()
    if not world.password:
        page.get_by_label("One-time password").fill(world.one_time)
        page.get_by_label("New password", exact=True).fill(PASSWORD)
        page.get_by_label("New password, once more").fill(PASSWORD)
        page.get_by_role("button", name="Change password").click()
        world.password = PASSWORD
    page.wait_for_url(f"{world.url}/")


def prefer(page: Page, world: World, **chosen: str) -> None:
    """Choose language or theme the way the menu does."""
    token = page.locator("input[name=csrf]").first.get_attribute("value") or ""
    page.request.post(f"{world.url}/preferences", form={"csrf": token, "back": "/", **chosen})


def _until_ready(process: subprocess.Popen[str], log: Path) -> str:
    """Waits for the welcome; returns the one-time password that it tells."""
    lines: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_read_lines, args=(process, lines), daemon=True)
    reader.start()
    while True:
        try:
            line = lines.get(timeout=_READY_SECONDS)
        except queue.Empty:
            raise AssertionError(f"not ready in time: {log.read_text()[-3000:]}") from None
        if "one-time password" in line:
            return line.split("one-time password ")[1].split()[0]


def _read_lines(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    for line in process.stdout or ():
        lines.put(line)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
