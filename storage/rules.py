"""What is kept for how long, and how time is cut into steps: the same in every store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bot.domain.market import Liquidation, Position
from bot.domain.posts import YEARLY_W, Subscription
from bot.domain.units import measure

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

TENTH = timedelta(milliseconds=100)
"""How finely it is told when chats were told."""

READINGS_KEPT = timedelta(days=3)
"""Longer than the longest window that detection rebuilds at a start."""
QUARANTINE_KEPT = timedelta(days=3)
LIQUIDATIONS_KEPT = timedelta(days=30)
"""Each on its own; afterwards only their sums per ``LIQUIDATION_STEP`` remain."""
LIQUIDATION_STEP = timedelta(hours=1)
CLAIMS_KEPT, FORGOTTEN_AT_ONCE = timedelta(days=2), 100
"""Telegram tries an update for a day ("getting updates", https://core.telegram.org/bots/api); so many older
claims go with each new one."""


class Thinning(NamedTuple):
    """Snapshots older than ``after`` are thinned to the last within each ``step``."""

    after: timedelta
    step: timedelta


SNAPSHOT_THINNING = (
    Thinning(after=timedelta(days=7), step=timedelta(minutes=15)),
    Thinning(after=timedelta(days=90), step=timedelta(hours=1)),
)

STATISTICS_THINNING = (Thinning(after=timedelta(days=7), step=timedelta(hours=1)),)
"""Of an asset's totals."""
VENUE_STATISTICS_THINNING = (
    Thinning(after=timedelta(days=2), step=timedelta(hours=1)),
    Thinning(after=timedelta(days=30), step=timedelta(days=1)),
)
"""Of the same with every venue."""


def micros(at: datetime) -> int:
    """Whole microseconds since the Unix epoch: every time is stored so, exactly."""
    passed = at - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def moment(at_us: int) -> datetime:
    return EPOCH + timedelta(microseconds=at_us)


def positive(step: timedelta) -> timedelta:
    """``step`` itself; raises ``ValueError`` where time cannot be cut into it."""
    if step < MICROSECOND:
        raise ValueError(f"time cannot be cut into steps of {step}")
    return step


def floor(at: datetime, step: timedelta) -> datetime:
    """Where the step that holds ``at`` begins; steps are counted from the Unix epoch."""
    return at - (at - EPOCH) % step


def liquidated_usd(forced: Liquidation) -> tuple[float | None, float | None]:
    """Dollars lost by longs and by shorts; ``None`` for the other side and where it cannot be known."""
    contract = forced.instrument.contract
    usd = measure(forced.amount, contract, float(forced.price), forced.instrument.coins_per_base).usd
    return (usd, None) if forced.position is Position.LONG else (None, usd)


def liquidated_coins(forced: Liquidation) -> float | None:
    """Coins lost; ``None`` where they cannot be known."""
    contract = forced.instrument.contract
    return measure(forced.amount, contract, float(forced.price), forced.instrument.coins_per_base).coins


def assets_key(subscription: Subscription) -> str:
    """One text per set of assets. Every coin is ``*``."""
    return "*" if subscription.assets is None else ",".join(sorted(subscription.assets))


def may_break_through(size_before: float, size_now: float) -> bool:
    """Has the wave grown to one that silence may not hold back?"""
    return size_before < YEARLY_W <= size_now
