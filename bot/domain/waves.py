"""A wave of closing: what it took, where, how rare it is, and how far it has come."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Group, Missing, Report, Venue
from bot.domain.units import UsdChange


class Kind(StrEnum):
    """Told apart by what price did while coins fell."""

    FLUSH = "flush"
    """Price fell beyond its normal: longs lost."""
    SQUEEZE = "squeeze"
    """Price rose beyond its normal: shorts lost."""
    UNWIND = "unwind"
    """Price stayed within its normal: people closed by choice."""
    UNPRICED = "unpriced"
    """No price is known, so nobody can say which of the three it is."""


class Stage(StrEnum):
    """How far a wave has come; it only moves forward in this order, or to retracted."""

    EARLY = "early"
    BUILDING = "building"
    PEAK = "peak"
    OVER = "over"
    RETRACTED = "retracted"


STAGE_ORDER = {stage: place for place, stage in enumerate(Stage)}


class Lead(StrEnum):
    """Who closed: crypto-native traders, institutions, or both."""

    NATIVE = "native-led"
    INSTITUTION = "institution-led"
    MIXED = "mixed"


class Magnitude(msgspec.Struct, frozen=True):
    """W: log10 of the return period in hours, with a 90 % interval (2.2 weekly, 2.9 monthly, 3.9 yearly)."""

    w: float
    low: float
    high: float

    @property
    def return_period(self) -> timedelta:
        return timedelta(hours=min(10**self.w, 1e7))


class Depth(msgspec.Struct, frozen=True):
    """How far the coin index stands below its highest point within ``horizon``.

    ``fall`` is a fraction (0.08 is −8 %); ``price_move`` is the price change since that point, a signed
    fraction, ``None`` where no price is known.
    """

    horizon: timedelta
    fall: float
    price_move: float | None


class VenueChange(msgspec.Struct, frozen=True):
    """One venue's coins at the onset and now, counting only what was believed at both ends."""

    venue: Venue
    group: Group
    coins_before: float
    coins_now: float

    @property
    def coins_closed(self) -> float:
        return self.coins_before - self.coins_now


class Rank(msgspec.Struct, frozen=True):
    """A place among the asset's recorded waves since ``since``: first is largest."""

    since: datetime
    of: int
    coins_place: int
    usd_place: int | None


class Wave(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of one wave.

    ``revision`` counts by one from 1; ``loud`` is the newest revision worth a sound. Coins and dollars
    compare the onset with the lowest point so far, over the venues believed at both ends, so that they
    always add up over ``venues``. ``price_before_usd`` and ``price_now_usd`` belong to the same two instants.
    """

    id: str
    asset: Asset
    kind: Kind
    stage: Stage
    revision: int
    loud: int
    onset: datetime
    opened: datetime
    at: datetime
    low_at: datetime
    over_at: datetime | None = None
    horizon: timedelta
    """The horizon at which it is rarest."""
    depths: tuple[Depth, ...]
    venues: tuple[VenueChange, ...]
    price_before_usd: float | None
    price_now_usd: float | None
    magnitude: Magnitude
    coverage: float
    missing: tuple[Missing, ...] = ()
    lead: Lead
    provisional: bool = True
    """The lead may still change when the institutions' reports arrive."""
    reports: tuple[Report, ...] = ()
    rank: Rank | None = None
    one_venue: bool = False
    aftershocks: int = 0
    with_assets: tuple[Asset, ...] = ()
    """Coins whose own waves ran at the same time, largest W first."""
    liquidated_long_usd: float | None = None
    liquidated_short_usd: float | None = None
    """Forced closings seen since the onset: a floor. ``None`` where no feed was listening."""
    worst_minute_at: datetime | None = None
    worst_minute_usd: float | None = None
    reason: str = ""
    """Why it was retracted."""

    @property
    def coins_before(self) -> float:
        return sum(v.coins_before for v in self.venues)

    @property
    def coins_now(self) -> float:
        return sum(v.coins_now for v in self.venues)

    @property
    def coins_closed(self) -> float:
        return self.coins_before - self.coins_now

    @property
    def fall(self) -> float:
        """The share of coin OI closed, a fraction."""
        return self.coins_closed / self.coins_before if self.coins_before else 0.0

    @property
    def price_move(self) -> float | None:
        if not self.price_before_usd or self.price_now_usd is None:
            return None
        return self.price_now_usd / self.price_before_usd - 1

    @property
    def usd_change(self) -> UsdChange | None:
        """The change in dollars (negative in a fall), split into positions and price."""
        if self.price_before_usd is None or self.price_now_usd is None:
            return None
        return UsdChange.between(self.coins_before, self.price_before_usd, self.coins_now, self.price_now_usd)

    @property
    def done(self) -> bool:
        return self.stage in (Stage.OVER, Stage.RETRACTED)

    @property
    def duration(self) -> timedelta:
        """From the onset to the end of the fall, or to now while it runs."""
        return (self.over_at or self.at) - self.onset


class Outcome(msgspec.Struct, frozen=True):
    """What came next: price and coin OI some time after a reset, as fractions of where it ended."""

    after: timedelta
    price_move: float | None
    coins_move: float | None
