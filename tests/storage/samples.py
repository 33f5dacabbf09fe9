"""Small, true-to-life things to store."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import msgspec

from bot.domain.assets import Asset
from bot.domain.chats import ChatSettings, Digest, whole
from bot.domain.market import (
    Group,
    Instrument,
    Liquidation,
    Missing,
    Position,
    Quarantined,
    Reading,
    Report,
    Snapshot,
    Venue,
    VenueOpenInterest,
)
from bot.domain.posts import Destination, Post, Subscription
from bot.domain.units import Amount, ContractSize, Unit
from bot.domain.verdicts import Verdict
from bot.domain.waves import Depth, Kind, Lead, Magnitude, Stage, VenueChange, Wave

NOW = datetime(2025, 10, 10, 21, 15, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BTC, ETH, PEPE = Asset("BTC"), Asset("ETH"), Asset("PEPE")
BINANCE, OKX, CME = Venue("binance_usdm"), Venue("okx"), Venue("cme")

BTCUSDT = Instrument(BINANCE, "BTCUSDT", BTC, quote="USDT")
BTC_SWAP = Instrument(OKX, "BTC-USDT-SWAP", BTC, contract=ContractSize(Decimal("0.01"), Unit.BASE))
KPEPE = Instrument(BINANCE, "1000PEPEUSDT", PEPE, coins_per_base=1000, expiry=NOW + 90 * DAY)

HOME = Destination("local", "home")
GROUP = Destination("telegram", "-100200", "7")
WEEKLY = ChatSettings(destination=whole(GROUP), digest=Digest(time(8), 0), digest_due=NOW + HOUR)


def reading(at: datetime = NOW, instrument: Instrument = BTCUSDT, coins: float = 130_000.25) -> Reading:
    return Reading(instrument, coins, 122_000.1, at - timedelta(seconds=2), at)


def quarantined(at: datetime = NOW, what: str = "BTCUSDT", raw: str = '{"oi": "0"}') -> Quarantined:
    return Quarantined(BINANCE, what, Verdict.ZERO, at, "0 after 130,000", raw)


def snapshot(
    at: datetime = NOW, asset: Asset = BTC, coins: float = 415_000.0, usd: float | None = 50.6e9
) -> Snapshot:
    venues = (
        VenueOpenInterest(BINANCE, Group.OFFSHORE, coins * 0.7, usd and usd * 0.7, at - timedelta(seconds=3)),
        VenueOpenInterest(OKX, Group.OFFSHORE, coins * 0.3, None, at),
    )
    gone = (Missing(Venue("bybit"), at - HOUR, Verdict.STALE, 70_000.0),)
    return Snapshot(asset, at, coins, usd, 122_000.0, 0.86, -0.125, venues, gone, funding=0.11)


def liquidation(
    at: datetime = NOW,
    position: Position = Position.LONG,
    coins: str = "2.5",
    instrument: Instrument = BTCUSDT,
    number: str = "",
) -> Liquidation:
    amount = Amount(Decimal(coins), Unit.BASE)
    return Liquidation(instrument, position, amount, Decimal("100000"), at, at, number)


def report(as_of: datetime = NOW - DAY, received: datetime = NOW, coins: float = 145_000.0) -> Report:
    return Report(CME, BTC, coins, as_of, received, previous_coins=144_000.0)


def wave(
    wave_id: str = "1a",
    revision: int = 1,
    stage: Stage = Stage.BUILDING,
    onset: datetime = NOW,
    **more: object,
) -> Wave:
    facts: dict[str, object] = {
        "id": wave_id,
        "asset": BTC,
        "kind": Kind.FLUSH,
        "stage": stage,
        "revision": revision,
        "loud": 1,
        "onset": onset,
        "opened": onset + MINUTE,
        "at": onset + revision * MINUTE,
        "low_at": onset + revision * MINUTE,
        "horizon": HOUR,
        "depths": (Depth(HOUR, 0.12, -0.11), Depth(4 * HOUR, 0.19, None)),
        "venues": (VenueChange(BINANCE, Group.OFFSHORE, 130_000.0, 105_000.0),),
        "price_before_usd": 122_000.0,
        "price_now_usd": 107_000.0,
        "magnitude": Magnitude(4.1, 3.2, float("inf")),
        "coverage": 0.97,
        "lead": Lead.NATIVE,
        "reports": (report(),),
    }
    return Wave(**(facts | more))  # type: ignore[arg-type]


def subscription(
    to: Destination = HOME, assets: frozenset[Asset] | None = None, by: str = "ann"
) -> Subscription:
    return Subscription(destination=to, assets=assets, created=NOW, created_by=by)


def names(posts: object) -> list[tuple[str, str]]:
    """(subject, chat) of each post, in order."""
    assert isinstance(posts, list)
    assert all(isinstance(post, Post) for post in posts)
    return [(post.subject, post.destination.chat) for post in posts]


def weekly_of_another_release() -> bytes:
    """As ``WEEKLY`` is kept by one that knows other choices too."""
    known = msgspec.msgpack.decode(msgspec.msgpack.encode(WEEKLY))
    del known["unfollowed"]
    return msgspec.msgpack.encode({**known, "a_later_choice": True})
