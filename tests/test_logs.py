from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from telegram.error import TelegramError
from telegram.request import HTTPXRequest

from bot.logs import CUT, set_up, traces_file

TOKEN = "123456:AAH/x+y=\"z'é\\w"  # every character that some encoding writes differently
log = logging.getLogger("tests.logs")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    before, level, raising = list(root.handlers), root.level, logging.raiseExceptions
    for handler in before:  # so that set_up, which closes what it replaces, leaves pytest's own alone
        root.removeHandler(handler)
    yield
    logging.captureWarnings(False)
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    for handler in before:
        root.addHandler(handler)
    root.setLevel(level)
    logging.raiseExceptions = raising


def logged(speak: Callable[[], object], folder: Path, style: str = "json", *, debug: bool = False) -> str:
    stream = StringIO()
    set_up(stream, level="info", style=style, errors=folder / "e.log", debug=debug, secrets=[TOKEN, ""])
    speak()
    return stream.getvalue()


def test_on_a_terminal_a_line_is_words(tmp_path: Path) -> None:
    stream = Terminal()
    set_up(stream, level="info", style="auto", errors=tmp_path / "e.log")
    log.warning("source lost: %s", "timed out", extra={"event": "source.lost", "venue": "bybit"})
    assert stream.getvalue()[9:] == "warning source lost: timed out [venue=bybit]\n"


def test_elsewhere_a_line_is_json_with_its_event_and_fields(tmp_path: Path) -> None:
    stream = StringIO()
    set_up(stream, level="info", style="auto", errors=tmp_path / "e.log")
    log.warning("lost", extra={"event": "source.lost", "venue": "bybit", "tries": 3, "share": float("nan")})
    line = json.loads(stream.getvalue())
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "warning",
        "event": "source.lost",
        "message": "lost",
        "logger": "tests.logs",
        "venue": "bybit",
        "tries": 3,
        "share": "nan",
    }


def test_below_the_level_nothing_is_written(tmp_path: Path) -> None:
    assert logged(lambda: log.debug("noise"), tmp_path) == ""
    assert logged(lambda: logging.getLogger("apscheduler.executors").info("Running job"), tmp_path) == ""
    assert "noise" in logged(lambda: log.debug("noise"), tmp_path, debug=True)


def test_what_a_library_raises_as_well_is_no_trace_of_its_own(tmp_path: Path) -> None:
    def read() -> None:
        with pytest.raises(TelegramError):
            HTTPXRequest.parse_json_payload(b"<html>502 Bad Gateway</html>")

    assert logged(read, tmp_path) == ""
    assert "Bad Gateway" in logged(read, tmp_path, debug=True)


class Leaky:
    def __str__(self) -> str:
        return f"<{TOKEN}>"


def fail(text: str) -> None:
    try:
        try:
            raise KeyError(text)
        except KeyError as cause:
            raise RuntimeError(f"while asking https://api.example/bot{text}/send") from cause
    except RuntimeError:
        log.exception("failed")


LEAKS: dict[str, Callable[[], object]] = {
    "in the message": lambda: log.error(TOKEN),
    "in an argument": lambda: log.error("asked %s", TOKEN),
    "in an object": lambda: log.error("asked %s", Leaky()),
    "in two arguments": lambda: log.error("%s%s", TOKEN[:9], TOKEN[9:]),
    "in the repr of an argument": lambda: log.error("%r %r", TOKEN, TOKEN.encode()),
    "with arguments missing": lambda: log.error("asked %s %s", TOKEN),
    "in a field": lambda: log.error("x", extra={"token": TOKEN}),
    "in a field's object": lambda: log.error(
        "x", extra={"asked": Leaky(), "all": [TOKEN], "by": {"k": TOKEN}}
    ),
    "in the event": lambda: log.error("x", extra={"event": TOKEN}),
    "in an exception and its cause": lambda: fail(TOKEN),
    "in an address": lambda: log.error("GET /%s", "123456%3AAAH%2Fx%2By%3D%22z%27%C3%A9%5Cw"),
    "in a stack": lambda: log.error("x " + TOKEN, stack_info=True),
}


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize("leak", LEAKS)
def test_no_secret_is_written(tmp_path: Path, leak: str, style: str) -> None:
    written = logged(LEAKS[leak], tmp_path, style, debug=True)
    kept = tmp_path / "e.log"
    if kept.exists():
        written += kept.read_text("utf-8")
    assert CUT in written
    assert "AAH" not in written


def test_the_longer_of_two_secrets_is_cut_whole(tmp_path: Path) -> None:
    stream = StringIO()
    set_up(stream, level="info", style="text", errors=tmp_path / "e.log", secrets=["abc", "abcdef"])
    log.info("abcdef")
    assert "def" not in stream.getvalue()


def test_words_leave_the_trace_to_the_errors_file(tmp_path: Path) -> None:
    written = logged(lambda: fail("it"), tmp_path, "text")
    assert "failed (RuntimeError: while asking" in written
    assert "Traceback" not in written
    assert traces_file() == tmp_path / "e.log"
    kept = json.loads((tmp_path / "e.log").read_text("utf-8"))
    assert "Traceback" in kept["trace"]
    assert "KeyError" in kept["trace"]


def test_json_carries_the_trace_itself(tmp_path: Path) -> None:
    line = json.loads(logged(lambda: fail("it"), tmp_path))
    assert line["fault"].startswith("RuntimeError: while asking")
    assert "Traceback" in line["trace"]
    assert traces_file() is None


def test_no_errors_file_is_made_before_there_is_an_error(tmp_path: Path) -> None:
    logged(lambda: log.warning("late"), tmp_path / "new", "text")
    assert not (tmp_path / "new").exists()


def test_what_a_venue_sent_cannot_forge_a_line_or_move_the_cursor(tmp_path: Path) -> None:
    written = logged(lambda: log.info("got %s", "x\n12:00:00 info fine\x1b[2J"), tmp_path, "text")
    assert written.count("\n") == 1
    assert "\x1b" not in written


def test_a_stream_that_is_gone_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stream = StringIO()
    set_up(stream, level="info", style="text", errors=tmp_path / "e.log")
    stream.close()
    log.info("to nobody")
    assert capsys.readouterr().err == ""
