"""What Telegram's refusals mean for us: every error of the library has a row here, and in docs/delivery.md.

The kind of error decides. Its words, which may change without notice, only tell 400s and 403s apart, by a
fragment and whatever their case.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from math import ceil
from typing import Any, NamedTuple

import httpx
from telegram import error as tg
from telegram.request import HTTPXRequest

from bot.errors import (
    CardRefused,
    DeliveryError,
    DestinationGone,
    DestinationMoved,
    MessageGone,
    PlaceClosed,
    TryLater,
)
from handlers.telegram.pacer import seconds


class Reaction(StrEnum):
    """What we do about an error."""

    DONE = "nothing: it is as we wanted it"
    LATER = "again later"
    GONE = "forget the chat, and tell its owner"
    TOPIC_GONE = "forget the topic, and tell its owner"
    MOVED = "rename the chat"
    ANEW = "send the message anew"
    MUTE = "drop this post, keep the chat, and tell its owner"
    WITHOUT_PICTURE = "say it without the picture"
    UPLOAD = "upload the picture again"
    CAPTION = "edit the caption instead"
    REFUSED = "drop this post: our fault"
    STOP = "end: the operator must act"


class Fault(NamedTuple):
    """An error whose text holds ``fragment`` (lower case) is met with ``reaction``."""

    error: type[tg.TelegramError]
    fragment: str
    reaction: Reaction
    wait_s: float = 0.0


AMISS_S = 5.0
"""After a fault of the network or of Telegram's servers; each further try of a post waits as long again."""
UNSURE_S = 20.0
"""Sent, but not answered: perhaps it is shown. Saying it again may show it twice, never may lose it."""
NO_TOKEN_S = 3600.0
UNNAMED_S = 5.0
"""A 429 that does not say for how long."""

FAULTS = (
    Fault(tg.ChatMigrated, "", Reaction.MOVED),
    Fault(tg.RetryAfter, "", Reaction.LATER),
    Fault(tg.InvalidToken, "", Reaction.STOP, NO_TOKEN_S),
    Fault(tg.Conflict, "", Reaction.LATER, AMISS_S),
    Fault(tg.Forbidden, "not enough rights", Reaction.MUTE),
    Fault(tg.Forbidden, "no rights", Reaction.MUTE),
    Fault(tg.Forbidden, "", Reaction.GONE),
    Fault(tg.BadRequest, "message is not modified", Reaction.DONE),
    Fault(tg.BadRequest, "query is too old", Reaction.DONE),
    Fault(tg.BadRequest, "message to delete not found", Reaction.DONE),
    Fault(tg.BadRequest, "message can't be deleted", Reaction.DONE),
    Fault(tg.BadRequest, "chat not found", Reaction.GONE),
    Fault(tg.BadRequest, "user not found", Reaction.GONE),
    Fault(tg.BadRequest, "peer_id_invalid", Reaction.GONE),
    Fault(tg.BadRequest, "group chat was deactivated", Reaction.GONE),
    Fault(tg.BadRequest, "message thread not found", Reaction.TOPIC_GONE),
    Fault(tg.BadRequest, "topic_deleted", Reaction.TOPIC_GONE),
    Fault(tg.BadRequest, "message to edit not found", Reaction.ANEW),
    Fault(tg.BadRequest, "message can't be edited", Reaction.ANEW),
    Fault(tg.BadRequest, "message_id_invalid", Reaction.ANEW),
    Fault(tg.BadRequest, "message to be replied not found", Reaction.ANEW),
    Fault(tg.BadRequest, "message to reply not found", Reaction.ANEW),
    Fault(tg.BadRequest, "replied message not found", Reaction.ANEW),
    Fault(tg.BadRequest, "there is no text in the message to edit", Reaction.CAPTION),
    Fault(tg.BadRequest, "rights to send photos", Reaction.WITHOUT_PICTURE),
    Fault(tg.BadRequest, "chat_send_photos_forbidden", Reaction.WITHOUT_PICTURE),
    Fault(tg.BadRequest, "image_process_failed", Reaction.WITHOUT_PICTURE),
    Fault(tg.BadRequest, "photo_invalid", Reaction.WITHOUT_PICTURE),
    Fault(tg.BadRequest, "caption is too long", Reaction.WITHOUT_PICTURE),
    Fault(tg.BadRequest, "wrong file identifier", Reaction.UPLOAD),
    Fault(tg.BadRequest, "wrong remote file", Reaction.UPLOAD),
    Fault(tg.BadRequest, "failed to get http url content", Reaction.UPLOAD),
    Fault(tg.BadRequest, "not enough rights", Reaction.MUTE),
    Fault(tg.BadRequest, "have no rights", Reaction.MUTE),
    Fault(tg.BadRequest, "need administrator rights", Reaction.MUTE),
    Fault(tg.BadRequest, "chat_write_forbidden", Reaction.MUTE),
    Fault(tg.BadRequest, "chat_restricted", Reaction.MUTE),
    Fault(tg.BadRequest, "topic_closed", Reaction.MUTE),
    Fault(tg.BadRequest, "message is too long", Reaction.REFUSED),
    Fault(tg.BadRequest, "message text is empty", Reaction.REFUSED),
    Fault(tg.BadRequest, "can't parse entities", Reaction.REFUSED),
    Fault(tg.BadRequest, "button_data_invalid", Reaction.REFUSED),
    Fault(tg.BadRequest, "", Reaction.REFUSED),
    Fault(tg.EndPointNotFound, "", Reaction.REFUSED),
    Fault(tg.TimedOut, "", Reaction.LATER, UNSURE_S),
    Fault(tg.NetworkError, "", Reaction.LATER, AMISS_S),
    Fault(tg.PassportDecryptionError, "", Reaction.REFUSED),
    Fault(tg.TelegramError, "invalid server response", Reaction.LATER, UNSURE_S),
    Fault(tg.TelegramError, "", Reaction.REFUSED),
)
"""The first that fits."""

UNSENT = (httpx.ConnectTimeout, httpx.ConnectError, httpx.PoolTimeout)
"""Nothing reached Telegram."""


def fault(error: tg.TelegramError) -> Fault:
    """The row for an error."""
    text = error.message.lower()
    found = next(row for row in FAULTS if isinstance(error, row.error) and row.fragment in text)
    if isinstance(error, tg.RetryAfter):
        return found._replace(wait_s=seconds(error))
    if isinstance(error, tg.TimedOut) and isinstance(error.__cause__, UNSENT):
        return found._replace(wait_s=AMISS_S)
    if found.error is tg.NetworkError and _cut_off(error):
        return found._replace(wait_s=UNSURE_S)
    return found


def _cut_off(error: tg.TelegramError) -> bool:
    """The line broke after the request was begun, so it may have been carried out."""
    return isinstance(error.__cause__, httpx.HTTPError) and not isinstance(error.__cause__, UNSENT)


def delivery_error(error: tg.TelegramError) -> DeliveryError | None:
    """What delivery is told; ``None`` where all is well. No text of ours holds the token."""
    found = fault(error)
    why = error.message[:200]
    match found.reaction:
        case Reaction.DONE:
            return None
        case Reaction.LATER | Reaction.STOP:
            return TryLater(why, retry_after=timedelta(seconds=found.wait_s))
        case Reaction.GONE | Reaction.TOPIC_GONE:
            return DestinationGone(why, topic_only=found.reaction is Reaction.TOPIC_GONE)
        case Reaction.MOVED if isinstance(error, tg.ChatMigrated):
            return DestinationMoved(why, new_chat=str(error.new_chat_id))
        case Reaction.ANEW:
            return MessageGone(why)
        case Reaction.MUTE:
            return PlaceClosed(why)
        case _:
            return CardRefused(why)


@contextmanager
def delivering() -> Iterator[None]:
    """Inside, the library's errors become delivery's; one that means all is well ends the block."""
    try:
        yield
    except tg.TelegramError as error:
        told = delivery_error(error)
        if told is not None:
            raise told from None if isinstance(error, tg.InvalidToken) else error


class Wire(HTTPXRequest):
    """The library's HTTP, which takes a 429 without ``retry_after`` for a fault of the network."""

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        code, payload = await super().do_request(*args, **kwargs)
        if code == httpx.codes.TOO_MANY_REQUESTS:
            raise tg.RetryAfter(timedelta(seconds=_retry_after_s(payload)))
        return code, payload


def _retry_after_s(payload: bytes) -> int:
    """What the answer asks for, and ``UNNAMED_S`` where it asks for nothing one can read."""
    try:
        asked = HTTPXRequest.parse_json_payload(payload).get("parameters", {}).get("retry_after")
    except tg.TelegramError:
        asked = None
    return ceil(asked) if isinstance(asked, int | float) and asked > 0 else ceil(UNNAMED_S)
