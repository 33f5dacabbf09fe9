"""What people do in Telegram's chats: speak, press buttons, add bots and remove them."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

from tests.telegram.rules import BOT, RIGHTS, Said, user


class People:
    """Chats and the updates that come of them; ``BotApi`` adds what the bot asks for."""

    def __init__(self) -> None:
        self.chats: dict[str, dict[str, Any]] = {}
        self.messages: dict[tuple[str, int], dict[str, Any]] = {}
        self._ids = itertools.count(1)
        self._update_ids = itertools.count(700)
        self._updates: list[dict[str, Any]] = []
        self._queries: set[str] = set()
        self._news = asyncio.Event()

    def chat(self, number: int, kind: str = "private", **more: Any) -> dict[str, Any]:
        name = {"first_name": "Ada"} if kind == "private" else {"title": "Desk"}
        self.chats[str(number)] = {"id": number, "type": kind, **name, **more}
        return self.chats[str(number)]

    def update(self, **content: Any) -> dict[str, Any]:
        update = {"update_id": next(self._update_ids), **content}
        self._updates.append(update)
        self._news.set()
        return update

    def says(self, chat: int, text: str, person: int = 7, **more: Any) -> dict[str, Any]:
        """A message by a person; ``more`` are fields of the message."""
        kind = self.chats[str(chat)]["type"]
        message = {
            "message_id": next(self._ids),
            "date": int(time.time()),
            "chat": self.chats[str(chat)],
            "text": text,
            "from": user(person),
            **more,
        }
        if kind == "channel":
            message.pop("from")
            message.setdefault("sender_chat", self.chats[str(chat)])
        self.messages[str(chat), message["message_id"]] = message
        return self.update(**{"channel_post" if kind == "channel" else "message": message})

    def presses(self, message: Said, label: str, person: int = 7) -> dict[str, Any]:
        buttons = [b for row in message["reply_markup"]["inline_keyboard"] for b in row]
        data = next(button["callback_data"] for button in buttons if button["text"] == label)
        return self.presses_data(message, data, person)

    def presses_data(self, message: Said, data: str, person: int = 7) -> dict[str, Any]:
        query = {
            "id": str(next(self._ids)),
            "from": user(person),
            "chat_instance": "1",
            "message": message,
            "data": data,
        }
        self._queries.add(str(query["id"]))
        return self.update(callback_query=query)

    def member(self, chat: int, old: str, new: str, person: int = 7, *, posts: bool = True) -> dict[str, Any]:
        """The bot's own membership; ``posts`` is whether it may post in a channel."""

        def status(word: str) -> dict[str, Any]:
            more: dict[str, Any] = {"until_date": 0} if word == "kicked" else {}
            if word == "administrator":
                more = dict.fromkeys(RIGHTS, True)
                if self.chats[str(chat)]["type"] == "channel":
                    more |= {"can_post_messages": posts, "can_edit_messages": posts}
            return {"user": BOT, "status": word, **more}

        return self.update(
            my_chat_member={
                "chat": self.chats[str(chat)],
                "from": user(person),
                "date": int(time.time()),
                "old_chat_member": status(old),
                "new_chat_member": status(new),
            }
        )
