"""Sixty real baskets, from the files of the data to the vouchers, through every process of the hub."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.timeout(400)
def test_sixty_real_baskets_become_orders_parcels_and_vouchers(scratch: Path) -> None:
    told = replay(scratch / "story", "--baskets", "60")
    assert told["troubles"] == []
    assert (told["verdict"], told["audit"], told["unrest"]) == ("good", "clean", "")
    assert told["orders"] == told["reserved"] + told["short"] == told["states"]["shipped"] + told["short"]
    assert told["units_sold"] + told["lost_units"] == told["units_demanded"]
    assert told["lost_units"] + told["external_oversell"] >= round(told["units_demanded"] * 0.03)
    assert told["vouchers"] == told["products"] + told["reserved"]
    assert told["debits"] == told["credits"]
    assert told["stock_value"] == told["ledger_balance"]
    assert not (scratch / "story").exists()


def replay(home: Path, *options: str) -> dict[str, Any]:
    """Run the command as an operator would; the figures of its last line."""
    command = [sys.executable, "-P", "-m", "hub.cli", "replay", "--home", str(home), "--json", *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=380, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures
