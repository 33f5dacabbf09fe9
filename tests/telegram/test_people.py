"""Who may change what, seen from the chats: channels and their readers, anonymous administrators, owners."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from bot.domain.chats import ChatSettings, SettingsChange
from bot.domain.posts import Destination, Subscription
from bot.errors import DestinationGone, PlaceClosed
from bot.running import running
from handlers.telegram import Face
from handlers.telegram.links import asked, asking
from handlers.telegram.owners import reason
from handlers.telegram.tidy import KEPT, Litter
from storage.memory import MemoryStore
from tests.handlers.october import NOW
from tests.telegram.conftest import CHANNEL, GROUP, PRIVATE, Opened, Sleeper, card
from tests.telegram.rules import Failure
from tests.telegram.server import BotApi

ADMINISTRATOR, STRANGER = 8, 7
GROUP_ITSELF = {"id": GROUP, "type": "supergroup", "title": "Desk"}


async def subscribed(store: MemoryStore, chat: int, by: str) -> Destination:
    place = Destination("telegram", str(chat))
    await store.subscriptions.add(Subscription(destination=place, created=NOW, created_by=by))
    return place


def text(message: dict[str, object]) -> str:
    return str(message.get("text") or message.get("caption"))


async def said(api: BotApi, chat: int, words: str, **more: object) -> dict[str, object]:
    """What the bot answers to these words."""
    before = len(api.shown(chat))
    api.says(chat, words, **more)  # type: ignore[arg-type]
    await api.until(lambda: len(api.shown(chat)) > before, timeout_s=8)
    return api.shown(chat)[-1]


async def pressed(api: BotApi, message: dict[str, object], label: str, person: int) -> dict[str, str]:
    """How a press is answered."""
    before = len(api.of("answerCallbackQuery"))
    api.presses(message, label, person)
    await api.until(lambda: len(api.of("answerCallbackQuery")) > before)
    return api.of("answerCallbackQuery")[-1].data


async def test_a_reader_of_a_channel_changes_nothing_there(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    api.administrators[str(CHANNEL)] = [ADMINISTRATOR]
    welcome = await said(api, CHANNEL, "/start")
    refused = await pressed(api, welcome, "Big, ~1 a month", STRANGER)
    assert refused["text"].startswith("Only administrators")
    assert not await store.subscriptions.all()
    done = await pressed(api, welcome, "Big, ~1 a month", ADMINISTRATOR)
    assert done["text"].startswith("Subscribed")
    assert len(await store.subscriptions.all()) == 1


async def test_a_reader_who_asks_in_a_channel_is_answered_in_private(listening: Face, api: BotApi) -> None:
    wave = await said(api, CHANNEL, "/wave 19")
    answered = await pressed(api, wave, "Why", STRANGER)
    assert answered["url"] == "https://t.me/washout_bot?start=_why-19"
    assert api.shown(CHANNEL) == [wave]
    told = await said(api, STRANGER, "/start _why-19", person=STRANGER)
    assert "How" in text(told) or "Why" in text(told)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("/start _why-1a", "/why 1a"),
        ("/start _chart-btc-24h", "/chart btc 24h"),
        ("/start _mute-4h", "/start"),
        ("/start _nothing", "/start"),
        ("/start btc-weekly", "/start btc-weekly"),
        ("/oi _why-1a", "/oi _why-1a"),
    ],
)
def test_a_link_asks_and_never_changes_anything(typed: str, meant: str) -> None:
    assert asked(typed) == meant


def test_a_command_that_no_link_can_carry_has_none() -> None:
    assert asking("washout_bot", "/oi $btc") is None
    assert asking("washout_bot", "/oi " + "b" * 64) is None


async def test_a_channels_post_is_heard_once_though_its_group_shows_it_too(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    api.linked[str(GROUP)] = CHANNEL
    sender = {"id": CHANNEL, "type": "channel", "title": "Linked"}
    api.says(GROUP, "/subscribe weekly", person=777000, sender_chat=sender, is_automatic_forward=True)
    await said(api, GROUP, "/status")
    assert len(api.shown(GROUP)) == 1
    assert not await store.subscriptions.all()


async def test_a_channel_is_greeted_without_a_sound_once_the_bot_may_post(
    listening: Face, api: BotApi
) -> None:
    api.member(CHANNEL, "left", "administrator", posts=False)
    api.member(CHANNEL, "administrator", "left")
    api.member(CHANNEL, "left", "administrator")
    await api.until(lambda: api.shown(CHANNEL))
    (greeting,) = api.shown(CHANNEL)
    assert greeting["reply_markup"]["inline_keyboard"]
    assert api.of("sendPhoto")[0].data["disable_notification"] == "true"


async def test_a_link_that_adds_the_bot_is_answered_by_its_greeting(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    api.member(GROUP, "left", "member", person=ADMINISTRATOR)
    await api.until(lambda: api.shown(GROUP))
    api.says(GROUP, "/start@washout_bot btc-weekly", person=ADMINISTRATOR)
    await api.until(lambda: "Subscribed" in text(api.shown(GROUP)[0]), timeout_s=8)
    assert len(api.shown(GROUP)) == 1
    assert len(await store.subscriptions.all()) == 1


async def test_a_group_that_moved_here_is_not_greeted_as_new(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    api.chat(-5, "group")
    await subscribed(store, -5, "8")
    api.says(-5, "", migrate_to_chat_id=GROUP)
    await api.until(lambda: any(place.chat == str(GROUP) for place, _ in store.subscriptions.kept))
    api.member(GROUP, "left", "member")
    assert "is watching" in text(await said(api, GROUP, "/status"))


async def test_settings_asked_for_anonymously_change_in_place_for_every_administrator(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    await subscribed(store, GROUP, "8")
    settings = await said(api, GROUP, "/settings", person=1087968824, sender_chat=GROUP_ITSELF)
    refused = await pressed(api, settings, "Mute 4 h", STRANGER)
    assert refused["text"].startswith("Only administrators")
    await pressed(api, settings, "Mute 4 h", ADMINISTRATOR)
    await api.until(lambda: "Muted until" in text(api.shown(GROUP)[0]), timeout_s=8)
    assert len(api.shown(GROUP)) == 1


async def test_a_strangers_look_at_settings_does_not_change_the_administrators_card(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    await subscribed(store, GROUP, "8")
    settings = await said(api, GROUP, "/settings", person=1087968824, sender_chat=GROUP_ITSELF)
    before = text(settings)
    await pressed(api, settings, "Clock", STRANGER)
    await api.until(lambda: len(api.shown(GROUP)) == 2, timeout_s=8)
    assert text(api.shown(GROUP)[0]) == before


async def test_a_press_is_answered_though_its_command_fails(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    api.fail(Failure(200, body=b'{"ok": true, "result": [{"status": 5}]}'), method="getChatAdministrators")
    welcome = await said(api, GROUP, "/start")
    answered = await pressed(api, welcome, "Big, ~1 a month", ADMINISTRATOR)
    assert "text" not in answered
    assert not await store.subscriptions.all()


async def test_what_a_stop_left_in_a_group_is_tidied_up_by_the_next_start(
    opened: Opened, api: BotApi, store: MemoryStore, sleeper: Sleeper
) -> None:
    async with opened() as face, running(face.listen()):
        api.says(GROUP, "/subscribe weekly", person=STRANGER)
        await api.until(lambda: 60.0 in sleeper.asked)
    sleeper.may_end.set()
    async with opened() as face, running(face.listen()):
        await api.until(lambda: not api.shown(GROUP))
        await api.until(lambda: len(api.of("deleteMessage")) == 2, timeout_s=8)


async def test_what_is_overdue_is_tidied_up_at_once(
    opened: Opened, api: BotApi, store: MemoryStore, sleeper: Sleeper
) -> None:
    old = Litter(str(GROUP), (5,), NOW - timedelta(days=1))
    await store.journal.keep(KEPT, msgspec.json.encode([old]))
    sleeper.may_end.set()
    async with opened() as face, running(face.listen()):
        await api.until(lambda: api.of("deleteMessage"))
    assert 0.0 in sleeper.asked
    assert 60.0 not in sleeper.asked


async def test_who_subscribed_a_group_learns_that_somebody_removed_the_bot(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    await subscribed(store, GROUP, "42")
    api.member(GROUP, "member", "kicked", person=ADMINISTRATOR)
    await api.until(lambda: api.shown(PRIVATE))
    assert "Desk" in text(api.shown(PRIVATE)[0])


async def test_a_chat_that_speaks_again_has_what_it_had_though_no_update_said_it_was_back(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    there = await subscribed(store, PRIVATE, str(PRIVATE))
    api.fail(Failure(403, "Forbidden: bot was blocked by the user"), method="send", chat=str(PRIVATE))
    with pytest.raises(DestinationGone):
        await listening.send(there, card())
    await store.chats.leave(there, NOW)  # as delivery does
    await said(api, PRIVATE, "/alerts", person=PRIVATE)
    assert len(await store.subscriptions.of(there)) == 1


async def test_start_restores_what_was_put_aside_before_a_restart(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    there = await subscribed(store, PRIVATE, str(PRIVATE))
    await store.chats.leave(there, NOW)
    await said(api, PRIVATE, "/start", person=PRIVATE)
    assert len(await store.subscriptions.of(there)) == 1


async def test_who_removed_the_bot_themselves_is_not_told(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    await subscribed(store, GROUP, "42")
    api.member(GROUP, "member", "kicked", person=42)
    await said(api, PRIVATE, "/status")
    assert len(api.shown(PRIVATE)) == 1


async def test_rights_lost_in_a_channel_are_told_to_an_administrator_who_speaks_with_the_bot(
    face: Face, api: BotApi, store: MemoryStore
) -> None:
    """It was subscribed in its own name, so nobody in particular did it."""
    there = await subscribed(store, CHANNEL, str(CHANNEL))
    api.administrators[str(CHANNEL)] = [ADMINISTRATOR, PRIVATE, STRANGER]
    refusal = Failure(400, "Bad Request: need administrator rights in the channel chat")
    api.fail(refusal, method="send", chat=str(CHANNEL), times=2)
    for _ in range(2):
        with pytest.raises(PlaceClosed):
            await face.send(there, card())
    (told,) = api.shown(PRIVATE)
    assert "Desk" in text(told)
    assert "need administrator rights" in text(told).lower()
    assert not api.shown(STRANGER)
    assert await store.subscriptions.of(there)


async def test_a_closed_topic_is_named_and_its_subscription_stays(
    face: Face, api: BotApi, store: MemoryStore
) -> None:
    topic = Destination("telegram", str(GROUP), "17")
    await store.subscriptions.add(Subscription(destination=topic, created=NOW, created_by="42"))
    api.fail(Failure(400, "Bad Request: TOPIC_CLOSED"), method="send", chat=str(GROUP))
    with pytest.raises(PlaceClosed):
        await face.send(topic, card())
    (told,) = api.shown(PRIVATE)
    assert "a topic of Desk" in text(told)
    assert await store.subscriptions.of(topic)


async def test_an_owner_who_wants_silence_is_told_without_a_sound(
    face: Face, api: BotApi, store: MemoryStore
) -> None:
    home = ChatSettings(destination=Destination("telegram", "42"), muted_until=NOW + timedelta(hours=2))
    change = SettingsChange(destination=home.destination, at=NOW, who="42", what="mute")
    await store.chats.choose(home, change)
    there = await subscribed(store, CHANNEL, "42")
    api.fail(Failure(400, "Bad Request: need administrator rights"), method="send", chat=str(CHANNEL))
    with pytest.raises(PlaceClosed):
        await face.send(there, card())
    (told,) = [call for call in api.of("sendMessage") if call.data["chat_id"] == "42"]
    assert told.data["disable_notification"] == "true"


async def test_an_owner_who_cannot_be_told_now_is_told_with_the_next_refusal(
    face: Face, api: BotApi, store: MemoryStore
) -> None:
    there = await subscribed(store, CHANNEL, "42")
    refusal = Failure(400, "Bad Request: need administrator rights in the channel chat")
    api.fail(refusal, method="send", chat=str(CHANNEL), times=2)
    api.fail(Failure(502, "Bad Gateway"), method="send", chat="42")
    for known in (0, 1):
        with pytest.raises(PlaceClosed):
            await face.send(there, card())
        assert len(api.shown(PRIVATE)) == known


@pytest.mark.parametrize(
    ("said_by_telegram", "ours"),
    [
        ("Topic_closed", "the topic is closed"),
        ("Message thread not found", "the topic was deleted"),
        ("Forbidden: bot was kicked from the group chat", "bot was kicked from the group chat"),
        ("Not enough rights to send text messages to the chat", "not enough rights to send text messages"),
    ],
)
def test_an_owner_reads_words_and_no_codes(said_by_telegram: str, ours: str) -> None:
    assert reason(PlaceClosed(said_by_telegram)).startswith(ours)


async def test_a_place_that_is_closed_is_asked_again_once_something_is_heard_from_there(
    opened: Opened, api: BotApi, store: MemoryStore
) -> None:
    topic = Destination("telegram", str(GROUP), "17")
    await store.subscriptions.add(Subscription(destination=topic, created=NOW, created_by="42"))
    api.fail(Failure(400, "Bad Request: TOPIC_CLOSED"), method="send", chat=str(GROUP))
    for _ in range(2):  # the second time in another life of the program
        async with opened() as face:
            with pytest.raises(PlaceClosed):
                await face.send(topic, card())
    assert len(api.of("sendMessage")) == 2, "one to the topic, one to its owner"
    async with opened() as face, running(face.listen()):
        api.says(GROUP, "", message_thread_id=17, is_topic_message=True, forum_topic_reopened={})
        api.says(PRIVATE, "/status")
        await api.until(lambda: len(api.shown(PRIVATE)) == 2, timeout_s=8)
        await face.send(topic, card())
    assert len(api.shown(GROUP)) == 1


async def test_two_processes_that_learn_of_closed_places_forget_none(
    opened: Opened, api: BotApi, store: MemoryStore
) -> None:
    topics = [Destination("telegram", str(GROUP), str(number)) for number in (17, 18)]
    api.fail(Failure(400, "Bad Request: TOPIC_CLOSED"), method="send", chat=str(GROUP), times=2)
    async with opened() as one, opened() as other:
        for face in (one, other):
            await face.send(Destination("telegram", str(PRIVATE)), card())  # both know what was kept
        for face, topic in zip((one, other), topics, strict=True):
            with pytest.raises(PlaceClosed):
                await face.send(topic, card())
    before = len(api.of("send"))
    async with opened() as face:
        for topic in topics:
            with pytest.raises(PlaceClosed):
                await face.send(topic, card())
    assert len(api.of("send")) == before, "nobody asks what is known to be closed"
