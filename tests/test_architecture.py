"""The arrows of the design, and a few rules of the house. A rule nobody checks is not a rule."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("bot", "handlers", "storage")
LONGEST = 400

ENTRY = {
    *("bot.__main__", "bot.app", "bot.app_fleet", "bot.app_parts"),
    *("bot.backfill", "bot.checking", "bot.doctor", "bot.keeping", "bot.opening"),
    *("bot.recompute", "bot.record", "bot.replay"),
}
"""Each wires something whole together, so it may know everyone; nobody but the command line knows it."""
CORE = {"bot.domain", "bot.ports", "bot.ports_fleet", "bot.errors"}
SOURCES = CORE | {"bot.exchanges", "bot.health"}
INSIDE = SOURCES | {
    "bot.cases",
    "bot.feeds",
    "bot.pipeline",
    "bot.simulator",
    "bot.running",
    "bot.deliver",
    "bot.config",
}

MAY_IMPORT: dict[str, set[str]] = {
    "bot": set(),
    "bot.domain": set(),
    "bot.arguments": set(),
    "bot.errors": set(),
    "bot.ports": {"bot.domain", "bot.ports_locks", "bot.ports_people"},
    "bot.ports_locks": {"bot.domain"},
    "bot.ports_people": {"bot.domain"},
    "bot.ports_fleet": {"bot.domain"},
    "bot.pipeline": {"bot.domain"},
    "bot.settings": {"bot.domain"},
    "bot.platforms": {"bot.errors", "bot.settings"},
    "bot.clusters": {"bot.domain", "bot.errors", "bot.platforms", "bot.settings"},
    "bot.engines": {"bot.platforms", "bot.settings"},
    "bot.page_settings": {"bot.errors", "bot.platforms", "bot.settings"},
    "bot.config": {
        *("bot.clusters", "bot.domain", "bot.engines", "bot.errors"),
        *("bot.page_settings", "bot.platforms", "bot.settings"),
    },
    "bot.known": {"bot.domain"},
    "bot.logs": set(),
    "bot.running": set(),
    "bot.exchanges": {"bot.domain", "bot.errors"},
    "bot.health": CORE,
    "bot.health_fleet": CORE | {"bot.health"},
    "bot.feeds": SOURCES | {"bot.running"},
    "bot.simulator": SOURCES,
    "bot.decode": SOURCES | {"bot.feeds", "bot.pipeline"},
    "bot.deliver": INSIDE,
    "bot.fence": CORE,
    "bot.fleet": CORE | {"bot.fence", "bot.running"},
    "bot.bench": INSIDE,
    "bot.blindness": INSIDE | {"bot.bench"},
    "bot.judging": INSIDE | {"bot.bench"},
    "bot.past": INSIDE | {"bot.bench"},
    "bot.cases": CORE | {"bot.pipeline"},
    "bot.later": CORE,
    "bot.stage": INSIDE,
    "handlers": CORE | {"bot.fence", "bot.known", "bot.pipeline", "bot.running"},
    "storage": CORE,
}
"""A package or module of ours, and what of ours it may import besides itself."""


def module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module(file): file for name in OURS for file in sorted((ROOT / name).rglob("*.py"))}


def home(name: str) -> str:
    """The entry of ``MAY_IMPORT`` (or of ``ENTRY``) that ``name`` belongs to."""
    parts = name.split(".")
    known = (".".join(parts[:length]) for length in range(len(parts), 1, -1))
    return next((place for place in known if place in MAY_IMPORT or place in ENTRY), parts[0])


def imports(file: Path) -> Iterator[str]:
    """Every module of ours that a file imports, wherever in it: also in functions and for types alone."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in OURS)
        elif isinstance(node, ast.ImportFrom):
            name = node.module or ""
            assert not node.level, f"{file.name} line {node.lineno} imports relatively; name the package"
            if name.split(".")[0] in OURS:
                inner = [f"{name}.{alias.name}" for alias in node.names]
                yield from (deeper if deeper in MODULES else name for deeper in inner)


@pytest.mark.parametrize("name", [name for name in MODULES if name not in ENTRY])
def test_a_module_imports_only_what_its_place_allows(name: str) -> None:
    place = home(name)
    assert place in MAY_IMPORT, f"{name} has no place yet: give it one in MAY_IMPORT"
    assert place != "bot" or name == "bot", f"{name} has no place yet: give it one in MAY_IMPORT"
    strays = {other for other in imports(MODULES[name]) if home(other) not in MAY_IMPORT[place] | {place}}
    assert not strays, f"{name} may not import {', '.join(sorted(strays))}"


def test_the_command_line_imports_lazily() -> None:
    tree = ast.parse(MODULES["bot.__main__"].read_text("utf-8"))
    at_once = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert [name for name in at_once if name and name.startswith(OURS)] == ["bot.arguments", "bot.errors"]


def test_every_venue_file_is_registered() -> None:
    from bot.exchanges import EXCHANGES

    def declares(file: Path) -> bool:
        names: Sequence[ast.expr] = [
            target
            for node in ast.parse(file.read_text("utf-8")).body
            for target in (
                node.targets
                if isinstance(node, ast.Assign)
                else [node.target]
                if isinstance(node, ast.AnnAssign)
                else []
            )
        ]
        return any(isinstance(name, ast.Name) and name.id == "EXCHANGE" for name in names)

    files = {file.stem for file in (ROOT / "bot/exchanges").glob("*.py") if declares(file)}
    assert files
    assert files == set(EXCHANGES)


def tracked() -> list[Path]:
    """The files of the repository, as text; what is generated or drawn is left out."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is not a git checkout")
    files = (ROOT / name for name in listed.stdout.splitlines())
    return [file for file in files if file.is_file() and b"\0" not in file.read_bytes()[:8000]]


def test_no_file_is_too_long() -> None:
    long = {
        str(file.relative_to(ROOT)): lines
        for file in tracked()
        if file.suffix == ".py" and (lines := len(file.read_text("utf-8").splitlines())) > LONGEST
    }
    assert not long


FORBIDDEN = {
    "unfinished work": re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b"),
    "a path of one machine": re.compile(r"(?<![\w.~:/-])/(?:home|root|work|Users|opt|tmp)/\w"),
    "a package index": re.compile(r"py" + r"pi\.org|pythonhosted|--(?:extra-)?index-url|--find-links"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in tracked()
        if file != Path(__file__)
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if FORBIDDEN[what].search(line)
    ]
    assert not found, f"{what}: {', '.join(found)}"


@pytest.mark.parametrize(
    "name",
    ["requirements.lock", "requirements-scale.lock", "requirements-dev.lock", "requirements-bench.lock"],
)
def test_a_lock_pins_every_package_by_hash(name: str) -> None:
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    packages = [line for line in text.splitlines() if line.strip()]
    assert packages
    for line in packages:
        assert re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line[:80]


def test_the_wider_locks_hold_the_narrower_ones() -> None:
    def pins(name: str) -> dict[str, str]:
        found = re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / name).read_text("utf-8"), re.MULTILINE)
        return dict(found)

    names = (
        "requirements.lock",
        "requirements-scale.lock",
        "requirements-dev.lock",
        "requirements-bench.lock",
    )
    runtime, scale, dev, bench = map(pins, names)
    assert runtime.items() <= scale.items() <= dev.items() <= bench.items()
