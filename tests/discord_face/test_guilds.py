"""Servers come and go, lines break: what stays true."""

from __future__ import annotations

import asyncio
import copy
import logging
from datetime import UTC, datetime

import pytest

from bot.domain.posts import Destination, Subscription
from handlers.desk import Desk
from handlers.discord_face import DiscordFace
from tests.discord_face.conftest import Opened, until
from tests.discord_face.gateway import INVALID, RECONNECT
from tests.discord_face.payloads import ALERTS, FORUM, GUILD, POST, SYSTEM, WRITE, channel, guild, role
from tests.discord_face.records import TOKEN
from tests.discord_face.server import Discord

HERE = Destination("discord", ALERTS)
THREAD = Destination("discord", FORUM, POST)
HELLO = f"/channels/{SYSTEM}/messages"
AT = datetime(2025, 10, 10, tzinfo=UTC)


async def subscribe(desk: Desk, *places: Destination) -> None:
    for place in places:
        await desk.store.subscriptions.add(Subscription(destination=place, created=AT))


async def subscribed(desk: Desk, place: Destination, expected: bool = True) -> None:
    """Wait until a place is subscribed, or is not any more."""
    async with asyncio.timeout(5):
        while bool(await desk.store.subscriptions.of(place)) is not expected:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def known(face: DiscordFace) -> None:
    await until(lambda: face.client and face.client.get_guild(int(GUILD)))


async def test_a_server_is_greeted_once_in_its_system_channel(opened: Opened, discord: Discord) -> None:
    async with opened():
        await until(lambda: discord.asked("POST", HELLO))
    other = copy.deepcopy(guild(id="3900", system_channel_id="3901"))
    other["channels"] = [channel("3901", 0, "general", guild_id="3900")]
    other["roles"] = [role("3900", "@everyone", WRITE)]
    async with opened() as face:
        await known(face)
        await discord.gateway.dispatch("GUILD_CREATE", other)  # greeted after the first would have been
        await until(lambda: discord.asked("POST", "/channels/3901/messages"))
    (hello,) = discord.asked("POST", HELLO)
    (row,) = hello.json["components"]
    assert [c["custom_id"] for c in row["components"]] == [
        "say:/subscribe historic",
        "say:/subscribe big",
        "say:/subscribe notable",
    ]
    assert hello.files


async def test_a_server_without_a_system_channel_is_greeted_where_it_may_be(
    opened: Opened, discord: Discord
) -> None:
    private = copy.deepcopy(guild(system_channel_id=None))
    private["channels"] = [private["channels"][3], private["channels"][1]]
    discord.gateway.ready[1] = ("GUILD_CREATE", private)
    async with opened():
        await until(lambda: discord.asked("POST", f"/channels/{ALERTS}/messages"))


async def test_removed_puts_aside_and_added_again_restores(
    face: DiscordFace, discord: Discord, desk: Desk
) -> None:
    elsewhere = Destination("discord", "7777")
    await subscribe(desk, HERE, elsewhere)
    await known(face)
    await discord.gateway.dispatch("GUILD_DELETE", {"id": GUILD})
    await subscribed(desk, HERE, False)
    assert await desk.store.subscriptions.of(elsewhere)
    added = {key: value for key, value in guild().items() if key != "unavailable"}
    await discord.gateway.dispatch("GUILD_CREATE", added)
    await until(lambda: discord.asked("POST", HELLO))
    assert await desk.store.subscriptions.of(HERE)
    assert "I am back, and 1 subscription with me" in str(discord.asked("POST", HELLO)[-1])


async def test_an_outage_is_not_a_removal(face: DiscordFace, discord: Discord, desk: Desk) -> None:
    await subscribe(desk, HERE)
    await known(face)
    await discord.gateway.dispatch("GUILD_DELETE", {"id": GUILD, "unavailable": True})
    await discord.gateway.dispatch("GUILD_CREATE", guild())
    await (await discord.command("help")).answer()
    assert await desk.store.subscriptions.of(HERE)
    assert not discord.asked("POST", HELLO)


async def test_a_deleted_channel_is_left(face: DiscordFace, discord: Discord, desk: Desk) -> None:
    await subscribe(desk, HERE, THREAD)
    await known(face)
    await discord.gateway.dispatch("CHANNEL_DELETE", channel(ALERTS, 0, "alerts"))
    await subscribed(desk, HERE, False)
    assert await desk.store.subscriptions.of(THREAD)


async def test_a_deleted_thread_leaves_its_channel_alone(
    face: DiscordFace, discord: Discord, desk: Desk
) -> None:
    whole = Destination("discord", FORUM)
    await subscribe(desk, THREAD, whole)
    await known(face)
    gone = {"id": POST, "guild_id": GUILD, "parent_id": FORUM, "type": 11}
    await discord.gateway.dispatch("THREAD_DELETE", gone)
    await subscribed(desk, THREAD, False)
    assert await desk.store.subscriptions.of(whole)


# --- the gateway ---------------------------------------------------------------------------------------


async def test_a_cut_line_is_resumed_and_what_was_missed_is_answered(
    face: DiscordFace, discord: Discord
) -> None:
    await discord.gateway.cut()
    asked = await discord.command("help")  # said while the line is down
    await asked.answer()
    assert len(discord.gateway.identified) == 1
    assert len(discord.gateway.resumed) == 1


@pytest.mark.parametrize("how", ["reconnect", "resumable", "closed"])
async def test_what_can_be_resumed_is_resumed(face: DiscordFace, discord: Discord, how: str) -> None:
    if how == "reconnect":
        await discord.gateway.send(RECONNECT)
    elif how == "resumable":
        await discord.gateway.send(INVALID, True)
    else:
        await discord.gateway.close(4000)
    await until(lambda: discord.gateway.resumed)
    await (await discord.command("help")).answer()
    assert len(discord.gateway.identified) == 1


async def test_a_session_that_became_invalid_begins_anew(face: DiscordFace, discord: Discord) -> None:
    """The library waits 5 s before it identifies again, as Discord asks."""
    session = discord.gateway.session
    discord.gateway.sessions.clear()
    assert session.wire
    await session.wire.socket.close(code=4000)
    await until(lambda: discord.gateway.sessions, within_s=10)
    assert len(discord.gateway.resumed) == 1, "the resume was refused with op 9"
    assert len(discord.gateway.identified) == 2
    await (await discord.command("help")).answer()


async def test_an_event_that_the_library_cannot_read_costs_the_connection_and_no_more(
    opened: Opened, discord: Discord, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(sleep=lambda _: asyncio.sleep(0)) as face:
        await known(face)
        await discord.gateway.dispatch("INTERACTION_CREATE", {"id": "1"})
        await until(lambda: len(discord.gateway.sessions) == 2)
        await (await discord.command("help")).answer()
    assert "cannot read" in caplog.text


async def test_no_token_reaches_the_log(
    opened: Opened, discord: Discord, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with opened() as face:
        await known(face)
        asked = await discord.command("oi", coin="btc")
        await asked.answer()
        await discord.gateway.cut()
        again = await discord.command("help")
        await again.answer()
    for secret in (TOKEN, asked.token, again.token):
        assert secret not in caplog.text
