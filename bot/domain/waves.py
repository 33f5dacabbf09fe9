"""A wave of closing: what it took, where, how rare it is, and how far it has come."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Group, Missing, Position, Report, Venue
from bot.domain.units import UsdChange

FROM_HISTORY = "h-"
"""How the id of a wave begins that was found in what venues remember, not seen as it happened."""


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


CLEARLY = 2 / 3
"""So much of what was liquidated on one side names it where price does not."""


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


class Basis(msgspec.Struct, frozen=True):
    """What a magnitude was computed from, at its rarest moment and horizon (docs/detection.md, "The rule").

    ``fall`` and ``price_move`` are that moment's; ``coin_scale`` and ``price_scale`` what the coin exceeds
    one time in ten over that horizon, all fractions. ``events`` independent moments above the floor of the
    score were seen in ``hours``, ``excess`` beyond it all together; the prior expects ``expected`` an hour.
    """

    fall: float
    price_move: float | None
    coin_scale: float
    price_scale: float
    score: float
    hours: float
    events: float
    excess: float
    expected: float


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


class Burst(msgspec.Struct, frozen=True):
    """What was liquidated within one minute, far above the coin's own normal.

    ``multiple`` is of the normal minute of that hour of the week; ``long_share`` a fraction of the dollars;
    ``venues`` those that told it, the largest first, of which ``floors`` do not tell everything;
    ``magnitude`` a lower estimate.
    """

    at: datetime
    usd: float
    multiple: float
    long_share: float
    venues: tuple[Venue, ...]
    magnitude: Magnitude
    floors: tuple[Venue, ...] = ()


class Forced(msgspec.Struct, frozen=True):
    """How much was forced since the onset, in coins and dollars.

    ``seen`` is a floor; ``likely_low`` to ``likely_high`` estimates what throttled feeds left out, and is
    ``None`` where no complete feed shows how much that is. Venues without a feed are in neither.
    Auto-deleveraging is counted apart, in ``deleveraged_usd``.
    """

    seen_usd: float
    seen_coins: float
    likely_low_usd: float | None = None
    likely_high_usd: float | None = None
    deleveraged_usd: float = 0.0

    @property
    def usd_per_coin(self) -> float | None:
        return self.seen_usd / self.seen_coins if self.seen_coins else None


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
    burst: Burst | None = None
    """The largest minute of liquidations that was told before open interest could show it."""
    forced: Forced | None = None
    """``None`` where no feed was listening."""
    reason: str = ""
    """Why it was retracted."""
    basis: Basis | None = None
    """``None`` where the magnitude is that of the burst, or was computed by an older release."""

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
    def from_history(self) -> bool:
        """Found in what venues remember: nobody was ever alerted of it."""
        return self.id.startswith(FROM_HISTORY)

    @property
    def forced_share(self) -> tuple[float, float] | None:
        """What part of the closed coins was forced, from and to; the rest closed by choice.

        From what was seen to the upper estimate, at most all of it; ``None`` where it cannot be known.
        """
        if self.forced is None or self.coins_closed <= 0:
            return None
        per_coin = self.forced.usd_per_coin
        high_usd = self.forced.likely_high_usd
        low = min(1.0, self.forced.seen_coins / self.coins_closed)
        if per_coin is None or high_usd is None:
            return low, 1.0
        return low, min(1.0, high_usd / per_coin / self.coins_closed)

    @property
    def flushed(self) -> Position | None:
        """The side that lost, where liquidations and price agree on it; ``None`` where they do not."""
        by_price = {Kind.FLUSH: Position.LONG, Kind.SQUEEZE: Position.SHORT}.get(self.kind)
        longs, shorts = self.liquidated_long_usd or 0.0, self.liquidated_short_usd or 0.0
        if not longs and not shorts:
            return by_price
        told = Position.LONG if longs >= shorts else Position.SHORT
        if by_price is None:
            return told if max(longs, shorts) >= CLEARLY * (longs + shorts) else None
        return by_price if by_price is told else None

    @property
    def done(self) -> bool:
        return self.stage in (Stage.OVER, Stage.RETRACTED)

    @property
    def duration(self) -> timedelta:
        """From the onset to the end of the fall, or to now while it runs."""
        return (self.over_at or self.at) - self.onset


AFTER = (timedelta(hours=1), timedelta(hours=24), timedelta(days=7))
"""When one looks again after a reset."""
SAID_WITHIN = dict(zip(AFTER, (timedelta(hours=3), timedelta(hours=12), timedelta(days=2)), strict=True))
"""How late it may still be said: a follow-up that is much later is none."""
MARKS = dict(zip(AFTER, ("1h", "24h", "7d"), strict=True))
"""How each is typed and named in a subject."""


class Outcome(msgspec.Struct, frozen=True):
    """What came next: price and coin OI some time after a reset, as fractions of where it ended.

    ``rebuilt`` is the share of the closed coins that is open again: more than one where more than all is,
    negative where still more closed. ``funding`` is that of then, a fraction per year.
    """

    after: timedelta
    price_move: float | None
    coins_move: float | None
    rebuilt: float | None = None
    funding: float | None = None


class FollowUp(msgspec.Struct, frozen=True, order=True):
    """What is said of a wave some time after its end, and when that is (the market's time)."""

    due: datetime
    wave: str
    after: timedelta

    @property
    def subject(self) -> str:
        """``after-1a-24h``: one post in each chat that shows the wave."""
        return f"{_FOLLOW_UP}{self.wave}-{MARKS[self.after]}"


_FOLLOW_UP = "after-"


def followed_up(subject: str) -> tuple[str, timedelta] | None:
    """The wave and the time after it that a follow-up is of; ``None`` where the subject is something else."""
    name, _, mark = subject.removeprefix(_FOLLOW_UP).rpartition("-")
    after = next((after for after, known in MARKS.items() if known == mark), None)
    return (name, after) if subject.startswith(_FOLLOW_UP) and name and after else None


def follow_ups(wave: Wave) -> tuple[FollowUp, ...]:
    """What is still to be said of a wave; nothing while it goes on, or where it was taken back."""
    if wave.stage is not Stage.OVER or wave.over_at is None or wave.from_history:
        return ()
    return tuple(FollowUp(wave.over_at + after, wave.id, after) for after in AFTER)
