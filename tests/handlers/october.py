"""A market to ask about: the fall of 10 October 2025 by its published figures, on invented venues' shares."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from math import log

from bot.domain.assets import Asset
from bot.domain.health import SourceHealth, SourceState
from bot.domain.market import (
    Completeness,
    Group,
    Instrument,
    Liquidation,
    Missing,
    Position,
    Report,
    Snapshot,
    Venue,
    VenueOpenInterest,
)
from bot.domain.statistics import Statistics, VenueStatistics
from bot.domain.units import Amount, Unit
from bot.domain.verdicts import Verdict
from bot.domain.waves import Depth, Kind, Lead, Magnitude, Rank, Stage, VenueChange, Wave

BTC, ETH = Asset("BTC"), Asset("ETH")
ONSET = datetime(2025, 10, 10, 20, 50, tzinfo=UTC)
LOW = ONSET + timedelta(minutes=41)
NOW = ONSET + timedelta(hours=3)
MINUTE = timedelta(minutes=1)
BANNER = "Reconstruction of 10 Oct 2025 from published figures, not live · played 60 × as fast"

SHARES = (
    ("binance_usdm", "Binance", Group.OFFSHORE, 130_000.0, 105_000.0),
    ("bybit", "Bybit", Group.OFFSHORE, 100_000.0, 77_000.0),
    ("okx", "OKX", Group.OFFSHORE, 70_000.0, 57_000.0),
    ("deribit", "Deribit", Group.OFFSHORE, 52_600.0, 44_600.0),
    ("hyperliquid", "Hyperliquid", Group.DEX, 50_000.0, 39_962.8),
    ("coinbase_cde", "Coinbase Derivatives", Group.REGULATED, 12_400.0, 12_437.2),
)
"""415,000 → 336,000 BTC on live venues."""
TITLES = {Venue(name): title for name, title, *_ in SHARES}
CME_AFTER = Report(
    Venue("cme"),
    BTC,
    145_000.0,
    datetime(2025, 10, 10, 21, tzinfo=UTC),
    NOW,
    previous_coins=145_000.0,
    holds_until=datetime(2025, 10, 12, 22, tzinfo=UTC),
)
CME_BEFORE = Report(Venue("cme"), BTC, 145_000.0, datetime(2025, 10, 9, 21, tzinfo=UTC), ONSET)


def wave(stage: Stage = Stage.OVER, **changes: object) -> Wave:
    """The wave of 10 October at a stage, with what a test changes."""
    fields: dict[str, object] = {
        "id": "1a",
        "asset": BTC,
        "kind": Kind.FLUSH,
        "stage": stage,
        "revision": 4,
        "loud": 2,
        "onset": ONSET,
        "opened": ONSET + 12 * MINUTE,
        "at": LOW,
        "low_at": LOW,
        "over_at": LOW if stage is Stage.OVER else None,
        "horizon": timedelta(hours=1),
        "depths": (Depth(timedelta(minutes=15), 0.119, -0.08), Depth(timedelta(hours=1), 0.19, -0.123)),
        "venues": tuple(VenueChange(Venue(name), group, was, now) for name, _, group, was, now in SHARES),
        "price_before_usd": 122_000.0,
        "price_now_usd": 107_000.0,
        "magnitude": Magnitude(4.7, 4.25, 5.25),
        "coverage": 0.93,
        "missing": (Missing(Venue("gate"), LOW - 4 * MINUTE, Verdict.STALE, 30_000.0),),
        "lead": Lead.NATIVE,
        "provisional": False,
        "reports": (CME_AFTER,),
        "rank": Rank(datetime(2020, 3, 12, tzinfo=UTC), 14, 2, 1),
        "liquidated_long_usd": 8.0e9,
        "liquidated_short_usd": 1.5e9,
        "worst_minute_at": datetime(2025, 10, 10, 21, 15, tzinfo=UTC),
        "worst_minute_usd": 3.21e9,
    }
    return Wave(**{**fields, **changes})  # type: ignore[arg-type]


def snapshot(at: datetime, *, fallen: float, asset: Asset = BTC, scale: float = 1.0) -> Snapshot:
    """The market with the fall ``fallen`` (0–1) of its way."""
    price = 122_000 - 15_000 * fallen
    venues = tuple(
        VenueOpenInterest(Venue(name), group, coins, coins * price, at - 48 * timedelta(seconds=1))
        for name, _, group, was, now in SHARES
        for coins in [(was + (now - was) * fallen) * scale]
    )
    coins = sum(v.coins for v in venues)
    return Snapshot(asset, at, coins, coins * price, price, 0.97, log(coins / scale / 415_000), venues)


def fallen_at(at: datetime) -> float:
    """How far the fall has come at a time: nothing before the onset, all from the low on."""
    return min(1.0, max(0.0, (at - ONSET) / (LOW - ONSET)))


@cache  # the same sixteen days for a thousand tests
def snapshots(
    since: datetime, until: datetime, step: timedelta, *, asset: Asset = BTC
) -> tuple[Snapshot, ...]:
    count = int((until - since) / step) + 1
    scale = 1.0 if asset == BTC else 0.1
    times = [since + n * step for n in range(count)]
    return tuple(snapshot(at, fallen=fallen_at(at), asset=asset, scale=scale) for at in times)


@cache
def statistics(
    since: datetime, until: datetime, step: timedelta, *, asset: Asset = BTC
) -> tuple[Statistics, ...]:
    """Funding from +12 % a year down to −4 % with the fall, 20 % margined in the coin, a basis at Deribit."""
    count = int((until - since) / step) + 1
    return tuple(_statistics(since + n * step, asset) for n in range(count))


def _statistics(at: datetime, asset: Asset) -> Statistics:
    told, fallen = snapshot(at, fallen=fallen_at(at), asset=asset), fallen_at(at)
    funding = 0.12 - 0.16 * fallen + 0.001 * (at.toordinal() % 7)
    venues = tuple(
        VenueStatistics(
            venue.venue,
            venue.coins,
            0.2 * venue.coins,
            venue.usd,
            funding=funding if place else funding + 0.01,
            funding_coins=0.9 * venue.coins,
            funding_hours=1.0 if venue.venue == "hyperliquid" else 8.0,
            volume_usd=1.5 * (venue.usd or 0.0),
            basis=0.051 if venue.venue == "deribit" else None,
            dated_coins=1_000.0 if venue.venue == "deribit" else 0.0,
            accounts=1.38 if place < 3 else None,
        )
        for place, venue in enumerate(told.venues)
    )
    usual = (0.002, 0.004, 0.01, 0.02, 0.05)
    return Statistics(asset, at, venues, 19.93e6, at - timedelta(hours=3), usual)


def liquidation(
    at: datetime, usd: float, position: Position = Position.LONG, number: str = "1"
) -> Liquidation:
    price = Decimal(115_000)
    perpetual = Instrument(Venue("bybit"), "BTCUSDT", BTC)
    return Liquidation(perpetual, position, Amount(Decimal(usd) / price, Unit.BASE), price, at, at, number)


class SeenVenues:
    """A ``HealthView``: every venue fresh, Gate lost four minutes ago, two liquidation feeds."""

    def sources(self) -> list[SourceHealth]:
        fresh = [source(name, title, group, "tickers") for name, title, group, *_ in SHARES]
        gate = source("gate", "Gate", Group.OFFSHORE, "tickers", SourceState.LOST, "no answer")
        heard = source("bybit", "Bybit", Group.OFFSHORE, "forced", told=Completeness.COMPLETE)
        floor = source("binance_usdm", "Binance", Group.OFFSHORE, "forced", told=Completeness.THROTTLED)
        return [*fresh, gate, heard, floor]


def source(
    venue: str,
    title: str,
    group: Group,
    name: str,
    state: SourceState = SourceState.FRESH,
    why: str = "",
    told: Completeness | None = None,
) -> SourceHealth:
    return SourceHealth(
        venue=Venue(venue),
        title=title,
        group=group,
        source=name,
        state=state,
        since=NOW - 4 * MINUTE,
        last_answer=NOW - 4 * MINUTE if why else NOW - MINUTE,
        why=why,
        symbols=1,
        completeness=told,
    )
