"""From readings of single contracts to one asset: totals, coverage, and the change between two steps.

A contract counts in a step only where it is fresh and believed at both ends; so a venue that goes, comes,
freezes or is re-sized moves nothing. While it is away the others speak for it, and when it is back it is
compared with what they said of it: the sum of all moves is then what all of them did, no part of it twice.
Inverse contracts are compared by their own count (dollars), valued at today's price: a price move alone
changes no position.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from statistics import median

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Group, Instrument, Missing, Reading, Snapshot, Venue, VenueOpenInterest
from bot.domain.verdicts import Verdict
from bot.pipeline.horizons import HORIZON_S, gap_limit_s, moment, seconds

FORGET_AFTER_S = 7 * 86400.0
"""A contract not heard of for so long no longer belongs to the usual open interest."""
SETTLING_S = 1800.0
"""A dated contract leaves the comparison this long before it expires (or one step, where that is longer)."""


class Leg(msgspec.Struct):
    """The newest believed state of one contract, and what it was when it last counted."""

    instrument: Instrument
    venue: int
    inverse: bool
    expiry_s: float | None
    coins: float = 0.0
    price: float = 0.0
    at_s: float = 0.0
    base: float | None = None
    base_price: float = 0.0
    base_s: float = 0.0
    left: tuple[float, float] | None = None
    """Level and index when it went away."""

    def expires_by(self, at_s: float) -> bool:
        return self.expiry_s is not None and self.expiry_s <= at_s


class AggregateState(msgspec.Struct):
    venues: list[Venue]
    changes: list[float]
    legs: list[Leg]
    index: float
    flow: tuple[float, float]
    price: float | None
    price_s: float
    level: float = 0.0


def _expiry_s(instrument: Instrument) -> float | None:
    return seconds(instrument.expiry) if instrument.expiry else None


class Step(msgspec.Struct, frozen=True):
    """What one step of an asset says.

    ``moves`` are the log changes of coin OI per horizon (they differ only where a venue came back from an
    absence longer than a horizon). ``changes`` is the running sum of counted coin changes per venue, in the
    order of ``Aggregate.venues``; only differences of it mean anything. Likewise ``flow``: the coins opened
    since the beginning (negative: closed) and the dollars they were worth at the price of their own step.
    """

    at_s: float
    coins: float
    price_usd: float | None
    coverage: float
    counted: int
    """Venues that were compared."""
    moves: tuple[float, ...]
    changes: tuple[float, ...]
    flow: tuple[float, float]


_STILL = (0.0,) * len(HORIZON_S)


class Aggregate:
    """One asset over all venues. ``step_s``: distance of steps; ``fresh_s``: how old a reading may be."""

    def __init__(self, asset: Asset, groups: Mapping[Venue, Group], *, step_s: float, fresh_s: float) -> None:
        self.asset = asset
        self.venues: list[Venue] = []
        self._groups = groups
        self._step_s = step_s
        self._fresh_s = fresh_s
        self._gap_s = gap_limit_s(step_s)
        self._legs: dict[tuple[str, str], Leg] = {}
        self._changes: list[float] = []
        self._index = 0.0
        self._level = 0.0
        """The sum of what was compared, as ``_index`` is of plain coins."""
        self._flow = (0.0, 0.0)
        self._price: float | None = None
        self._price_s = 0.0

    def state(self) -> AggregateState:
        return AggregateState(
            self.venues,
            self._changes,
            list(self._legs.values()),
            self._index,
            self._flow,
            self._price,
            self._price_s,
            self._level,
        )

    def restore(self, state: AggregateState) -> None:
        self.venues, self._changes = state.venues, state.changes
        self._legs = {(leg.instrument.venue, leg.instrument.symbol): leg for leg in state.legs}
        self._index, self._flow = state.index, state.flow
        self._price, self._price_s, self._level = state.price, state.price_s, state.level

    def continue_index(self, index: float) -> None:
        """Go on counting from an index shown before (only where nothing else is remembered)."""
        self._index = index

    def take(self, reading: Reading) -> None:
        """Remember a believed reading. Readings of one contract come in order of time."""
        instrument = reading.instrument
        key = (instrument.venue, instrument.symbol)
        leg = self._legs.get(key)
        if leg is None:
            leg = self._legs[key] = Leg(
                instrument, self._venue(instrument.venue), instrument.inverse, _expiry_s(instrument)
            )
        elif leg.instrument is not instrument and leg.instrument.expiry != instrument.expiry:
            leg.instrument = instrument
            leg.expiry_s = _expiry_s(instrument)
        if reading.new_beginning:
            leg.base = None
        leg.coins = reading.coins
        # A venue's clock may run a little ahead; nothing is known before it was heard.
        leg.at_s = min(reading.at, reading.received).timestamp()
        leg.price = reading.price_usd or 0.0

    def _venue(self, venue: Venue) -> int:
        if venue not in self.venues:
            self.venues.append(venue)
            self._changes.append(0.0)
        return self.venues.index(venue)

    def step(self, now_s: float) -> Step | None:
        """Compare with the step before. ``None`` where nothing is fresh."""
        step_s, gap_s = self._step_s, self._gap_s
        oldest_s = now_s - self._fresh_s
        settling_s = now_s + max(step_s, SETTLING_S)
        changes = self._changes
        coins = absent = before = after = opened = held = kept = 0.0
        returned: list[tuple[float, float, float]] | None = None
        prices: list[float] = []
        counted: set[int] = set()
        for leg in self._legs.values():
            if leg.at_s < oldest_s or leg.at_s > now_s:
                absent += self._absent(leg, now_s)
                leg.left = leg.left or (self._level, self._index)
                continue
            if leg.expiry_s is not None and leg.expiry_s <= settling_s:
                leg.base = leg.left = None
                continue
            now_coins = leg.coins
            coins += now_coins
            if leg.price:
                prices.append(leg.price)
            base = leg.base
            if base is not None and (gap := now_s - leg.base_s) <= gap_s:
                if leg.inverse and leg.base_price and leg.price:
                    compared = base * leg.base_price / leg.price
                else:
                    compared = base
                changes[leg.venue] += now_coins - base
                opened += now_coins - compared
                if leg.left is not None:
                    level, index = leg.left
                    compared *= math.exp(self._level - level)
                    base *= math.exp(self._index - index)
                if gap <= 2 * step_s:
                    before += compared
                    after += now_coins
                else:
                    returned = [*(returned or ()), (gap, compared, now_coins)]
                held += base
                kept += now_coins
                counted.add(leg.venue)
            leg.left = None
            leg.base, leg.base_price, leg.base_s = now_coins, leg.price, now_s
        if absent:
            self._forget(now_s)
        if not coins:
            return None
        price = self._asset_price(prices, now_s)
        moves = self._moves(before, after, returned)
        self._level += moves[-1]
        if held > 0 and kept > 0:
            self._index += math.log(kept / held)
        coverage = coins / (coins + absent)
        flow = self._opened(opened, price)
        return Step(now_s, coins, price, coverage, len(counted), moves, tuple(changes), flow)

    def _absent(self, leg: Leg, now_s: float) -> float:
        """Coins of the usual open interest that are not seen now."""
        past = leg.expires_by(now_s) or leg.at_s < now_s - FORGET_AFTER_S - self._step_s
        return 0.0 if past else leg.coins

    def _forget(self, now_s: float) -> None:
        for key in [key for key, leg in self._legs.items() if leg.at_s <= now_s - FORGET_AFTER_S]:
            if not self._absent(self._legs[key], now_s):
                del self._legs[key]

    def _opened(self, coins: float, price: float | None) -> tuple[float, float]:
        if price is not None:
            self._flow = (self._flow[0] + coins, self._flow[1] + coins * price)
        return self._flow

    @staticmethod
    def _moves(
        before: float, after: float, returned: list[tuple[float, float, float]] | None
    ) -> tuple[float, ...]:
        if returned is None:
            if before <= 0 or after <= 0:
                return _STILL
            return (math.log(after / before),) * len(HORIZON_S)
        moves = []
        longest = HORIZON_S[-1]
        for horizon_s in HORIZON_S:
            # A change made over a longer absence says nothing about a shorter horizon.
            old = before + sum(o for gap, o, _ in returned if gap <= horizon_s or horizon_s == longest)
            new = after + sum(n for gap, _, n in returned if gap <= horizon_s or horizon_s == longest)
            moves.append(math.log(new / old) if old > 0 and new > 0 else 0.0)
        return tuple(moves)

    def _asset_price(self, prices: list[float], now_s: float) -> float | None:
        if prices:
            self._price, self._price_s = median(prices), now_s
        elif self._price is not None and now_s - self._price_s > self._fresh_s:
            self._price = None
        return self._price

    def counted_coins(self, now_s: float) -> list[float]:
        """Coins per venue when last counted, for contracts still within reach of the comparison."""
        sums = [0.0] * len(self.venues)
        for leg in self._legs.values():
            if leg.base is not None and now_s - leg.base_s <= self._gap_s:
                sums[leg.venue] += leg.base
        return sums

    def heard_since(self, at_s: float, now_s: float) -> float:
        """The share of the usual open interest that was told at or after ``at_s``."""
        heard = usual = 0.0
        for leg in self._legs.values():
            if not leg.expires_by(now_s):
                usual += leg.coins
                heard += leg.coins if leg.at_s >= at_s else 0.0
        return heard / usual if usual else 0.0

    def usd_by_venue(self) -> dict[Venue, float]:
        """What each venue held when it was last heard, in dollars."""
        sums: dict[Venue, float] = {}
        for leg in self._legs.values():
            venue = self.venues[leg.venue]
            sums[venue] = sums.get(venue, 0.0) + leg.coins * (leg.price or self._price or 0.0)
        return sums

    def price_now(self, now_s: float) -> float | None:
        """The median price of contracts heard freshly; it may be newer than the last step's."""
        oldest_s = now_s - self._fresh_s
        return (
            median(fresh)
            if (fresh := [g.price for g in self._legs.values() if g.price and g.at_s >= oldest_s])
            else None
        )

    @property
    def opened_coins(self) -> float:
        """Running sum of coins opened, as ``Step.flow`` has it."""
        return self._flow[0]

    def coins_of(self, values: Mapping[tuple[str, str], float]) -> list[tuple[float, float]]:
        """(coins, value) of every contract that has a value."""
        return [(leg.coins, values[key]) for key, leg in self._legs.items() if key in values]

    def group(self, venue: Venue) -> Group:
        return self._groups[venue]

    def missing(self, now_s: float, why: Mapping[tuple[str, str], Verdict]) -> tuple[Missing, ...]:
        """Venues of which nothing is fresh, largest first; ``why`` holds the last verdict per contract."""
        fresh: set[int] = set()
        late: dict[int, list[tuple[tuple[str, str], Leg]]] = {}
        for key, leg in self._legs.items():
            if now_s - self._fresh_s <= leg.at_s <= now_s:
                fresh.add(leg.venue)
            elif not leg.expires_by(now_s):
                late.setdefault(leg.venue, []).append((key, leg))
        missing = []
        for venue, legs in late.items():
            if venue in fresh:
                continue
            key, newest = max(legs, key=lambda pair: pair[1].at_s)
            verdict = why.get(key, Verdict.STALE)
            missing.append(
                Missing(
                    self.venues[venue],
                    moment(newest.at_s),
                    Verdict.STALE if verdict is Verdict.ACCEPT else verdict,
                    sum(leg.coins for _, leg in legs),
                )
            )
        return tuple(sorted(missing, key=lambda m: -m.coins))

    def snapshot(
        self, step: Step, at: datetime, why: Mapping[tuple[str, str], Verdict], funding: float | None = None
    ) -> Snapshot:
        """The asset as it stands after ``step``."""
        now_s = step.at_s
        sums: dict[int, tuple[float, float, bool, float]] = {}
        for leg in self._legs.values():
            if not now_s - self._fresh_s <= leg.at_s <= now_s or leg.expires_by(now_s):
                continue
            coins, usd, priced, oldest = sums.get(leg.venue, (0.0, 0.0, True, math.inf))
            price = leg.price or step.price_usd or 0.0
            sums[leg.venue] = (
                coins + leg.coins,
                usd + leg.coins * price,
                priced and price > 0,
                min(oldest, leg.at_s),
            )
        venues = tuple(
            VenueOpenInterest(
                self.venues[venue],
                self._groups[self.venues[venue]],
                coins,
                usd if priced else None,
                moment(oldest),
            )
            for venue, (coins, usd, priced, oldest) in sorted(sums.items(), key=lambda item: -item[1][0])
        )
        total_usd = (
            sum(v.usd for v in venues if v.usd is not None)
            if all(v.usd is not None for v in venues)
            else None
        )
        return Snapshot(
            asset=self.asset,
            at=at,
            coins=sum(v.coins for v in venues),
            usd=total_usd,
            price_usd=step.price_usd,
            coverage=step.coverage,
            index=self._index,
            venues=venues,
            missing=self.missing(now_s, why),
            funding=funding,
        )
