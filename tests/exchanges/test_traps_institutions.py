"""Traps of the institutions' figures, each a test named after it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.assets import Asset
from bot.domain.market import Holder, Instrument, Report, ReportKind, Venue
from bot.domain.units import ContractSize, Unit
from bot.errors import SourceChanged
from bot.exchanges import cftc, coinalyze, coinglass
from bot.exchanges.spec import Answer
from tests.exchanges.keeping import kept
from tests.exchanges.payloads import NOW, book_of, parsed

CME, CDE = Venue("cme"), Venue("coinbase_cde")


def only(answer: Answer) -> Report:
    (report,) = answer.observations
    assert isinstance(report, Report)
    return report


def positions(*rows: dict[str, Any]) -> Answer:
    return cftc.parse_positions(json.dumps(rows).encode(), {}, NOW)


def row(place: int, **more: object) -> dict[str, Any]:
    """A row of the kept positions, with what a test changes; ``None`` leaves a column out."""
    told = json.loads(kept("cftc", "positions").body)[place] | more
    return {name: value for name, value in told.items() if value is not None}


BITCOIN, MICRO, NANO, CASH = range(4)


# CFTC


def test_bitcoin_cash_is_not_bitcoin_though_it_holds_its_name_and_its_commodity_code() -> None:
    cash = row(CASH)
    assert "BITCOIN" in cash["market_and_exchange_names"]
    assert cash["cftc_commodity_code"] == row(BITCOIN)["cftc_commodity_code"]
    assert [(r.asset, r.venue) for r in positions(cash).observations if isinstance(r, Report)] == [
        ("BCH", CDE)
    ]


def test_the_cftc_is_asked_by_exact_codes_never_by_a_part_of_a_name() -> None:
    (asked,) = cftc.EXCHANGE.polls[0].requests({})
    where = asked.params["$where"]
    assert "like" not in where.lower()
    assert where.startswith("cftc_contract_market_code in('133741','133742',")


def test_contracts_of_different_sizes_are_added_in_coins() -> None:
    both = only(positions(row(BITCOIN), row(MICRO)))
    assert both.coins == pytest.approx(20_773 * 5 + 37_455 * 0.1)
    assert both.previous_coins == pytest.approx(both.coins + 508 * 5 + 1_000 * 0.1)


def market(code: str, name: str, units: str, contracts: int, **more: object) -> dict[str, Any]:
    told = {
        "cftc_contract_market_code": code,
        "market_and_exchange_names": name,
        "contract_units": units,
        "open_interest_all": str(contracts),
    }
    return row(BITCOIN, **told, **more)


def test_every_size_of_a_coin_counts_also_by_the_former_name_of_its_exchange() -> None:
    perpetual = market(
        "133LM4", "NANO BITCOIN PERP STYLE - COINBASE DERIVATIVES, LLC", "(1/100 Bitcoin)", 162_619
    )
    dated = market("133LM1", "Nano Bitcoin  - COINBASE DERIVATIVES, LLC", "(1/100 Bitcoin)", 15_000)
    former = market(
        "133LM1",
        "Nano Bitcoin - LMX LABS LLC",
        "(1/100 Bitcoin)",
        12_000,
        report_date_as_yyyy_mm_dd="2024-03-05T00:00:00.000",
    )
    told = positions(dated, perpetual, former)
    assert {(r.venue, r.asset) for r in told.observations if isinstance(r, Report)} == {(CDE, "BTC")}
    sums = [r.coins for r in told.observations if isinstance(r, Report)]
    assert sums == pytest.approx([120.0, 1_776.19])
    with pytest.raises(SourceChanged, match="a part of it is missing"):
        positions(dated)


@pytest.mark.parametrize(
    ("code", "name", "units", "coins"),
    [
        ("177741", "SOL - CHICAGO MERCANTILE EXCHANGE", "(500 SOL)", 500.0),
        ("176740", "XRP - CHICAGO MERCANTILE EXCHANGE", "(50,000 XRP)", 50_000.0),
        ("146LM3", "NANO ETHER PERP STYLE - COINBASE DERIVATIVES, LLC", "(1/10 Ether)", 0.1),
    ],
)
def test_other_coins_are_counted_by_their_exact_names_too(
    code: str, name: str, units: str, coins: float
) -> None:
    assert only(positions(market(code, name, units, 1))).coins == pytest.approx(coins)


def test_a_market_told_twice_differently_is_left_out_and_the_same_row_twice_counts_once() -> None:
    assert only(positions(row(BITCOIN), row(BITCOIN))).coins == 20_773 * 5
    answer = positions(row(BITCOIN), row(BITCOIN, open_interest_all="21000"), row(NANO))
    assert [r.venue for r in answer.observations if isinstance(r, Report)] == [CDE]
    assert "told twice at 2026-10-06, differently" in answer.unreadable[0]


def test_a_tuesday_is_taken_at_the_close_in_new_york_summer_and_winter() -> None:
    summer = only(positions(row(BITCOIN)))
    winter = only(positions(row(BITCOIN, report_date_as_yyyy_mm_dd="2026-11-03T00:00:00.000")))
    assert (summer.as_of, winter.as_of) == (
        datetime(2026, 10, 6, 21, tzinfo=UTC),
        datetime(2026, 11, 3, 22, tzinfo=UTC),
    )
    assert winter.previous_as_of == datetime(2026, 10, 27, 21, tzinfo=UTC), "the clocks changed in between"
    assert (summer.kind, summer.source) == (ReportKind.WEEKLY, "cftc")


@pytest.mark.parametrize("units", ["(0.1 BITCOIN)", "(Bitcoin X $0.10)", "(1/10 Bitcoin)", "(.1 Bitcoin)"])
def test_the_size_is_read_from_the_units_however_they_are_written(units: str) -> None:
    told = positions(row(BITCOIN), row(MICRO, contract_units=units))
    assert only(told).coins == pytest.approx(20_773 * 5 + 37_455 * 0.1)


@pytest.mark.parametrize("units", ["(50 Bitcoins)", "(Bitcoins)", "", None, "(1/0 Bitcoin)"])
def test_a_size_that_is_unknown_or_another_is_never_guessed(units: str | None) -> None:
    with pytest.raises(SourceChanged, match="contract_units"):
        positions(row(BITCOIN, contract_units=units))


def test_a_part_that_cannot_be_read_takes_its_sum_with_it() -> None:
    """Micro contracts alone would look like a fall of nearly everything."""
    answer = positions(row(BITCOIN, open_interest_all="x"), row(MICRO), row(NANO))
    assert [r.venue for r in answer.observations if isinstance(r, Report)] == [CDE]
    assert len(answer.unreadable) == 2
    with pytest.raises(SourceChanged, match="a part of it is missing"):
        positions(row(MICRO))
    with pytest.raises(SourceChanged, match="open_interest_all"):
        positions(row(BITCOIN), row(MICRO, open_interest_all="x"))


def test_a_missing_column_leaves_its_part_unknown_and_no_more() -> None:
    told = only(positions(row(BITCOIN, asset_mgr_positions_long=None, change_in_open_interest_all=None)))
    managers = next(h for h in told.holdings if h.holder is Holder.ASSET_MANAGERS)
    funds = next(h for h in told.holdings if h.holder is Holder.LEVERAGED)
    assert (managers.long_coins, managers.short_coins) == (None, 2_500.0)
    assert (funds.long_coins, funds.short_coins) == (10_000.0, 60_000.0), "spreads are in neither"
    assert (told.previous_coins, told.previous_as_of) == (None, None)


def test_columns_are_read_with_and_without_the_ending_all() -> None:
    spelled = row(BITCOIN, lev_money_positions_short=None, lev_money_positions_short_all="11,000")
    funds = next(h for h in only(positions(spelled)).holdings if h.holder is Holder.LEVERAGED)
    assert funds.short_coins == 55_000.0


def test_rows_with_options_are_left_out() -> None:
    assert positions(row(BITCOIN, futonly_or_combined="Combined")).observations == []


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("133742", "BITCOIN - CHICAGO MERCANTILE EXCHANGE"),
        ("133LM5", "BITCOIN - CHICAGO MERCANTILE EXCHANGE"),
        ("133741", "BITCOIN CASH - CHICAGO MERCANTILE EXCHANGE"),
        ("999999", "BITCOIN - CHICAGO MERCANTILE EXCHANGE"),
    ],
)
def test_a_code_and_a_name_that_disagree_are_a_changed_source(code: str, name: str) -> None:
    with pytest.raises(SourceChanged):
        positions(row(BITCOIN, cftc_contract_market_code=code, market_and_exchange_names=name))


# told again by others


def test_what_is_asked_here_is_never_taken_from_coinglass_nor_is_the_total() -> None:
    told = [r for r in parsed(kept("coinglass", "exchanges")).observations if isinstance(r, Report)]
    assert {r.venue for r in told} == {"cme", "bitunix", "woox"}
    assert {(r.venue, r.native) for r in told if r.asset == "BTC"} == {("cme", False), ("bitunix", True)}
    assert {r.kind for r in told} == {ReportKind.RETOLD}
    assert not any(r.covers(NOW - timedelta(days=365)) for r in told)


@pytest.mark.parametrize(
    "name", ["All", "Binance", "Gate.io", "Crypto.com", "HTX", "dYdX", "Coinbase", "Kraken", ""]
)
def test_a_name_of_a_venue_with_a_file_here_is_known_however_it_is_written(name: str) -> None:
    assert coinglass.venue_of(name) is None


def test_the_past_of_coinglass_is_read_for_one_coin_only() -> None:
    book = {"BTC": book_of(Venue("coinglass"))["BTC"]}
    told = coinglass.parse_history(kept("coinglass", "history").body, book, NOW).observations
    assert [(r.coins, r.previous_coins) for r in told if isinstance(r, Report)] == [
        (140_000.0, None),
        (141_000.5, 140_000.0),
        (139_000.0, 141_000.5),
    ]
    assert {r.venue for r in told if isinstance(r, Report)} == {CME}


def test_a_past_in_dollars_is_not_taken_for_coins() -> None:
    """As the documentation shows it: without unit=coin an answer is in dollars, and does not say so."""
    book = {"BTC": book_of(Venue("coinglass"))["BTC"]}
    chart = {"time_list": [1721649600000], "price_list": [67490.3], "data_map": {"CME": [8018229234]}}
    with pytest.raises(SourceChanged, match="unit=coin"):
        coinglass.parse_history(json.dumps({"code": "0", "data": chart}).encode(), book, NOW)
    chart["data_map"] = {"CME": [118806.6]}
    told = coinglass.parse_history(json.dumps({"code": "0", "data": chart}).encode(), book, NOW)
    assert only(told).coins == 118806.6


def test_a_market_of_coinalyze_that_is_told_in_dollars_is_never_taken_for_coins() -> None:
    inverse = Instrument(
        Venue("woox"),
        "BTCUSD_PERP.W",
        Asset("BTC"),
        inverse=True,
        contract=ContractSize(Decimal(1), Unit.QUOTE),
    )
    body = b'[{"symbol": "BTCUSD_PERP.W", "value": 3500000, "update": 1791000000000}]'
    with pytest.raises(SourceChanged, match="in coins"):
        coinalyze.parse_values(body, {inverse.symbol: inverse}, NOW)


def test_coinalyze_counts_only_markets_in_coins_of_codes_that_are_known() -> None:
    assert set(book_of(Venue("coinalyze"))) == {"BTCUSDT_PERP.W", "BTCUSDC_PERP.W", "1000PEPEUSDT_PERP.W"}
    told = {
        r.asset: r.coins for r in parsed(kept("coinalyze", "values")).observations if isinstance(r, Report)
    }
    assert told == {"BTC": 820.0, "PEPE": 3_000_000.0}


def test_markets_of_one_sum_are_asked_for_together() -> None:
    asked = coinalyze.EXCHANGE.polls[0].requests(book_of(Venue("coinalyze")))
    assert [request.params["symbols"] for request in asked] == [
        "BTCUSDT_PERP.W,BTCUSDC_PERP.W",
        "1000PEPEUSDT_PERP.W",
    ]


def test_keys_stand_in_no_question() -> None:
    for exchange in (coinglass.EXCHANGE, coinalyze.EXCHANGE):
        book = book_of(exchange.venue)
        asked = [*exchange.book.requests(), *(r for poll in exchange.polls for r in poll.requests(book))]
        assert exchange.key_header
        assert not any("key" in name.lower() for request in asked for name in request.params)
