"""Reads the documents, the commands and the make targets once for the tests that compare them."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

ROOT = Path(__file__).parents[2]
MANUAL = ROOT / "docs" / "manual"
LANGUAGES = ("en", "zh_CN")
DECISIONS = ROOT / "docs" / "decisions"
TOP_FOLDERS = (
    "hub",
    "channels",
    "stockpool",
    "orders",
    "finance",
    "workers",
    "tests",
    "docs",
    "benchmarks",
    "locks",
    ".ci",
)
INTERNAL_TARGETS = {"chromium"}  # part of `make test`

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) +(.+?)\s*$", re.MULTILINE)


def documents() -> list[Path]:
    """Every Markdown file that a reader may open."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def pages() -> list[str]:
    """The names of the English manual's files."""
    return sorted(path.name for path in (MANUAL / "en").glob("*.md"))


def prose(path: Path) -> str:
    """A document without its fenced blocks."""
    return _FENCE.sub("", path.read_text("utf-8"))


def headings(path: Path) -> list[tuple[int, str]]:
    """(level, text) of every heading."""
    return [(len(marks), text) for marks, text in _HEADING.findall(prose(path))]


def anchor(heading: str) -> str:
    """The anchor that a Markdown reader gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def manual(language: str) -> str:
    """The whole manual of one language."""
    return "\n".join(path.read_text("utf-8") for path in sorted((MANUAL / language).glob("*.md")))


def commands(group: click.Group, before: str = "tongku") -> Iterator[str]:
    """Every command with its groups, as it is typed."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before} {name}")
        else:
            yield f"{before} {name}"


def options(group: click.Group) -> Iterator[str]:
    """Every long option of every command."""
    for command in group.commands.values():
        if isinstance(command, click.Group):
            yield from options(command)
        else:
            yield from (name for one in command.params for name in one.opts if name.startswith("--"))


def make_targets() -> set[str]:
    """What `make help` lists, and what is phony besides."""
    text = (ROOT / "Makefile").read_text("utf-8")
    listed = set(re.findall(r"^([a-z]+):.*## ", text, re.MULTILINE))
    phony = {name for line in re.findall(r"^\.PHONY:(.*)$", text, re.MULTILINE) for name in line.split()}
    return (listed | phony) - INTERNAL_TARGETS


def repository_paths(path: Path) -> set[str]:
    """What stands in backticks and looks like a path of this repository."""
    found = set()
    for code in CODE.findall(prose(path)):
        word = code.split("::")[0].split(" ")[0].strip()
        first = word.partition("/")[0]
        if "/" in word and first in TOP_FOLDERS and not any(mark in word for mark in "<>*{$"):
            found.add(word)
    return found


def named_commands(path: Path) -> set[str]:
    """Commands of ours that a document names in backticks."""
    return set(re.findall(r"\btongku(?: [a-z]+){1,2}", "\n".join(CODE.findall(prose(path)))))


def starts_alike(words: Sequence[str], known: Sequence[str]) -> bool:
    """Whether `words` names the known command, its group, or the command with an argument."""
    return all(mine == theirs for mine, theirs in zip(words, known, strict=False))
