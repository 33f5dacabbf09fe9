"""Whatever dies during the wave, every chat is told once and in time, and the index is the same number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.fleet.harness import APART, CHATS, EVERYBODY, Done, Fleet, fleet, next_release, prepare
from tests.fleet.members import Lines
from tests.nats_cluster import NODES, NatsCluster
from tests.postgres import Proxy, Server

FOUND_S, LATER_S = 90.0, 10.0
GONE_S, CUT_S = 3.0, 15.0
OVER_S = 50.0
"""So long after all chats were told of the wave its end is told in all of them, where nothing goes wrong."""
MOMENT = 0.002
"""Another process asks a venue at another moment: so far the market moves in between."""


@pytest.fixture(scope="session")
def prepared(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    prepare(postgres, tmp_path_factory.mktemp("prepared"))
    return postgres


@pytest.fixture(scope="module")
def undisturbed(prepared: Server, nats: NatsCluster, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """What every other run is compared with."""

    async def run() -> Done:
        async with fleet(tmp_path_factory.mktemp("undisturbed"), prepared, nats, "fleet_calm") as one:
            await one.see(lambda: one.everywhere("growing"), "the alert in every chat", FOUND_S)
            done = await one.done(OVER_S + LATER_S)
            assert await one.doubled() == 0
            assert all(member.starts == 1 for member in one.members.values())
            assert await one.differ() == [], "of a wave that many told and one judged, all is computed again"
            return done

    with ThreadPoolExecutor(1) as aside:
        return aside.submit(lambda: asyncio.run(run())).result()


@asynccontextmanager
async def in_the_wave(one: Fleet, undisturbed: Done) -> AsyncIterator[None]:
    """While it grows; what must hold in the end, however the block disturbed it."""
    await one.see(lambda: one.everywhere("growing"), "the alert in every chat", FOUND_S)
    await one.noted()
    yield
    done = await one.done(OVER_S + LATER_S)
    for chat, calm_s in undisturbed.at_s.items():
        assert done.at_s[chat] - calm_s <= LATER_S, f"{chat} was told late\n{one}"
    assert done.index == pytest.approx(done.coins, rel=1e-9), "no venue's part is lost, and none counts twice"
    pictured, alone = await one.judged_alone()
    assert pictured == pytest.approx(alone, abs=1e-12), "what one judge makes of the same readings"
    assert done.index == pytest.approx(undisturbed.index, rel=MOMENT)
    assert await one.doubled() <= 0, str(one)
    assert all(len(one.told(chat)) <= 2 for chat in EVERYBODY)
    assert list(one.hasty()) == [], "processes that speak to one chat do so a second apart"


@asynccontextmanager
async def gone(nats: NatsCluster, node: int) -> AsyncIterator[None]:
    """A server of the stream is killed, and is back after the block."""
    nats.kill(node)
    try:
        await asyncio.sleep(GONE_S)
        yield
    finally:
        nats.start(node)
        await nats.ready()


async def answered_once(one: Fleet) -> None:
    """A person who asks is answered, by one process."""
    chat = CHATS[0]
    one.telegram.says(chat, "/status", person=chat)

    def answers() -> list[str]:
        shown = (str(m.get("text") or "") for m in one.telegram.shown(chat))
        return [text for text in shown if "is watching" in text]

    assert len(await one.see(answers, "the answer to /status", 25)) == 1


async def test_every_role_is_killed_beside_a_next_release_and_a_second_fleet_started_by_mistake(
    prepared: Server, nats: NatsCluster, tmp_path: Path, undisturbed: Done
) -> None:
    """The one that holds the role, not its stand-in; it starts again over a schema newer than its own."""
    async with fleet(tmp_path, prepared, nats, "fleet_killed", shares=APART) as one:
        async with in_the_wave(one, undisturbed), next_release(one):
            one.start("twin", ("collect", "judge", "deliver", "talk", "page"))
            for member in [await one.holder(role) for role in ("judge.0", "lane.telegram")]:
                member.kill()
            collects = one.members["collect-a"]
            collects.kill()
            front = await one.holder("telegram.poll")  # it talks and has a page
            front.kill()
            await answered_once(one)
        starts = {name: member.starts for name, member in one.members.items()}
        assert sum(starts.values()) == len(starts) + 4, starts


async def test_the_engines_fail(
    prepared: Server, nats: NatsCluster, tmp_path: Path, undisturbed: Done
) -> None:
    """The leader of the stream dies, the database is started anew, then another server of the stream dies."""
    name = "fleet_engines"
    async with fleet(tmp_path, prepared, nats, name) as one:
        async with in_the_wave(one, undisturbed):
            async with gone(nats, await nats.leader(f"{name}-seen-0")):
                await asyncio.to_thread(prepared.stop)
                prepared.start()
                await asyncio.sleep(GONE_S)
            leader = await nats.leader(f"{name}-seen-0")
            async with gone(nats, next(other for other in range(NODES) if other != leader)):
                pass
            await answered_once(one)
        codes = await asyncio.gather(*(member.stop() for member in one.members.values()))
        assert set(codes) == {0}, str(one)


async def test_who_judges_and_sends_is_cut_off(
    prepared: Server, nats: NatsCluster, tmp_path: Path, undisturbed: Done
) -> None:
    """It cannot know that it is alone: another takes over, and it says nothing when it is back."""
    async with AsyncExitStack() as networks:
        lines = {}
        for place, name in enumerate(("judge-a", "judge-b", "chats-a", "chats-b")):
            database = await networks.enter_async_context(Proxy(prepared.port))
            server = await networks.enter_async_context(Proxy(nats.ports[place % NODES]))
            lines[name] = Lines(database, server)
        async with fleet(tmp_path, prepared, nats, "fleet_cut", lines) as one, in_the_wave(one, undisturbed):
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
