"""Who changed what, as it is kept and as it is read."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.chats import SettingsChange
from handlers.commands import Ask, answer
from handlers.desk import Desk
from handlers.speech import _, speaking
from storage.memory import MemoryStore
from tests.handlers.conftest import HERE
from tests.handlers.october import NOW

ASK = Ask(HERE, person="7", person_name="Ana")


async def log(desk: Desk) -> list[str]:
    card = await answer(desk, ASK, "/settings log")
    return [card.title, *(line.text for line in card.lines)]


async def test_each_reader_reads_the_log_in_the_language_of_then(desk: Desk, store: MemoryStore) -> None:
    old = SettingsChange(
        destination=HERE, at=NOW - timedelta(days=9), who="Ann", what="mute no → until 20:45"
    )
    await store.chats.note(old)
    for line in ("/quiet 23-7 Berlin", "/digest daily 08:00", "/language es", "/subscribe btc weekly"):
        await answer(desk, ASK, line)
    with speaking("es"):
        ends = _("none"), _("daily at {time}").format(time="08:00")
        alerts = _("alerts {n} on: {words}").format(n=1, words="").strip()
    assert ends[0] != "none"
    in_spanish = await log(desk)
    assert alerts in in_spanish[1]
    assert f"{ends[0]} → {ends[1]}" in in_spanish[3]
    assert "Ann: mute no → until 20:45" in in_spanish[5], "an old row stays as it was written"
    await answer(desk, ASK, "/language en")
    told = "\n".join(await log(desk))
    assert "digest none → daily at 08:00" in told
    assert "quiet hours none → 23:00–07:00; clock UTC → Berlin (CEST)" in told


async def test_what_nobody_could_see_change_is_not_in_the_log(desk: Desk) -> None:
    await answer(desk, ASK, "/language en")
    assert await log(desk) == ["Nobody has changed anything here yet"]
