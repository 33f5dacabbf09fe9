"""What Telegram's calls of a webhook become: each person is answered once, whichever process is called."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientSession, web

from bot.running import running
from handlers.telegram import Face
from handlers.telegram.inbox import AGAIN_S, CLAIMED, SECRET_HEADER
from tests.handlers.october import NOW
from tests.telegram.conftest import PRIVATE, Opened
from tests.telegram.server import BotApi

HOOK = "https://bot.example/telegram"
SECRET = "known-to-two"


@asynccontextmanager
async def reachable(face: Face) -> AsyncIterator[str]:
    """The webhook behind a port of its own."""
    app = web.Application(client_max_size=100)
    app.router.add_post(face.inbox.webhook_path, face.inbox.webhook)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}{urlsplit(HOOK).path}"
    finally:
        await runner.cleanup()


def proxy() -> ClientSession:
    return ClientSession(headers={SECRET_HEADER: SECRET})


async def test_a_webhook_takes_updates_from_telegram_alone(opened: Opened, api: BotApi) -> None:
    async with opened("webhook", HOOK, secret=SECRET) as face, reachable(face) as address:
        update = api.says(PRIVATE, "/status")
        async with running(face.listen()), ClientSession() as client:
            await api.until(lambda: api.webhook.get("url"))
            assert api.webhook["secret_token"] == SECRET
            for secret, body, code in (
                ("", update, 403),
                ("another", update, 403),
                (SECRET, "no update", 400),
                (SECRET, {"no": "update"}, 400),
                (SECRET, ["no update"], 400),
                (SECRET, {"update_id": 1, "message": {"of": "another kind"}}, 200),
                (SECRET, update, 200),
            ):
                sent = body if isinstance(body, str) else json.dumps(body)
                async with client.post(address, data=sent, headers={SECRET_HEADER: secret}) as answer:
                    assert answer.status == code
            await api.until(lambda: api.shown(PRIVATE))
    assert not api.of("getUpdates")


async def test_answerers_behind_one_proxy_answer_each_update_once(opened: Opened, api: BotApi) -> None:
    """As a proxy passes calls on: to one after the other, and again where an answer was lost on its way."""
    async with (
        opened("webhook", HOOK, secret=SECRET) as one,
        opened("webhook", HOOK, secret=SECRET) as other,
        reachable(one) as first,
        reachable(other) as second,
        running(one.listen(), other.listen()),
        proxy() as session,
    ):
        chats = range(PRIVATE + 1, PRIVATE + 9)
        for chat, address in zip(chats, cycle([first, second]), strict=False):
            api.chat(chat)
            update = api.says(chat, "/help")
            for to in (address, address, first, second):
                async with session.post(to, json=update) as answer:
                    assert answer.status == 200
        last = chats[-1]
        async with session.post(second, json=api.says(last, "/status")) as answer:
            assert answer.status == 200
    assert [len(api.shown(chat)) for chat in chats[:-1]] == [1] * 7
    assert len(api.shown(last)) == 2


async def called(session: ClientSession, address: str, update: dict[str, Any]) -> tuple[int, str | None]:
    async with asyncio.timeout(5), session.post(address, json=update) as answer:
        return answer.status, answer.headers.get("Retry-After")


async def test_what_is_brought_twice_at_once_is_answered_once_and_both_calls_learn_it(
    opened: Opened, api: BotApi
) -> None:
    api.latency_s = 0.05
    async with (
        opened("webhook", HOOK, secret=SECRET) as face,
        reachable(face) as address,
        running(face.listen()),
        proxy() as session,
    ):
        update = api.says(PRIVATE, "/help")
        said = await asyncio.gather(*(called(session, address, update) for _ in range(3)))
        assert said == [(200, None)] * 3
        assert len(api.shown(PRIVATE)) == 1, "the call ends when the person is answered"


async def test_an_update_whose_answerer_died_is_answered_by_another_and_not_before(
    opened: Opened, api: BotApi
) -> None:
    now = NOW
    async with (
        opened("webhook", HOOK, secret=SECRET, wall=lambda: now) as one,
        opened("webhook", HOOK, secret=SECRET, wall=lambda: now) as other,
        reachable(one) as first,
        reachable(other) as second,
        running(other.listen()),
        proxy() as session,
    ):
        dying = asyncio.create_task(one.listen())
        await api.until(lambda: len(api.of("setWebhook")) == 2)
        begun = asyncio.Event()

        async def slow() -> bool:
            begun.set()
            await asyncio.Event().wait()
            return True

        to = {"chat_id": PRIVATE}
        before = asyncio.create_task(one.pacer.process_request(slow, (), {}, "sendMessage", to, None))
        await begun.wait()
        update = api.says(PRIVATE, "/help")
        call = asyncio.create_task(called(session, first, update))
        await api.until(lambda: any(turn.chat == str(PRIVATE) for turn in one.pacer._waiting))
        assert await called(session, second, update) == (503, str(AGAIN_S)), "it is being answered"
        dying.cancel()
        assert await call == (503, str(AGAIN_S))
        assert await called(session, second, update) == (503, str(AGAIN_S)), "who has it may only be slow"
        assert not api.shown(PRIVATE)
        now += CLAIMED + timedelta(seconds=1)
        assert await called(session, second, update) == (200, None)
        assert len(api.shown(PRIVATE)) == 1
        before.cancel()
        await asyncio.gather(dying, before, return_exceptions=True)


async def test_what_waits_when_a_process_stops_is_left_for_another(opened: Opened, api: BotApi) -> None:
    now, update = NOW, api.says(PRIVATE, "/help")
    async with opened("webhook", HOOK, secret=SECRET) as face, reachable(face) as address, proxy() as session:
        async with running(face.listen()):
            await api.until(lambda: api.webhook.get("url"))
            face.stop_waiting()
            assert await called(session, address, update) == (503, str(AGAIN_S))
        assert await called(session, address, api.says(PRIVATE, "/help")) == (503, str(AGAIN_S))
    assert not api.shown(PRIVATE)
    now += CLAIMED
    async with (
        opened("webhook", HOOK, secret=SECRET, wall=lambda: now) as face,
        reachable(face) as address,
        running(face.listen()),
        proxy() as session,
    ):
        assert await called(session, address, update) == (200, None)
    assert len(api.shown(PRIVATE)) == 1
