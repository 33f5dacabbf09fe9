"""Whatever people type, in whatever order: an answer comes, and a mistake says what would work."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.cards import Card, Tone
from bot.domain.posts import Destination
from handlers.commands import COMMANDS, Ask, answer
from handlers.desk import About, Desk
from storage.memory import MemoryStore
from tests.handlers.october import ETH, NOW, ONSET, SeenVenues, snapshot, wave

PLACES = (
    Ask(Destination("local", "page"), "12", "Ann"),
    Ask(Destination("discord", "7", "8"), "12", "*Bob*", is_group=True),
)
WORDS = (
    "btc BTC $eth xbt Bitcoin BTCUSDT kPEPE all any native any-group 3/week 0/week -3/week 5% 5,5% -5% 1e9%",
    "1h 24h 1h30m 0h 99999999d W 3 w3 W99 $800m 1.5b $1,000,000 5000 ٣ ５ ½ off on log managers breakthrough",
    "23:00-07:00 23-7 7-7 0-24 25-3 11pm–7am Europe/Berlin berlin UTC+2 UTC+99 -9:30 #1 #2 #99 # try 2 -1 1a",
    "@everyone <@&42> 4242 🔻 % $ / ' ; ` ** <b> NaN inf 1e400 weekly historic monat every week once a than",
)
lines = st.builds(
    lambda name, said: f"{name} {' '.join(said)}",
    st.sampled_from(["", "/", "/OI@washout_bot", *(f"/{name}" for name in COMMANDS)]),
    st.lists(st.one_of(st.sampled_from(" ".join(WORDS).split()), st.text(max_size=12)), max_size=6),
)


async def new_desk() -> Desk:
    store = MemoryStore()
    await store.journal.snap([snapshot(NOW, fallen=1.0), snapshot(NOW, fallen=1.0, asset=ETH, scale=0.1)])
    await store.waves.save(wave())
    return Desk(store, SeenVenues(), lambda: NOW, About(version="0.2.0", started=ONSET), wall=lambda: NOW)


def is_sound(card: Card) -> None:
    """It can be read; a mistake shows something that works."""
    assert card.title.strip()
    if card.tone is Tone.WARNING:
        assert "`" in "".join([card.title, *(line.text for line in card.lines), card.footer]), card


async def converse(ask: Ask, typed: list[str]) -> None:
    """Say each line, and tap whatever the answer offers first."""
    desk = await new_desk()
    for line in typed:
        card = await answer(desk, ask, line)
        is_sound(card)
        for button in card.buttons[:2]:
            is_sound(await answer(desk, ask, button.command))
    is_sound(await answer(desk, ask, "/settings log"))


@pytest.mark.parametrize("ask", PLACES, ids=lambda ask: str(ask.destination.platform))
@settings(max_examples=120, deadline=None)
@given(typed=st.lists(lines, min_size=1, max_size=3))
def test_whatever_is_typed_is_answered_and_a_mistake_shows_what_works(ask: Ask, typed: list[str]) -> None:
    asyncio.run(converse(ask, typed))
