"""A synthetic market: contracts whose positions and price are functions of time, and faults in what is told.

A contract's *positions* (its own count) follow a scene; so a price move alone changes no position, and the
coins of an inverse contract follow from its dollars and the price. Noise is seeded: the same market twice.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Group, Instrument, Observation, OpenInterest, Venue
from bot.domain.units import Amount, ContractSize, Unit
from bot.domain.waves import Wave
from bot.pipeline.judge import Judge
from bot.pipeline.memory import JudgeState, Pace

BTC = Asset("BTC")
START = datetime(2025, 9, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HISTORY = timedelta(days=8)
OPENING = START + HISTORY
"""When every scene begins."""
PRICE_USD = 100_000.0
PACE = Pace(step=MINUTE, fresh=timedelta(minutes=3))

Curve = Callable[[float], float]
"""Minutes since the scene opened → a multiple of what would have been."""
Told = Iterable[OpenInterest]
Fault = Callable[[OpenInterest, float], Told]
"""What is told instead of one observation, at so many minutes since the scene opened."""


@dataclass(frozen=True)
class Contract:
    """One listed contract and the coins open in it at the start."""

    venue: str
    symbol: str
    coins: float
    inverse: bool = False
    size: ContractSize | None = None
    expiry: datetime | None = None

    @property
    def instrument(self) -> Instrument:
        return Instrument(Venue(self.venue), self.symbol, BTC, self.inverse, self.size, self.expiry)


HUNDRED_USD = ContractSize(Decimal(100), Unit.QUOTE)
CENTICOIN = ContractSize(Decimal("0.01"), Unit.BASE)

CONTRACTS = (
    Contract("binance_usdm", "BTCUSDT", 100_000),
    Contract("binance_coinm", "BTCUSD_PERP", 15_000, inverse=True, size=HUNDRED_USD),
    Contract("bybit", "BTCUSDT", 60_000),
    Contract("bybit", "BTCUSD", 8_000, inverse=True, size=ContractSize(Decimal(1), Unit.QUOTE)),
    Contract("okx", "BTC-USDT-SWAP", 40_000, size=CENTICOIN),
    Contract("deribit", "BTC-PERPETUAL", 20_000, inverse=True),
    Contract("hyperliquid", "BTC", 35_000),
    Contract("coinbase_cde", "BIP", 6_000, size=CENTICOIN),
)
GROUPS: Mapping[Venue, Group] = {
    **{Venue(c.venue): Group.OFFSHORE for c in CONTRACTS},
    Venue("hyperliquid"): Group.DEX,
    Venue("coinbase_cde"): Group.REGULATED,
    Venue("gate"): Group.OFFSHORE,
    Venue("cme"): Group.REPORT,
}


class Noise:
    """A seeded walk by the minute: calm and busy hours, pulled back to its middle over ``days``."""

    def __init__(self, seed: str, per_minute: float, days: float, minutes: int) -> None:
        chance = random.Random(seed)  # noqa: S311
        pull = 1 / (days * 1440)
        walk, busy = 0.0, 0.0
        self._values = []
        for _ in range(minutes):
            busy += -busy / 240 + chance.gauss(0, 0.04)
            walk += -pull * walk + chance.gauss(0, per_minute * math.exp(busy))
            self._values.append(walk)

    def at(self, minute: int) -> float:
        return self._values[minute]


LONGEST_SCENE = timedelta(days=4)
_MINUTES = int((HISTORY + LONGEST_SCENE) / MINUTE) + 1
_PRICE = Noise("price", 0.0004, 3, _MINUTES)
_SHARED = Noise("shared", 0.00015, 2, _MINUTES)
_OWN: dict[str, Noise] = {}


def _own_noise(venue: str) -> Noise:
    if venue not in _OWN:
        _OWN[venue] = Noise(venue, 0.0003, 1, _MINUTES)
    return _OWN[venue]


def steady(_: float) -> float:
    return 1.0


def path(*points: tuple[float, float]) -> Curve:
    """Straight lines between (minute, multiple), flat before and after."""

    def curve(minute: float) -> float:
        if minute <= points[0][0]:
            return points[0][1]
        for (a, low), (b, high) in pairwise(points):
            if minute < b:
                return low + (high - low) * (minute - a) / (b - a)
        return points[-1][1]

    return curve


@dataclass(frozen=True)
class Scene:
    """What happens once the quiet history is over.

    ``positions`` is for every contract whose symbol or venue is not in ``own``.
    ``said`` is whatever else is told at a minute (reports, liquidations).
    """

    positions: Curve = steady
    price: Curve = steady
    own: Mapping[str, Curve] = field(default_factory=dict)
    faults: Sequence[Fault] = ()
    contracts: Sequence[Contract] = CONTRACTS
    said: Callable[[int], Iterable[Observation]] = lambda _: ()
    quiet: bool = False
    """Without noise of positions, so that totals can be told exactly."""
    tells_price: bool = True


CALM = Scene()


def price_at(scene: Scene, at: datetime) -> float:
    minute = int((at - START) / MINUTE)
    since = (at - OPENING) / MINUTE
    if scene.quiet:
        minute = min(minute, int(HISTORY / MINUTE))
    return PRICE_USD * math.exp(_PRICE.at(minute)) * scene.price(since)


def _amount(contract: Contract, scene: Scene, at: datetime) -> Amount:
    minute = int((at - START) / MINUTE)
    since = (at - OPENING) / MINUTE
    if scene.quiet:
        minute = min(minute, int(HISTORY / MINUTE))
    curve = scene.own.get(contract.symbol) or scene.own.get(contract.venue) or scene.positions
    noise = math.exp(_SHARED.at(minute) + _own_noise(contract.venue).at(minute))
    count = contract.coins * noise * curve(since)
    if contract.inverse:
        count *= PRICE_USD
    size = contract.size
    if size is not None:
        return Amount(Decimal(round(count / float(size.value))), Unit.CONTRACTS)
    return Amount(Decimal(f"{count:.3f}"), Unit.QUOTE if contract.inverse else Unit.BASE)


def observe(contract: Contract, instrument: Instrument, scene: Scene, at: datetime) -> OpenInterest:
    price = Decimal(f"{price_at(scene, at):.1f}") if scene.tells_price else None
    return OpenInterest(instrument, _amount(contract, scene, at), at, at, price)


def told(
    scene: Scene, since: datetime, until: datetime, step: timedelta
) -> Iterator[tuple[datetime, list[Observation]]]:
    """Every step after ``since`` up to ``until``, with what is told at it."""
    listed = [(contract, contract.instrument) for contract in scene.contracts]
    at = since
    while at < until:
        at += step
        minute = (at - OPENING) / MINUTE
        said: list[Observation] = list(scene.said(int(minute)))
        for contract, instrument in listed:
            answers: Told = (observe(contract, instrument, scene, at),)
            for fault in scene.faults:
                answers = [b for a in answers for b in fault(a, minute)]
            said.extend(answers)
        yield at, said


def play(judge: Judge, scene: Scene, minutes: int, since: datetime = OPENING) -> list[Wave]:
    """Every revision told within so many minutes."""
    waves: list[Wave] = []
    for at, said in told(scene, since, since + minutes * MINUTE, judge.pace.step):
        for one in said:
            judge.take(one)
        waves.extend(judge.step(at, snap=False).waves)
    return waves


def new_judge(pace: Pace = PACE) -> Judge:
    return Judge(GROUPS, pace)


def frozen(judge: Judge) -> bytes:
    return msgspec.msgpack.encode(judge.state())


def thawed(state: bytes) -> Judge:
    judge = new_judge()
    judge.restore(msgspec.msgpack.decode(state, type=JudgeState))
    return judge


def changed(name: str, since: float, until: float, change: Callable[[OpenInterest], Told]) -> Fault:
    """A venue or one symbol tells something else from one minute to another."""

    def fault(said: OpenInterest, minute: float) -> Told:
        meant = name in (said.instrument.venue, said.instrument.symbol)
        return change(said) if meant and since <= minute < until else (said,)

    return fault


def outage(name: str, since: float, until: float) -> Fault:
    """Nothing is heard of a venue or one symbol from one minute to another."""
    return changed(name, since, until, lambda _: ())


def times(factor: str) -> Callable[[OpenInterest], Told]:
    def multiplied(said: OpenInterest) -> Told:
        amount = Amount(said.amount.value * Decimal(factor), said.amount.unit)
        return (msgspec.structs.replace(said, amount=amount),)

    return multiplied


def skewed(by: timedelta) -> Callable[[OpenInterest], Told]:
    """The venue's clock jumps."""
    return lambda said: (msgspec.structs.replace(said, at=said.at + by),)


def doubled(said: OpenInterest) -> Told:
    return (said, said)


def stuck() -> Callable[[OpenInterest], Told]:
    """The amounts stand still while clock and price go on."""
    first: dict[str, Amount] = {}

    def frozen_amount(said: OpenInterest) -> Told:
        amount = first.setdefault(said.instrument.key, said.amount)
        return (msgspec.structs.replace(said, amount=amount),)

    return frozen_amount
