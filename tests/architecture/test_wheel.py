"""The built wheel holds our six packages with everything that is not Python: scripts, statements, pages, words."""

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.architecture.source import PACKAGES, ROOT


def test_the_wheel_holds_what_the_program_reads(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == set(PACKAGES)
    ours = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for kind in ("*.lua", "*.sql", "*.html", "*.po", "*.toml", "*.css", "*.js")
        for path in (ROOT / package).rglob(kind)
        if "node_modules" not in path.parts and "vendor" not in path.parts
    }
    assert ours
    assert ours <= set(names)
