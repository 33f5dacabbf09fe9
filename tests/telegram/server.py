"""A Bot API over HTTP, as Telegram documents it, that can be told to fail in every documented way.

It keeps chats, messages and updates, checks what Telegram checks (sizes after parsing, tags, bytes of
buttons, edits that change nothing) and remembers every request with the times it began and ended.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.telegram.crowd import People
from tests.telegram.rules import (
    BOT,
    GIFTS,
    TOKEN,
    Failure,
    Refused,
    Said,
    fields_of,
    markup_of,
    parsed,
    units,
    user,
)


@dataclass
class Call:
    method: str
    data: dict[str, Any]
    began: float
    ended: float = 0.0
    upload: bool = False

    @property
    def chat(self) -> str:
        return str(self.data.get("chat_id", ""))


LINK = f"https://t.me/{BOT['username']}?start="


class BotApi(People):
    """``address`` is what ``api_base`` is set to while the server runs."""

    def __init__(self) -> None:
        self.address = ""
        self.calls: list[Call] = []
        super().__init__()
        self.administrators: dict[str, list[int]] = defaultdict(list)
        self.linked: dict[str, int] = {}
        self.files: dict[str, bytes] = {}
        self.menus: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.webhook: dict[str, Any] = {}
        self.failures: list[tuple[Callable[[Call], bool], Failure]] = []
        self.latency_s = 0.0
        self.can_add_media = True
        self.can_delete: set[str] = set()
        """Chats in which the bot may delete what others said."""
        self._polls = 0
        self._changed = asyncio.Event()

    # --- for tests ---------------------------------------------------------------------------------

    def fail(self, failure: Failure, *, method: str = "", chat: str = "", times: int = 1) -> None:
        """The next ``times`` requests that fit are answered so."""

        def fits(call: Call) -> bool:
            return call.method.startswith(method) and (not chat or call.chat == chat)

        self.failures += [(fits, failure)] * times

    def of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    def shown(self, chat: int) -> list[dict[str, Any]]:
        """The bot's messages in a chat, oldest first."""
        found = [m for (name, _), m in sorted(self.messages.items()) if name == str(chat)]
        return [m for m in found if m.get("by_bot")]

    async def until(self, true: Callable[[], object], timeout_s: float = 5.0) -> None:
        """Wait for something to become so; looked at after each request, and now and then."""
        async with asyncio.timeout(timeout_s):
            while not true():
                self._changed.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.05)

    # --- HTTP --------------------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.StreamResponse:
        data = await fields_of(request)
        call = Call(request.match_info["method"], data, time.monotonic(), upload="" in data)
        uploads = data.pop("", {})
        self.calls.append(call)
        try:
            return await self._answered(call, uploads, request)
        finally:
            call.ended = time.monotonic()
            self._changed.set()

    async def _answered(
        self, call: Call, uploads: Mapping[str, bytes], request: web.Request
    ) -> web.StreamResponse:
        if self.latency_s and call.method != "getUpdates":
            await asyncio.sleep(self.latency_s)
        failure = self._failure(call)
        try:
            if failure is None or failure.after:
                if request.match_info["token"] != TOKEN:
                    raise Refused(401, "Unauthorized")
                result = await self._carried_out(call, uploads)
                if failure is None:
                    return web.json_response({"ok": True, "result": result})
        except Refused as refused:
            failure = refused.failure
        if failure.drop:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if failure.body is not None:
            return web.Response(status=failure.code, body=failure.body, content_type="text/html")
        said: dict[str, Any] = {
            "ok": False,
            "error_code": failure.code,
            "description": failure.description,
        }
        if failure.parameters:
            said["parameters"] = failure.parameters
        return web.json_response(said, status=failure.code)

    def _failure(self, call: Call) -> Failure | None:
        for place, (fits, failure) in enumerate(self.failures):
            if fits(call):
                del self.failures[place]
                return failure
        return None

    async def _carried_out(self, call: Call, uploads: Mapping[str, bytes]) -> Any:
        method = getattr(self, f"_{re.sub('([A-Z])', lambda m: '_' + m[0].lower(), call.method)}", None)
        if method is None:
            raise Refused(404, "Not Found")
        return await method(call.data, uploads)

    # --- methods -----------------------------------------------------------------------------------

    async def _get_me(self, _: Said, __: Said) -> Any:
        return BOT

    async def _get_updates(self, data: Said, _: Said) -> Any:
        if self.webhook.get("url"):
            raise Refused(
                409,
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to "
                "delete the webhook first",
            )
        after = int(data.get("offset", 0))
        self._updates = [u for u in self._updates if u["update_id"] >= after]
        self._polls += 1
        mine = self._polls
        self._news.set()  # whoever waits already is ended
        await asyncio.sleep(0)
        if not self._updates:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), float(data.get("timeout", 0)))
            except TimeoutError:
                return []
        if mine != self._polls:
            raise Refused(
                409,
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is "
                "running",
            )
        return self._updates[:100]

    async def _set_webhook(self, data: Said, _: Said) -> Any:
        if not data["url"].startswith("https://"):
            raise Refused(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        self.webhook = dict(data)
        return True

    async def _delete_webhook(self, _: Said, __: Said) -> Any:
        self.webhook = {}
        return True

    async def _get_webhook_info(self, _: Said, __: Said) -> Any:
        return {
            "url": self.webhook.get("url", ""),
            "has_custom_certificate": False,
            "pending_update_count": 0,
        }

    async def _set_my_commands(self, data: Said, _: Said) -> Any:
        for command in data["commands"]:
            assert re.fullmatch(r"[a-z0-9_]{1,32}", command["command"])
            assert 1 <= len(command["description"]) <= 256
        self.menus[data.get("scope", {}).get("type", ""), data.get("language_code", "")] = data["commands"]
        return True

    async def _get_chat(self, data: Said, _: Said) -> Any:
        chat = self._known(data)
        more = {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": GIFTS}
        linked = self.linked.get(str(chat["id"]))
        return chat | more | ({"linked_chat_id": linked} if linked else {})

    async def _get_chat_administrators(self, data: Said, _: Said) -> Any:
        chat = self._known(data)
        if chat["type"] == "private":
            raise Refused(400, "Bad Request: there are no administrators in the private chat")
        return [
            {"status": "creator", "user": user(number), "is_anonymous": False}
            for number in self.administrators[str(chat["id"])]
        ]

    async def _send_message(self, data: Said, _: Said) -> Any:
        text = parsed(data.get("text", ""), 4096, "")
        if not text:
            raise Refused(400, "Bad Request: message text is empty")
        return self._post(data, text=text)

    async def _send_photo(self, data: Said, uploads: Mapping[str, bytes]) -> Any:
        caption = parsed(data.get("caption", ""), 1024, "caption ")
        return self._post(data, caption=caption, photo=self._photo(data.get("photo", ""), uploads))

    async def _send_document(self, data: Said, uploads: Mapping[str, bytes]) -> Any:
        caption = parsed(data.get("caption", ""), 1024, "caption ")
        (content,) = uploads.values()
        if not 0 < len(content) <= 50_000_000:
            raise Refused(400, "Bad Request: file must be non-empty")
        file_id = f"file-{len(self.files)}"
        self.files[file_id] = content
        document = {"file_id": file_id, "file_unique_id": file_id, "file_name": data["file_name"]}
        return self._post(data, caption=caption, document=document)

    async def _edit_message_text(self, data: Said, _: Said) -> Any:
        message = self._editable(data)
        if "photo" in message:
            raise Refused(400, "Bad Request: there is no text in the message to edit")
        return self._edit(message, data, text=parsed(data["text"], 4096, ""))

    async def _edit_message_caption(self, data: Said, _: Said) -> Any:
        message = self._editable(data)
        return self._edit(message, data, caption=parsed(data.get("caption", ""), 1024, "caption "))

    async def _edit_message_media(self, data: Said, uploads: Mapping[str, bytes]) -> Any:
        message, media = self._editable(data), data["media"]
        if "photo" not in message and not self.can_add_media:
            raise Refused(400, "Bad Request: there is no media in the message to edit")
        caption = parsed(media.get("caption", ""), 1024, "caption ")
        photo = self._photo(media["media"].removeprefix("attach://"), uploads)
        edited = self._edit(message, data, caption=caption, photo=photo)
        edited.pop("text", None)
        return edited

    async def _delete_message(self, data: Said, _: Said) -> Any:
        chat = str(self._known(data)["id"])
        message = self.messages.get((chat, int(data["message_id"])))
        if message is None:
            raise Refused(400, "Bad Request: message to delete not found")
        if not message.get("by_bot") and chat not in self.can_delete:
            raise Refused(400, "Bad Request: message can't be deleted")
        del self.messages[chat, message["message_id"]]
        return True

    async def _answer_callback_query(self, data: Said, _: Said) -> Any:
        assert units(data.get("text", "")) <= 200
        assert data.get("url", LINK).startswith(LINK), "only links that open the bot itself"
        if data["callback_query_id"] not in self._queries:
            raise Refused(
                400,
                "Bad Request: query is too old and response timeout expired or query ID is invalid",
            )
        self._queries.remove(data["callback_query_id"])
        return True

    # --- rules -------------------------------------------------------------------------------------

    def _known(self, data: Said) -> dict[str, Any]:
        chat = self.chats.get(str(data.get("chat_id", "")))
        if chat is None:
            raise Refused(400, "Bad Request: chat not found")
        return chat

    def _post(self, data: Said, **content: Any) -> dict[str, Any]:
        chat = self._known(data)
        reply = data.get("reply_parameters", {})
        answered = self.messages.get((str(chat["id"]), reply.get("message_id", 0)))
        if reply and answered is None and not reply.get("allow_sending_without_reply"):
            raise Refused(400, "Bad Request: message to be replied not found")
        message = {
            "message_id": next(self._ids),
            "date": int(time.time()),
            "chat": chat,
            **({"sender_chat": chat} if chat["type"] == "channel" else {"from": BOT}),
            **content,
            **markup_of(data),
            "by_bot": True,  # ours, beside Telegram's fields: a channel's posts do not say who wrote them
        }
        if "message_thread_id" in data:
            message |= {"message_thread_id": int(data["message_thread_id"]), "is_topic_message": True}
        if answered is not None:
            message["reply_to_message"] = {
                key: value for key, value in answered.items() if key != "reply_to_message"
            }
        self.messages[str(chat["id"]), message["message_id"]] = message
        return message

    def _editable(self, data: Said) -> dict[str, Any]:
        message = self.messages.get((str(self._known(data)["id"]), int(data["message_id"])))
        if message is None:
            raise Refused(400, "Bad Request: message to edit not found")
        if not message.get("by_bot"):
            raise Refused(400, "Bad Request: message can't be edited")
        return message

    def _edit(self, message: dict[str, Any], data: Said, **content: Any) -> dict[str, Any]:
        new = {**content, **markup_of(data)}
        old = {key: message[key] for key in (*content, "reply_markup") if key in message}
        if new == old:
            raise Refused(
                400,
                "Bad Request: message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message",
            )
        message.pop("reply_markup", None)
        message.update(new, edit_date=int(time.time()))
        return message

    def _photo(self, named: str, uploads: Mapping[str, bytes]) -> list[dict[str, Any]]:
        if uploads:
            (content,) = uploads.values()
            named = f"file-{len(self.files)}"
            self.files[named] = content
        elif named not in self.files:
            raise Refused(400, "Bad Request: wrong file identifier/HTTP URL specified")
        return [
            {
                "file_id": f"{named}" if big else f"{named}-small",
                "file_unique_id": named,
                "width": 1,
                "height": 1,
            }
            for big in (False, True)
        ]


@asynccontextmanager
async def serve() -> AsyncIterator[BotApi]:
    api = BotApi()
    app = web.Application(client_max_size=50 * 1024 * 1024)
    app.router.add_post("/bot{token:[^/]+}/{method}", api.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        api._news.set()
        await runner.cleanup()
