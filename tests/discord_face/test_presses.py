"""Buttons, selects and forms on Discord: pressed by those who may, and by others."""

from __future__ import annotations

from typing import Any

from bot.domain.chats import RolePing
from bot.domain.posts import Destination
from handlers.desk import Desk
from handlers.discord_face import DiscordFace
from tests.discord_face.conftest import Opened, until
from tests.discord_face.payloads import (
    ALERTS,
    BOT,
    MANAGE_GUILD,
    MANAGERS,
    MEMBER,
    WRITE,
    member,
)
from tests.discord_face.server import Discord

HERE = Destination("discord", ALERTS)
CALLBACK = r"/interactions/\d+/[\w-]+/callback"


def words(message: dict[str, Any]) -> str:
    (embed,) = message["embeds"]
    return f"{embed.get('title', '')}\n{embed.get('description', '')}"


def custom_ids(message: dict[str, Any]) -> list[str]:
    return [c["custom_id"] for row in message["components"] for c in row["components"]]


async def test_a_button_works_after_a_restart_because_it_carries_its_command(
    opened: Opened, discord: Discord, face: DiscordFace
) -> None:
    message = await (await discord.command("wave", id="1a")).answer()
    assert "say:/why 1a" in custom_ids(message)
    async with opened():
        await until(lambda: len(discord.gateway.sessions) == 2)
        pressed = await discord.press(message, "say:/why 1a")
        assert "Why" in words(await pressed.answer())
        assert pressed.ephemeral


async def test_a_press_is_checked_for_the_person_who_presses(
    face: DiscordFace, discord: Discord, desk: Desk
) -> None:
    message = await (await discord.command("start")).answer()
    refused = await discord.press(message, "say:/subscribe big")
    assert "Manage Server" in words(await refused.answer())
    assert not await desk.store.subscriptions.of(HERE)
    allowed = await discord.press(message, "say:/subscribe big", rights=WRITE | MANAGE_GUILD)
    await allowed.answer()
    assert await desk.store.subscriptions.of(HERE)


async def test_in_a_private_message_the_answer_takes_its_place(face: DiscordFace, discord: Discord) -> None:
    asked = await discord.command("settings", manager=True)
    message = await asked.answer()
    assert asked.ephemeral
    pressed = await discord.press({**message, "flags": 64}, "say:/settings log")
    await pressed.answer()
    assert pressed.callback
    assert pressed.callback["type"] == 7


async def test_settings_offer_a_select_for_how_often_and_a_role_to_ping(
    face: DiscordFace, discord: Discord, desk: Desk
) -> None:
    message = await (await discord.command("settings", manager=True)).answer()
    rows = [row["components"] for row in message["components"]]
    (often,) = [row[0] for row in rows if row[0]["custom_id"] == "say:"]
    assert len(often["options"]) >= 3
    assert "role:/ping" in custom_ids(message)
    value = often["options"][1]["value"]
    assert value == "/subscribe big"
    chosen = await discord.press(message, "say:", values=[value], rights=WRITE | MANAGE_GUILD)
    await chosen.answer()
    assert await desk.store.subscriptions.of(HERE)


async def test_a_picked_role_is_pinged_from_the_size_that_is_tapped(
    face: DiscordFace, discord: Discord, desk: Desk
) -> None:
    rights = WRITE | MANAGE_GUILD
    message = await (await discord.command("settings", manager=True)).answer()
    picked = await discord.press({**message, "flags": 64}, "role:/ping", values=[MANAGERS], rights=rights)
    sizes = await picked.answer()
    assert picked.callback
    assert picked.callback["type"] == 7, "in place of the settings"
    assert f"<@&{MANAGERS}>" in words(sizes)
    assert not (await desk.settings(HERE)).pings, "nothing is chosen yet"
    tap = f"say:/ping {MANAGERS} historic"
    assert tap in custom_ids(sizes)
    stranger = await discord.press(sizes, tap)
    assert "Manage Server" in words(await stranger.answer())
    assert not (await desk.settings(HERE)).pings
    await (await discord.press(sizes, tap, rights=rights)).answer()
    assert (await desk.settings(HERE)).pings == (RolePing(MANAGERS, 3.9),)
    await (await discord.press(sizes, f"say:/ping {MANAGERS} off", rights=rights)).answer()
    assert not (await desk.settings(HERE)).pings


async def test_settings_keep_their_selects_and_forms_after_a_change(
    face: DiscordFace, discord: Discord
) -> None:
    message = await (await discord.command("ping", manager=True, role=MANAGERS)).answer()
    assert {"say:", "role:/ping", "form:/quiet"} <= set(custom_ids(message))


async def test_the_select_of_how_often_holds_that_alone_and_marks_what_stands(
    face: DiscordFace, discord: Discord
) -> None:
    await (await discord.command("subscribe", manager=True, what="all weekly")).answer()
    message = await (await discord.command("settings", manager=True)).answer()
    (often,) = [row["components"][0] for row in message["components"] if custom(row) == ["say:"]]
    chosen = {option["value"]: bool(option.get("default")) for option in often["options"]}
    assert chosen == {"/threshold historic": False, "/threshold big": False, "/threshold notable": True}


def custom(row: dict[str, Any]) -> list[str]:
    return [component["custom_id"] for component in row["components"]]


async def test_a_refused_person_is_told_where_to_speak_with_the_bot_alone(
    face: DiscordFace, discord: Discord
) -> None:
    asked = await discord.command("subscribe")
    assert f"https://discord.com/users/{BOT}" in words(await asked.answer())


async def test_an_option_says_what_it_is_for(face: DiscordFace, discord: Discord) -> None:
    options = {
        (command["name"], option["name"]): option["description"]
        for command in discord.commands
        for option in command.get("options", ())
    }
    assert options["ping", "what"] == "How often or off, such as monthly"
    assert options["resets", "n"] == "How many"
    assert not [text for text in options.values() if "|" in text or len(text) < 4]


async def test_quiet_hours_are_asked_for_in_a_form(face: DiscordFace, discord: Discord, desk: Desk) -> None:
    message = await (await discord.command("settings", manager=True)).answer()
    pressed = await discord.press(message, "form:/quiet", rights=WRITE | MANAGE_GUILD)
    asked_for = await pressed.answer()
    assert pressed.callback
    assert pressed.callback["type"] == 9
    assert len(asked_for["title"]) <= 45
    written = {"begin": "23:00", "end": "07:00", "zone": "Europe/Berlin"}
    rows = [
        {"type": 1, "components": [{"type": 4, "custom_id": name, "value": value}]}
        for name, value in written.items()
    ]
    submitted = await discord.interact(
        5,
        {"custom_id": "form:/quiet", "components": rows},
        member=member(MEMBER, permissions=WRITE | MANAGE_GUILD),
    )
    await submitted.answer()
    settings = await desk.settings(HERE)
    assert settings.zone == "Europe/Berlin"
    assert settings.quiet
    assert f"{settings.quiet.begin:%H:%M}" == "23:00"


async def test_a_form_holds_the_clock_as_a_person_would_type_it(face: DiscordFace, discord: Discord) -> None:
    await (await discord.command("timezone", manager=True, city="UTC+2")).answer()
    message = await (await discord.command("settings", manager=True)).answer()
    pressed = await discord.press(message, "form:/quiet", rights=WRITE | MANAGE_GUILD)
    (zone,) = [row["components"][0] for row in (await pressed.answer())["components"]][2:]
    assert zone["value"] == "UTC+2"


async def test_a_press_that_is_none_of_ours_is_left_alone(face: DiscordFace, discord: Discord) -> None:
    message = await (await discord.command("start")).answer()
    await discord.press(message, "somebody:else")
    await (await discord.command("help")).answer()
    assert len(discord.asked("POST", CALLBACK)) == 2
