"""A replay plays in a folder of its own and touches no other."""

from pathlib import Path

import pytest

from hub.core.embedded.lock import take
from hub.core.errors import Refused
from hub.core.settings import Settings
from workers.replay.stage import clear_folder, set_stage


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("a live hub's key")
    with pytest.raises(Refused, match="folder of its own"), set_stage(Settings(home=tmp_path), tmp_path, keep=False):
        pytest.fail("the stage was set")
    assert (tmp_path / "secret.key").read_text() == "a live hub's key"


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "replay"
    home.mkdir()
    (home / "this-folder-belongs-to-tongku-replay").touch()
    assert take(home / "up.lock") is not None
    with pytest.raises(Refused, match="using"), set_stage(Settings(home=tmp_path), home, keep=False):
        pytest.fail("the stage was set")


def test_clearing_follows_only_the_links_of_the_servers(tmp_path: Path) -> None:
    home, distant, other = tmp_path / "replay", tmp_path / "tongku-abc", tmp_path / "other"
    for folder in (home, distant, other):
        folder.mkdir()
        (folder / "data").touch()
    (home / "servers").symlink_to(distant)
    (home / "elsewhere").symlink_to(other)
    clear_folder(home)
    assert list(home.iterdir()) == []
    assert not distant.exists()
    assert (other / "data").exists()


def test_the_stage_has_servers_and_a_key_of_its_own_and_leaves_nothing(scratch: Path) -> None:
    home = scratch / "replay"
    given = Settings(home=scratch, database_url="postgresql+asyncpg://live", redis_url="redis://live")
    with set_stage(given, home, keep=False) as stage:
        assert "live" not in stage.settings.database() + stage.settings.redis()
        assert stage.settings.port != stage.settings.sim_port
        assert (home / "secret.key").stat().st_mode & 0o077 == 0
        assert {child.name for child in stage.processes.children} == {"serve", "sweep", "sim", "work-1"}
    assert not home.exists()
