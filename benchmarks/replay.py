"""A year of one coin on 20 venues in steps of five minutes, against pandas' rolling median and MAD.

Ours is the code of the live path: an observation is built, goes through ``Judge.take`` (gate, aggregate), and
every five minutes ``Judge.step`` judges all five horizons.

Pandas is handed the finished floats, per venue, and for each of the five horizons says how unusual the change
over that horizon is: its rolling median and its rolling median absolute deviation over a week. It neither
checks a reading nor adds venues up. Pandas has no rolling MAD, so there are two ways, both measured:

- *exact*: ``rolling.apply`` with the definition, |x − median of the window|, as its documentation does it;
- *shortcut*: the rolling median of |x − rolling median|, all in C, which takes each deviation from another
  middle and so is not the MAD (a drifting series looks calmer than it is).

The goal, at least twice as fast, is set against the exact one. Pandas is measured on a part of one venue and
scaled up linearly, which is fair: its cost is linear in venues and, past the first window, in steps. Both in
CPU time of one process; memory must not grow with the length of the record.

    python -m benchmarks.replay
"""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import process_time

import numpy
import pandas
import psutil
from numpy.typing import NDArray

from bot.domain.assets import Asset
from bot.domain.market import Group, Instrument, OpenInterest, Venue
from bot.domain.units import Amount, Unit
from bot.pipeline.judge import Judge
from bot.pipeline.memory import Pace

VENUES = 20
STEP = timedelta(minutes=5)
STEPS = 365 * 288
DISTINCT = 14 * 288
"""The readings of two weeks, told again and again with new stamps: making them is nobody's benchmark."""
HORIZONS = (1, 3, 12, 48, 288)
"""Five minutes, a quarter of an hour, one hour, four, a day: in steps."""
WEEK = 7 * 288
EXACT_STEPS = 4_000
GOAL = 2.0
START = datetime(2025, 1, 1, tzinfo=UTC)
CHANCE = random.Random(20251010)


def market() -> tuple[list[list[float]], list[float]]:
    """Coins per venue and the price, by step."""
    coins = [[20_000.0 / (v + 1)] for v in range(VENUES)]
    price = [60_000.0]
    shared = 0.0
    for _ in range(DISTINCT - 1):
        pull = -0.005 * shared
        drift = pull + CHANCE.gauss(0, 0.0004)
        shared += drift
        price.append(price[-1] * math.exp(CHANCE.gauss(0, 0.0009) - 0.002 * math.log(price[-1] / 60_000)))
        for v in range(VENUES):
            calm = -0.01 * math.log(coins[v][-1] * (v + 1) / 20_000)
            coins[v].append(coins[v][-1] * math.exp(drift + calm + CHANCE.gauss(0, 0.0008)))
    return coins, price


def ours(coins: list[list[float]], price: list[float]) -> tuple[float, int, list[int]]:
    """CPU seconds, waves told, and resident bytes after every tenth of the year."""
    venues = [Venue(f"venue{v:02}") for v in range(VENUES)]
    book = [Instrument(venue, "BTC", Asset("BTC")) for venue in venues]
    told = [[Decimal(f"{value:.3f}") for value in series] for series in coins]
    quoted = [Decimal(f"{value:.1f}") for value in price]
    judge = Judge(dict.fromkeys(venues, Group.OFFSHORE), Pace(step=STEP, fresh=timedelta(minutes=8)))
    resident = []
    waves = set()
    spent = 0.0
    at = START
    for tenth in range(10):
        began = process_time()
        for number in range(tenth * STEPS // 10, (tenth + 1) * STEPS // 10):
            at += STEP
            place = number % DISTINCT
            now = quoted[place]
            for instrument, series in zip(book, told, strict=True):
                judge.take(OpenInterest(instrument, Amount(series[place], Unit.BASE), at, at, now))
            for wave in judge.step(at, snap=False).waves:
                waves.add(wave.id)
        spent += process_time() - began
        resident.append(psutil.Process().memory_info().rss)
    return spent, len(waves), resident


def deviation(window: NDArray[numpy.float64]) -> float:
    return float(numpy.median(numpy.abs(window - numpy.median(window))))


def theirs(coins: list[float], steps: int, *, exact: bool) -> float:
    """CPU seconds for the whole market and year, from ``steps`` full windows of one venue."""
    length = steps + WEEK
    series = numpy.log(pandas.Series((coins * (length // DISTINCT + 1))[:length]))
    began = process_time()
    for horizon in HORIZONS:
        change = series.diff(horizon)
        middle = change.rolling(WEEK).median()
        if exact:
            change.rolling(WEEK).apply(deviation, raw=True)
        else:
            (change - middle).abs().rolling(WEEK).median()
    return (process_time() - began) * VENUES * STEPS / steps


def main() -> None:
    coins, price = market()
    exact_s = theirs(coins[0], EXACT_STEPS, exact=True)
    shortcut_s = theirs(coins[0], STEPS, exact=False)
    our_s, waves, resident = ours(coins, price)
    readings = VENUES * STEPS
    grown = (resident[-1] - resident[0]) / 2**20
    print(f"{readings:,} readings, {STEPS:,} steps, {waves} waves, CPU seconds")
    print(f"ours             {our_s:6.1f} s, {readings / our_s:,.0f} readings a second")
    print(f"pandas, exact    {exact_s:6.1f} s, scaled from {EXACT_STEPS:,} steps of one venue")
    print(f"pandas, shortcut {shortcut_s:6.1f} s, scaled from one venue")
    verdict = "ok" if exact_s >= GOAL * our_s else "MISSED"
    print(f"ratio to exact    {exact_s / our_s:.1f} x as fast; goal: at least {GOAL}: {verdict}")
    print(f"ratio to shortcut {shortcut_s / our_s:.2f} x as fast, not a goal")
    flat = "flat" if grown < 5 else "GROWS"
    print(f"memory            {grown:+.1f} MiB from the first tenth of the year to the last: {flat}")


if __name__ == "__main__":
    main()
