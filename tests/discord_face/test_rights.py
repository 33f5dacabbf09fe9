"""Where the bot may not write: what is kept, who is told, and what brings it back."""

from __future__ import annotations

import asyncio
import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.deliver import Lane, Step
from bot.domain.assets import Asset
from bot.domain.chats import ChatSettings, SettingsChange
from bot.domain.posts import Destination, Post, Shown, Subscription
from bot.errors import DestinationGone, TryLater
from handlers.desk import Desk
from handlers.discord_face import DiscordFace
from handlers.speech import taught
from tests.discord_face.conftest import Opened, until
from tests.discord_face.payloads import (
    ALERTS,
    BOT,
    DIRECT,
    FORUM,
    GUILD,
    MANAGE_GUILD,
    MEMBER,
    OWNER,
    POST,
    SECRET,
    SEND,
    SYSTEM,
    WRITE,
    channel,
    guild,
    member,
    role,
)
from tests.discord_face.records import Fault, Request
from tests.discord_face.server import Discord
from tests.handlers.pseudo import Pseudo, marked
from tests.local import wave

AT = datetime(2025, 10, 10, tzinfo=UTC)
HERE = Destination("discord", ALERTS)
HIDDEN = Destination("discord", SECRET)
THREAD = Destination("discord", FORUM, POST)
MUTE = [{"id": GUILD, "type": 0, "allow": "0", "deny": str(SEND)}]
MESSAGES = r"/channels/\d+/messages"


async def subscribe(desk: Desk, place: Destination, *people: str) -> None:
    """In the name of each person, as the coins of one each."""
    for person in people or ("",):
        coins = frozenset({Asset(f"C{person}")}) if person else None
        await desk.store.subscriptions.add(
            Subscription(destination=place, assets=coins, created=AT, created_by=person)
        )


async def subscribed(desk: Desk, place: Destination) -> None:
    async with asyncio.timeout(5):
        while not await desk.store.subscriptions.of(place):  # noqa: ASYNC110 - a store has no events
            await asyncio.sleep(0.01)


async def known(face: DiscordFace) -> None:
    await until(lambda: face.client and face.client.get_guild(int(GUILD)))


def warnings(discord: Discord) -> list[Request]:
    every = discord.asked("POST", MESSAGES)
    return [asked for asked in every if "may not post" in asked.json["embeds"][0]["title"]]


def silent(number: str = GUILD) -> dict[str, Any]:
    """A server where the bot may write nowhere."""
    made = copy.deepcopy(guild(id=number))
    for each in made["channels"]:
        each["permission_overwrites"] = [{"id": number, "type": 0, "allow": "0", "deny": str(SEND)}]
    return made


@pytest.mark.parametrize("code", [50001, 50013])
async def test_missing_rights_are_told_elsewhere_once(face: DiscordFace, discord: Discord, code: int) -> None:
    await known(face)
    discord.fail("POST", f"/channels/{SECRET}/messages", Fault(403, code), Fault(403, code))
    for _ in range(2):
        with pytest.raises(DestinationGone):
            await face.send(HIDDEN, wave(1))
    await until(lambda: warnings(discord))
    await until(lambda: not face.tasks)
    (told,) = warnings(discord)
    assert told.path == f"/channels/{SYSTEM}/messages"
    assert f"<#{SECRET}>" in told.json["embeds"][0]["description"]


async def test_where_the_server_cannot_be_told_whoever_subscribed_is(
    face: DiscordFace, discord: Discord, desk: Desk
) -> None:
    await known(face)
    await subscribe(desk, HIDDEN, MEMBER, OWNER)
    discord.fail("POST", f"/channels/{SECRET}/messages", Fault(403, 50013))
    discord.fail("POST", f"/channels/{SYSTEM}/messages", Fault(403, 50013))
    discord.fail("POST", f"/channels/{DIRECT}/messages", Fault(403, 50007))
    with pytest.raises(DestinationGone):
        await face.send(HIDDEN, wave(1))
    await until(lambda: len(discord.asked("POST", "/users/@me/channels")) == 2)
    await until(lambda: not face.tasks)
    people = [str(asked.json["recipient_id"]) for asked in discord.asked("POST", "/users/@me/channels")]
    assert people == [MEMBER, OWNER], "the first takes no direct messages"
    last = warnings(discord)[-1]
    assert last.path == f"/channels/{DIRECT}/messages"
    assert "Traders" in last.json["embeds"][0]["description"]


async def test_they_are_told_in_that_chats_language_and_without_a_sound_where_it_wants_none(
    face: DiscordFace, discord: Discord, desk: Desk
) -> None:
    await known(face)
    there = Destination("discord", SYSTEM)
    home = ChatSettings(destination=there, language="tr", muted_until=desk.wall() + timedelta(hours=2))
    change = SettingsChange(destination=there, at=AT, who="1", what="mute")
    await desk.store.chats.choose(home, change)
    discord.fail("POST", f"/channels/{SECRET}/messages", Fault(403, 50013))
    with taught("tr", Pseudo()):
        with pytest.raises(DestinationGone):
            await face.send(HIDDEN, wave(1))
        await until(lambda: not face.tasks)
    (told,) = [asked for asked in discord.asked("POST", MESSAGES) if asked.path.split("/")[2] == SYSTEM]
    assert marked("I may not post") in told.json["embeds"][0]["title"]
    assert told.json["flags"] == 1 << 12


async def test_delivery_keeps_what_a_barred_channel_asked_for_and_asks_no_more(
    face: DiscordFace, discord: Discord, desk: Desk
) -> None:
    await known(face)
    await subscribe(desk, HIDDEN)
    discord.fail("POST", f"/channels/{SECRET}/messages", Fault(403, 50013))
    assert await settle(face, desk, HIDDEN) is Step.SEND
    assert not await desk.store.subscriptions.of(HIDDEN)
    assert not await desk.store.posts.claim("discord", datetime.max.replace(tzinfo=UTC), AT - AT, 9)
    assert await desk.store.chats.back(HIDDEN, AT) == 1


@pytest.mark.parametrize("code", [50001, 50013])
async def test_a_barred_thread_keeps_its_subscription_and_is_tried_hourly(
    face: DiscordFace, discord: Discord, desk: Desk, code: int
) -> None:
    await known(face)
    await subscribe(desk, THREAD)
    await subscribe(desk, Destination("discord", FORUM))
    discord.fail("POST", f"/channels/{POST}/messages", Fault(403, code), Fault(403, code))
    await settle(face, desk, THREAD)
    assert await desk.store.subscriptions.of(THREAD)
    assert await desk.store.subscriptions.of(Destination("discord", FORUM))
    with pytest.raises(TryLater) as raised:
        await face.send(THREAD, wave(1))
    assert raised.value.retry_after.total_seconds() == 3600
    await until(lambda: not face.tasks)
    (told,) = warnings(discord)
    assert f"<#{POST}>" in told.json["embeds"][0]["description"]
    assert "Send Messages in Threads" in told.json["embeds"][0]["description"]


async def settle(face: DiscordFace, desk: Desk, place: Destination) -> Step:
    async def present(_subject: str, _place: Destination) -> Shown:
        return Shown(revision=1, loud=1, over=False, card=wave(1), w=3.0)

    await desk.store.posts.want("1a", [place], revision=1, loud=1, size=3.0, now=AT)
    lane = Lane(face, desk.store, present, lambda: AT, lambda: AT)
    return await lane.settle(Post(subject="1a", destination=place, wanted=1, loud=1, not_before=AT))


@pytest.mark.parametrize("what", ["channel", "role", "roles of the bot"])
async def test_rights_that_come_back_bring_the_alerts_back(
    opened: Opened, discord: Discord, desk: Desk, what: str
) -> None:
    await desk.store.journal.keep(f"discord.met.{GUILD}", b"yes")
    await subscribe(desk, HERE)
    await desk.store.chats.leave(HERE, AT)
    mute = copy.deepcopy(guild())
    if what == "channel":
        mute["channels"][1]["permission_overwrites"] = MUTE
    else:
        mute["roles"] = [role(GUILD, "@everyone", WRITE & ~SEND), role("4444", "speaker", WRITE)]
    discord.gateway.ready[1] = ("GUILD_CREATE", mute)
    async with opened() as face:
        await known(face)
        if what == "channel":
            await discord.gateway.dispatch("CHANNEL_UPDATE", channel(ALERTS, 0, "alerts"))
        elif what == "role":
            changed = {"guild_id": GUILD, "role": role(GUILD, "@everyone", WRITE)}
            await discord.gateway.dispatch("GUILD_ROLE_UPDATE", changed)
        else:
            now = {"guild_id": GUILD, **member(BOT, roles=("4444",))}
            await discord.gateway.dispatch("GUILD_MEMBER_UPDATE", now)
        await subscribed(desk, HERE)


async def test_asking_where_the_bot_may_write_again_brings_the_alerts_back(
    face: DiscordFace, discord: Discord, desk: Desk
) -> None:
    await subscribe(desk, HERE)
    await desk.store.chats.leave(HERE, AT)
    rights = member(MEMBER, permissions=WRITE | MANAGE_GUILD)
    data = {"id": "1", "name": "start", "type": 1, "options": []}
    await (await discord.interact(2, data, member=rights, app_permissions=str(WRITE & ~SEND))).answer()
    assert not await desk.store.subscriptions.of(HERE), "still nothing can be sent there"
    await (await discord.interact(2, data, member=rights)).answer()
    assert await desk.store.subscriptions.of(HERE)


async def test_a_server_where_nothing_may_be_said_is_greeted_once_it_may(
    opened: Opened, discord: Discord
) -> None:
    discord.gateway.ready[1] = ("GUILD_CREATE", silent())
    async with opened() as face:
        await known(face)
        await until(lambda: not face.tasks)
        assert not discord.asked("POST", MESSAGES)
        for _ in range(2):
            await discord.gateway.dispatch("CHANNEL_UPDATE", channel(ALERTS, 0, "alerts"))
            await until(lambda: discord.asked("POST", f"/channels/{ALERTS}/messages"))
            shut = channel(ALERTS, 0, "alerts", permission_overwrites=MUTE)
            await discord.gateway.dispatch("CHANNEL_UPDATE", shut)
        await (await discord.command("help")).answer()
        await until(lambda: not face.tasks)
    assert len(discord.asked("POST", MESSAGES)) == 1


async def test_a_hello_that_did_not_get_through_is_said_later_and_once(
    opened: Opened, discord: Discord
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    discord.fail("POST", MESSAGES, Fault(503), Fault(503, after=True))
    async with opened(sleep=sleep) as face:
        await until(lambda: len(discord.asked("POST", MESSAGES)) == 3)
        await until(lambda: not face.tasks)
        await discord.gateway.dispatch("GUILD_CREATE", guild())
        await (await discord.command("help")).answer()
        await until(lambda: not face.tasks)
    assert waits == [15.0, 15.0]
    hellos = [m for m in discord.messages.values() if m["embeds"][0]["title"] == "Washout"]
    assert len(hellos) == 1
