"""Reads the source tree once for the tests of the house."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("hub", "channels", "stockpool", "orders", "finance", "workers")


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of ours by its path from the root."""
    paths = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8")) for path in paths}


def imports(tree: ast.Module) -> set[str]:
    """The top names of all imported libraries."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions and methods."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def length(node: ast.stmt) -> int:
    """Lines from the first to the last."""
    return (node.end_lineno or node.lineno) - node.lineno + 1
