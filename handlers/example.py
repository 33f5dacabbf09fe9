"""What an alert looks like: the reconstruction of 10 October 2025, as a wave and as a picture.

The figures are those of ``bot/simulator/scenarios/october-2025.toml``, where their sources stand: totals,
Binance's part, prices and liquidations are published, the path between is invented to be plausible.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bot.domain.assets import Asset
from bot.domain.cards import Picture
from bot.domain.charts import MarketChart
from bot.domain.market import Group, Venue
from bot.domain.waves import Kind, Lead, Magnitude, Stage, VenueChange, Wave
from handlers.picture_words import pictured
from handlers.series import wave_finding
from handlers.speech import N_, _

MINUTE = timedelta(minutes=1)
OCTOBER_LOW = datetime(2025, 10, 10, 21, 31, tzinfo=UTC)
NOTE = N_("Reconstruction of 10 October 2025 from published figures.")
BEFORE, LOW, AFTER = -10, 41, 70
"""Minutes since the onset: where the picture begins, the low, and where the picture ends."""
AT = {Stage.EARLY: 12, Stage.BUILDING: 20, Stage.OVER: LOW}
W = {
    Stage.EARLY: Magnitude(2.4, 2.0, 2.8),
    Stage.BUILDING: Magnitude(3.6, 3.2, 4.0),
    Stage.OVER: Magnitude(4.7, 4.25, 5.25),
}

_MINUTES = (-10, 0, 10, 15, 20, 25, 27, 30, 35, 41, 70)
# fmt: off
_COINS = (415_000, 415_000, 409_385, 402_980, 392_610, 380_700, 361_770, 351_585, 341_440, 336_000, 337_948)
_PRICE_USD = (
    122_000,
    122_000,
    120_300,
    118_400,
    115_900,
    113_600,
    110_500,
    108_900,
    107_600,
    107_000,
    107_900,
)
# fmt: off
_LIQUIDATED_USD_M = (
    13, 15, 14, 24, 28, 30, 28, 39, 38, 42, 36, 41, 52, 63, 74, 76, 86, 87, 127, 140,
    114, 110, 154, 181, 203, 3210, 368, 326, 259, 195, 146, 121, 114, 93, 52, 65, 40, 50, 37, 39,
)
# fmt: on
_LONG_SHARE = 0.84
_VENUES = (
    ("binance", Group.OFFSHORE, 130_000, 123_095, 105_000),
    ("bybit", Group.OFFSHORE, 112_000, 105_200, 88_400),
    ("okx", Group.OFFSHORE, 62_600, 60_195, 53_200),
    ("hyperliquid", Group.DEX, 60_000, 54_620, 42_763),
    ("deribit", Group.OFFSHORE, 38_000, 37_090, 34_200),
    ("coinbase_derivatives", Group.REGULATED, 12_400, 12_410, 12_437),
)
"""Coins at the onset, while it builds and at the low."""


def example_wave(stage: Stage, low_at: datetime = OCTOBER_LOW) -> Wave:
    """The wave early, building or over, as if its low came at ``low_at``."""
    onset, minute = low_at - LOW * MINUTE, AT[stage]
    column = list(AT).index(stage)
    venues = tuple(
        VenueChange(Venue(name), group, coins[0], coins[column]) for name, group, *coins in _VENUES
    )
    price_usd = (_between(_PRICE_USD, 0), _between(_PRICE_USD, minute))
    liquidated_usd = sum(_LIQUIDATED_USD_M[:minute]) * 1e6
    over_at = low_at if stage is Stage.OVER else None
    return Wave(
        id="example",
        asset=Asset("BTC"),
        kind=Kind.FLUSH,
        stage=stage,
        revision=column + 1,
        loud=1,
        onset=onset,
        opened=onset + AT[Stage.EARLY] * MINUTE,
        at=onset + minute * MINUTE,
        low_at=onset + minute * MINUTE,
        over_at=over_at,
        horizon=timedelta(hours=1),
        depths=(),
        venues=venues,
        price_before_usd=price_usd[0],
        price_now_usd=price_usd[1],
        magnitude=W[stage],
        coverage=0.97,
        lead=Lead.NATIVE,
        provisional=stage is not Stage.OVER,
        liquidated_long_usd=liquidated_usd * _LONG_SHARE,
        liquidated_short_usd=liquidated_usd * (1 - _LONG_SHARE),
    )


def example_picture(
    stage: Stage = Stage.OVER, low_at: datetime = OCTOBER_LOW, *, mark: str = "", note: str = ""
) -> Picture:
    """The picture of ``example_wave``, a point a minute. ``mark`` begins its title: pictures travel."""
    wave = example_wave(stage, low_at)
    minutes = range(BEFORE, (AFTER if stage is Stage.OVER else AT[stage]) + 1)
    liquidated_usd = [_LIQUIDATED_USD_M[m] * 1e6 if 0 <= m < len(_LIQUIDATED_USD_M) else 0.0 for m in minutes]
    mark = mark or _("Example")
    chart = MarketChart(
        title=f"{mark} · {wave_finding(wave)}",
        asset=wave.asset,
        times=tuple(wave.onset + minute * MINUTE for minute in minutes),
        coins=tuple(_between(_COINS, minute) for minute in minutes),
        price_usd=tuple(_between(_PRICE_USD, minute) for minute in minutes),
        long_usd=tuple(usd * _LONG_SHARE for usd in liquidated_usd),
        short_usd=tuple(usd * (1 - _LONG_SHARE) for usd in liquidated_usd),
        shade=(wave.onset, wave.at),
        note=note or _(NOTE),
    )
    return pictured(chart)


def _between(values: Sequence[int], minute: int) -> float:
    """On the straight lines through the values at ``_MINUTES``."""
    end = max(1, bisect_left(_MINUTES, minute))
    start_minute, end_minute = _MINUTES[end - 1 : end + 1]
    share = (minute - start_minute) / (end_minute - start_minute)
    return values[end - 1] + (values[end] - values[end - 1]) * share
