from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.__main__ import CODES, ExitCode, parser
from bot.config import LEVELS, OFTEN_W, SETTINGS, VENUE_SETTINGS
from bot.domain.figures import FIGURES, Figure
from bot.errors import WashoutError
from handlers.commands import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
CONFIGURATION = (ROOT / "docs/configuration.md").read_text("utf-8")
COMMANDS_PAGE = (ROOT / "docs/commands.md").read_text("utf-8")
PAGE = (ROOT / "docs/page.md").read_text("utf-8")
OPERATING = (ROOT / "docs/operating.md").read_text("utf-8")


def commands() -> list[str]:
    (choices,) = [action.choices for action in parser()._actions if isinstance(action.choices, dict)]
    return list(choices)


@pytest.mark.parametrize("setting", [*SETTINGS, *VENUE_SETTINGS], ids=lambda s: f"{s.table}.{s.key}")
def test_a_setting_is_explained_in_the_section_of_its_table(setting) -> None:  # type: ignore[no-untyped-def]
    sections = dict(re.findall(r"^## `\[(\w+)[\w.<>]*\]`.*?\n(.*?)(?=^## |\Z)", CONFIGURATION, re.M | re.S))
    assert re.search(rf"^\| `{setting.key}` \|", sections[setting.table], re.MULTILINE)


@pytest.mark.parametrize("word", [*OFTEN_W, *LEVELS, "auto", "text", "json"])
def test_a_word_that_a_setting_takes_is_explained(word: str) -> None:
    assert f"`{word}`" in CONFIGURATION


@pytest.mark.parametrize("figure", FIGURES.values(), ids=lambda figure: figure.name)
def test_a_figure_is_documented_with_its_type(figure: Figure) -> None:
    assert re.search(rf"^\| `washout_{figure.name}` \| {figure.kind} \|", PAGE, re.MULTILINE)


def test_no_figure_is_documented_that_does_not_exist() -> None:
    assert set(re.findall(r"^\| `washout_(\w+)`", PAGE, re.MULTILINE)) == set(FIGURES)


@pytest.mark.parametrize("code", list(ExitCode))
def test_an_exit_code_is_documented(code: ExitCode) -> None:
    assert re.search(rf"^\| {code.value} \|", OPERATING, re.MULTILINE)


def test_every_error_has_an_exit_code() -> None:
    assert CODES[-1] == (WashoutError, ExitCode.UNEXPECTED)
    assert {code for _, code in CODES} == set(ExitCode) - {
        ExitCode.FINE,
        ExitCode.INTERRUPTED,
        ExitCode.UNREADABLE,  # not an error: the result of `decode`
    }


@pytest.mark.parametrize("command", ["make run", "make test"])
def test_the_readme_has_the_two_commands(command: str) -> None:
    assert command in README


@pytest.mark.parametrize("name", commands())
def test_the_readme_has_every_command(name: str) -> None:
    assert f"`washout {name}" in README


def test_the_changelog_has_this_version() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert version
    assert f"## {version[1]}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize(
    "page", sorted(path.relative_to(ROOT) for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")]), ids=str
)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", (ROOT / page).read_text("utf-8"))
    missing = [target for target in targets if not (ROOT / page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_is_documented_with_its_usage_and_examples(name: str) -> None:
    section = re.search(rf"^## `/{name}\b.*?(?=^## |\Z)", COMMANDS_PAGE, re.MULTILINE | re.DOTALL)
    assert section, name
    assert f"`{COMMANDS[name].usage}`" in section[0]
    assert all(f"`{example}`" in section[0] for example in COMMANDS[name].examples)


def test_no_command_is_documented_that_does_not_exist() -> None:
    assert set(re.findall(r"^## `/(\w+)", COMMANDS_PAGE, re.MULTILINE)) == set(COMMANDS)
