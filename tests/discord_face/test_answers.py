"""People ask on Discord: slash commands, buttons, selects, forms, suggestions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from bot.domain.assets import Asset
from bot.domain.charts import Chart
from bot.domain.chats import ChatSettings, SettingsChange
from bot.domain.posts import Destination
from handlers.commands import COMMANDS
from handlers.desk import About, Desk
from handlers.discord_face import DiscordFace
from handlers.speech import taught
from storage.memory import MemoryStore
from tests.discord_face.conftest import Opened, draw, until
from tests.discord_face.payloads import (
    ALERTS,
    BOT,
    DIRECT,
    FORUM,
    GUILD,
    MANAGE_GUILD,
    MANAGERS,
    MEMBER,
    POST,
    WRITE,
    channel,
    member,
    user,
)
from tests.discord_face.records import Fault
from tests.discord_face.server import Discord
from tests.handlers.october import NOW, SeenVenues
from tests.handlers.pseudo import Pseudo, marked

HERE = Destination("discord", ALERTS)
META = {"archived": False, "auto_archive_duration": 60, "archive_timestamp": "2025-10-10T00:00:00+00:00"}
COUNTS = {"owner_id": MEMBER, "message_count": 1, "member_count": 1}
CALLBACK = r"/interactions/\d+/[\w-]+/callback"
ORIGINAL = r"/webhooks/\d+/[\w-]+/messages/@original"


def words(message: dict[str, Any]) -> str:
    (embed,) = message["embeds"]
    return f"{embed.get('title', '')}\n{embed.get('description', '')}"


# --- offering ------------------------------------------------------------------------------------------


async def test_every_command_is_offered_within_discords_limits(face: DiscordFace, discord: Discord) -> None:
    assert {command["name"] for command in discord.commands} == set(COMMANDS)
    for command in discord.commands:
        assert 1 <= len(command["description"]) <= 100
        assert sorted(command["contexts"]) == [0, 1, 2]
        assert sorted(command["integration_types"]) == [0, 1]
        options = command["options"]
        assert len({option["name"] for option in options}) == len(options) <= 25
        required = [option["required"] for option in options]
        assert required == sorted(required, reverse=True)
        for option in options:
            assert option["name"].isalpha()
            assert option["name"].islower()
            assert 1 <= len(option["description"]) <= 100


async def test_commands_are_described_in_every_language(opened: Opened, discord: Discord) -> None:
    with taught("es", Pseudo()):
        async with opened():
            await until(lambda: discord.commands)
    chart = next(command for command in discord.commands if command["name"] == "chart")
    assert set(chart["description_localizations"]) == {"es-ES", "es-419", "ru", "tr", "zh-CN", "zh-TW"}
    for described in (chart, *chart["options"]):
        told = described["description_localizations"]
        assert told["es-ES"].startswith(marked(described["description"].rstrip(".")[:8]))
        assert not described.get("name_localizations")


async def test_a_server_is_answered_in_its_language_and_a_person_alone_in_theirs(
    face: DiscordFace, discord: Discord, desk: Desk
) -> None:
    with taught("es", Pseudo()), taught("tr", Pseudo()):
        data = {"id": "1", "name": "status", "type": 1, "options": []}
        in_server = await discord.interact(2, data, guild_locale="es-ES", locale="ru")
        assert marked("is watching") in words(await in_server.answer())
        later = await discord.interact(2, data, guild_locale="en-US", locale="en-US")
        assert marked("is watching") in words(await later.answer())
    assert (await desk.store.chats.settings(Destination("discord", ALERTS))).language == "es"


async def test_no_privileged_intent_is_asked_for(face: DiscordFace, discord: Discord) -> None:
    (identified,) = discord.gateway.identified
    assert identified["intents"] == 1


# --- commands ------------------------------------------------------------------------------------------


async def test_a_command_is_answered_at_once_for_all_to_see(face: DiscordFace, discord: Discord) -> None:
    asked = await discord.command("oi", coin="btc", period="24h")
    message = await asked.answer()
    assert asked.callback
    assert asked.callback["type"] == 4
    assert not asked.ephemeral
    assert "BTC" in words(message)
    assert asked.callback["data"]["allowed_mentions"] == {"parse": []}


async def test_a_mistake_is_answered_to_the_person_alone(face: DiscordFace, discord: Discord) -> None:
    asked = await discord.command("oi", coin="bct")
    assert "Did you mean **BTC**" in words(await asked.answer())
    assert asked.ephemeral


async def test_a_file_is_for_who_asked_alone(face: DiscordFace, discord: Discord) -> None:
    asked = await discord.command("export", what="waves", manager=True)
    assert (await asked.answer())["attachments"]
    assert asked.ephemeral


async def test_what_takes_longer_is_announced_and_then_filled_in(opened: Opened, discord: Discord) -> None:
    ready = asyncio.Event()

    async def slowly(chart: Chart) -> bytes:
        await ready.wait()
        return await draw(chart)

    async with opened(draw=slowly, defer_after_s=0.05):
        await discord.gateway.connected.wait()
        asked = await discord.command("wave", id="1a")
        async with asyncio.timeout(5):
            await asked.acknowledged.wait()
        assert asked.callback
        assert asked.callback["type"] == 5
        assert not asked.ephemeral
        assert not asked.done.is_set()
        ready.set()
        message = await asked.answer()
        assert message["attachments"][0]["filename"] == "wave.png"
        assert asked.files


async def test_slow_settings_are_announced_privately(
    opened: Opened, discord: Discord, store: MemoryStore
) -> None:
    ready = asyncio.Event()

    class SlowDesk(Desk):
        async def known(self) -> Sequence[Asset]:
            await ready.wait()
            return await super().known()

    about = About(version="0", started=NOW)
    slow = SlowDesk(store, SeenVenues(), lambda: NOW, about, wall=lambda: NOW)
    async with opened(desk=slow, defer_after_s=0.05):
        await discord.gateway.connected.wait()
        asked = await discord.command("settings")
        async with asyncio.timeout(5):
            await asked.acknowledged.wait()
        assert asked.callback
        assert asked.callback["type"] == 5
        assert asked.ephemeral
        ready.set()
        await asked.answer()


async def test_only_those_who_manage_the_server_change_settings(
    face: DiscordFace, discord: Discord, desk: Desk
) -> None:
    refused = await discord.command("subscribe", what="btc weekly")
    assert "Manage Server" in words(await refused.answer())
    assert refused.ephemeral
    assert not await desk.store.subscriptions.of(HERE)
    allowed = await discord.command("subscribe", what="btc weekly", manager=True)
    await allowed.answer()
    (subscription,) = await desk.store.subscriptions.of(HERE)
    assert subscription.assets == frozenset({Asset("BTC")})


async def test_the_role_that_a_chat_has_named_changes_settings_too(
    face: DiscordFace, discord: Discord, desk: Desk
) -> None:
    change = SettingsChange(destination=HERE, at=desk.wall(), who="owner", what="managers")
    await desk.store.chats.choose(ChatSettings(destination=HERE, manager_role=MANAGERS), change)
    await until(lambda: face.client and face.client.get_guild(int(GUILD)))
    data = {"id": "1", "name": "subscribe", "type": 1, "options": []}
    for roles, count in (((), 0), ((MANAGERS,), 1)):
        asked = await discord.interact(2, data, member=member(MEMBER, permissions=WRITE, roles=roles))
        await asked.answer()
        assert len(await desk.store.subscriptions.of(HERE)) == count


async def test_a_post_of_a_forum_is_a_topic_of_its_forum(
    face: DiscordFace, discord: Discord, desk: Desk
) -> None:
    thread = channel(POST, 11, "btc", parent_id=FORUM, thread_metadata=META, **COUNTS)
    data = {"id": "1", "name": "subscribe", "type": 1, "options": []}
    rights = member(MEMBER, permissions=WRITE | MANAGE_GUILD)
    asked = await discord.interact(2, data, channel=thread, channel_id=POST, member=rights)
    await asked.answer()
    assert await desk.store.subscriptions.of(Destination("discord", FORUM, POST))


async def test_everybody_is_master_of_a_direct_message(
    face: DiscordFace, discord: Discord, desk: Desk
) -> None:
    data = {"id": "1", "name": "subscribe", "type": 1, "options": []}
    asked = await discord.interact(
        2,
        data,
        guild_id=None,
        member=None,
        user=user(MEMBER),
        channel={"id": DIRECT, "type": 1, "recipients": [user(MEMBER)], "last_message_id": None},
        channel_id=DIRECT,
        context=1,
        authorizing_integration_owners={"0": "0", "1": MEMBER},
    )
    await asked.answer()
    assert await desk.store.subscriptions.of(Destination("discord", DIRECT))


async def test_where_the_bot_is_no_member_it_answers_but_takes_no_subscription(
    face: DiscordFace, discord: Discord, desk: Desk
) -> None:
    elsewhere: dict[str, Any] = {
        "guild_id": "9999",
        "authorizing_integration_owners": {"1": MEMBER},
        "member": member(MEMBER, permissions=WRITE | MANAGE_GUILD),
    }
    oi = await discord.interact(2, {"id": "1", "name": "oi", "type": 1, "options": []}, **elsewhere)
    assert "BTC" in words(await oi.answer())
    data = {"id": "1", "name": "subscribe", "type": 1, "options": []}
    refused = await discord.interact(2, data, **elsewhere)
    assert "not a member" in words(await refused.answer())
    assert not await desk.store.subscriptions.all()


@pytest.mark.parametrize("command", ["subscribe", "alerts", "start"])
async def test_missing_rights_are_said_where_alerts_are_spoken_of(
    face: DiscordFace, discord: Discord, command: str
) -> None:
    data = {"id": "1", "name": command, "type": 1, "options": []}
    rights = member(MEMBER, permissions=WRITE | MANAGE_GUILD)
    asked = await discord.interact(2, data, member=rights, app_permissions=str(WRITE & ~(1 << 14)))
    assert "No alert can come here before I have: Embed Links" in words(await asked.answer())


# --- suggestions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "option", "typed", "suggested"),
    [
        ("oi", "coin", "b", "btc"),
        ("oi", "period", "2", "24h"),
        ("wave", "id", "", "1a"),
        ("venues", "venue", "by", "bybit"),
        ("threshold", "what", "w", "W 2.9"),
        ("ping", "what", "", "monthly"),
        ("help", "command", "exp", "export"),
        ("language", "language", "рус", "ru"),
        ("timezone", "city", "new y", "America/New_York"),
        ("compare", "coins", "et", "btc eth"),
    ],
)
async def test_what_may_be_meant_is_suggested_while_typing(
    face: DiscordFace, discord: Discord, command: str, option: str, typed: str, suggested: str
) -> None:
    options = [{"name": option, "type": 3, "value": typed, "focused": True}]
    asked = await discord.interact(4, {"id": "1", "name": command, "type": 1, "options": options})
    await asked.answer()
    assert asked.callback
    assert asked.callback["type"] == 8
    choices = asked.callback["data"]["choices"]
    assert suggested in [choice["value"] for choice in choices]
    assert len(choices) <= 25


async def test_suggestions_are_in_the_language_that_was_chosen_there(
    face: DiscordFace, discord: Discord, desk: Desk
) -> None:
    await (await discord.command("language", manager=True, language="tr")).answer()
    options = [{"name": "id", "type": 3, "value": "", "focused": True}]
    with taught("tr", Pseudo()):
        data = {"id": "1", "name": "wave", "type": 1, "options": options}
        asked = await discord.interact(4, data, guild_locale="en-US", locale="en-US")
        await asked.answer()
    assert asked.callback
    (choice, *_) = asked.callback["data"]["choices"]
    assert marked("long flush") in choice["name"]


# --- faults --------------------------------------------------------------------------------------------


async def test_an_answer_that_arrived_twice_is_edited_instead(face: DiscordFace, discord: Discord) -> None:
    discord.fail("POST", CALLBACK, Fault(500, after=True))
    asked = await discord.command("help")
    await until(lambda: discord.asked("PATCH", ORIGINAL))
    assert len(discord.asked("POST", CALLBACK)) == 2, "the library repeats, and is told 40060"
    assert words(await asked.answer())


@pytest.mark.parametrize(("status", "code"), [(404, 10062), (404, 10015), (400, 50035), (403, 0)])
async def test_an_answer_that_is_refused_is_logged_and_the_next_one_works(
    face: DiscordFace, discord: Discord, caplog: pytest.LogCaptureFixture, status: int, code: int
) -> None:
    caplog.set_level("INFO")
    discord.fail("POST", CALLBACK, Fault(status, code))
    asked = await discord.command("help")
    await until(lambda: "no answer to /help" in caplog.text)
    assert asked.token not in caplog.text
    await (await discord.command("help")).answer()


async def test_a_fault_of_ours_is_logged_and_said(
    opened: Opened, discord: Discord, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: Chart) -> bytes:
        raise LookupError("no ink")

    async with opened(draw=broken):
        await discord.gateway.connected.wait()
        asked = await discord.command("wave", id="1a")
        assert "went wrong on my side" in words(await asked.answer())
        assert asked.ephemeral
        assert "no ink" in caplog.text


async def test_the_bot_knows_itself(face: DiscordFace) -> None:
    assert face.client
    assert face.client.user
    assert str(face.client.user.id) == BOT
