"""One suite over all three faces: what people may ask, what they read, and what they may not do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.domain.assets import Asset
from bot.domain.cards import Card
from bot.domain.posts import Destination, Subscription
from handlers.commands import COMMANDS
from tests.faces.seam import FACES, Face, market, reference, words
from tests.handlers.october import NOW
from tests.telegram.rules import units

EXAMPLES = [*(command.examples[0] for command in COMMANDS.values()), "/settings log"]
MISTAKES = (
    "/oi nonsense",
    "/wave zz",
    "/threshold a lot",
    "/quiet never",
    "/timezone Nowhere",
    "/help dance",
)


@pytest.fixture(params=FACES)
async def face(request: pytest.FixtureRequest) -> AsyncIterator[Face]:
    async with FACES[request.param]() as face:
        yield face


def read(text: str) -> str:
    """As a person reads it: marks are gone, and so is what only lays out."""
    return words(re.sub(r"\*\*|`|<@&|>", "", text))


def missing(card: Card, told: str) -> list[str]:
    """What the card says and the chat does not."""
    lines = [card.title, card.banner, card.footer, *(line.text for line in card.lines)]
    cells = [cell for row in card.table.rows for cell in row] if card.table else []
    told = read(told)
    return [fact for fact in map(read, (*lines, *cells)) if fact not in told]


async def test_every_command_is_offered(face: Face) -> None:
    roles = {"ping"} if face.place(group=False).platform == "telegram" else set()  # it has none to ping
    assert set(COMMANDS) - await face.offered() == roles


async def test_every_command_is_answered_alike(face: Face) -> None:
    like = await market()
    for example in EXAMPLES:
        card = await reference(like, face, example)
        said = await face.say(example)
        lost = missing(card, said.text)
        if example == "/settings log":  # who it was, each platform says in its own way
            lost = [fact for fact in lost if fact.partition(": ")[2] not in read(said.text)]
        if card.picture is None:
            assert lost == [], (example, said.text)
        else:  # under a picture Telegram has room for 1,024 characters: the least important lines go first
            assert read(card.title) in read(said.text), (example, said.text)
            assert len(lost) <= len(card.lines) // 2, (example, lost, said.text)


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_is_answered_with_something_that_works(face: Face, mistake: str) -> None:
    card = await reference(await market(), face, mistake)
    said = await face.say(mistake)
    assert missing(card, said.text) == []
    assert "/" in said.text, "an example"
    if face.has_groups:
        assert (await face.say(mistake, group=True)).text, "also among others"


async def test_a_stranger_in_a_group_changes_nothing_and_is_told_why(face: Face) -> None:
    if not face.has_groups:
        assert face.place(group=False).platform == "local", "the page has one chat, of whoever sits there"
        return
    here = face.place(group=True)
    for text in ("/subscribe btc weekly", "/mute 2h", "/quiet 23-7", "/timezone Europe/Berlin", "/test"):
        said = await face.say(text, group=True, stranger=True)
        assert re.search("Only (administrators|those with the permission Manage Server)", said.text), (
            said.text
        )
    assert await face.desk.store.subscriptions.of(here) == []
    assert await face.desk.store.chats.changes(here) == []
    assert "Subscribed" in (await face.say("/subscribe btc weekly", group=True)).text
    assert len(await face.desk.store.subscriptions.of(here)) == 1
    assert "BTC" in (await face.say("/oi btc", group=True, stranger=True)).text, "anyone may ask"


async def test_a_tap_does_what_the_command_does(face: Face) -> None:
    here = face.place(group=False)
    started = await face.say("/start")
    assert len(started.buttons) >= 3
    labels = [b for b in started.buttons if "historic" in b.lower()]
    await face.press(started, labels[0])
    [tapped] = await face.desk.store.subscriptions.of(here)
    await face.say("/unsubscribe all")
    await face.say("/subscribe historic")
    [typed] = await face.desk.store.subscriptions.of(here)
    assert tapped.wish == typed.wish


async def test_very_many_subscriptions_fit(face: Face) -> None:
    here = face.place(group=False)
    for number in range(60):
        coins = frozenset({Asset(f"COIN{number:03}{'X' * 40}")})
        await face.desk.store.subscriptions.add(Subscription(destination=here, assets=coins, created=NOW))
    for text in ("/alerts", "/settings"):
        said = await face.say(text)
        assert "COIN000" in said.text
        assert within_limits(here, said.raw)


async def test_very_long_words_are_answered(face: Face) -> None:
    for text in (f"/oi {'x' * 290}", f"/subscribe {'btc ' * 70}", f"/timezone {'é' * 290}"):
        said = await face.say(text)
        assert said.text
        assert within_limits(face.place(group=False), said.raw)


def within_limits(here: Destination, raw: Any) -> bool:
    """By what came over the wire: 4,096 UTF-16 units (Bot API), 4,096 and 6,000 characters (Discord)."""
    if here.platform == "telegram":
        return units(raw.get("text", "")) <= 4096 and units(raw.get("caption", "")) <= 1024
    if here.platform == "discord":
        [embed] = raw["embeds"]
        rest = (embed.get("title", ""), embed.get("footer", {}).get("text", ""), embed["author"]["name"])
        shown = embed.get("description", "")
        return len(shown) <= 4096 and len(shown) + sum(map(len, rest)) <= 6000
    return True


@pytest.mark.parametrize("name", ["<b>bold</b>", "@everyone", "*_[x](y)", "&amp;", "<@&4001>"])
async def test_a_name_from_outside_is_shown_as_it_is(face: Face, name: str) -> None:
    said = await face.say(f"/oi {name}")
    shown = said.text.replace("∗", "*").replace("\u200b", "")
    assert name in shown, said.text
    for request in getattr(getattr(face, "discord", None), "requests", ()):
        if request.json and "callback" in request.path:
            assert request.json["data"]["allowed_mentions"]["parse"] == []
