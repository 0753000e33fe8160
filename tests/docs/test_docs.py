"""The documents agree with the code and with each other: a reader is never sent to what is not there."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from hub.cli import main
from hub.core.cases import CaseKind
from hub.core.people import Role
from hub.core.settings import settings_table
from hub.web.api.operations import OPERATIONS
from hub.web.languages import translator
from hub.web.moves import moves_of
from hub.web.words import CASE_KINDS
from tests.docs.documents import (
    CODE,
    DECISIONS,
    INTERNAL_TARGETS,
    LANGUAGES,
    LINK,
    MANUAL,
    ROOT,
    anchor,
    commands,
    documents,
    headings,
    make_targets,
    named_commands,
    options,
    pages,
    prose,
    repository_paths,
    starts_alike,
)


def say(message: str, language: str) -> str:
    """A message of the console in a manual's language."""
    return translator("zh" if language == "zh_CN" else "en").gettext(message)


def case_section(kind: CaseKind, language: str) -> str:
    """The one section of the manual about a kind of case, from its heading's text on."""
    text = (MANUAL / language / "cases.md").read_text("utf-8")
    mine = [one for one in re.split(r"^## ", text, flags=re.MULTILINE) if f"\n`{kind.value}`\n" in one]
    assert len(mine) == 1
    return mine[0]


def test_the_manual_has_the_same_pages_in_both_languages() -> None:
    assert pages() == sorted(path.name for path in (MANUAL / "zh_CN").glob("*.md"))
    assert len(pages()) >= 10


@pytest.mark.parametrize("page", pages())
def test_a_page_has_the_same_sections_in_both_languages(page: str) -> None:
    levels = [[level for level, _ in headings(MANUAL / language / page)] for language in LANGUAGES]
    assert levels[0] == levels[1]


@pytest.mark.parametrize("page", pages())
def test_the_index_leads_to_every_page(page: str) -> None:
    for language in LANGUAGES:
        assert page == "index.md" or f"({page})" in (MANUAL / language / "index.md").read_text("utf-8")


@pytest.mark.parametrize("page", pages())
def test_the_chinese_page_is_chinese(page: str) -> None:
    text = CODE.sub("", prose(MANUAL / "zh_CN" / page))
    han, latin = len(re.findall(r"[\u4e00-\u9fff]", text)), len(re.findall(r"[A-Za-z]", re.sub(r"\([^)]*\)", "", text)))
    assert han > latin / 2


def test_the_settings_table_is_that_of_the_code() -> None:
    assert settings_table() in (MANUAL / "en" / "administration.md").read_text("utf-8")


def test_the_chinese_settings_table_has_the_same_rows_and_defaults() -> None:
    def rows(text: str) -> list[tuple[str, str]]:
        return re.findall(r"^\| (`HUB_\w+`) \| (.*?) ?\| .+ \|$", text, re.MULTILINE)

    ours = rows((MANUAL / "zh_CN" / "administration.md").read_text("utf-8"))
    assert ours == rows(settings_table())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", CaseKind)
def test_each_kind_of_case_is_described_under_the_name_that_the_console_shows(kind: CaseKind, language: str) -> None:
    section = case_section(kind, language)
    assert section.startswith(f"{say(CASE_KINDS[kind].label, language)}\n")
    assert section.count("**") == 8  # what happened, what it means, what to do, moves


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", CaseKind)
def test_each_move_of_a_case_is_described_in_the_words_of_its_button(kind: CaseKind, language: str) -> None:
    section = case_section(kind, language)
    missing = [label for move in moves_of(kind) if f"*{(label := say(move.label, language))}*" not in section]
    assert missing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_role_is_in_the_manual(language: str) -> None:
    text = (MANUAL / language / "administration.md").read_text("utf-8")
    assert [role for role in Role if f"\n| {role.value} " not in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("command", list(commands(main)))
def test_each_command_is_in_the_manual(command: str, language: str) -> None:
    assert f"`{command}" in (MANUAL / language / "command-line.md").read_text("utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("option", sorted(set(options(main))))
def test_each_option_is_in_the_manual(option: str, language: str) -> None:
    assert option in (MANUAL / language / "command-line.md").read_text("utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_operation_of_the_api_is_in_the_manual(language: str) -> None:
    text = (MANUAL / language / "api.md").read_text("utf-8")
    known = {f"{one.method} {re.sub(r':[a-z]+}', '}', one.path)}" for one in OPERATIONS}
    assert set(re.findall(r"^\| `([A-Z]+ [^`]+)` \|", text, re.MULTILINE)) == known


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_metric_is_in_the_manual(language: str) -> None:
    source = (ROOT / "hub/web/metrics.py").read_text("utf-8")
    known = {f"tongku_{name}" for name in re.findall(r'_(?:one|many)\(\s*"([a-z_]+)"', source)}
    text = (MANUAL / language / "administration.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(tongku_\w+)` \|", text, re.MULTILINE)) == known
    assert len(known) > 10


@pytest.mark.parametrize("target", sorted(make_targets()))
def test_each_make_target_is_documented(target: str) -> None:
    for name in ("README.md", "README.zh-CN.md"):
        assert f"`make {target}`" in (ROOT / name).read_text("utf-8")


def test_no_document_names_a_make_target_that_is_not_there() -> None:
    known = make_targets() | INTERNAL_TARGETS
    named = {
        name for path in documents() for name in re.findall(r"(?:`|^)make ([a-z]+)\b", path.read_text("utf-8"), re.M)
    }
    assert named <= known


def test_no_document_names_a_command_that_is_not_there() -> None:
    words = [command.split()[1:] for command in commands(main)]
    named = {tuple(one.split()[1:]) for path in documents() for one in named_commands(path)}
    assert {one for one in named if not any(starts_alike(one, known) for known in words)} == set()


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_relative_link_leads_somewhere(path: Path) -> None:
    broken = []
    for target in LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, part = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        anchors = {anchor(text) for _, text in headings(there)} if part and there.is_file() else set()
        if not there.exists() or not there.is_relative_to(ROOT) or (part and part not in anchors):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_path_that_is_named_exists(path: Path) -> None:
    generated = {"hub/web/static/vendor/", "channels/markets/temu/"}
    missing = [name for name in repository_paths(path) - generated if not (ROOT / name).exists()]
    assert missing == []


def test_the_readme_names_the_two_commands() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        text = (ROOT / name).read_text("utf-8")
        assert "make run" in text
        assert "make test" in text


def test_no_document_names_the_host_of_a_package_registry() -> None:
    hosts = re.compile(r"pypi\.|pythonhosted|registry\.npm|npmjs|npmmirror|deb\.debian\.org|docker\.io", re.IGNORECASE)
    named = {str(path.relative_to(ROOT)): hosts.findall(path.read_text("utf-8")) for path in documents()}
    assert {path: found for path, found in named.items() if found} == {}


def test_decisions_are_numbered_without_gaps_and_listed() -> None:
    records = sorted(path.name for path in DECISIONS.glob("0*.md"))
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
    index = (DECISIONS / "README.md").read_text("utf-8")
    assert [name for name in records if f"({name})" not in index] == []


@pytest.mark.parametrize("record", sorted(DECISIONS.glob("0*.md")), ids=lambda path: path.stem)
def test_each_decision_has_a_date_and_its_four_sections_on_one_page(record: Path) -> None:
    text = record.read_text("utf-8")
    assert text.startswith(f"# {record.name[:4]}. ")
    assert re.search(r"^Date: \d{4}-\d{2}-\d{2}\. Status: ", text, re.MULTILINE)
    sections = ["## Context", "## Decision", "## Consequences", "## What would change our mind"]
    places = [text.index(section) for section in sections]
    assert all(before < after for before, after in pairwise(places))
    assert len(text.splitlines()) <= 60


def test_pictures_are_drawn_for_both_themes_and_have_a_description() -> None:
    for path in sorted((ROOT / "docs" / "images").glob("*.svg")):
        text = path.read_text("utf-8")
        assert "prefers-color-scheme:dark" in text
        assert "<title" in text
        assert "<desc" in text
