"""A market of every venue and as many coins as wanted, for tests and for full load.

Nothing in it is published or real: each coin stands still, is washed out in the minutes around ``peak`` and
stays low. Which contracts a venue lists comes from its own wire format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from bot.simulator.scenario import Coin, Contract, Keyframe, Liquidations, Scenario, Script
from bot.simulator.venues import WIRE_FORMATS

PEAK = datetime(2025, 10, 10, 21, 15, tzinfo=UTC)
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_USD_A_COIN = 1e9
"""Open interest of the first coin on each venue; every further coin has a little less."""
_FALL = 0.2
_DROP = 0.12
_PEAK_USD_M = (20.0, 40.0, 80.0, 60.0, 30.0)
_QUIET_USD_M = 0.5


def everything(
    prices_usd: Mapping[str, float], venues: Iterable[str] | None = None, *, peak: datetime = PEAK
) -> Scenario:
    """Every venue that lists coins (or only ``venues``), with each coin of ``prices_usd`` on all of them."""
    chosen = [name for name in (venues or WIRE_FORMATS) if WIRE_FORMATS[name].lists is not None]
    contracts = [c for name in chosen for coin in prices_usd for c in _listed(name, coin)]
    coins = {
        coin: _coin(place, price_usd, tuple(chosen), peak)
        for place, (coin, price_usd) in enumerate(prices_usd.items())
    }
    heard = [name for name in chosen if WIRE_FORMATS[name].streams]
    return Scenario(
        Script(
            title="Every venue",
            banner="Invented, not live",
            plays_from=peak - timedelta(hours=1),
            plays_until=peak + timedelta(hours=2),
            seed="everything",
            notes="Nothing here is published; every venue holds the same.",
            coins=coins,
            contracts=tuple(contracts),
            liquidation_feeds=dict.fromkeys(heard, 1 / len(heard)) if heard else {},
        )
    )


def _listed(venue: str, coin: str) -> Sequence[Contract]:
    lists = WIRE_FORMATS[venue].lists
    return lists(coin) if lists is not None else ()


def _coin(place: int, price_usd: float, venues: tuple[str, ...], peak: datetime) -> Coin:
    each = _USD_A_COIN / (1 + place) / price_usd
    washed = each * (1 - _FALL)

    def frame(at: datetime, price: float, held: float) -> Keyframe:
        return Keyframe(at, price, 0.0001, held * len(venues), (held,) * len(venues))

    return Coin(
        venues=venues,
        turnover=1.5,
        keyframes=(
            frame(peak - 15 * _DAY, price_usd, each),
            frame(peak - 20 * _MINUTE, price_usd, each),
            frame(peak + 10 * _MINUTE, price_usd * (1 - _DROP), washed),
            frame(peak + _DAY, price_usd * (1 - _DROP), washed),
        ),
        liquidations=Liquidations(
            begin=peak - 2 * _MINUTE,
            minutes_usd_m=_PEAK_USD_M,
            long_share=0.84,
            before_usd_m=_QUIET_USD_M,
            after_usd_m=_QUIET_USD_M,
            quiet_long_share=0.5,
        ),
    )
