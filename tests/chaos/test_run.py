"""A short fault run keeps every promise."""

from pathlib import Path

import pytest

from hub.core.settings import Settings
from workers.chaos.run import Options, run_faults


@pytest.mark.timeout(400)
def test_nothing_is_lost_or_promised_twice_while_things_break(
    scratch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = scratch / "chaos"
    code = run_faults(Settings(home=scratch), Options(home=home, seed=1, seconds=15, as_json=True))
    told = capsys.readouterr().out
    assert code == 0, told
    assert '"verdict": "good"' in told.splitlines()[-1]
    assert not home.exists()
