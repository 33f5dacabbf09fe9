"""What the processes that speak for one bot tell each other at once: platforms count what all of them say."""

from __future__ import annotations

import msgspec


class Began(msgspec.Struct, frozen=True, tag="began"):
    """A request to ``chat`` goes now. ``call`` is its number in the process that tells of it.

    ``message`` marks what counts as a message to the chat: whatever sends, edits or deletes one.
    """

    call: int
    chat: str
    message: bool


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """It was answered, or will not be."""

    call: int
    chat: str
    message: bool


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The platform asked to wait so long; ``chat`` is ``None`` where the request named none."""

    chat: str | None
    wait_s: float


class Heard(msgspec.Struct, frozen=True, tag="heard"):
    """Somebody spoke in ``chat``, or the bot's rights in it changed."""

    chat: str


BotNews = Began | Ended | Refused | Heard
