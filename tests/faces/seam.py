"""One seam for three faces: a person says something in a chat, and reads what comes back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from typing import Any, NamedTuple, Protocol, TypeVar

import aiohttp

from bot.domain.cards import Card
from bot.domain.charts import Chart
from bot.domain.posts import Destination
from bot.running import running
from handlers.charts import svg
from handlers.commands import COMMANDS, Ask, answer
from handlers.desk import About, Desk
from handlers.discord_face import open_discord
from handlers.telegram import open_telegram
from handlers.web import LOCAL, Door, LocalChat, Site
from storage.memory import MemoryStore
from tests.discord_face.payloads import ALERTS, DIRECT, MANAGE_GUILD, MEMBER, WRITE, member, user
from tests.discord_face.records import TOKEN as DISCORD_TOKEN
from tests.discord_face.records import Interaction
from tests.discord_face.server import Discord
from tests.handlers.october import (
    BANNER,
    BTC,
    ETH,
    MINUTE,
    NOW,
    ONSET,
    SeenVenues,
    snapshots,
    statistics,
    wave,
)
from tests.telegram.rules import TOKEN as TELEGRAM_TOKEN
from tests.telegram.server import BotApi, serve

PERSON, STRANGER, GROUP, ADMINISTRATOR = 42, 7, -1001, 8
WITHIN_S = 10.0
HURRY = 10.0
"""Telegram's seconds pass so much faster: a chat takes one message in each, and ``BotApi`` counts none."""
Found = TypeVar("Found")


class Answer(NamedTuple):
    """``text`` is what a person reads, without marks; ``raw`` is the message as the platform has it."""

    text: str
    buttons: tuple[str, ...]
    private: bool
    raw: Any = None


class Face(Protocol):
    """``group`` is a chat of many, where ``person`` is an administrator or a stranger."""

    desk: Desk
    has_groups: bool

    async def offered(self) -> set[str]:
        """The commands that a person is shown, without their slash."""
        ...

    def place(self, *, group: bool) -> Destination: ...

    async def say(self, text: str, *, group: bool = False, stranger: bool = False) -> Answer: ...

    async def press(self, said: Answer, label: str) -> Answer: ...

    async def file_of(self, said: Answer) -> tuple[str, bytes]:
        """The name and the content of the file that came with an answer."""
        ...


async def market() -> Desk:
    """A day with the fall of 10 October, and the wave that was made of it."""
    store = MemoryStore()
    await store.journal.snap(snapshots(NOW - timedelta(hours=25), NOW, MINUTE))
    await store.journal.snap(snapshots(NOW - timedelta(hours=25), NOW, timedelta(hours=1), asset=ETH))
    for asset in (BTC, ETH):
        await store.statistics.record(statistics(NOW, NOW, MINUTE, asset=asset))
    await store.waves.save(wave())
    about = About(version="0.2.0", started=ONSET - 10 * MINUTE, banner=BANNER)
    return Desk(store, SeenVenues(), lambda: NOW, about, wall=lambda: NOW)


async def reference(
    desk: Desk, face: Face, text: str, *, group: bool = False, stranger: bool = False
) -> Card:
    """The card that a face is to show, from a desk of its own."""

    async def may_configure() -> bool:
        return not stranger

    ask = Ask(face.place(group=group), person="1", may_configure=may_configure, is_group=group)
    return await answer(desk, ask, text)


async def seen(look: Callable[[], Found]) -> Found:
    """What the other side does has no event to wait for."""
    async with asyncio.timeout(WITHIN_S):
        while not (found := look()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found


async def draw(chart: Chart) -> bytes:
    return b"\x89PNG " + chart.title.encode()


def words(text: str) -> str:
    """One space between any two words."""
    return " ".join(text.split())


# --- the local chat


@dataclass
class LocalFace:
    desk: Desk
    address: str
    session: aiohttp.ClientSession
    has_groups: bool = False

    def place(self, *, group: bool) -> Destination:
        assert not group
        return LOCAL

    async def _page(self) -> str:
        async with self.session.get(self.address) as page:
            return await page.text()

    async def offered(self) -> set[str]:
        return set(re.findall(r"/([a-z]+)\b", unescape(await self._page())))

    async def say(self, text: str, *, group: bool = False, stranger: bool = False) -> Answer:
        assert not group
        assert not stranger
        async with self.session.post(f"{self.address}/say", data={"text": text}) as done:
            assert done.status == 200
        article = re.findall(r"<article.*?</article>", await self._page(), re.DOTALL)[-1]
        under = "".join(re.findall(r'<div class="buttons">.*?</div>', article, re.DOTALL))
        pressed = re.findall(r'<button[^>]*value="([^"]*)"[^>]*>(.*?)</button>', under)
        says = {unescape(label): unescape(command) for command, label in pressed}
        return Answer(plain_html(article), tuple(says), private=True, raw=says)

    async def press(self, said: Answer, label: str) -> Answer:
        return await self.say(said.raw[label])

    async def file_of(self, said: Answer) -> tuple[str, bytes]:
        [(link, name)] = re.findall(r'href="(/file/\d+)" download="([^"]+)"', await self._page())[-1:]
        async with self.session.get(self.address + link) as got:
            assert got.status == 200
            assert got.headers["Content-Disposition"] == f'attachment; filename="{name}"'
            assert got.content_type == "text/csv"
            return name, await got.read()


def plain_html(html: str) -> str:
    spaced = re.sub(r"</?(p|h2|div|figure|figcaption|table|tr|td|th|footer)\b[^>]*>", " ", html)
    return words(unescape(re.sub(r"<[^>]+>", "", spaced)))


@asynccontextmanager
async def local() -> AsyncIterator[LocalFace]:
    desk = await market()

    async def reply(text: str) -> Card:
        return await answer(desk, Ask(LOCAL, person="you"), text)

    chat = LocalChat(
        log=desk.store.chat,
        answer=reply,
        draw=svg,
        clock=desk.clock,
        commands={command.name: command.about for command in COMMANDS.values()},
    )
    site = Site(chat=chat, desk=desk, door=Door(wall=desk.wall))
    async with site.listen(port=0) as address, aiohttp.ClientSession() as session:
        yield LocalFace(desk, address, session)


# --- Telegram


@dataclass
class TelegramFace:
    desk: Desk
    api: BotApi
    has_groups: bool = True

    def place(self, *, group: bool) -> Destination:
        return Destination("telegram", str(GROUP if group else PERSON))

    async def offered(self) -> set[str]:
        await self.api.until(lambda: len(self.api.menus) == 9, WITHIN_S)
        return {
            entry["command"]
            for (scope, language), menu in self.api.menus.items()
            if scope in ("all_private_chats", "all_chat_administrators") and not language
            for entry in menu
        }

    async def say(self, text: str, *, group: bool = False, stranger: bool = False) -> Answer:
        chat = GROUP if group else PERSON
        person = (STRANGER if stranger else ADMINISTRATOR) if group else PERSON
        before = len(self.api.shown(chat))
        self.api.says(chat, text, person=person)
        message = (await seen(lambda: self.api.shown(chat)[before:]))[0]
        return self._read(message, chat)

    def _read(self, message: dict[str, Any], chat: int) -> Answer:
        keyboard = message.get("reply_markup", {}).get("inline_keyboard", [])
        labels = tuple(button["text"] for row in keyboard for button in row)
        text = words(str(message.get("text") or message.get("caption")))
        return Answer(text, labels, private=chat != GROUP, raw=message)

    async def file_of(self, said: Answer) -> tuple[str, bytes]:
        return said.raw["document"]["file_name"], self.api.files[said.raw["document"]["file_id"]]

    async def press(self, said: Answer, label: str) -> Answer:
        chat = int(said.raw["chat"]["id"])
        asked, before = len(self.api.calls), len(self.api.shown(chat))
        self.api.presses(said.raw, label, PERSON)

        def answered() -> dict[str, Any] | None:
            edited = any(c.method.startswith("edit") and c.ended for c in self.api.calls[asked:])
            return next(iter(self.api.shown(chat)[before:]), said.raw if edited else None)

        message = await seen(answered) or {}
        assert any(c.method == "answerCallbackQuery" for c in self.api.calls[asked:])
        return self._read(message, chat)


@dataclass
class _Options:
    api_base: str
    mode: str = "polling"
    webhook_url: str | None = None


@asynccontextmanager
async def telegram() -> AsyncIterator[TelegramFace]:
    desk = await market()
    async with serve() as api:
        api.chat(PERSON)
        api.chat(GROUP, "supergroup")
        api.administrators[str(GROUP)] = [ADMINISTRATOR]
        asleep = asyncio.Event()

        async def sleep(_: float) -> None:
            await asleep.wait()

        opened = open_telegram(
            *(_Options(api.address), TELEGRAM_TOKEN, desk, desk.store, draw),
            wall=lambda: NOW,
            sleep=sleep,
            speed=HURRY,
        )
        async with opened as face, running(face.listen()):
            yield TelegramFace(desk, api)


# --- Discord


@dataclass
class DiscordFace:
    desk: Desk
    discord: Discord
    has_groups: bool = True

    def place(self, *, group: bool) -> Destination:
        return Destination("discord", ALERTS if group else DIRECT)

    async def offered(self) -> set[str]:
        return {command["name"] for command in self.discord.commands}

    def _where(self, *, group: bool, stranger: bool) -> dict[str, Any]:
        if group:
            return {"member": member(MEMBER, permissions=WRITE if stranger else WRITE | MANAGE_GUILD)}
        direct = {"id": DIRECT, "type": 1, "recipients": [user(MEMBER)], "flags": 0}
        return {
            "guild_id": None,
            "channel_id": DIRECT,
            "channel": direct,
            "member": None,
            "user": user(MEMBER),
            "context": 1,
        }

    async def say(self, text: str, *, group: bool = False, stranger: bool = False) -> Answer:
        name, _, rest = text.removeprefix("/").partition(" ")
        options = next(c.get("options", []) for c in self.discord.commands if c["name"] == name)
        free = [o["name"] for o in options if o["type"] == 3]
        said = [{"name": free[0], "type": 3, "value": rest}] if rest else []
        data = {"id": "1", "name": name, "type": 1, "options": said}
        return await self._read(
            await self.discord.interact(2, data, **self._where(group=group, stranger=stranger))
        )

    async def _read(self, asked: Interaction) -> Answer:
        message = await asked.answer(WITHIN_S)
        labels = tuple(
            component["label"]
            for row in message.get("components", [])
            for component in row["components"]
            if "label" in component
        )
        return Answer(plain_embed(message), labels, asked.ephemeral, message)

    async def file_of(self, said: Answer) -> tuple[str, bytes]:
        [attached] = said.raw["attachments"]
        [content] = self.discord.pictures[said.raw["id"]].values()
        return attached["filename"], content

    async def press(self, said: Answer, label: str) -> Answer:
        buttons = [c for row in said.raw["components"] for c in row["components"] if "label" in c]
        custom_id = next(button["custom_id"] for button in buttons if button["label"] == label)
        data = {"custom_id": custom_id, "component_type": 2}
        where = self._where(group=False, stranger=False)
        return await self._read(await self.discord.interact(3, data, message=said.raw, **where))


def plain_embed(message: dict[str, Any]) -> str:
    parts = [message.get("content") or ""]
    for embed in message.get("embeds", []):
        parts += [
            embed.get("author", {}).get("name", ""),
            embed.get("title", ""),
            embed.get("description", ""),
        ]
        parts += [text for entry in embed.get("fields", []) for text in (entry["name"], entry["value"])]
        parts.append(embed.get("footer", {}).get("text", ""))
    return words(re.sub(r"```|\*\*|`|\\", "", "\n".join(parts)))


@asynccontextmanager
async def discord() -> AsyncIterator[DiscordFace]:
    desk, service = await market(), Discord()
    async with AsyncExitStack() as stack:
        service.api = await stack.enter_async_context(service.serve())
        opened = open_discord(DISCORD_TOKEN, desk, draw, api_base=service.api, gateway=service.gateway.url)
        await stack.enter_async_context(opened)
        await seen(service.gateway.connected.is_set)
        yield DiscordFace(desk, service)


Opened = Callable[[], AbstractAsyncContextManager[Face]]
FACES: dict[str, Opened] = {"local": local, "telegram": telegram, "discord": discord}
