"""Errors, sorted by what the caller does next.

WashoutError
├── ConfigError            the operator must change a file; says which key and how
├── UsageError             the operator must change the command line or an input file
├── SourceError            one venue misbehaved; contained to that source
│   ├── SourceUnreachable  try again later, waiting longer each time
│   ├── SourceThrottled    try again after ``retry_after``
│   ├── SourceBlocked      this address may not ask; hourly, and the operator is told
│   └── SourceChanged      the payload is not what we mapped; kept, and the venue marked
├── DeliveryError          one post could not be shown
│   ├── TryLater           again after ``retry_after``
│   ├── DestinationGone    forget the chat, or only its topic
│   ├── DestinationMoved   rename the destination to ``new_chat``
│   ├── MessageGone        the shown message no longer exists; send it anew
│   └── CardRefused        our bug: drop it and say so in the log
├── LockLost               another process plays this only-one role now; stop it here, and wait for its turn
├── AskError               a person asked what cannot be answered; its text is for the person
└── StorageError           the store cannot be used; the process ends
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple


class WashoutError(Exception):
    """Root of everything raised on purpose."""


class ConfigError(WashoutError):
    pass


class UsageError(WashoutError):
    pass


class Refusal(NamedTuple):
    """An answer of HTTP 400 or more: its status, its ``Retry-After`` header, and the start of its body."""

    status: int
    retry_after: str
    body: bytes


class SourceError(WashoutError):
    """``evidence`` is the start of what was received, where something was.

    ``refusal`` is the answer it was read from, where that was one.
    """

    refusal: Refusal | None = None

    def __init__(self, why: str, *, evidence: str = "") -> None:
        super().__init__(why)
        self.evidence = evidence


class SourceUnreachable(SourceError):
    pass


class SourceThrottled(SourceError):
    def __init__(self, why: str, *, retry_after: timedelta, evidence: str = "") -> None:
        super().__init__(why, evidence=evidence)
        self.retry_after = retry_after


class SourceBlocked(SourceError):
    pass


class KeyRefused(SourceBlocked):
    """The operator's key is not taken."""


class SourceChanged(SourceError):
    pass


class DeliveryError(WashoutError):
    pass


class TryLater(DeliveryError):
    def __init__(self, why: str, *, retry_after: timedelta) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class DestinationGone(DeliveryError):
    """``topic_only``: the topic or thread is gone, the chat around it is not."""

    def __init__(self, why: str, *, topic_only: bool = False) -> None:
        super().__init__(why)
        self.topic_only = topic_only


class DestinationMoved(DeliveryError):
    def __init__(self, why: str, *, new_chat: str) -> None:
        super().__init__(why)
        self.new_chat = new_chat


class MessageGone(DeliveryError):
    pass


class CardRefused(DeliveryError):
    pass


class PlaceClosed(DeliveryError):
    """The chat is there, but does not let the bot speak just now; its owner should know."""


class AskError(WashoutError):
    """``suggestions`` are commands that would work, ready to be tapped."""

    def __init__(self, text: str, *suggestions: str) -> None:
        super().__init__(text)
        self.text = text
        self.suggestions = suggestions


class LockLost(WashoutError):
    pass


class StorageError(WashoutError):
    pass
