"""Whatever dies during the wave, every chat is told once and in time, and the index is the same number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.fleet.harness import CHATS, EVERYBODY, Fleet, Lines, fleet, prepare
from tests.nats_cluster import NODES, NatsCluster
from tests.postgres import Proxy, Server

FOUND_S, LATER_S, CUT_S = 90.0, 10.0, 15.0
OVER_S = 50.0
"""So long after all chats were told of the wave its end is told in all of them, where nothing goes wrong."""
SAME = 0.003


@pytest.fixture(scope="session")
def prepared(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    prepare(postgres, tmp_path_factory.mktemp("prepared"))
    return postgres


@asynccontextmanager
async def in_the_wave(one: Fleet) -> AsyncIterator[None]:
    """While it grows; what must hold in the end, however the block disturbed it."""
    loop = asyncio.get_running_loop()
    await one.see(lambda: one.everywhere("growing"), "the alert in every chat", FOUND_S)
    began = loop.time()
    yield
    await one.see(
        lambda: one.everywhere("over after"), "the end in every chat", began + OVER_S + LATER_S - loop.time()
    )
    last = (await one.wave()).revision
    await one.see(lambda: one.everywhere(f"rev {last} "), f"the last revision, {last}")
    index, coins = await one.fell()
    assert index == pytest.approx(coins, rel=SAME)
    assert await one.doubled() <= 0, str(one)
    assert all(len(one.told(chat)) <= 2 for chat in EVERYBODY)


async def answered_once(one: Fleet) -> None:
    """A person who asks is answered, by one process."""
    chat = CHATS[0]
    one.telegram.says(chat, "/status", person=chat)

    def answers() -> list[str]:
        shown = (str(m.get("text") or "") for m in one.telegram.shown(chat))
        return [text for text in shown if "is watching" in text]

    assert len(await one.see(answers, "the answer to /status", 25)) == 1


async def test_every_role_is_killed_in_turn(prepared: Server, nats: NatsCluster, tmp_path: Path) -> None:
    """The one that holds the role, not its stand-in; a second judge that waits is the rule here."""
    async with fleet(tmp_path, prepared, nats, "fleet_killed") as one:
        async with in_the_wave(one):
            for role in ("judge.0", "lane.telegram"):
                (await one.holder(role)).kill()
                await asyncio.sleep(2)
            one.members["collect-a"].kill()
            await answered_once(one)
        assert sum(member.starts for member in one.members.values()) == len(one.members) + 3


async def test_the_engines_fail(prepared: Server, nats: NatsCluster, tmp_path: Path) -> None:
    """The leader of the stream dies, and the database is started anew."""
    name = "fleet_engines"
    async with fleet(tmp_path, prepared, nats, name) as one:
        async with in_the_wave(one):
            node = await nats.leader(f"{name}-seen-0")
            nats.kill(node)
            await asyncio.sleep(3)
            await asyncio.to_thread(prepared.stop)
            prepared.start()
            await asyncio.sleep(3)
            nats.start(node)
            await answered_once(one)
        await nats.ready()
        codes = await asyncio.gather(*(member.stop() for member in one.members.values()))
        assert set(codes) == {0}, str(one)


async def test_who_judges_and_sends_is_cut_off(prepared: Server, nats: NatsCluster, tmp_path: Path) -> None:
    """It cannot know that it is alone: another takes over, and it says nothing when it is back."""
    async with AsyncExitStack() as networks:
        lines = {}
        for place, name in enumerate(("judge-a", "judge-b", "chats-a", "chats-b")):
            database = await networks.enter_async_context(Proxy(prepared.port))
            server = await networks.enter_async_context(Proxy(nats.ports[place % NODES]))
            lines[name] = Lines(database, server)
        async with fleet(tmp_path, prepared, nats, "fleet_cut", lines) as one, in_the_wave(one):
            judge, sender = await one.holder("judge.0"), await one.holder("lane.telegram")
            try:
                lines[judge.name].cut()
                lines[sender.name].cut()
                await asyncio.sleep(CUT_S)
                assert await one.holder("judge.0") is not judge
                assert await one.holder("lane.telegram") is not sender
            finally:
                lines[judge.name].mend()
                lines[sender.name].mend()
