"""Several processes on one bot: each part of the servers is heard by one, and IDENTIFY keeps its distance."""

from __future__ import annotations

import argparse
import asyncio

import discord as discordpy
import pytest

from bot.arguments import shards as read
from bot.fleet import SharedGate
from bot.ports import Locks
from handlers.discord_face.shards import Shards
from storage.locks import LocalLocks
from tests.discord_face.conftest import Opened, until
from tests.discord_face.server import Discord


class Hands:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._go = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self._go.wait()
        self._go.clear()

    def pass_by(self) -> None:
        self._go.set()


def gate(locks: Locks, part: str, hands: Hands | None = None) -> SharedGate:
    return SharedGate(locks, "discord.bot", part, sleep=(hands or Hands()).sleep)


async def test_one_of_two_processes_listens_and_the_other_when_that_is_gone(
    opened: Opened, discord: Discord
) -> None:
    locks = LocalLocks()
    async with opened(gate=gate(locks, "all")):
        await until(lambda: discord.gateway.identified)
        async with opened(gate=gate(locks, "all")) as second:
            await until(lambda: second.client is not None)
            assert len(discord.gateway.identified) == 1, "only the first is on the gateway"
            (held,) = await locks.holders()
            assert held.name == "discord.bot.shards.all"
    await until(lambda: not discord.gateway.session.wire or discord.gateway.session.wire.socket.closed)
    async with opened(gate=gate(locks, "all")):
        await until(lambda: len(discord.gateway.identified) == 2)


async def test_who_only_sends_opens_no_gateway(opened: Opened, discord: Discord) -> None:
    async with opened(gate=None) as face:
        await until(lambda: face.client is not None)
        assert not discord.gateway.identified
    assert not discord.asked("PUT", "/applications/.*/commands")


async def test_a_range_of_shards_is_opened_and_each_waits_for_its_turn(
    opened: Opened, discord: Discord
) -> None:
    locks, hands = LocalLocks(), Hands()
    async with opened(gate=gate(locks, "1-2/4", hands), shards=Shards(1, 2, 4)) as face:
        await until(lambda: len(discord.gateway.identified) == 1)
        await until(lambda: hands.asked == [5.0])
        hands.pass_by()
        await until(lambda: len(discord.gateway.identified) == 2)
        assert [said["shard"] for said in discord.gateway.identified] == [[1, 4], [2, 4]]
        client = face.client
        assert isinstance(client, discordpy.AutoShardedClient)
        await until(lambda: len(client.shards) == 2)
        hands.pass_by()
    assert not discord.asked("PUT", "/applications/.*/commands"), "whoever has shard 0 offers the commands"


async def test_two_processes_identify_one_after_the_other() -> None:
    locks, hands = LocalLocks(), Hands()
    one, other = gate(locks, "0-0/2", hands), gate(locks, "1-1/2", hands)
    await one.identify(0)
    waiting = asyncio.create_task(other.identify(0))
    await other.identify(1)
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done(), "another bucket went at once, this one waits for five seconds"
    hands.pass_by()
    await asyncio.sleep(0)
    hands.pass_by()
    async with asyncio.timeout(5):
        while not waiting.done():
            hands.pass_by()
            await asyncio.sleep(0)


def test_a_range_is_read() -> None:
    assert Shards(*read("0-3/16")).ids == [0, 1, 2, 3]
    assert read("5/16") == (5, 5, 16)
    for wrong in ("3-0/16", "0-16/16", "all", "0-3", "-1/3"):
        with pytest.raises(argparse.ArgumentTypeError, match="0-3/16"):
            read(wrong)
