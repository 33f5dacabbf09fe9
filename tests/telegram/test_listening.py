from __future__ import annotations

from typing import Any

import pytest

from bot.domain.posts import Destination, Subscription
from bot.errors import ConfigError
from bot.running import running
from handlers.commands import COMMANDS
from handlers.desk import Desk
from handlers.speech import taught
from handlers.telegram import Face
from handlers.telegram.inbox import TWO_POLLERS_S
from storage.memory import MemoryStore
from tests.handlers.october import NOW
from tests.handlers.pseudo import Pseudo, marked
from tests.telegram.conftest import CHANNEL, GROUP, PRIVATE, Opened, Sleeper
from tests.telegram.rules import Failure, user
from tests.telegram.server import BotApi

THERE = Destination("telegram", str(GROUP))


def texts(api: BotApi, chat: int) -> list[str]:
    return [message.get("text") or message.get("caption", "") for message in api.shown(chat)]


async def subscribed(store: MemoryStore, place: Destination = THERE, person: str = "8") -> None:
    await store.subscriptions.add(Subscription(destination=place, created=NOW, created_by=person))


async def test_a_question_in_private_is_answered_without_a_slash_too(listening: Face, api: BotApi) -> None:
    api.says(PRIVATE, "venues")
    await api.until(lambda: api.shown(PRIVATE))
    assert "feeds fresh" in texts(api, PRIVATE)[0]
    assert "reply_to_message" not in api.shown(PRIVATE)[0]


async def test_an_answer_in_a_group_replies_in_its_topic(listening: Face, api: BotApi) -> None:
    api.says(GROUP, "/venues@washout_bot", message_thread_id=17, is_topic_message=True)
    await api.until(lambda: api.shown(GROUP))
    (message,) = api.shown(GROUP)
    assert message["message_thread_id"] == 17
    assert message["reply_to_message"]["text"] == "/venues@washout_bot"


async def test_a_thread_of_replies_outside_a_forum_is_no_topic(listening: Face, api: BotApi) -> None:
    api.says(GROUP, "/venues", message_thread_id=17)
    await api.until(lambda: api.shown(GROUP))
    assert "message_thread_id" not in api.shown(GROUP)[0]


async def test_talk_among_people_and_other_bots_commands_are_left_alone(listening: Face, api: BotApi) -> None:
    for text in ("oi", "/venues@other_bot", "/roll 6", "hello"):
        api.says(GROUP, text)
    api.says(GROUP, "/status")
    await api.until(lambda: api.shown(GROUP))
    assert len(api.of("sendMessage") + api.of("sendPhoto")) == 1


async def test_alerts_go_to_the_topic_where_they_were_asked_for(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    api.says(GROUP, "/subscribe btc weekly", person=8, message_thread_id=17, is_topic_message=True)
    await api.until(lambda: api.shown(GROUP))
    (kept,) = await store.subscriptions.all()
    assert kept.destination == Destination("telegram", str(GROUP), "17")


async def test_only_administrators_change_a_group(listening: Face, api: BotApi, store: MemoryStore) -> None:
    api.says(GROUP, "/subscribe weekly", person=7)
    await api.until(lambda: api.shown(GROUP))
    assert "Only administrators" in texts(api, GROUP)[0]
    assert not await store.subscriptions.all()


@pytest.mark.parametrize(
    "sender",
    [
        {"id": GROUP, "type": "supergroup", "title": "Desk"},
        {"id": CHANNEL, "type": "channel", "title": "Linked"},
    ],
    ids=["an anonymous administrator", "the linked channel"],
)
async def test_an_administrator_may_speak_as_the_group_or_its_channel(
    listening: Face, api: BotApi, store: MemoryStore, sender: dict[str, object]
) -> None:
    api.linked[str(GROUP)] = CHANNEL
    api.says(GROUP, "/subscribe weekly", person=1087968824, sender_chat=sender)
    await api.until(lambda: api.shown(GROUP))
    assert len(await store.subscriptions.all()) == 1


async def test_another_channel_is_no_administrator(listening: Face, api: BotApi, store: MemoryStore) -> None:
    api.linked[str(GROUP)] = CHANNEL
    stranger = {"id": -1009, "type": "channel", "title": "Stranger"}
    api.says(GROUP, "/subscribe weekly", person=136817688, sender_chat=stranger)
    await api.until(lambda: api.shown(GROUP))
    assert not await store.subscriptions.all()


async def test_who_may_is_unknown_while_telegram_does_not_say(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    api.fail(Failure(500, "Internal Server Error"), method="getChatAdministrators")
    api.says(GROUP, "/subscribe weekly", person=8)
    await api.until(lambda: api.shown(GROUP))
    assert "does not tell me who administers" in texts(api, GROUP)[0]
    assert not await store.subscriptions.all()


async def test_a_channel_is_subscribed_by_a_post_in_it(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    api.says(CHANNEL, "/subscribe weekly")
    await api.until(lambda: api.shown(CHANNEL))
    assert [kept.destination.chat for kept in await store.subscriptions.all()] == [str(CHANNEL)]


async def test_settings_answered_in_a_group_are_tidied_up(
    listening: Face, api: BotApi, sleeper: Sleeper
) -> None:
    api.can_delete.add(str(GROUP))
    said = api.says(GROUP, "/subscribe weekly", person=7)["message"]["message_id"]
    await api.until(lambda: 60.0 in sleeper.asked)
    answered = api.shown(GROUP)[0]["message_id"]
    sleeper.may_end.set()
    await api.until(lambda: len(api.of("deleteMessage")) == 2, timeout_s=8)
    assert [int(call.data["message_id"]) for call in api.of("deleteMessage")] == [answered, said]


async def test_a_button_says_its_command_as_whoever_presses(listening: Face, api: BotApi) -> None:
    api.says(GROUP, "/wave 19", person=7)
    await api.until(lambda: api.shown(GROUP))
    message = api.shown(GROUP)[0]
    api.presses_data(message, "|/why 19", person=9)
    await api.until(lambda: len(api.shown(GROUP)) == 2, timeout_s=8)
    assert len(api.of("answerCallbackQuery")) == 1
    assert api.shown(GROUP)[1]["reply_to_message"]["message_id"] == message["message_id"]


async def test_a_press_that_configures_is_checked_and_answered_to_the_presser_alone(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    api.says(GROUP, "/start", person=7)
    await api.until(lambda: api.shown(GROUP))
    message = api.shown(GROUP)[0]
    for person, title, alarm in ((7, "Only administrators", "true"), (8, "Subscribed", "false")):
        api.presses_data(message, "|/subscribe big", person=person)
        await api.until(lambda person=person: len(api.of("answerCallbackQuery")) == person - 6)  # type: ignore[misc]
        answered = api.of("answerCallbackQuery")[-1].data
        assert answered["text"].startswith(title)
        assert answered["show_alert"] == alarm
    assert len(await store.subscriptions.all()) == 1


async def test_a_button_whose_words_are_forgotten_says_so(listening: Face, api: BotApi) -> None:
    api.says(PRIVATE, "/status")
    await api.until(lambda: api.shown(PRIVATE))
    api.presses_data(api.shown(PRIVATE)[0], "|#0123456789abcdef")
    await api.until(lambda: api.of("answerCallbackQuery"))
    assert "too old" in api.of("answerCallbackQuery")[0].data["text"]


async def test_being_added_to_a_group_greets_it(listening: Face, api: BotApi) -> None:
    api.member(GROUP, "left", "member")
    await api.until(lambda: api.shown(GROUP))
    assert api.shown(GROUP)[0]["reply_markup"]["inline_keyboard"]


async def test_being_removed_puts_aside_and_being_added_again_restores(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    await subscribed(store)
    api.member(GROUP, "member", "kicked")
    api.says(PRIVATE, "/status")
    await api.until(lambda: api.shown(PRIVATE))
    assert not await store.subscriptions.all()
    api.member(GROUP, "kicked", "member")
    await api.until(lambda: api.shown(GROUP))
    assert len(await store.subscriptions.all()) == 1
    assert "I am back, and 1 subscription with me" in str(api.shown(GROUP)[-1])


async def test_who_unblocks_the_bot_has_what_they_had_and_is_not_spoken_to(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    alone = Destination("telegram", str(PRIVATE))
    await subscribed(store, alone)
    api.member(PRIVATE, "member", "kicked")
    api.member(PRIVATE, "kicked", "member")
    api.says(PRIVATE, "/status")
    await api.until(lambda: api.shown(PRIVATE))
    assert len(await store.subscriptions.of(alone)) == 1
    assert len(api.shown(PRIVATE)) == 1


async def test_a_promotion_is_no_arrival(listening: Face, api: BotApi) -> None:
    api.member(GROUP, "member", "administrator")
    api.says(GROUP, "/status")
    await api.until(lambda: api.shown(GROUP))
    assert len(api.shown(GROUP)) == 1


async def test_a_group_that_becomes_a_supergroup_keeps_its_alerts(
    listening: Face, api: BotApi, store: MemoryStore
) -> None:
    old = Destination("telegram", "-5")
    api.chat(-5, "group")
    await subscribed(store, old)
    api.member(-5, "member", "left")
    api.says(-5, "", migrate_to_chat_id=GROUP)
    api.says(GROUP, "", migrate_from_chat_id=-5)
    api.says(GROUP, "/status")
    await api.until(lambda: api.shown(GROUP))
    assert [kept.destination for kept in await store.subscriptions.all()] == [THERE]


async def test_an_update_told_twice_is_heard_once(listening: Face, api: BotApi) -> None:
    update = api.says(PRIVATE, "/status")
    await api.until(lambda: api.shown(PRIVATE))
    api._updates.insert(0, update)
    api.says(7, "/status")
    await api.until(lambda: api.shown(7))
    assert len(api.shown(PRIVATE)) == 1


async def test_an_update_that_cannot_be_read_holds_up_none_behind_it(
    opened: Opened, api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    api.update(callback_query={"id": "1", "from": {"id": 7}})
    api.says(PRIVATE, "/status")
    async with opened() as face, running(face.listen()):
        await api.until(lambda: api.shown(PRIVATE))
        api.says(7, "/status")
        await api.until(lambda: api.shown(7))
    assert "an update cannot be read" in caplog.text


async def test_menus_are_offered_per_scope_and_language(listening: Face, api: BotApi) -> None:
    everything = set(COMMANDS) - {"ping"}  # roles are Discord's
    settings = {name for name, command in COMMANDS.items() if command.configures}
    for language in ("", "es", "ru", "tr", "zh"):
        menus = {
            scope: {each["command"] for each in menu}
            for (scope, code), menu in api.menus.items()
            if code == language
        }
        assert menus == {
            "default": everything - settings,
            "all_private_chats": everything,
            "all_group_chats": everything - settings,
            "all_chat_administrators": everything,
        }


async def test_a_private_chat_speaks_the_language_of_the_persons_app(
    listening: Face, api: BotApi, desk: Desk
) -> None:
    spanish: dict[str, Any] = {"from": {**user(7), "language_code": "es"}}
    with taught("es", Pseudo()):
        api.says(7, "/status", **spanish)
        await api.until(lambda: api.shown(7))
        api.says(GROUP, "/status", **spanish)
        await api.until(lambda: api.shown(GROUP))
    assert marked("is watching") in str(api.shown(7)[0])
    assert "is watching" in str(api.shown(GROUP)[0]), "a group is not only that person's"


async def test_a_bug_in_one_answer_ends_nothing(listening: Face, api: BotApi) -> None:
    api.fail(Failure(200, body=b'{"ok": true, "result": {"message_id": "no message"}}'), method="sendMessage")
    api.says(PRIVATE, "/status")
    api.says(7, "/status")
    await api.until(lambda: api.shown(7))


async def test_a_second_poller_is_told_of_and_waited_for(
    listening: Face, api: BotApi, sleeper: Sleeper, caplog: pytest.LogCaptureFixture
) -> None:
    conflict = (
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
    )
    api.fail(Failure(409, conflict), method="getUpdates")
    api.says(PRIVATE, "/status")
    await api.until(lambda: TWO_POLLERS_S in sleeper.asked)
    assert "another program polls with the same token" in caplog.text
    sleeper.may_end.set()
    api.says(7, "/status")
    await api.until(lambda: api.shown(7))


async def test_telegram_lost_and_back_is_told_once_each(
    listening: Face, api: BotApi, sleeper: Sleeper, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    sleeper.may_end.set()
    api.fail(Failure(502, body=b"<html>Bad Gateway</html>"), method="getUpdates", times=3)
    api.says(PRIVATE, "/status")
    await api.until(lambda: "Telegram is back" in caplog.text or len(api.of("getUpdates")) > 9)
    assert caplog.text.count("Telegram is lost") == 1
    assert caplog.text.count("Telegram is back") == 1


async def test_a_refused_token_ends_listening_and_is_not_told(opened: Opened) -> None:
    async with opened(token="999:wrong-but-secret") as face:
        with pytest.raises(ConfigError) as refused:
            await face.listen()
    assert "wrong-but-secret" not in str(refused.value) + repr(refused.value.__cause__)


async def test_a_token_revoked_while_listening_ends_it(opened: Opened, api: BotApi) -> None:
    async with opened() as face:
        api.fail(Failure(401, "Unauthorized"), method="getUpdates")
        with pytest.raises(ConfigError):
            await face.listen()


async def test_telegram_need_not_be_there_at_the_start(opened: Opened, api: BotApi, sleeper: Sleeper) -> None:
    sleeper.may_end.set()
    api.fail(Failure(0, drop=True), method="getMe", times=2)
    async with opened() as face, running(face.listen()):
        api.says(PRIVATE, "/status")
        await api.until(lambda: api.shown(PRIVATE))
    assert sleeper.asked[:2] == [1.0, 2.0]
