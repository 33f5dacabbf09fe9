"""What Discord answers when it will not do something, and what is done next (table in docs/delivery.md)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum

import aiohttp
import discord

from bot.errors import CardRefused, DeliveryError, DestinationGone, MessageGone, TryLater


class Reaction(StrEnum):
    LATER = "again later"
    GONE = "forget the destination"
    BARRED = "put the channel aside (try a thread again hourly) and tell the server's people elsewhere"
    ANEW = "send it as a new message"
    REFUSED = "drop the card and log it: our fault"
    REVOKED = "say nothing more: the token is not accepted"
    UNANSWERED = "nothing: the person has to ask again"


CODES: dict[int, Reaction] = {
    10003: Reaction.GONE,  # unknown channel
    10004: Reaction.GONE,  # unknown guild
    10007: Reaction.GONE,  # unknown member
    10008: Reaction.ANEW,  # unknown message
    10011: Reaction.REFUSED,  # unknown role
    10013: Reaction.GONE,  # unknown user
    10015: Reaction.UNANSWERED,  # unknown webhook: an interaction's token before its first answer
    10062: Reaction.UNANSWERED,  # unknown interaction: answered after 3 s
    20016: Reaction.LATER,  # slow mode
    20028: Reaction.LATER,  # write limit of the channel
    30046: Reaction.LATER,  # too many edits of a message older than an hour
    40005: Reaction.REFUSED,  # file too large
    40060: Reaction.UNANSWERED,  # already acknowledged; ``answers`` edits instead
    50001: Reaction.BARRED,  # missing access
    50005: Reaction.ANEW,  # a message of another author
    50006: Reaction.REFUSED,  # empty message
    50007: Reaction.GONE,  # direct messages closed
    50008: Reaction.GONE,  # not a channel for text
    50013: Reaction.BARRED,  # missing permissions
    50027: Reaction.UNANSWERED,  # interaction older than 15 minutes
    50035: Reaction.REFUSED,  # invalid form body
    50083: Reaction.ANEW,  # archived thread: a new message opens it again
    160002: Reaction.ANEW,  # may not reply without reading the history: without the reply then
}
STATUSES: dict[int, Reaction] = {
    400: Reaction.REFUSED,
    401: Reaction.REVOKED,
    403: Reaction.LATER,  # without a code we know it proves nothing about the destination
    404: Reaction.REFUSED,
    413: Reaction.REFUSED,
    429: Reaction.LATER,
}
"""For a code that is not in ``CODES``. From 500 on, and anything else: again later."""

SOON = timedelta(seconds=15)
WHILE = timedelta(minutes=10)
"""After a refusal without a time. Invalid requests are counted over ten minutes."""
HOURLY = timedelta(hours=1)


class Barred(DestinationGone):
    """The channel exists, but the bot may not see it or write there."""


class ThreadBarred(TryLater):
    """The same of a thread, whose channel may be open: its subscriptions stay, and it is tried again."""


class Revoked(TryLater):
    """The token is not accepted any more."""


@contextmanager
def translated(*, topic: bool = False) -> Iterator[None]:
    """Whatever the library raises leaves as a ``DeliveryError`` with its cause; ``topic``: of a thread."""
    try:
        yield
    except discord.RateLimited as slow:
        later = timedelta(seconds=slow.retry_after)
        raise TryLater("Discord asked to wait", retry_after=later) from slow
    except discord.HTTPException as fault:
        raise delivery_error(fault, topic=topic) from fault
    except (aiohttp.ClientError, OSError, TimeoutError) as fault:
        # Whether it was carried out is unknown; the nonce keeps a repeated message from showing twice.
        raise TryLater(f"Discord was not reached ({type(fault).__name__})", retry_after=SOON) from fault


def reaction(status: int, code: int) -> Reaction:
    return CODES.get(code) or STATUSES.get(status, Reaction.LATER)


def delivery_error(fault: discord.HTTPException, *, topic: bool = False) -> DeliveryError:
    """What delivery must do about an answer of Discord."""
    why = f"Discord answered {fault.status}, code {fault.code}"
    if fault.text and fault.code:
        why += f": {fault.text[:200]}"
    match reaction(fault.status, fault.code):
        case Reaction.GONE:
            return DestinationGone(why, topic_only=topic)
        case Reaction.BARRED:
            return ThreadBarred(why, retry_after=HOURLY) if topic else Barred(why)
        case Reaction.ANEW:
            return MessageGone(why)
        case Reaction.REVOKED:
            return Revoked(why, retry_after=HOURLY)
        case Reaction.REFUSED | Reaction.UNANSWERED:
            return CardRefused(why)
        case Reaction.LATER:
            return TryLater(why, retry_after=_wait(fault))


def _wait(fault: discord.HTTPException) -> timedelta:
    """As long as was asked for. A 429 that says nothing is a ban of the address, which lasts."""
    if fault.status >= 500:
        return SOON
    asked = fault.response.headers.get("Retry-After", "")
    try:
        return timedelta(seconds=max(float(asked), 1.0))
    except (ValueError, OverflowError):
        return WHILE
