"""Real market history, as recorded beside the checkout, through the command's own replay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.assets import Asset
from bot.domain.market import Point
from bot.domain.waves import Kind, Stage, Wave
from bot.feeds.recorded import Prices as Recorded
from bot.pipeline.aftermath import Followed, Prices, Reset, aftermath
from bot.replay import Run, replay

ALERTS = (Kind.FLUSH, Kind.SQUEEZE)
WEEKLY_W = 2.2
DAY = timedelta(days=1)


def utc(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def starting(waves: tuple[Wave, ...], since: str, until: str) -> list[Wave]:
    """Waves whose onset lies from one day up to and with another."""
    return [w for w in waves if utc(since) <= w.onset < utc(until) + DAY]


@pytest.fixture(scope="module")
def history(shared: Path) -> Path:
    return shared / "history"


def hourly(history: Path, coin: str) -> Run:
    return replay(
        history / "perpdex_oi_1h_2025-12-07_2026-02-01.csv.gz",
        history / "cex_ohlcv_1h_2025-03-06_2026-02-01.csv.gz",
        Asset(coin),
    )


@pytest.fixture(scope="module")
def btc_hourly(history: Path) -> Run:
    return hourly(history, "BTC")


@pytest.fixture(scope="module")
def btc_daily(history: Path) -> Run:
    return replay(history / "coinglass_btc_1d_2020-02-27_2022-12-31.csv.gz")


@pytest.fixture(scope="module")
def eth_daily(history: Path) -> Run:
    return replay(history / "coinglass_eth_1d_2020-02-27_2022-12-31.csv.gz")


def test_the_flushes_at_the_end_of_january_2026_are_found(btc_hourly: Run) -> None:
    for since, until in (("2026-01-29", "2026-01-30"), ("2026-01-31", "2026-01-31")):
        found = [w for w in starting(btc_hourly.waves, since, until) if w.kind is Kind.FLUSH]
        assert any(w.magnitude.w >= WEEKLY_W for w in found), since


@pytest.mark.parametrize("coin", ["BTC", "ETH"])
def test_the_quiet_weeks_over_the_new_year_raise_no_alert(history: Path, coin: str) -> None:
    quiet = starting(hourly(history, coin).waves, "2025-12-22", "2026-01-04")
    assert [w for w in quiet if w.kind in ALERTS and w.magnitude.w >= WEEKLY_W] == []


HYPERLIQUID_OUT = (datetime(2026, 1, 19, 0, tzinfo=UTC), datetime(2026, 1, 19, 18, tzinfo=UTC))
LIGHTER_OUT = (datetime(2025, 12, 21, 16, tzinfo=UTC), datetime(2025, 12, 27, 14, tzinfo=UTC))


@pytest.mark.parametrize("edge", [*HYPERLIQUID_OUT, *LIGHTER_OUT])
def test_a_venue_that_goes_or_returns_starts_no_wave(btc_hourly: Run, edge: datetime) -> None:
    assert [w for w in btc_hourly.waves if abs(w.onset - edge) <= timedelta(hours=2)] == []


def test_with_most_of_the_market_out_of_sight_nothing_is_declared(btc_hourly: Run) -> None:
    begins, ends = HYPERLIQUID_OUT
    assert [w for w in btc_hourly.waves if begins <= w.onset < ends] == []


def test_every_row_of_the_hourly_record_is_believed(btc_hourly: Run) -> None:
    assert btc_hourly.rows == 2227
    assert btc_hourly.rejected == {}
    assert btc_hourly.step == timedelta(hours=1)


def test_the_frozen_total_of_the_ftx_day_is_no_wave(btc_daily: Run) -> None:
    assert btc_daily.rejected == {"frozen": 1}
    assert starting(btc_daily.waves, "2022-11-08", "2022-11-08") == []


@pytest.mark.parametrize("day", ["2022-05-09", "2022-06-13"])
def test_a_fall_in_dollars_that_is_mostly_price_is_no_wave_or_says_so(btc_daily: Run, day: str) -> None:
    for wave in starting(btc_daily.waves, day, day):
        change = wave.usd_change
        assert change is not None
        assert -change.price_usd > -change.position_usd


@pytest.mark.parametrize("day", ["2021-12-04", "2021-05-19", "2021-09-07"])
def test_the_largest_falls_since_2021_are_found_as_flushes(btc_daily: Run, day: str) -> None:
    (wave,) = starting(btc_daily.waves, day, day)
    assert wave.kind is Kind.FLUSH
    assert wave.magnitude.w >= 2.9
    assert wave.fall > 0.12


def test_the_two_largest_falls_rank_first_and_second_by_coins_since_the_crash_of_2020(
    btc_daily: Run,
) -> None:
    since = [w for w in btc_daily.waves if utc("2020-04-01") <= w.onset < utc("2022-01-01")]
    largest = sorted(since, key=lambda w: -w.coins_closed)[:2]
    assert {w.onset.date().isoformat() for w in largest} == {"2021-12-04", "2021-05-19"}


def test_every_wave_of_the_record_adds_up(btc_hourly: Run, btc_daily: Run, eth_daily: Run) -> None:
    for wave in (*btc_hourly.waves, *btc_daily.waves, *eth_daily.waves):
        assert wave.coins_closed == pytest.approx(sum(v.coins_closed for v in wave.venues))
        assert wave.coins_closed > 0
        change = wave.usd_change
        move = wave.price_move
        assert change is not None
        assert move is not None
        assert wave.onset <= wave.low_at
        assert wave.stage in (Stage.OVER, Stage.BUILDING, Stage.PEAK)
        assert (wave.kind is not Kind.FLUSH) or move < 0
        assert (wave.kind is not Kind.SQUEEZE) or move > 0


@pytest.mark.parametrize(("coin", "waves"), [("SOL", 0), ("DOGE", 0), ("HYPE", 0)])
def test_dollars_without_any_price_are_no_coins(history: Path, coin: str, waves: int) -> None:
    run = hourly(history, coin)
    assert len(run.waves) == waves
    assert set(run.rejected) == {"unpriced"}


COINS = (Asset("BTC"), Asset("ETH"))


def closes(file: Path, asset: Asset) -> Prices:
    """Daily closes, as the statistics read prices."""
    told = Recorded(file)
    days = (utc("2020-02-27") + n * DAY for n in range(1039))
    prices = ((day, told.at("aggregate", asset, day.timestamp())) for day in days)
    return Prices(Point(day, 1.0, price, 1.0, 0.0) for day, price in prices)


@pytest.mark.parametrize(
    ("kind", "coins", "days", "n", "edge"),
    [
        (Kind.FLUSH, COINS[:1], 1, 7, False),
        (Kind.FLUSH, COINS, 1, 12, True),
        (Kind.FLUSH, COINS, 7, 10, False),
        (Kind.SQUEEZE, COINS[:1], 1, 28, False),
        (Kind.SQUEEZE, COINS, 1, 56, False),
        (Kind.SQUEEZE, COINS, 7, 36, False),
    ],
)
def test_what_followed_the_waves_of_three_years(
    history: Path,
    btc_daily: Run,
    eth_daily: Run,
    kind: Kind,
    coins: tuple[Asset, ...],
    days: int,
    n: int,
    edge: bool,
) -> None:
    """As docs/detection.md tells it."""
    prices = {
        coin: closes(history / f"coinglass_{coin.lower()}_1d_2020-02-27_2022-12-31.csv.gz", coin)
        for coin in coins
    }
    followed = [
        Followed(Reset(wave.low_at, wave.asset, wave.magnitude.w), move)
        for run in (btc_daily, eth_daily)
        for wave in run.waves
        if wave.kind is kind and wave.stage is Stage.OVER and wave.asset in coins
        if (move := prices[wave.asset].move(wave.low_at.timestamp(), days * DAY)) is not None
    ]
    told = aftermath(followed, prices, days * DAY)
    assert told is not None
    assert (told.n, told.edge) == (n, edge)
