"""What the venues' wire formats have in common: what is asked, what is seen, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.simulator.forced import Forced
from bot.simulator.scenario import Contract, Holding, Scenario

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
PERIODS = {
    "5m": 5 * MINUTE,
    "5min": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "15min": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "30min": 30 * MINUTE,
    "1h": HOUR,
    "1H": HOUR,
    "4h": 4 * HOUR,
    "4H": 4 * HOUR,
    "1d": 24 * HOUR,
    "1D": 24 * HOUR,
}


class Refused(Exception):
    """A venue's answer to a question it does not take."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class Ask:
    """One HTTP question; the ``{names}`` of its path stand in ``query``. ``body`` is a POST's JSON, read."""

    query: Mapping[str, str]
    body: Any = None


@dataclass(frozen=True, slots=True)
class View:
    """What one venue sees of the market when it is asked.

    ``stamp`` is the time it writes; ``holdings`` may repeat a contract where the venue tells rows twice.
    """

    scenario: Scenario
    venue: str
    now: datetime
    stamp: datetime
    holdings: Sequence[Holding]

    @property
    def ms(self) -> int:
        return millis(self.stamp)

    def holding(self, symbol: str) -> Holding | None:
        return next((h for h in self.holdings if h.contract.symbol == symbol), None)

    def past(
        self, contract: Contract, step: timedelta, since: datetime | None, until: datetime | None, limit: int
    ) -> Sequence[tuple[int, Holding]]:
        """At most ``limit`` readings with their milliseconds, oldest first: on the step, none in the future.

        As venues do it: the newest ones, or from ``since`` on where only that is given.
        """
        last = min(until or self.now, self.now)
        first = max(since or self.scenario.begins, self.scenario.begins)
        until_step = int(last.timestamp() // step.total_seconds())
        since_step = int(-(-first.timestamp() // step.total_seconds()))
        if since is not None and until is None:
            until_step = min(until_step, since_step + limit - 1)
        out = []
        for number in range(max(since_step, until_step - limit + 1), until_step + 1):
            at = datetime.fromtimestamp(number * step.total_seconds(), UTC)
            out.append((millis(at), self.scenario.holding(contract, at)))
        return out


Answer = Callable[[View, Ask], object]
"""What a venue answers to one path: something JSON can say, or a page as text. Raises ``Refused``."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One of a venue's websockets.

    ``hear`` takes a client's frame and the topics subscribed so far (a set it may add to) and gives the
    replies; ``tell`` gives the frames that tell these liquidations to someone subscribed to ``topics``.
    ``gzipped``: every frame goes out in gzip.
    """

    hear: Callable[[str, set[str]], Sequence[str]]
    tell: Callable[[Sequence[Forced], set[str]], Sequence[str]]
    gzipped: bool = False


@dataclass(frozen=True, slots=True)
class WireFormat:
    """How one venue speaks: its answers by path and its websockets by path.

    ``lists`` gives the contracts the venue would list for a coin, their shares adding up to one.
    """

    answers: Mapping[str, Answer]
    streams: Mapping[str, Stream] = field(default_factory=dict)
    lists: Callable[[str], Sequence[Contract]] | None = None


def millis(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def moment(milliseconds: str | None) -> datetime | None:
    """A time in milliseconds as a question says it, ``None`` where it does not."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds else None


def text(value: float, places: int = 8) -> str:
    """A number as venues write it in a string: a plain decimal."""
    return f"{value:.{places}f}"


def whole(value: float) -> str:
    return f"{value:.0f}"
