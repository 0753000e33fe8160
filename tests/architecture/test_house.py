"""The rules of the house that no linter knows: names, sizes, one door per library, what every module says of itself."""

import ast
import re
import subprocess
import tomllib
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import pytest

from tests.architecture.source import PACKAGES, ROOT, functions, imports, length, modules

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "service", "services", "misc"}

DOORS = {
    "httpx": {"channels/kit/http.py"},
    "redis": {"hub/core/redis.py"},
    "arq": {"hub/core/queue.py", "workers/main.py"},
    "structlog": {"hub/core/log.py"},
    "asyncpg": set(),
}


def test_no_file_is_named_for_nothing() -> None:
    badly_named = [path for path in modules() if Path(path).stem in FORBIDDEN_NAMES]
    assert badly_named == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [path for path, tree in modules().items() if tree.body and not ast.get_docstring(tree)]
    assert silent == []


def test_files_stay_short_enough_to_be_read_in_one_go() -> None:
    sizes = {path: len((ROOT / path).read_text("utf-8").splitlines()) for path in modules()}
    assert {path: lines for path, lines in sizes.items() if lines > 350} == {}
    assert median(lines for lines in sizes.values() if lines) <= 120


def test_functions_stay_short() -> None:
    long = {
        f"{path}:{node.name}": length(node)
        for path, tree in modules().items()
        for node in functions(tree)
        if length(node) > 70
    }
    assert long == {}
    assert median(length(node) for tree in modules().values() for node in functions(tree)) <= 12


@pytest.mark.parametrize("library", DOORS)
def test_each_library_has_one_door(library: str) -> None:
    users = {
        path
        for path, tree in modules().items()
        if any(name == library or name.startswith(f"{library}.") for name in imports(tree))
    }
    assert users <= DOORS[library]


def test_only_the_clock_reads_the_time() -> None:
    calls = re.compile(r"datetime\.now\(|datetime\.utcnow\(|time\.time\(|date\.today\(")
    readers = {path for path in modules() if calls.search((ROOT / path).read_text("utf-8"))}
    assert readers <= {"hub/core/clock.py", "channels/sim/clock.py"}


def test_imports_stand_at_the_top() -> None:
    allowed = {"hub/cli.py", "channels/kit/loader.py"}
    inside = [
        f"{path}:{node.name}"
        for path, tree in modules().items()
        if path not in allowed
        for node in functions(tree)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert inside == []


def test_rules_and_mappings_are_pure() -> None:
    impure = {"hub.core.clock", "random", "time", "httpx", "hub.core.db", "hub.core.redis", "sqlalchemy"}
    found = {
        path: sorted(imports(tree) & impure)
        for path, tree in modules().items()
        if Path(path).stem in {"rules", "mapping"} and imports(tree) & impure
    }
    assert found == {}


def test_no_money_through_float() -> None:
    suspicious = [
        f"{path}:{node.lineno}"
        for path, tree in modules().items()
        if path.split("/")[0] in {"finance", "orders"} or path == "hub/core/money.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
        if not re.search("age|second|minute|p50|p99", ast.unparse(node))  # durations may be floats
    ]
    assert suspicious == []


def test_no_error_is_swallowed_silently() -> None:
    swallowed = [
        f"{path}:{node.lineno}"
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and all(isinstance(statement, ast.Pass) for statement in node.body)
    ]
    assert swallowed == []


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_name_is_ours(package: str) -> None:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT)


def test_no_third_party_file_is_committed() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    assert [name for name in files if "/vendor/" in name and not name.endswith((".json", "README.md"))] == []
    assert [name for name in files if "node_modules" in name] == []


def test_lock_files_pin_every_package_by_hash() -> None:
    for lock in sorted((ROOT / "locks").glob("*.txt")):
        text = lock.read_text("utf-8")
        pins = re.findall(r"^([A-Za-z0-9_.\-\[\]]+)==", text, re.MULTILINE)
        assert pins, lock
        assert text.count("--hash=sha256:") >= len(pins), lock
        assert "://" not in text, lock


def test_the_licence_and_the_six_packages_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["license"] == "Apache-2.0"
    assert tuple(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == PACKAGES
