"""A new marketplace begins with files that load and say what is missing."""

import ast
from pathlib import Path

import pytest

from channels.kit.manifest import RULES, read_manifest
from channels.kit.scaffold import write_adapter


def test_what_is_written_reads_as_an_adapter(tmp_path: Path) -> None:
    written = write_adapter("temu", tmp_path)
    manifest = read_manifest(tmp_path / "channels/markets/temu/manifest.toml")
    assert manifest.kind == "temu"
    assert {manifest.card[rule].state for rule in RULES} == {"todo"}
    for path in written:
        if path.suffix == ".py":
            ast.parse(path.read_text(encoding="utf-8"))
    assert max(len(line) for path in written for line in path.read_text(encoding="utf-8").splitlines()) <= 120


def test_nothing_is_written_over(tmp_path: Path) -> None:
    write_adapter("temu", tmp_path)
    with pytest.raises(FileExistsError):
        write_adapter("temu", tmp_path)


@pytest.mark.parametrize("kind", ["", "Temu", "../x", "1x", "te mu", "x" * 50])
def test_a_name_that_is_no_kind_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ValueError, match="kind"):
        write_adapter(kind, tmp_path)
