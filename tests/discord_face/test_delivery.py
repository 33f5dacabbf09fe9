"""Alerts on Discord: the real library against a local server."""

from __future__ import annotations

import asyncio
import logging

import pytest
from msgspec.structs import replace

from bot.domain.cards import Button, Card
from bot.domain.posts import Destination
from bot.errors import CardRefused, ConfigError, DestinationGone, MessageGone, TryLater
from handlers.discord_face import DiscordFace
from handlers.discord_face.bot import PAUSES_S
from handlers.discord_face.faults import CODES, STATUSES, Reaction
from tests.discord_face.conftest import Opened, until
from tests.discord_face.payloads import ALERTS, DIRECT, FORUM, MANAGERS, POST, SYSTEM
from tests.discord_face.records import TOKEN, Fault
from tests.discord_face.server import Discord
from tests.local import wave

HERE = Destination("discord", ALERTS)
THREAD = Destination("discord", FORUM, POST)
MESSAGES = r"/channels/\d+/messages"
MESSAGE = r"/channels/\d+/messages/\d+"


async def test_an_alert_is_one_embed_with_its_picture_and_buttons(
    face: DiscordFace, discord: Discord
) -> None:
    number = await face.send(HERE, wave(1, picture=True))
    shown = discord.messages[number]
    (embed,) = shown["embeds"]
    assert embed["title"] == "🔻 BTC long flush · W 3.1 and growing"
    assert "**−11,200 BTC of open interest closed**" in embed["description"]
    assert "```\nvenue        BTC\nBinance  −13,900" in embed["description"]
    assert embed["image"]["url"] == "attachment://wave.png"
    assert shown["attachments"][0]["filename"] == "wave.png"
    assert shown["attachments"][0]["description"] == "Coin OI fell to 336,000"
    assert discord.pictures[number] == {"files[0]": b"\x89PNG rev 1"}
    assert shown["components"][0]["components"][0]["custom_id"] == "say:/wave 1a"


async def test_a_revision_changes_the_message_in_place_with_a_new_picture(
    face: DiscordFace, discord: Discord
) -> None:
    number = await face.send(HERE, wave(1, picture=True))
    await face.edit(HERE, number, wave(2, picture=True))
    assert "W 3.2" in discord.messages[number]["embeds"][0]["title"]
    assert len(discord.messages[number]["attachments"]) == 1
    assert discord.pictures[number] == {"files[0]": b"\x89PNG rev 2"}
    await face.edit(HERE, number, wave(3))
    assert discord.messages[number]["attachments"] == []
    assert "image" not in discord.messages[number]["embeds"][0]
    assert len(discord.messages) == 1


async def test_what_is_to_make_no_sound_is_a_silent_message(face: DiscordFace, discord: Discord) -> None:
    number = await face.send(HERE, replace(wave(1), silent=True))
    assert discord.messages[number]["flags"] == 1 << 12, "SUPPRESS_NOTIFICATIONS (Discord, Message Flags)"
    assert discord.messages[await face.send(HERE, wave(2))]["flags"] == 0


async def test_a_loud_revision_answers_the_first_message(face: DiscordFace, discord: Discord) -> None:
    first = await face.send(HERE, wave(1))
    second = await face.send(HERE, wave(2), reply_to=first)
    reference = discord.messages[second]["message_reference"]
    assert str(reference["message_id"]) == first
    assert reference["fail_if_not_exists"] is False


async def test_nothing_pings_but_the_chosen_roles_and_they_stand_beside_the_embed(
    face: DiscordFace, discord: Discord
) -> None:
    await face.send(HERE, replace(wave(1), title="@everyone <@2001>", pings=()))
    await face.send(HERE, replace(wave(2), pings=(MANAGERS,)))
    quiet, loud = (request.json for request in discord.asked("POST", MESSAGES))
    assert quiet["allowed_mentions"]["parse"] == []
    assert not quiet["allowed_mentions"].get("roles")
    assert not quiet.get("content")
    assert loud["content"] == f"<@&{MANAGERS}>"
    assert list(map(str, loud["allowed_mentions"]["roles"])) == [MANAGERS]
    assert loud["allowed_mentions"]["parse"] == []


async def test_a_revision_leaves_the_ping_beside_the_embed(face: DiscordFace, discord: Discord) -> None:
    number = await face.send(HERE, replace(wave(1), pings=(MANAGERS,)))
    await face.edit(HERE, number, wave(2))
    (edit,) = discord.asked("PATCH", MESSAGE)
    assert discord.messages[number]["content"] == f"<@&{MANAGERS}>"
    assert edit.json["allowed_mentions"] == {"parse": []}


async def test_an_alert_for_a_thread_goes_into_the_thread(face: DiscordFace, discord: Discord) -> None:
    await face.send(THREAD, wave(1))
    assert discord.asked("POST", f"/channels/{POST}/messages")


async def test_a_message_posted_twice_shows_once(face: DiscordFace, discord: Discord) -> None:
    discord.fail("POST", MESSAGES, Fault(502, body={}, after=True))
    number = await face.send(HERE, wave(1))
    assert list(discord.messages) == [number]
    assert len(discord.asked("POST", MESSAGES)) == 2
    assert await face.send(HERE, wave(2)) != number


async def test_a_restart_that_says_it_again_finds_the_first_message(opened: Opened, discord: Discord) -> None:
    numbers = []
    for _ in range(2):
        async with opened() as face:
            numbers.append(await face.send(HERE, wave(1)))
    assert len(set(numbers)) == 1


async def test_the_same_words_said_again_are_another_message(face: DiscordFace, discord: Discord) -> None:
    """Two drills of one minute, or a hello after the bot was removed and added again, read alike."""
    first = await face.send(HERE, wave(1))
    discord.fail("POST", MESSAGES, Fault(502, body={}, after=True))
    second = await face.send(HERE, wave(1))
    assert first != second
    assert list(discord.messages) == [first, second]


async def test_a_connection_cut_before_or_after_is_tried_later_and_shows_once(
    face: DiscordFace, discord: Discord
) -> None:
    for after in (False, True):
        discord.fail("POST", MESSAGES, Fault(cut=True, after=after))
        with pytest.raises(TryLater):
            await face.send(HERE, wave(1))
    await face.send(HERE, wave(1))
    assert len(discord.messages) == 1


EXPECTED = {
    Reaction.LATER: TryLater,
    Reaction.GONE: DestinationGone,
    Reaction.BARRED: DestinationGone,
    Reaction.ANEW: MessageGone,
    Reaction.REFUSED: CardRefused,
    Reaction.UNANSWERED: CardRefused,
    Reaction.REVOKED: TryLater,
}


def test_every_reaction_has_an_error() -> None:
    assert set(EXPECTED) == set(Reaction)


@pytest.mark.parametrize("code", CODES)
async def test_an_answer_becomes_the_error_that_says_what_to_do(
    face: DiscordFace, discord: Discord, code: int
) -> None:
    discord.fail("POST", MESSAGES, Fault(403 if code // 10_000 == 5 else 404, code))
    with pytest.raises(EXPECTED[CODES[code]]) as raised:
        await face.send(HERE, wave(1))
    assert str(code) in str(raised.value)


@pytest.mark.parametrize("status", [*STATUSES, 418, 503])
async def test_an_answer_without_a_known_code_goes_by_its_status(
    face: DiscordFace, discord: Discord, status: int
) -> None:
    discord.fail("PATCH", MESSAGE, Fault(status, 987_654))
    with pytest.raises(EXPECTED[STATUSES.get(status, Reaction.LATER)]):
        await face.edit(HERE, "1", wave(1))


async def test_what_is_gone_for_a_thread_is_not_gone_for_its_channel(
    face: DiscordFace, discord: Discord
) -> None:
    discord.channels -= {POST, ALERTS}
    with pytest.raises(DestinationGone) as thread:
        await face.send(THREAD, wave(1))
    with pytest.raises(DestinationGone) as channel:
        await face.send(HERE, wave(1))
    assert thread.value.topic_only
    assert not channel.value.topic_only


async def test_a_rate_limit_without_via_waits_as_long_as_asked(face: DiscordFace, discord: Discord) -> None:
    discord.fail("POST", MESSAGES, Fault(429, headers={"Retry-After": "77"}))
    with pytest.raises(TryLater) as raised:
        await face.send(HERE, wave(1))
    assert raised.value.retry_after.total_seconds() == 77


async def test_a_long_rate_limit_is_given_back_instead_of_waited_for(
    face: DiscordFace, discord: Discord
) -> None:
    body = {"message": "You are being rate limited.", "retry_after": 64.57, "global": False}
    discord.fail("POST", MESSAGES, Fault(429, body=body, headers={"Via": "1.1 google"}))
    with pytest.raises(TryLater) as raised:
        await face.send(HERE, wave(1))
    assert raised.value.retry_after.total_seconds() == pytest.approx(64.57)


async def test_a_short_rate_limit_is_waited_for(face: DiscordFace, discord: Discord) -> None:
    body = {"message": "You are being rate limited.", "retry_after": 0.05, "global": True}
    discord.fail("POST", MESSAGES, Fault(429, body=body, headers={"Via": "1.1 google"}))
    await face.send(HERE, wave(1))
    assert len(discord.messages) == 1


async def test_the_library_keeps_the_bucket_of_a_channel(face: DiscordFace, discord: Discord) -> None:
    discord.limit = (5, 0.4)
    await asyncio.gather(*(face.send(HERE, wave(n)) for n in range(1, 10)))
    assert len(discord.messages) == 9
    assert len(discord.asked("POST", MESSAGES)) == 9, "not one was refused"


async def test_a_channel_has_one_request_in_flight_and_channels_go_side_by_side(
    face: DiscordFace, discord: Discord
) -> None:
    elsewhere = Destination("discord", SYSTEM)
    for place in (HERE, elsewhere):  # the library has met the buckets, and would allow more at once
        await face.send(place, wave(9))
    discord.hold = asyncio.Event()
    calls = [face.send(place, wave(n)) for n in (1, 2, 3) for place in (HERE, elsewhere)]
    last = Destination("discord", DIRECT)
    sending = asyncio.gather(*calls, face.send(last, wave(1)))
    await until(lambda: discord.in_flight.get(DIRECT) == 1)  # so all before it had their turn to go
    assert sum(discord.in_flight.values()) == 3
    discord.hold.set()
    await sending
    assert discord.most_in_flight == 1


async def test_after_a_refused_token_nothing_more_is_asked(
    face: DiscordFace, discord: Discord, caplog: pytest.LogCaptureFixture
) -> None:
    discord.fail("POST", MESSAGES, Fault(401, 0, "401: Unauthorized"))
    for _ in range(3):
        with pytest.raises(TryLater):
            await face.send(HERE, wave(1))
    assert len(discord.asked("POST", MESSAGES)) == 1
    assert TOKEN not in caplog.text


async def test_too_many_refusals_stop_everything_for_a_while(face: DiscordFace, discord: Discord) -> None:
    for _ in range(5_000 - face.guard.invalid):
        face.guard.saw(403, "user")
    with pytest.raises(TryLater) as raised:
        await face.send(HERE, wave(1))
    assert 500 < raised.value.retry_after.total_seconds() <= 600
    assert not discord.asked("POST", MESSAGES)


async def test_a_name_that_is_no_id_is_a_place_that_does_not_exist(face: DiscordFace) -> None:
    with pytest.raises(DestinationGone):
        await face.send(Destination("discord", "general"), wave(1))
    with pytest.raises(MessageGone):
        await face.edit(HERE, "none", wave(1))


async def test_a_command_too_long_for_a_button_is_shown_as_text(face: DiscordFace, discord: Discord) -> None:
    line = "/threshold " + "btc " * 30
    number = await face.send(HERE, Card(title="Saved", buttons=(Button("Undo", line.strip()),)))
    assert f"Undo: `{line.strip()}`" in discord.messages[number]["embeds"][0]["description"]


async def test_a_wrong_token_is_the_operators_matter_and_is_never_told(
    opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = "MTIz.another-secret.of-discord"
    with pytest.raises(ConfigError) as raised:
        async with opened(token=wrong):
            pass
    assert wrong not in str(raised.value) + caplog.text


async def test_a_discord_that_cannot_be_reached_is_tried_again(opened: Opened, discord: Discord) -> None:
    waits: list[float] = []
    go_on = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await go_on.wait()
        await asyncio.sleep(0)  # who greets a server sleeps too, until the client is there

    discord.fail("GET", "/users/@me", Fault(503, body={}), Fault(503, body={}))
    async with opened(sleep=sleep, chance=lambda: 0.5) as face:
        with pytest.raises(TryLater):
            await face.send(HERE, wave(1))
        go_on.set()
        await until(lambda: face.client is not None)
        await face.send(HERE, wave(1))
    assert waits[:2] == [6.5, 13.0]


def test_sessions_are_begun_no_faster_than_discord_allows() -> None:
    """One IDENTIFY in 5 s and fewer than 1,000 in a day, whatever chance takes off."""
    first, longest = (pause * 0.8 for pause in PAUSES_S)
    assert first >= 5
    assert 24 * 60 * 60 / longest < 1000


async def test_an_answer_that_is_not_discords_is_tried_again(opened: Opened, discord: Discord) -> None:
    """Such as the page of a proxy, with status 200."""
    discord.fail("GET", "/users/@me", Fault(200, body={"welcome": "to the hotel"}))
    async with opened(sleep=lambda _: asyncio.sleep(0)) as face:
        await until(lambda: face.client is not None)
        assert await face.send(HERE, wave(1))


async def test_a_final_refusal_of_the_gateway_silences_discord_alone(
    opened: Opened, discord: Discord, caplog: pytest.LogCaptureFixture
) -> None:
    discord.gateway.refuse_with = 4004
    async with opened() as face:
        await until(lambda: face.over)
        with pytest.raises(TryLater) as raised:
            await face.send(HERE, wave(1))
        assert raised.value.retry_after.total_seconds() == 3600
    assert "the token is not accepted" in caplog.text
    assert TOKEN not in caplog.text
