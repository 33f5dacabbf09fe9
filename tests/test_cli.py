from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bot.exchanges import EXCHANGES

ROOT = Path(__file__).parents[1]
HEAVY = ("aiohttp", "apscheduler", "sqlite3", "sqlite_utils", "asyncio", "resvg_py", "pyarrow")


def washout(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(folder, "-m", "bot", *arguments)


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


def loaded_by(folder: Path, *arguments: str) -> set[str]:
    """Packages imported by one command, in a fresh interpreter."""
    code = (
        "import json, sys\nfrom bot.__main__ import main\n"
        f"try: main({list(arguments)!r})\nexcept SystemExit: pass\n"
        "sys.stdout.write('\\n' + json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    return set(json.loads(python(folder, "-c", code).stdout.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["check"]], ids=" ".join)
def test_help_and_check_import_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    loaded = loaded_by(tmp_path, *arguments)
    assert "argparse" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_help_names_every_command(tmp_path: Path) -> None:
    helped = washout(tmp_path, "--help")
    assert helped.returncode == 0
    for command in ("run", "check", "doctor", "replay", "record", "backfill", "decode", "scenarios"):
        assert f"    {command}" in helped.stdout


def test_the_version_is_told(tmp_path: Path) -> None:
    told = washout(tmp_path, "--version")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert (told.returncode, told.stdout) == (0, f"washout {version}\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["rnu"], "invalid choice: 'rnu'"),
        (["run", "--speed", "0"], "argument --speed: 0 is not a number from 1 to 600"),
        (["run", "--speed", "nan"], "argument --speed: nan is not a number from 1 to 600"),
        (["run", "--port", "99999"], "argument --port: 99999 is not a whole number from 0"),
        (["run", "--port", "-1"], "argument --port: -1 is not a whole number from 0"),
        (["replay"], "replay needs a FILE, or --wave ID"),
        (
            ["run", "--scenario", "octobre-2025"],
            "there is no scenario octobre-2025; did you mean october-2025?",
        ),
    ],
)
def test_a_mistyped_command_line_is_told_and_ends_with_2(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    ended = washout(tmp_path, *arguments)
    assert told in ended.stderr
    assert (ended.returncode, ended.stdout) == (2, "")


def test_a_speed_without_a_scenario_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    ended = washout(tmp_path, "run", "--speed", "60x")
    assert ended.returncode == 2
    assert "--speed is for a scenario" in ended.stderr


def test_check_shows_what_would_be_run(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[market]\nassets = ["xbt"]\nvenues = ["bybit"]\n[page]\nhost = "::1"'
    )
    shown = washout(tmp_path, "check")
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = dict(line.split(":", 1) for line in shown.stdout.splitlines())
    assert lines["settings"].strip() == "config.toml"
    assert lines["coins"].strip() == "BTC"
    assert lines["venues"].strip() == "bybit"
    assert lines["page"].strip() == "http://[::1]:8080"


def test_check_without_settings_says_that_the_scenario_would_play(tmp_path: Path) -> None:
    shown = washout(tmp_path, "check")
    assert shown.returncode == 0
    assert "october-2025" in shown.stdout


def test_every_fault_of_the_settings_is_a_line_and_ends_with_3(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[market]\nasets = []\nvenues = ["binance"]')
    for command in ("check", "run", "doctor"):
        ended = washout(tmp_path, command, "--config", "mine.toml")
        assert (ended.returncode, ended.stdout) == (3, "")
        assert ended.stderr.splitlines() == [
            "washout: mine.toml: [market] venues: binance is not a known venue; did you mean binance_usdm?;"
            f" known are {', '.join(EXCHANGES)}",
            "washout: mine.toml: [market] asets is not a setting; did you mean assets?",
        ]


def test_named_settings_that_are_missing_end_with_3(tmp_path: Path) -> None:
    ended = washout(tmp_path, "check", "--config", "nowhere.toml")
    assert ended.returncode == 3
    assert (
        ended.stderr == "washout: nowhere.toml does not exist; copy config.example.toml to it and edit that\n"
    )


def test_the_scenarios_are_listed_with_their_titles(tmp_path: Path) -> None:
    listed = washout(tmp_path, "scenarios")
    assert listed.returncode == 0
    assert any(line.startswith("october-2025  ") for line in listed.stdout.splitlines())


def test_a_reader_that_goes_away_is_no_fault(tmp_path: Path) -> None:
    """``washout scenarios | true``: the pipe is closed before the first line is written."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        ended = subprocess.run(
            [sys.executable, "-u", "-m", "bot", "scenarios"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert ended.stderr == b""


CRASH = """
import sys
from bot import __main__ as cli
def broken(options):
    raise {raised}
cli._check = broken
sys.exit(cli.main({arguments}))
"""


def crashed(folder: Path, raised: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(folder, "-c", CRASH.format(raised=raised, arguments=["check", *arguments]))


def test_an_unexpected_fault_is_one_sentence_and_its_trace_is_kept(tmp_path: Path) -> None:
    ended = crashed(tmp_path, "ValueError('the sky\\nfell')")
    (line,) = ended.stderr.splitlines()
    kept = tmp_path / "data" / "errors.log"
    assert line == (
        "washout: an unexpected fault stopped Washout: ValueError: the sky fell."
        f" The full trace is in {kept}; --debug shows it here."
    )
    assert ended.returncode == 1
    record = json.loads(kept.read_text("utf-8"))
    assert record["event"] == "bot.crashed"
    assert "in broken" in record["trace"]


def test_debug_shows_the_trace(tmp_path: Path) -> None:
    assert "in broken" in crashed(tmp_path, "ValueError('x')", "--debug").stderr


def test_a_folder_that_takes_no_trace_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    ended = crashed(tmp_path, "ValueError('x')")
    assert "A trace could not be kept in" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 1


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        ("cli.UsageError('no such column')", 2),
        ("cli.ConfigError('port 8080 is taken')", 3),
        ("cli.StorageError('the database is locked')", 4),
        ("cli.SourceError('no network')", 5),
        ("cli.WashoutError('something else')", 1),
        ("ExceptionGroup('tasks', [ExceptionGroup('more', [cli.StorageError('locked')])])", 4),
        ("KeyboardInterrupt", 130),
    ],
)
def test_a_known_fault_is_its_sentence_and_its_exit_code(tmp_path: Path, raised: str, code: int) -> None:
    ended = crashed(tmp_path, raised)
    assert ended.returncode == code
    assert len(ended.stderr.splitlines()) == (0 if code == 130 else 1)
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "data").exists()
