"""Pictures of every kind, ordinary and nasty ones, from invented series: the same at every call.

Those of the docs say in their titles what is drawn: the figures are read off the series.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from statistics import median

from msgspec.structs import replace

from bot.domain.charts import (
    AfterChart,
    Bar,
    BarsChart,
    Chart,
    LinesChart,
    MarketChart,
    NamedLine,
    ResetMark,
    ResetsChart,
    Span,
    ValueUnit,
    VenueCoins,
    VenuesChart,
)
from bot.domain.waves import Kind
from handlers.numbers import dated, percent

START = datetime(2025, 10, 10, 20, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STEPS = 160
NOTE = "As of 10 Oct 22:40 UTC, seen 97 % of usual open interest."


def wave() -> MarketChart:
    """160 steps of a minute around a fall like that of 10 October 2025."""
    closed = [1 / (1 + math.exp(-(i - 75) / 6)) for i in range(STEPS)]
    longs = [2.7e9 * math.exp(-(((i - 75) / 9) ** 2)) for i in range(STEPS)]
    return MarketChart(
        title="BTC long flush: 79,000 BTC of open interest closed (−19.0 %) in 41 min",
        asset="BTC",
        times=tuple(START + timedelta(minutes=i) for i in range(STEPS)),
        coins=tuple(415_000 - 79_000 * c + 600 * math.sin(i * 1.7) for i, c in enumerate(closed)),
        price_usd=tuple(122_000 - 15_000 * c + 150 * math.sin(i * 2.3) for i, c in enumerate(closed)),
        long_usd=tuple(longs),
        short_usd=tuple(usd * 0.19 for usd in longs),
        shade=(START + timedelta(minutes=50), START + timedelta(minutes=91)),
        note=NOTE,
    )


def walk(seed: int, count: int, start: float, step: float, pull: float = 0.0) -> list[float]:
    """A random walk in steps of a fraction; ``pull`` draws it back to its start."""
    chance, value, found = Random(seed), 0.0, []
    for _ in range(count):
        value += chance.gauss(0, step) - pull * value
        found.append(start * math.exp(value))
    return found


def times(count: int, step: timedelta, start: datetime = START) -> tuple[datetime, ...]:
    return tuple(start + n * step for n in range(count))


def moved(values: Sequence[float]) -> str:
    return percent(values[-1] / values[0] - 1)


def without(values: list[float], since: int, until: int) -> tuple[float | None, ...]:
    return tuple(None if since <= n < until else value for n, value in enumerate(values))


def week() -> MarketChart:
    """Seven days by the hour with an outage, an hour in which little was seen, and liquidations."""
    coins, usd = walk(1, 168, 9_812_000, 0.004), walk(2, 168, 187.4, 0.006)
    chance = Random(3)
    return MarketChart(
        title=f"SOL open interest {moved(coins)} in 7 days, price {moved(usd)}",
        asset="SOL",
        times=times(168, HOUR, START - 7 * DAY),
        coins=without(coins, 60, 84),
        price_usd=without(usd, 60, 84),
        long_usd=tuple(0.0 if 60 <= n < 84 else 1e6 * chance.expovariate(1) ** 2 for n in range(168)),
        short_usd=tuple(0.0 if 60 <= n < 84 else 7e5 * chance.expovariate(1) ** 2 for n in range(168)),
        unseen=((START - 3 * DAY, START - 2.4 * DAY),),
        note="As of 20:00 UTC, seen 97 % of usual open interest.",
    )


def year() -> MarketChart:
    coins, usd = walk(4, 180, 412_000, 0.02, 0.02), walk(5, 180, 98_000, 0.03, 0.01)
    return MarketChart(
        f"BTC open interest {moved(coins)} in 360 days, price {moved(usd)}",
        "BTC",
        times(180, 2 * DAY, START - 360 * DAY),
        tuple(coins),
        tuple(usd),
        note=NOTE,
    )


def tiny() -> MarketChart:
    """Very many coins of a very small price, and no price for a while."""
    coins, usd = walk(6, 120, 1.234e13, 0.01), walk(7, 120, 0.00001234, 0.01)
    return MarketChart(
        "1000CHEEMS short squeeze: 1.3 T coins closed",
        "1000CHEEMS",
        times(120, 2 * MINUTE),
        tuple(coins),
        without(usd, 0, 50),
        long_usd=tuple(0.0 for _ in range(120)),
        short_usd=tuple(3.2 * (n % 7) for n in range(120)),
        shade=(START + 3 * HOUR, START + 3 * HOUR + 4 * MINUTE),
    )


def unpriced() -> MarketChart:
    return MarketChart(
        "PEPE open interest 0.0 % in 1 h", "PEPE", times(30, 2 * MINUTE), (8.204,) * 30, (None,) * 30
    )


def venues() -> VenuesChart:
    shares = (
        ("Binance USD-M", True, 130_000, 0.19),
        ("Bybit", True, 112_000, 0.21),
        ("OKX", True, 62_600, 0.15),
        ("Hyperliquid", True, 60_000, 0.29),
        ("Deribit", True, 38_000, 0.10),
        ("9 others", True, 21_000, 0.12),
        ("Coinbase Derivatives", False, 12_400, -0.003),
        ("Kraken Derivatives US", False, 3_100, 0.02),
    )
    made = []
    for seed, (name, native, coins, fall) in enumerate(shares):
        path = walk(40 + seed, STEPS, coins, 0.001)
        path = [each * (1 - fall / (1 + math.exp(-(n - 75) / 6))) for n, each in enumerate(path)]
        stale: tuple[Span, ...] = ()
        if name == "OKX":
            path[100:130] = [path[100]] * 30
            stale = ((START + 100 * MINUTE, START + 129 * MINUTE),)
        made.append(VenueCoins(name, native, tuple(path), stale))
    return VenuesChart(
        title="BTC open interest −18.9 % in 3 h: Hyperliquid −29 %, Bybit −21 %, institutions flat",
        asset="BTC",
        times=times(STEPS, MINUTE),
        venues=tuple(made),
        shade=wave().shade,
        note=NOTE,
    )


def one_venue() -> VenuesChart:
    path = without(walk(50, 90, 8.2, 0.02), 30, 50)
    return VenuesChart(
        "PEPE open interest on one venue", "PEPE", times(90, HOUR), (VenueCoins("MEXC", True, path),)
    )


def funding_now() -> BarsChart:
    names = (
        "Binance",
        "Bybit",
        "OKX",
        "Hyperliquid",
        "Gate",
        "Bitget",
        "dYdX",
        "Coinbase Derivatives",
        "Kraken",
    )
    values = (0.11, 0.094, 0.087, 0.156, 0.102, -0.038, None, 0.021, 0.067)
    bars = tuple(
        Bar(name, value, "Coinbase" not in name, (0.03, 0.14))
        for name, value in zip(names, values, strict=True)
    )
    return BarsChart(
        "BTC funding 9.8 % a year, OI-weighted: Hyperliquid longs pay most",
        "Funding, % a year (band: normal for this coin)",
        bars,
        ValueUnit.PERCENT,
        NOTE,
    )


def top() -> BarsChart:
    names = ("PEPE", "WIF", "SOL", "ENA", "HYPE", "1000CHEEMS", "BTC", "ETH", "DOGE", "XRP", "TON", "LINK")
    bars = tuple(Bar(name, 0.42 - 0.07 * n - 0.1 * (n > 5)) for n, name in enumerate(names))
    return BarsChart(
        "PEPE added most: coin OI +42.0 % in 24 h", "Change of coin OI in 24 h", bars, ValueUnit.PERCENT, NOTE
    )


def funding_lines() -> LinesChart:
    names = ("Binance", "Bybit", "OKX", "Hyperliquid", "Coinbase Derivatives")
    lines = tuple(
        NamedLine(name, tuple(0.1 + 0.2 * (v - 1) for v in walk(60 + n, 168, 1.0, 0.05, 0.05)), n < 4)
        for n, name in enumerate(names)
    )
    ends = {line.name: line.values[-1] or 0.0 for line in lines}
    high, low = max(ends, key=ends.__getitem__), min(ends, key=ends.__getitem__)
    return LinesChart(
        f"BTC funding: {high} {percent(ends[high])} a year, {low} {percent(ends[low])}",
        "Funding, % a year",
        times(168, HOUR, START - 7 * DAY),
        lines,
        ValueUnit.PERCENT,
        normal=(0.03, 0.14),
        normal_name="normal 3–14 %",
        base=0.0,
        note=NOTE,
    )


def leverage() -> LinesChart:
    heat = [50 + 45 * math.sin(n / 23) * math.sin(n / 57 + 1) for n in range(180)]
    return LinesChart(
        f"BTC leverage: {heat[-1]:.0f} of 100",
        "Heat: 0 to 100 among its own days",
        times(180, 2 * DAY, START - 360 * DAY),
        (NamedLine("BTC", without(heat, 70, 90)),),
        normal=(25.0, 75.0),
        normal_name="8 days in 10",
        limits=(0.0, 100.0),
        note=NOTE,
    )


def compare() -> LinesChart:
    paths = {
        name: walk(70 + n, 168, 100.0, 0.006 + 0.002 * n)
        for n, name in enumerate(("BTC", "ETH", "SOL", "1000CHEEMS", "HYPE", "XRP"))
    }
    lines = tuple(
        NamedLine(name, tuple(100 * value / path[0] for value in path)) for name, path in paths.items()
    )
    most, *_others, least = sorted(paths, key=lambda name: -paths[name][-1] / paths[name][0])
    since = dated(START - 7 * DAY)
    return LinesChart(
        f"Open interest since {since}: {most} {moved(paths[most])}, {least} {moved(paths[least])}",
        "Coins, like with like; the first day is 100",
        times(168, HOUR, START - 7 * DAY),
        lines,
        base=100.0,
        note=NOTE,
    )


def resets() -> ResetsChart:
    chance = Random(8)
    marks = [
        ResetMark(
            START - timedelta(days=chance.uniform(0, 1800)),
            w := min(4.4, 2.2 + chance.expovariate(2.2)),
            chance.choice((Kind.FLUSH, Kind.FLUSH, Kind.SQUEEZE, Kind.UNWIND)),
            min(0.3, 0.02 + 0.05 * (w - 2.2)),
        )
        for _ in range(60)
    ]
    marks.append(ResetMark(START, 4.7, Kind.FLUSH, 0.19))
    return ResetsChart(
        "BTC: 61 resets in 5 years, the rarest on 10 Oct 2025 (W 4.7)",
        START - timedelta(days=1826),
        START + DAY,
        tuple(marks),
        "As of 11 Oct 20:00 UTC. The larger the sign, the more of the coins was closed.",
    )


def after() -> AfterChart:
    hours = (0.0, 1.0, 4.0, 12.0, 24.0, 72.0, 168.0)
    paths: list[tuple[float | None, ...]] = []
    for seed in range(14):
        chance = Random(80 + seed)
        path = [0.0]
        for before, now in pairwise(hours):
            path.append(path[-1] + chance.gauss(0.0003 * (now - before), 0.007 * math.sqrt(now - before)))
        paths.append(without(path, 5, 7) if seed == 3 else tuple(path))
    middle = tuple(median(v for p in paths if (v := p[n]) is not None) for n in range(len(hours)))
    return AfterChart(
        f"After 14 long flushes of BTC: {percent(middle[4])} in 24 h at the median, no clear edge",
        "Price since the end",
        hours,
        tuple(paths),
        middle,
        tuple(0.0001 * h for h in hours),
        tuple(-0.0045 * math.sqrt(h) for h in hours),
        tuple(0.005 * math.sqrt(h) for h in hours),
        "19 of 20 medians of as many random times",
        "As of 11 Oct 20:00 UTC. What was is no promise.",
    )


def gallery() -> dict[str, Chart]:
    """Every picture by its name."""
    makers = (
        wave, week, year, tiny, unpriced, venues, one_venue,
        funding_now, top, funding_lines, leverage, compare, resets, after,
    )  # fmt: skip
    found: dict[str, Chart] = {make.__name__: make() for make in makers}
    found["long_title"] = replace(week(), title="Washout " * 40, note="As of now. " * 40, asset="W" * 24)
    found["nothing"] = replace(wave(), coins=(None,) * STEPS, price_usd=(None,) * STEPS)
    found["no_resets"] = replace(resets(), waves=())
    return found
