"""What is shipped for self-hosting names things that are there."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

from bot.__main__ import ExitCode, parser
from bot.arguments import ROLES

ROOT = Path(__file__).parents[1]
RUN = parser().parse_args(["run"]).command
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text("utf-8")


def unit() -> ConfigParser:
    read = ConfigParser(interpolation=None, delimiters=("=",))
    read.read(ROOT / "deploy/washout.service", "utf-8")
    return read


def test_the_unit_starts_a_line_that_the_program_takes() -> None:
    program, *words = unit()["Service"]["ExecStart"].split()
    assert Path(program).name == "washout"
    assert parser().parse_args(words).command is RUN


def test_the_unit_leaves_what_needs_a_person_alone() -> None:
    named = unit()["Service"]["RestartPreventExitStatus"].split()
    assert set(named) == {str(ExitCode.USAGE.value), str(ExitCode.CONFIG.value)}


def test_the_image_is_given_all_that_it_copies() -> None:
    let_in = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    for names in re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for name in names.split():
            assert (ROOT / name).exists()
            assert name in let_in


def test_the_image_starts_what_the_program_takes() -> None:
    start = re.search(r'^CMD \["(.+)"\]$', DOCKERFILE, re.MULTILINE)
    assert start is not None
    assert parser().parse_args(start[1].split('", "')).command is RUN


def test_every_role_of_a_fleet_is_run_by_its_compose_file_and_told_by_the_procfile() -> None:
    compose = (ROOT / "deploy/compose.scale.yml").read_text("utf-8")
    run = [words.split(", ") for words in re.findall(r"command: \[(run, .+)\]$", compose, re.MULTILINE)]
    procfile = re.findall(r"python -m bot (run .+)$", (ROOT / "Procfile").read_text("utf-8"), re.MULTILINE)
    for words in run, [line.split() for line in procfile]:
        assert sorted(role for line in words for role in parser().parse_args(line).roles) == sorted(ROLES)
