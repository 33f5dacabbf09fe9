"""What venues say beside open interest: by venue, annualised, and never guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.bench import Bench
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
from bot.domain.units import Amount, ContractSize, Unit
from bot.health import Health
from bot.pipeline.judge import Judge
from bot.pipeline.statistics import Gauge
from storage.memory import MemoryStore
from tests.pipeline.market import BTC, GROUPS, MINUTE, PACE

NOW = datetime(2025, 10, 10, 21, 15, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OKX = Venue("okx")
SWAP = Instrument(OKX, "BTC-USDT-SWAP", BTC, contract=ContractSize(Decimal("0.01"), Unit.BASE), quote="USDT")
COIN_SWAP = Instrument(OKX, "BTC-USD-SWAP", BTC, True, ContractSize(Decimal(100), Unit.QUOTE))
QUARTER = Instrument(
    OKX, "BTC-USD-251226", BTC, True, ContractSize(Decimal(100), Unit.QUOTE), expiry=NOW + 73 * DAY
)
KPEPE = Instrument(Venue("binance_usdm"), "1000PEPEUSDT", Asset("PEPE"), coins_per_base=1000)


def held(gauge: Gauge, instrument: Instrument, coins: float, price: float, at: datetime = NOW) -> None:
    said = OpenInterest(instrument, Amount(Decimal(1), Unit.CONTRACTS), at, at)
    gauge.take(said, Reading(instrument, coins, price, at, at))


def funding(instrument: Instrument, rate: str, hours: int = 8, at: datetime = NOW) -> Funding:
    return Funding(instrument, Decimal(rate), hours * HOUR, at, at)


def only(gauge: Gauge, at: datetime = NOW, asset: Asset = BTC) -> VenueStatistics:
    told = gauge.picture(asset, at)
    assert told is not None
    (venue,) = told.venues
    return venue


@pytest.fixture
def gauge() -> Gauge:
    """One venue with three contracts: 60 coins linear, 30 and 10 margined in the coin, one of them dated."""
    gauge = Gauge(PACE.fresh)
    held(gauge, SWAP, 60.0, 100_100.0)
    held(gauge, COIN_SWAP, 30.0, 100_000.0)
    held(gauge, QUARTER, 10.0, 101_000.0)
    return gauge


def test_funding_is_weighed_by_coins_and_told_per_year(gauge: Gauge) -> None:
    gauge.take(funding(SWAP, "0.0001"), None)
    gauge.take(funding(COIN_SWAP, "0.0001", hours=4), None)
    venue = only(gauge)
    assert venue.funding == pytest.approx((60 * 0.1095 + 30 * 0.219) / 90)
    assert (venue.funding_coins, venue.funding_hours) == (90.0, 8.0)


def test_a_basis_is_told_against_the_perpetual_margined_and_quoted_alike(gauge: Gauge) -> None:
    venue = only(gauge)
    assert venue.basis == pytest.approx(0.01 * 365 / 73)
    assert venue.dated_coins == 10.0
    assert venue.inverse_coins == 40.0
    assert venue.usd == pytest.approx(60 * 100_100 + 30 * 100_000 + 10 * 101_000)


def test_a_contract_about_to_expire_or_without_a_perpetual_beside_it_has_no_basis() -> None:
    gauge = Gauge(PACE.fresh)
    held(gauge, QUARTER, 10.0, 101_000.0)
    assert only(gauge).basis is None
    held(gauge, SWAP, 60.0, 100_000.0)  # quoted in another currency
    assert only(gauge).basis is None
    soon = NOW + 67 * DAY
    for instrument, price in ((QUARTER, 101_000.0), (COIN_SWAP, 100_000.0)):
        held(gauge, instrument, 10.0, price, at=soon)
    assert only(gauge, soon).basis is None


def test_what_was_not_told_is_unknown(gauge: Gauge) -> None:
    venue = only(gauge)
    assert (venue.funding, venue.funding_hours, venue.volume_usd, venue.accounts) == (None,) * 4
    told = gauge.picture(BTC, NOW)
    assert told is not None
    assert (told.supply, told.supply_at, told.usual) == (None, None, ())
    assert gauge.picture(Asset("ETH"), NOW) is None


def test_volume_is_measured_in_dollars_whatever_it_is_counted_in(gauge: Gauge) -> None:
    gauge.take(Volume(SWAP, Amount(Decimal(1000), Unit.CONTRACTS), NOW, NOW), None)
    gauge.take(Volume(COIN_SWAP, Amount(Decimal(5000), Unit.CONTRACTS), NOW, NOW), None)
    assert only(gauge).volume_usd == pytest.approx(1000 * 0.01 * 100_100 + 5000 * 100)


def test_a_thousand_coins_are_priced_as_a_thousand() -> None:
    gauge = Gauge(PACE.fresh)
    held(gauge, KPEPE, 5e9, 0.00001)
    gauge.take(Price(KPEPE, Decimal("0.02"), NOW, NOW), None)
    gauge.take(Volume(KPEPE, Amount(Decimal(1_000_000), Unit.BASE), NOW, NOW), None)
    venue = only(gauge, asset=Asset("PEPE"))
    assert venue.usd == pytest.approx(5e9 * 0.00002)
    assert venue.volume_usd == pytest.approx(20_000)


def test_accounts_are_shares_weighed_by_coins(gauge: Gauge) -> None:
    gauge.take(AccountRatio(SWAP, Decimal(3), NOW, NOW), None)  # 75 % long
    gauge.take(AccountRatio(COIN_SWAP, Decimal(1), NOW, NOW), None)  # 50 % long
    longs = (60 * 0.75 + 30 * 0.5) / 90
    assert only(gauge).accounts == pytest.approx(longs / (1 - longs))


def test_each_figure_stands_only_as_long_as_it_may(gauge: Gauge) -> None:
    gauge.take(funding(SWAP, "0.0001"), None)
    gauge.take(Supply(SWAP, Decimal(19_900_000), NOW - DAY, NOW), None)
    later = NOW + 70 * MINUTE
    assert gauge.picture(BTC, NOW + 4 * MINUTE) is None  # no open interest is fresh
    held(gauge, SWAP, 61.0, 100_000.0, at=later)
    venue = only(gauge, later)
    assert (venue.coins, venue.funding) == (61.0, None)
    told = gauge.picture(BTC, later)
    assert told is not None
    assert (told.supply, told.supply_at) == (19_900_000.0, NOW - DAY)


def test_a_contract_counted_anew_forgets_what_was_said_of_the_old_one(gauge: Gauge) -> None:
    gauge.take(funding(SWAP, "0.0001"), None)
    resized = Instrument(
        OKX, SWAP.symbol, BTC, contract=ContractSize(Decimal("0.1"), Unit.BASE), quote="USDT"
    )
    held(gauge, resized, 60.0, 100_000.0)
    assert only(gauge).funding is None


FUNDED = st.tuples(st.floats(1, 1e6), st.floats(-0.01, 0.01), st.sampled_from([1, 4, 8]))


@given(st.lists(FUNDED, min_size=1, max_size=9))
def test_funding_lies_between_its_contracts(rows: list[tuple[float, float, int]]) -> None:
    gauge, yearly = Gauge(PACE.fresh), []
    for number, (coins, rate, hours) in enumerate(rows):
        one = Instrument(OKX, f"C{number}", BTC)
        held(gauge, one, coins, 1.0)
        gauge.take(funding(one, repr(rate), hours), None)
        yearly.append(rate * 8760 / hours)
    told = only(gauge).funding
    assert told is not None
    assert min(yearly) - 1e-9 <= told <= max(yearly) + 1e-9


async def test_a_bench_keeps_statistics_every_five_minutes_of_what_was_believed() -> None:
    store = MemoryStore()

    def clock() -> datetime:
        return NOW

    bench = Bench(Judge(GROUPS, PACE), store, Health(clock), clock, clock)
    instrument = Instrument(Venue("binance_usdm"), "BTCUSDT", BTC)
    amount = Amount(Decimal(100), Unit.BASE)

    async def minute(at: datetime, *more: Observation) -> None:
        said = at - timedelta(seconds=20)
        for one in (OpenInterest(instrument, amount, said, said, Decimal(100_000)), *more):
            bench.hear(one)
        await bench.step(at)

    await minute(NOW, funding(instrument, "0.0001", at=NOW - MINUTE))
    absurd = Price(instrument, Decimal(1), NOW + 4 * MINUTE, NOW + 4 * MINUTE)
    for n in range(1, 6):
        await minute(NOW + n * MINUTE, *([absurd] if n == 5 else []))
    series = await store.statistics.series(BTC, NOW - DAY, NOW + DAY, MINUTE)
    assert [(t.at, t.coins, t.usd) for t in series] == [
        (NOW, 100.0, 1e7),
        (NOW + 5 * MINUTE, 100.0, 1e7),
    ]
    newest = await store.statistics.newest(BTC)
    assert isinstance(newest, Statistics)
    assert newest.venues[0].funding == pytest.approx(0.1095)
