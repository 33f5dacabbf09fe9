"""A scenario: a market written down in a small file and played as a pure function of time.

The same time always gives the same market, so a process that was killed continues the same story.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from math import exp
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from bot.errors import ConfigError, UsageError
from bot.simulator.curves import Curve, Noise, Series

Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Moment = Annotated[datetime, Meta(tz=True)]

_SCENARIOS = Path(__file__).parent / "scenarios"
_ROUNDING = 1e-9
_INTEREST_HOURLY = 0.002
_CONTRACT_HOURLY = 0.003
_PRICE_HOURLY = 0.0035
"""Typical changes of a quiet market in an hour, as fractions: all contracts together, each, and price."""


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One listed contract and its ``share`` of the coins its venue holds.

    ``size`` is what one contract stands for: coins, or dollars where ``inverse``. ``basis`` is how far a
    dated contract's price stands above the coin's, a fraction.
    """

    venue: str
    coin: str
    symbol: str
    share: Share
    size: Positive = 1.0
    inverse: bool = False
    expiry: Moment | None = None
    basis: float = 0.0


class Keyframe(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What is given for one instant. ``total`` repeats the sum of ``coins``, so that a slip is found."""

    at: Moment
    price_usd: Positive
    funding_8h: float
    total: Positive
    coins: tuple[Positive, ...]


class Liquidations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dollars liquidated a minute: ``minutes_usd_m`` (millions) one by one from ``begin``, else a rate."""

    begin: Moment
    minutes_usd_m: tuple[Positive, ...]
    long_share: Share
    before_usd_m: Positive
    after_usd_m: Positive
    quiet_long_share: Share


class Coin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One coin's story.

    ``turnover`` is a day's volume as a multiple of its open interest, ``supply`` the coins in circulation (0
    where nobody tells).
    """

    venues: tuple[str, ...]
    turnover: Positive
    keyframes: Annotated[tuple[Keyframe, ...], Meta(min_length=2)]
    liquidations: Liquidations
    supply: Annotated[float, Meta(ge=0)] = 0.0


class FiledReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An institutional figure, and when it appears.

    ``holds_until`` is when the market opened again; ``told_by`` is who tells it, where not the venue itself.
    """

    venue: str
    coin: str
    coins: Positive
    previous_coins: Positive
    as_of: Moment
    appears: Moment
    holds_until: Moment | None = None
    preliminary: bool = False
    told_by: str = ""


class Quote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure as somebody published it, for people to read; nothing is computed from it."""

    text: str
    source: str


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scenario file, read."""

    title: str
    banner: str
    plays_from: Moment
    plays_until: Moment
    seed: str
    notes: str
    coins: Mapping[str, Coin]
    contracts: tuple[Contract, ...]
    liquidation_feeds: Mapping[str, Share]
    reports: tuple[FiledReport, ...] = ()
    published: tuple[Quote, ...] = ()


class Holding(msgspec.Struct, frozen=True):
    """One contract at one instant. ``volume_coins`` is of the last 24 hours."""

    contract: Contract
    coins: float
    price_usd: float
    funding_8h: float
    volume_coins: float
    supply_coins: float = 0.0

    @property
    def long_per_short(self) -> float:
        """Long accounts for each short one: invented, more of them where longs pay more."""
        return exp(0.3 + 3000 * min(max(self.funding_8h, -3e-4), 3e-4))

    @property
    def counted(self) -> float:
        """Its open interest as the venue counts it: contracts (or coins, dollars, where size is one)."""
        return self.coins * (self.price_usd if self.contract.inverse else 1) / self.contract.size


class Market(msgspec.Struct, frozen=True):
    """Every contract at one instant."""

    at: datetime
    holdings: tuple[Holding, ...]

    def coins(self, coin: str, *venues: str) -> float:
        """Open interest of ``coin``, on ``venues`` or on all of them."""
        held = (h for h in self.holdings if h.contract.coin == coin)
        return sum(h.coins for h in held if not venues or h.contract.venue in venues)


@dataclass(frozen=True, eq=False)
class Scenario:
    """A checked script with its curves. ``begins`` is how far back its history reaches."""

    script: Script

    @property
    def begins(self) -> datetime:
        return max(coin.keyframes[0].at for coin in self.script.coins.values())

    @property
    def venues(self) -> frozenset[str]:
        return frozenset(contract.venue for contract in self.script.contracts)

    def listed(self, venue: str) -> Sequence[Contract]:
        return [contract for contract in self.script.contracts if contract.venue == venue]

    def at(self, time: datetime, venue: str | None = None) -> Market:
        """The market at ``time``, or one venue's part of it."""
        contracts = self.script.contracts if venue is None else self.listed(venue)
        return Market(time, tuple(self.holding(contract, time) for contract in contracts))

    def price_usd(self, coin: str, time: datetime) -> float:
        return self._prices[coin].at(time.timestamp())

    def price_of(self, contract: Contract, time: datetime) -> float:
        return self._prices[contract.coin].at(time.timestamp()) * (1 + contract.basis)

    def holding(self, contract: Contract, time: datetime) -> Holding:
        seconds = time.timestamp()
        coins = self._interest[contract].at(seconds)
        return Holding(
            contract=contract,
            coins=coins,
            price_usd=self.price_of(contract, time),
            funding_8h=self._funding[contract.coin].at(seconds),
            volume_coins=coins * self.script.coins[contract.coin].turnover,
            supply_coins=self.script.coins[contract.coin].supply,
        )

    def reports(self, time: datetime, told_by: str = "") -> Sequence[FiledReport]:
        """The newest of each venue and coin that has appeared by ``time``."""
        told = [r for r in self.script.reports if r.appears <= time and r.told_by == told_by]
        return list({(r.venue, r.coin): r for r in sorted(told, key=_appears)}.values())

    @cached_property
    def _interest(self) -> Mapping[Contract, Series]:
        series = {}
        for contract in self.script.contracts:
            coin = self.script.coins[contract.coin]
            place = coin.venues.index(contract.venue)
            points = [(k.at.timestamp(), k.coins[place] * contract.share) for k in coin.keyframes]
            noises = (
                Noise(f"{self.script.seed}/{contract.coin}/coins", _INTEREST_HOURLY),
                Noise(f"{self.script.seed}/{contract.venue}/{contract.symbol}", _CONTRACT_HOURLY),
            )
            series[contract] = Series(Curve(points), noises)
        return series

    @cached_property
    def _prices(self) -> Mapping[str, Series]:
        return {
            name: Series(
                Curve([(k.at.timestamp(), k.price_usd) for k in coin.keyframes]),
                (Noise(f"{self.script.seed}/{name}/price", _PRICE_HOURLY),),
            )
            for name, coin in self.script.coins.items()
        }

    @cached_property
    def _funding(self) -> Mapping[str, Curve]:
        return {
            name: Curve([(k.at.timestamp(), k.funding_8h) for k in coin.keyframes])
            for name, coin in self.script.coins.items()
        }


def _appears(report: FiledReport) -> datetime:
    return report.appears


def names() -> Sequence[str]:
    """The scenarios that come with the program."""
    return sorted(path.stem for path in _SCENARIOS.glob("*.toml"))


def named(name: str) -> Scenario:
    """A scenario that comes with the program. Raises ``UsageError`` where there is none of that name."""
    if name not in names():
        raise UsageError(f"there is no scenario {name!r}; there is {', '.join(names())}")
    return load(_SCENARIOS / f"{name}.toml")


def load(path: Path) -> Scenario:
    """Read and check a scenario file. Raises ``ConfigError`` naming the file and every fault in it."""
    try:
        script = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Script)
    except OSError as fault:
        raise ConfigError(f"{path.name} cannot be read: {fault.strerror}") from fault
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as fault:
        raise ConfigError(f"{path.name} is not a scenario: {fault}") from fault
    if faults := list(_faults(script)):
        raise ConfigError(f"{path.name}: {'; '.join(faults)}")
    return Scenario(script)


def _faults(script: Script) -> Iterator[str]:
    if script.plays_from >= script.plays_until:
        yield "plays_from must lie before plays_until"
    for contract in script.contracts:
        if contract.coin not in script.coins or contract.venue not in script.coins[contract.coin].venues:
            yield f"{contract.symbol} has no keyframes for {contract.coin} on {contract.venue}"
    for name, coin in script.coins.items():
        yield from _coin_faults(name, coin)
        for venue in coin.venues:
            shares = sum(c.share for c in script.contracts if (c.venue, c.coin) == (venue, name))
            if abs(shares - 1) > _ROUNDING:
                yield f"the shares of {venue}'s {name} contracts add up to {shares:g}, not to 1"
    if abs(sum(script.liquidation_feeds.values()) - 1) > _ROUNDING:
        yield f"liquidation_feeds add up to {sum(script.liquidation_feeds.values()):g}, not to 1"


def _coin_faults(name: str, coin: Coin) -> Iterator[str]:
    for before, after in pairwise(coin.keyframes):
        if before.at >= after.at:
            yield f"{name}: the keyframe {after.at:%d %b %H:%M} stands after a later one"
    for frame in coin.keyframes:
        where = f"{name}: the keyframe {frame.at:%d %b %H:%M}"
        if len(frame.coins) != len(coin.venues):
            yield f"{where} has {len(frame.coins)} venues, not {len(coin.venues)}"
        elif abs(sum(frame.coins) - frame.total) > _ROUNDING * frame.total:
            yield f"{where} adds up to {sum(frame.coins):,.0f}, not to {frame.total:,.0f}"
