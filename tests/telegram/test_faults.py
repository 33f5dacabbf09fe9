from __future__ import annotations

import inspect
import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from telegram import error as tg

from bot.errors import TryLater
from handlers.telegram.faults import AMISS_S, FAULTS, UNSURE_S, Reaction, delivery_error, fault

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs/delivery.md").read_text("utf-8")
PLATFORM = ROOT / "../shared/chat-platforms.md"
KNOWN = {
    "bot was blocked by the user": Reaction.GONE,
    "user is deactivated": Reaction.GONE,
    "bot can't initiate conversation with a user": Reaction.GONE,
    "bot was kicked from the group chat": Reaction.GONE,
    "bot is not a member of the channel chat": Reaction.GONE,
    "the group chat was deleted": Reaction.GONE,
}
CAUSES = {httpx.ConnectTimeout: AMISS_S, httpx.PoolTimeout: AMISS_S, httpx.ReadTimeout: UNSURE_S}


@pytest.mark.parametrize(
    "error",
    [each for _, each in inspect.getmembers(tg, inspect.isclass) if issubclass(each, tg.TelegramError)],
)
def test_every_error_of_the_library_has_a_row(error: type[tg.TelegramError]) -> None:
    assert any(row.error is error for row in FAULTS)


def test_no_row_hides_another() -> None:
    for place, row in enumerate(FAULTS):
        for earlier in FAULTS[:place]:
            assert not (issubclass(row.error, earlier.error) and earlier.fragment in row.fragment), row


@pytest.mark.parametrize(("text", "reaction"), KNOWN.items())
def test_whoever_forbids_us_is_gone(text: str, reaction: Reaction) -> None:
    assert fault(tg.Forbidden(f"Forbidden: {text}")).reaction is reaction


def test_every_400_of_the_platforms_facts_has_its_own_row() -> None:
    if not PLATFORM.is_file():
        pytest.skip("there is no ../shared beside this checkout")
    errors = PLATFORM.read_text("utf-8").partition("### 1.3")[0]
    rows = re.findall(r"^\| 400 \| (.*?) \|", errors, re.MULTILINE)
    named = [text.removeprefix("Bad Request: ") for row in rows for text in re.findall(r"`([^`]+)`", row)]
    texts = [text for text in named if "migrate" not in text and "upgraded" not in text]
    assert len(texts) > 15
    for text in texts:
        assert fault(tg.BadRequest(text)).fragment, text


@pytest.mark.parametrize(("cause", "wait_s"), CAUSES.items())
def test_a_time_out_is_told_apart_by_whether_the_request_was_sent(
    cause: type[httpx.TimeoutException], wait_s: float
) -> None:
    error = tg.TimedOut()
    error.__cause__ = cause("slow")
    told = delivery_error(error)
    assert isinstance(told, TryLater)
    assert told.retry_after == timedelta(seconds=wait_s)


def test_a_line_that_breaks_after_the_request_is_as_unsure_as_a_time_out() -> None:
    error = tg.NetworkError("httpx.RemoteProtocolError: gone")
    error.__cause__ = httpx.RemoteProtocolError("gone")
    assert fault(error).wait_s == UNSURE_S


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: f"{row.error.__name__} {row.fragment}")
def test_a_fault_is_documented(row) -> None:  # type: ignore[no-untyped-def]
    lines = [line for line in DOCS.splitlines() if row.reaction.value in line and row.error.__name__ in line]
    assert any(not row.fragment or f"`{row.fragment}`" in line for line in lines)
