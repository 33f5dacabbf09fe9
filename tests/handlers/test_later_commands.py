"""Choosing what is told later: /followups and /digest, typed and seen in /settings."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from bot.domain.chats import Digest
from bot.domain.posts import Destination
from bot.errors import AskError
from handlers.commands import Ask, answer
from handlers.commands.later import read_digest
from handlers.desk import Desk
from tests.handlers.test_hindsight import said

HERE = Destination("local", "main")
HOUR = timedelta(hours=1)


async def test_follow_ups_are_on_until_somebody_says_otherwise(desk: Desk) -> None:
    assert "Follow-ups: 1 h, 24 h, 7 days" in await said(desk, "/followups")
    assert "Follow-ups: 24 h, 7 days" in await said(desk, "/followups 1h off")
    assert (await desk.settings(HERE)).unfollowed == (HOUR,)
    assert "Follow-ups: none" in await said(desk, "/followups off")
    assert "Follow-ups: 7 days" in await said(desk, "/followups 7d on")
    assert "Follow-ups: 7 days" in await said(desk, "/settings")
    assert "follow-ups 1 h, 24 h, 7 days → 24 h, 7 days" in await said(desk, "/settings log")
    assert "/followups 1h off" in await said(desk, "/followups 2h off")


async def test_a_tap_turns_one_follow_up_on_or_off(desk: Desk) -> None:
    card = await answer(desk, Ask(HERE), "/followups 24h off")
    taps = {button.label: button.command for button in card.buttons}
    assert taps["With 24 h"] == "/followups 24h on"
    assert taps["Without 7 days"] == "/followups 7d off"


async def test_a_digest_says_when_it_comes_and_moves_with_the_clock(desk: Desk) -> None:
    assert "No digest is sent here" in await said(desk, "/digest")
    told = await said(desk, "/digest daily 08:00")
    assert "Digest: daily at 08:00" in told
    assert "The next one comes 11 Oct 08:00 UTC, without a sound" in told
    await said(desk, "/timezone Tokyo")
    assert (await desk.settings(HERE)).digest_due == datetime(2025, 10, 11, 23, tzinfo=UTC)
    assert "Digest: weekly on Mon at 08:00" in await said(desk, "/digest weekly mon 08:00")
    assert "Digest: weekly on Mon at 08:00" in await said(desk, "/settings")
    assert "No digest is sent here" in await said(desk, "/digest off")
    assert (await desk.settings(HERE)).digest_due is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("daily", Digest(time(8))),
        ("daily 7", Digest(time(7))),
        ("daily at 18:30", Digest(time(18, 30))),
        ("weekly", Digest(time(8), 0)),
        ("weekly fri 9", Digest(time(9), 4)),
        ("sunday 20:15", Digest(time(20, 15), 6)),
    ],
)
def test_a_digest_is_read_as_people_write_it(text: str, wanted: Digest) -> None:
    assert read_digest(text) == wanted


@pytest.mark.parametrize("text", ["daily 25", "weekly someday", "8:00 maybe", "monthly"])
def test_what_is_no_time_for_a_digest_is_answered_with_one(text: str) -> None:
    with pytest.raises(AskError) as refused:
        read_digest(text)
    assert refused.value.suggestions == ("/digest daily 08:00", "/digest weekly mon 08:00")
