from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.cards import Button, Card, Line, Picture
from bot.domain.posts import Destination, Subscription
from bot.errors import CardRefused, DestinationGone, DestinationMoved, MessageGone, PlaceClosed, TryLater
from handlers.telegram import Face
from storage.memory import MemoryStore
from tests.handlers.october import NOW
from tests.local import chart
from tests.local import wave as wave_card
from tests.telegram.conftest import GROUP, HERE, PRIVATE, Opened, Studio, card
from tests.telegram.rules import TOKEN, Failure
from tests.telegram.server import BotApi


def pictured(text: str = "BTC long flush", title: str = "one") -> Card:
    return card(text, picture=Picture(chart(title), "Coin OI fell"), buttons=(Button("Details", "/wave 1a"),))


async def test_a_card_is_one_message_of_html(face: Face, api: BotApi) -> None:
    name = await face.send(HERE, replace(wave_card(1), lines=(Line("1 < 2 & **bold** `/oi btc`"),)))
    (call,) = api.of("sendMessage")
    assert name == str(api.shown(PRIVATE)[0]["message_id"])
    assert "1 &lt; 2 &amp; <b>bold</b> <code>/oi btc</code>" in call.data["text"]
    assert "<pre>venue" in call.data["text"]
    assert call.data["link_preview_options"] == {"is_disabled": True}
    assert call.data["reply_markup"]["inline_keyboard"] == [
        [{"text": "Details", "callback_data": "|/wave 1a"}]
    ]


async def test_an_alert_is_a_photo_whose_caption_and_picture_are_edited_in_place(
    face: Face, api: BotApi
) -> None:
    name = await face.send(HERE, pictured())
    await face.edit(HERE, name, pictured("grown", "two"))
    await face.edit(HERE, name, card("taken back"))
    assert [call.method for call in api.calls] == ["sendPhoto", "editMessageMedia", "editMessageCaption"]
    (message,) = api.shown(PRIVATE)
    assert message["caption"] == "taken back"
    assert message["photo"][-1]["file_id"] == "file-1"


async def test_what_is_to_make_no_sound_comes_without_a_notification(face: Face, api: BotApi) -> None:
    await face.send(HERE, card("24 h after", silent=True))
    await face.send(HERE, card("now"))
    assert [call.data.get("disable_notification") for call in api.of("sendMessage")] == ["true", "false"]


async def test_words_become_a_photo_once_there_is_a_picture(face: Face, api: BotApi) -> None:
    name = await face.send(HERE, card("early"))
    await face.edit(HERE, name, pictured("building"))
    await face.edit(HERE, name, card("taken back"))
    (message,) = api.shown(PRIVATE)
    assert message["caption"] == "taken back"


async def test_words_stay_words_where_the_server_adds_no_picture(face: Face, api: BotApi) -> None:
    api.can_add_media = False
    name = await face.send(HERE, card("early"))
    await face.edit(HERE, name, pictured("building"))
    assert api.shown(PRIVATE)[0]["text"] == "building"


async def test_a_picture_is_drawn_and_uploaded_once_for_all_chats(
    face: Face, api: BotApi, studio: Studio
) -> None:
    places = [Destination("telegram", str(api.chat(100 + i)["id"])) for i in range(8)]
    api.latency_s = 0.02
    await asyncio.gather(*(face.send(place, pictured()) for place in places))
    assert len(studio.drawn) == 1
    assert [call.upload for call in api.of("sendPhoto")].count(True) == 1
    assert len(api.of("sendPhoto")) == 8


async def test_a_forgotten_file_is_uploaded_again(face: Face, api: BotApi) -> None:
    await face.send(HERE, pictured())
    api.files.clear()
    await face.send(Destination("telegram", "7"), pictured())
    assert [call.upload for call in api.of("sendPhoto")] == [True, False, True]


@pytest.mark.parametrize(
    "description",
    [
        "Bad Request: not enough rights to send photos to the chat",
        "Bad Request: IMAGE_PROCESS_FAILED",
        "Bad Request: message caption is too long",
    ],
)
async def test_where_no_picture_can_be_the_words_are_said(face: Face, api: BotApi, description: str) -> None:
    api.fail(Failure(400, description), method="sendPhoto")
    await face.send(HERE, pictured())
    assert api.shown(PRIVATE)[0]["text"] == "BTC long flush"


async def test_a_picture_that_cannot_be_drawn_costs_only_the_picture(
    face: Face, api: BotApi, studio: Studio
) -> None:
    studio.fault = RuntimeError("the drawing process died")
    await face.send(HERE, pictured())
    assert api.shown(PRIVATE)[0]["text"] == "BTC long flush"


async def test_each_loud_revision_replies_to_the_first_message_and_the_newest_is_edited(
    face: Face, api: BotApi
) -> None:
    first = await face.send(HERE, pictured())
    second = await face.send(HERE, pictured("louder"), reply_to=first)
    third = await face.send(HERE, card("loudest"), reply_to=second)
    await face.edit(HERE, third, card("over"))
    await face.edit(HERE, second, pictured("not the newest"))
    shown = api.shown(PRIVATE)
    replies = [message["reply_to_message"]["message_id"] for message in shown[1:]]
    assert replies == [shown[0]["message_id"]] * 2
    assert [m.get("text") or m["caption"] for m in shown] == ["BTC long flush", "not the newest", "over"]


async def test_a_reply_is_sent_though_its_message_is_gone(face: Face, api: BotApi) -> None:
    await face.send(HERE, card("louder"), reply_to="999p")
    assert api.shown(PRIVATE)[0]["text"] == "louder"


async def test_a_topic_is_spoken_to_by_its_thread(face: Face, api: BotApi) -> None:
    await face.send(Destination("telegram", str(GROUP), "17"), card())
    assert api.of("sendMessage")[0].data["message_thread_id"] == "17"


async def test_an_edit_that_changes_nothing_is_a_success(face: Face, api: BotApi) -> None:
    name = await face.send(HERE, pictured())
    await face.edit(HERE, name, pictured())
    words = await face.send(HERE, card("words"))
    await face.edit(HERE, words, card("words"))


async def test_a_deleted_message_is_told_as_gone(face: Face, api: BotApi) -> None:
    name = await face.send(HERE, card())
    api.messages.clear()
    with pytest.raises(MessageGone):
        await face.edit(HERE, name, card("more"))


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (Failure(403, "Forbidden: bot was blocked by the user"), DestinationGone),
        (Failure(403, "Forbidden: bot was kicked from the supergroup chat"), DestinationGone),
        (Failure(400, "Bad Request: chat not found"), DestinationGone),
        (Failure(400, "Bad Request: TOPIC_CLOSED"), PlaceClosed),
        (Failure(400, "Bad Request: not enough rights to send text messages to the chat"), PlaceClosed),
        (Failure(400, "Bad Request: can't parse entities: byte offset 3"), CardRefused),
        (Failure(500, "Internal Server Error"), TryLater),
        (Failure(502, body=b"<html>Bad Gateway</html>"), TryLater),
        (Failure(429, "Too Many Requests: retry later"), TryLater),
        (Failure(200, body=b"<html>a hotel's login page</html>"), TryLater),
        (Failure(0, drop=True), TryLater),
        (Failure(0, drop=True, after=True), TryLater),
        (Failure(409, "Conflict: terminated by other getUpdates request"), TryLater),
        (Failure(401, "Unauthorized"), TryLater),
    ],
    ids=lambda value: value.description[:40] or str(value.code) if isinstance(value, Failure) else "",
)
async def test_a_refusal_arrives_as_what_delivery_does_next(
    face: Face, api: BotApi, failure: Failure, told: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    api.fail(failure, method="sendMessage")
    with pytest.raises(told) as raised:
        await face.send(HERE, card())
    assert TOKEN not in caplog.text + str(raised.value) + repr(raised.value)


async def test_a_group_that_became_a_supergroup_is_moved(face: Face, api: BotApi) -> None:
    api.fail(
        Failure(
            400, "Bad Request: group chat was upgraded to a supergroup chat", {"migrate_to_chat_id": -10099}
        ),
        method="send",
    )
    with pytest.raises(DestinationMoved) as moved:
        await face.send(Destination("telegram", "-5"), card())
    assert moved.value.new_chat == "-10099"


async def test_a_closed_topic_is_told_apart_from_a_chat_that_is_gone(face: Face, api: BotApi) -> None:
    api.fail(Failure(400, "Bad Request: message thread not found"), method="send")
    with pytest.raises(DestinationGone) as gone:
        await face.send(Destination("telegram", str(GROUP), "17"), card())
    assert gone.value.topic_only


@pytest.mark.parametrize("speed", [1.0])
async def test_a_flood_ban_of_hours_is_told_and_not_tried_against(face: Face, api: BotApi) -> None:
    api.fail(Failure(429, "Too Many Requests: retry after 7200", {"retry_after": 7200}), method="send")
    for _ in range(3):
        with pytest.raises(TryLater) as later:
            await face.send(HERE, card())
        assert later.value.retry_after == pytest.approx(timedelta(hours=2), abs=timedelta(seconds=2))
    assert len(api.of("sendMessage")) == 1
    await face.send(Destination("telegram", "7"), card())


@pytest.mark.parametrize("speed", [1.0])
async def test_two_chats_refused_close_the_whole_lane(face: Face, api: BotApi) -> None:
    api.fail(Failure(429, "Too Many Requests: retry after 60", {"retry_after": 60}), method="send", times=2)
    for chat in ("42", "7"):
        with pytest.raises(TryLater):
            await face.send(Destination("telegram", chat), card())
    with pytest.raises(TryLater):
        await face.send(Destination("telegram", str(GROUP)), card())
    assert len(api.calls) == 2


async def test_whoever_subscribed_a_chat_that_is_closed_is_told_once(
    face: Face, api: BotApi, store: MemoryStore
) -> None:
    there = Destination("telegram", str(GROUP))
    await store.subscriptions.add(Subscription(destination=there, created=NOW, created_by="7"))
    kicked = Failure(403, "Forbidden: bot was kicked from the supergroup chat")
    api.fail(kicked, method="send", chat=str(GROUP), times=2)
    for _ in range(2):
        with pytest.raises(DestinationGone):
            await face.send(there, card())
        await store.chats.leave(there, NOW)  # as delivery does
    (told,) = api.shown(7)
    assert "bot was kicked" in told["text"]


@pytest.mark.parametrize("speed", [1.0])
async def test_a_chat_has_one_request_at_a_time_and_a_second_between(face: Face, api: BotApi) -> None:
    api.latency_s = 0.05
    await asyncio.gather(*(face.send(HERE, card(str(number))) for number in range(3)))
    first, second, third = api.of("sendMessage")
    assert second.began - first.ended >= 0.999
    assert third.began - second.ended >= 0.999


async def test_a_token_that_cannot_be_one_is_a_fault_of_configuration(opened: Opened) -> None:
    from bot.errors import ConfigError

    with pytest.raises(ConfigError, match="BotFather"):
        async with opened(token=""):
            pass
