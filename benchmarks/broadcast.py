"""A wave told to many Telegram chats: how fast, without one refusal, and what a person notices meanwhile.

    python -m benchmarks.broadcast [--chats 600] [--groups 60] [--full]

A Bot API in a process of its own answers after 50 ms and enforces the published limits: 1 message a second in
a chat, 20 a minute in a group, 30 a second overall, both as a bucket that forgives a burst and as a strict
window of one second. Ours is the real face over the real library and HTTP; beside it the library's own
``AIORateLimiter``, told at once of every chat, as one would with it.
``--full`` is 3,000 chats and 300 groups, and takes about seven minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing as mp
import statistics
import sys
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

from aiohttp import ClientSession, web
from telegram.ext import AIORateLimiter, ExtBot

from bot.domain.cards import Card, Line
from bot.domain.posts import Destination
from bot.errors import DeliveryError, TryLater
from bot.platforms import TelegramSettings
from bot.running import running
from handlers.desk import About, Desk
from handlers.telegram import open_telegram
from handlers.telegram.faults import Wire
from handlers.telegram.render import message_html
from storage.memory import MemoryStore

TOKEN = "1:broadcast"  # noqa: S105
LATENCY_S = 0.05
A_SECOND, CHAT_A_SECOND, GROUP_A_MINUTE = 30, 1, 20
IN_HAND = 64
"""Posts that delivery has in hand at one time."""
ASK_EVERY_S = 0.5
CARD = Card(
    title="BTC long flush · W 3.6 and growing",
    lines=(Line("**−41,200 BTC of open interest closed (−9.9 %)** in 19 min"), Line("Price −6.7 %")),
    footer="`/wave 1a` · rev 4",
)


# --- the server ------------------------------------------------------------------------------------------


class Window:
    """At most ``most`` within ``span_s``, counted strictly."""

    def __init__(self, most: int, span_s: float) -> None:
        self.most, self.span_s, self.taken = most, span_s, deque[float]()

    def take(self, now: float) -> float:
        """0.0 when taken, else how many seconds are missing."""
        while self.taken and self.taken[0] <= now - self.span_s:
            self.taken.popleft()
        if len(self.taken) >= self.most:
            return self.taken[0] + self.span_s - now
        self.taken.append(now)
        return 0.0


class Bucket:
    """``rate`` a second on average; a full bucket forgives a burst of as many."""

    def __init__(self, rate: int) -> None:
        self.rate, self.level, self.at = rate, float(rate), 0.0

    def take(self, now: float) -> float:
        self.level = min(self.rate, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level < 1:
            return (1 - self.level) / self.rate
        self.level -= 1
        return 0.0


@dataclass
class Server:
    """One Bot API. ``strict`` chooses how the limit over all chats is read."""

    strict: bool
    sent: int = 0
    refused: int = 0
    refused_overall: int = 0
    over_at_once: int = 0
    per_chat: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    answered_at: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.all: Window | Bucket = Window(A_SECOND, 1.0) if self.strict else Bucket(A_SECOND)
        self.chats: dict[str, Window] = {}
        self.in_flight: set[str] = set()
        self.updates: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.asked_at: dict[str, float] = {}
        self.number = 0

    async def answer(self, request: web.Request) -> web.Response:
        method, data = request.match_info["method"], await request.post()
        match method:
            case "getMe":
                return _ok({"id": 1, "is_bot": True, "first_name": "W", "username": "washout_bot"})
            case "getUpdates":
                return _ok([await self.updates.get()])
            case "sendMessage" | "editMessageText":
                return await self._message(str(data["chat_id"]))
            case _:
                return _ok(result=True)

    async def _message(self, chat: str) -> web.Response:
        now = time.monotonic()
        self.over_at_once += chat in self.in_flight
        wait_s = self.all.take(now)
        self.refused_overall += bool(wait_s)
        wait_s = wait_s or self._chat(chat).take(now)
        if wait_s:
            self.refused += 1
            seconds = max(1, round(wait_s + 0.5))
            told = {
                "description": f"Too Many Requests: retry after {seconds}",
                "parameters": {"retry_after": seconds},
            }
            return web.json_response({"ok": False, "error_code": 429, **told}, status=429)
        self.in_flight.add(chat)
        await asyncio.sleep(LATENCY_S)
        self.in_flight.discard(chat)
        self.sent += 1
        self.per_chat[chat] += 1
        if chat in self.asked_at:
            self.answered_at[chat] = time.monotonic() - self.asked_at.pop(chat)
        self.number += 1
        return _ok(
            {"message_id": self.number, "date": 1, "chat": {"id": int(chat), "type": "private"}, "text": "x"}
        )

    def _chat(self, chat: str) -> Window:
        if chat not in self.chats:
            group = chat.startswith("-")
            self.chats[chat] = Window(GROUP_A_MINUTE, 60.0) if group else Window(CHAT_A_SECOND, 1.0)
        return self.chats[chat]

    async def ask(self, request: web.Request) -> web.Response:
        """For the benchmark: a person says something in a chat of their own."""
        chat = int(request.match_info["chat"])
        self.number += 1
        self.asked_at[str(chat)] = time.monotonic()
        person = {"id": chat, "is_bot": False, "first_name": "P"}
        place = {"id": chat, "type": "private", "first_name": "P"}
        message = {"message_id": self.number, "date": 1, "chat": place, "from": person, "text": "/status"}
        self.updates.put_nowait({"update_id": self.number, "message": message})
        return web.Response()

    async def figures(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "sent": self.sent,
                "refused": self.refused,
                "refused_overall": self.refused_overall,
                "over_at_once": self.over_at_once,
                "per_chat": self.per_chat,
                "answers_s": list(self.answered_at.values()),
            }
        )


def _ok(result: object) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _serve(pipe: Connection, *, strict: bool) -> None:
    async def main() -> None:
        server, app = Server(strict), web.Application()
        app.router.add_post("/bot{token:[^/]+}/{method}", server.answer)
        app.router.add_post("/ask/{chat}", server.ask)
        app.router.add_get("/figures", server.figures)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        pipe.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(main())


@asynccontextmanager
async def serving(*, strict: bool) -> AsyncIterator[str]:
    context = mp.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), kwargs={"strict": strict}, daemon=True)
    process.start()
    port = await asyncio.to_thread(ours.recv)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await asyncio.to_thread(process.join)


async def figures(address: str) -> dict[str, Any]:
    async with ClientSession() as client, client.get(f"{address}/figures") as answer:
        found: dict[str, Any] = json.loads(await answer.read())
        return found


# --- the senders -----------------------------------------------------------------------------------------

Send = Callable[[str], Awaitable[None]]


async def broadcast(chats: list[str], send: Send, at_once: int) -> float:
    """Seconds until every chat is told; ``at_once`` in hand, as delivery does it."""
    waiting = iter(chats)

    async def work() -> None:
        for chat in waiting:
            await send(chat)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(at_once)))
    return time.perf_counter() - began


class NoSources:
    def sources(self) -> list[Any]:
        return []


@asynccontextmanager
async def our_face(address: str) -> AsyncIterator[Send]:
    def now() -> datetime:
        return datetime.now(UTC)

    async def draw(_: object) -> bytes:
        return b""

    store = MemoryStore()
    desk = Desk(store, NoSources(), now, About("bench", now()), wall=now)
    async with open_telegram(TelegramSettings(api_base=address), TOKEN, desk, store, draw, wall=now) as face:

        async def send(chat: str) -> None:
            while True:
                try:
                    await face.send(Destination("telegram", chat), CARD)
                except TryLater as later:
                    await asyncio.sleep(later.retry_after.total_seconds())
                except DeliveryError as fault:
                    raise SystemExit(f"a send failed: {fault}") from fault
                else:
                    return

        async with running(face.listen()):
            yield send


@asynccontextmanager
async def their_limiter(address: str) -> AsyncIterator[Send]:
    limiter = AIORateLimiter(max_retries=50)
    bot = ExtBot(TOKEN, base_url=f"{address}/bot", request=Wire(256), rate_limiter=limiter)
    async with bot:

        async def send(chat: str) -> None:
            await bot.send_message(chat, message_html(CARD), parse_mode="HTML")

        yield send


async def ask_for(address: str, first: int, *, during: Awaitable[float] | None = None) -> list[float]:
    """People ask, each in a chat of their own from ``first`` on, 40 of them or for as long as ``during``
    takes; seconds for every answer so far."""
    until = asyncio.ensure_future(during) if during is not None else None
    async with ClientSession() as client:
        for chat in range(first, first + (40 if until is None else 10_000)):
            if until is not None and until.done():
                break
            await client.post(f"{address}/ask/{chat}")
            await asyncio.sleep(0.2 if until is None else ASK_EVERY_S)
    await asyncio.sleep(0.5)
    return list((await figures(address))["answers_s"])


def p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


# --- the runs --------------------------------------------------------------------------------------------


async def ours(chats: int, *, strict: bool) -> tuple[bool, float]:
    """Prints one line. Whether it kept its promise, and the 99th percentile of answers in milliseconds."""
    async with serving(strict=strict) as address, our_face(address) as send:
        alone = (await ask_for(address, 800_000_000))[5:]  # without the first, which are cold
        names = [str(1000 + number) for number in range(chats)]
        task = asyncio.ensure_future(broadcast(names, send, IN_HAND))
        meanwhile = (await ask_for(address, 900_000_000, during=task))[40:]
        took_s, seen = await task, await figures(address)
    ideal_s = (chats + len(meanwhile)) / A_SECOND  # people's answers are messages too
    ratio, slower = took_s / ideal_s, p99(meanwhile) / p99(alone)
    kept = ratio <= 1.03 and not seen["refused"] and not seen["over_at_once"] and slower <= 2
    print(
        f"ours            {_reading(strict)}  {took_s:6.1f} s = {ratio:.3f} × N/30 (limit 1.03)  "
        f"429s {seen['refused']}  person p99 {p99(alone) * 1000:.0f} → {p99(meanwhile) * 1000:.0f} ms "
        f"= {slower:.2f} × (limit 2)  {'ok' if kept else 'MISSED'}",
        flush=True,
    )
    return kept, p99(meanwhile) * 1000


async def theirs(chats: int, *, strict: bool) -> None:
    """Every chat at once, as one would with it, and a person in the middle of the queue."""
    async with serving(strict=strict) as address, their_limiter(address) as send:
        waits: list[float] = []

        async def person() -> None:
            for number in range(8):
                began = time.perf_counter()
                await send(str(900_000_000 + number))
                waits.append(time.perf_counter() - began)
                await asyncio.sleep(ASK_EVERY_S)

        names = [str(1000 + number) for number in range(chats)]
        task = asyncio.ensure_future(broadcast(names, send, chats))
        await asyncio.sleep(0.1)
        asking = asyncio.ensure_future(person())
        took_s = await task
        asking.cancel()
        seen = await figures(address)
    worst = f"{max(waits):.1f} s" if waits else "as long as the broadcast"
    refused = seen["refused"] / (seen["refused"] + seen["sent"])
    print(
        f"AIORateLimiter  {_reading(strict)}  {took_s:6.1f} s = {took_s * A_SECOND / chats:.3f} × N/30"
        f"               429s {seen['refused']} ({refused:.0%} of requests)  person waits {worst}",
        flush=True,
    )


async def groups(count: int, seconds: float) -> bool:
    """Every group always has more to be told: none over its limit, none starved."""
    async with serving(strict=True) as address, our_face(address) as send:

        async def keep_telling(chat: str) -> None:
            while True:
                await send(chat)

        names = [f"-{1000 + number}" for number in range(count)]
        tasks = [asyncio.ensure_future(keep_telling(name)) for name in names]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        seen = await figures(address)
    told = [seen["per_chat"].get(name, 0) for name in names]
    kept = not seen["refused"] and max(told) - min(told) <= 2
    print(
        f"{count} groups, {seconds:.0f} s: {min(told)}–{max(told)} messages each, median "
        f"{statistics.median(told):.0f}, 429s {seen['refused']} ({seen['refused_overall']} overall)  "
        f"{'ok' if kept else 'MISSED'}",
        flush=True,
    )
    return kept


def _reading(strict: bool) -> str:
    return "strict second" if strict else "bucket       "


async def main(chats: int, group_count: int, *, full: bool) -> int:
    print(f"{chats} private chats, answers after {LATENCY_S * 1000:.0f} ms, {A_SECOND} a second overall")
    kept = [(await ours(chats, strict=strict))[0] for strict in (False, True)]
    for strict in (False, True):
        await theirs(min(chats, 1000), strict=strict)
    kept.append(await groups(group_count, 130.0 if full else 70.0))
    kept.append(await groups(10, 70.0))
    return 0 if all(kept) else 1


if __name__ == "__main__":
    read = argparse.ArgumentParser()
    read.add_argument("--chats", type=int, default=600)
    read.add_argument("--groups", type=int, default=60)
    read.add_argument("--full", action="store_true")
    said = read.parse_args()
    sizes = (3000, 300) if said.full else (said.chats, said.groups)
    sys.exit(asyncio.run(main(*sizes, full=said.full)))
