"""What venues say beside open interest, kept per contract, and pictured per asset every few minutes.

It holds no clock, and starts empty after a restart: venues say all of it again within minutes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import (
    AccountRatio,
    Funding,
    Instrument,
    Observation,
    OpenInterest,
    Price,
    Reading,
    Supply,
    Venue,
    Volume,
)
from bot.domain.statistics import Statistics, VenueStatistics
from bot.domain.units import Amount, measure

EVERY = timedelta(minutes=5)
STANDS_S = 3600.0
"""So long what is asked every few minutes (funding, volume, accounts) stands for what it is."""
SUPPLY_STANDS_S = 7 * 86400.0
PIECE = 8
FORGET_S = 86400.0
YEAR_S = 365 * 86400.0
SOONEST_EXPIRY_S = 7 * 86400.0
"""A basis of less time to expiry, told per year, is mostly noise."""


class Said(msgspec.Struct):
    """The newest of one contract. Every ``…_s`` is when it was received; zero: never."""

    instrument: Instrument
    coins: float = 0.0
    coins_s: float = 0.0
    price: float = 0.0
    price_s: float = 0.0
    funding: float = 0.0
    hours: float = 0.0
    funding_s: float = 0.0
    volume: Amount | None = None
    volume_s: float = 0.0
    long_share: float = 0.0
    accounts_s: float = 0.0

    @property
    def coin_price(self) -> float:
        return self.price / self.instrument.coins_per_base


class Gauge:
    """Takes what was believed, gives the statistics of every asset. ``fresh`` is how old a figure may be."""

    def __init__(self, fresh: timedelta) -> None:
        self._fresh_s = fresh.total_seconds()
        self._said: dict[Asset, dict[tuple[Venue, str], Said]] = {}
        self._supplies: dict[Asset, tuple[float, datetime, float]] = {}

    def take(self, said: Observation, reading: Reading | None) -> None:
        """``said`` was believed; of open interest that is the ``reading``."""
        if isinstance(said, Supply):
            self._supply(said)
        elif isinstance(said, OpenInterest | Price | Funding | Volume | AccountRatio):
            self._take(self._of(said.instrument), said, reading)

    def _take(
        self, of: Said, said: OpenInterest | Price | Funding | Volume | AccountRatio, reading: Reading | None
    ) -> None:
        now_s = said.received.timestamp()
        if isinstance(said, OpenInterest):
            if reading is None:
                return
            of.coins, of.coins_s = reading.coins, now_s
            if reading.price_usd is not None:
                of.price, of.price_s = reading.price_usd * said.instrument.coins_per_base, now_s
        elif isinstance(said, Price):
            of.price, of.price_s = float(said.price), now_s
        elif isinstance(said, Funding):
            seconds = said.interval.total_seconds()
            if seconds > 0:
                of.funding, of.hours = float(said.rate) * YEAR_S / seconds, seconds / 3600
                of.funding_s = now_s
        elif isinstance(said, Volume):
            if said.amount.value >= 0:
                of.volume, of.volume_s = said.amount, now_s
        elif said.long_per_short > 0:
            ratio = float(said.long_per_short)
            of.long_share, of.accounts_s = ratio / (1 + ratio), now_s

    def _supply(self, said: Supply) -> None:
        coins = float(said.coins)
        if coins > 0:
            self._supplies[said.instrument.asset] = (coins, said.at, said.received.timestamp())

    def _of(self, instrument: Instrument) -> Said:
        known = self._said.setdefault(instrument.asset, {})
        key = (instrument.venue, instrument.symbol)
        of = known.get(key)
        if of is None:
            of = known[key] = Said(instrument)
        elif of.instrument is not instrument and of.instrument != instrument:
            if not of.instrument.counts_as(instrument):
                of = known[key] = Said(instrument)
            of.instrument = instrument
        return of

    def pictures(
        self, at: datetime, usual: Callable[[Asset], tuple[float, ...]] = lambda _: ()
    ) -> Iterator[Sequence[Statistics]]:
        """Every asset of which something is fresh, a few at a time. ``usual`` as in ``Statistics``."""
        assets = list(self._said)
        for first in range(0, len(assets), PIECE):
            piece = [self.picture(asset, at, usual(asset)) for asset in assets[first : first + PIECE]]
            yield [one for one in piece if one is not None]

    def picture(self, asset: Asset, at: datetime, usual: tuple[float, ...] = ()) -> Statistics | None:
        now_s = at.timestamp()
        known = self._said.get(asset, {})
        by_venue: dict[Venue, list[Said]] = {}
        for key, said in list(known.items()):
            expiry = said.instrument.expiry
            if said.coins_s and now_s - said.coins_s > FORGET_S:
                del known[key]
            elif now_s - said.coins_s <= self._fresh_s and (expiry is None or expiry > at):
                by_venue.setdefault(said.instrument.venue, []).append(said)
        if not by_venue:
            return None
        venues = [self._venue(venue, contracts, now_s) for venue, contracts in by_venue.items()]
        supply = self._supplies.get(asset)
        told = supply is not None and now_s - supply[2] <= SUPPLY_STANDS_S
        return Statistics(
            asset,
            at,
            tuple(sorted(venues, key=lambda one: (-one.coins, one.venue))),
            supply[0] if supply and told else None,
            supply[1] if supply and told else None,
            usual,
        )

    def _venue(self, venue: Venue, contracts: Sequence[Said], now_s: float) -> VenueStatistics:
        coins = math.fsum(c.coins for c in contracts)
        priced = all(self._is_priced(c, now_s) for c in contracts)
        funded = [c for c in contracts if c.funding_s and now_s - c.funding_s <= STANDS_S]
        weight = math.fsum(c.coins for c in funded)
        counted = [c for c in contracts if c.accounts_s and now_s - c.accounts_s <= STANDS_S]
        accounts = math.fsum(c.coins for c in counted)
        longs = math.fsum(c.coins * c.long_share for c in counted) / accounts if accounts else None
        basis, dated = self._basis(contracts, now_s)
        return VenueStatistics(
            venue=venue,
            coins=coins,
            inverse_coins=math.fsum(c.coins for c in contracts if c.instrument.inverse),
            usd=math.fsum(c.coins * c.coin_price for c in contracts) if priced else None,
            funding=math.fsum(c.coins * c.funding for c in funded) / weight if weight else None,
            funding_coins=weight,
            funding_hours=max(funded, key=lambda c: c.coins).hours if weight else None,
            volume_usd=self._volume(contracts, now_s),
            basis=basis,
            dated_coins=dated,
            accounts=longs / (1 - longs) if longs is not None and longs < 1 else None,
        )

    def _is_priced(self, said: Said, now_s: float) -> bool:
        return said.price > 0 and now_s - said.price_s <= self._fresh_s

    def _volume(self, contracts: Sequence[Said], now_s: float) -> float | None:
        """Dollars over 24 hours, of the contracts that tell it."""
        total, known = 0.0, False
        for said in contracts:
            if said.volume is None or now_s - said.volume_s > STANDS_S or not self._is_priced(said, now_s):
                continue
            contract = said.instrument.contract
            usd = measure(said.volume, contract, said.price, said.instrument.coins_per_base).usd
            if usd is not None and math.isfinite(usd):
                total, known = total + usd, True
        return total if known else None

    def _basis(self, contracts: Sequence[Said], now_s: float) -> tuple[float | None, float]:
        """Dated marks above the perpetual's, per year, OI-weighted, and the coins they are of."""
        perpetuals = [c for c in contracts if c.instrument.expiry is None and self._is_priced(c, now_s)]
        basis = coins = 0.0
        for said in contracts:
            expiry = said.instrument.expiry
            if expiry is None or not self._is_priced(said, now_s) or not said.coins:
                continue
            left_s = expiry.timestamp() - now_s
            same = [c for c in perpetuals if c.instrument.quote == said.instrument.quote]
            if left_s < SOONEST_EXPIRY_S or not same:
                continue
            # One margined alike is held by the same people; the larger one is priced better.
            beside = max(same, key=lambda c: (c.instrument.inverse is said.instrument.inverse, c.coins))
            yearly = (said.coin_price / beside.coin_price - 1) * YEAR_S / left_s
            basis, coins = basis + said.coins * yearly, coins + said.coins
        return (basis / coins if coins else None), coins
