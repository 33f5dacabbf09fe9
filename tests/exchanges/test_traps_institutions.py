"""Traps of the institutions' figures, each a test named after it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from bot.domain.market import Holder, Report, ReportKind, Venue
from bot.errors import SourceBlocked, SourceChanged
from bot.exchanges import cftc, cme, coinalyze, coinglass
from bot.exchanges.spec import Answer
from tests.exchanges.payloads import NOW, PAYLOADS, Payload, book_of, parsed

CME, CDE = Venue("cme"), Venue("coinbase_cde")


def kept(venue: str, name: str) -> Payload:
    return next(p for p in PAYLOADS if (p.venue, p.name) == (venue, name))


def page(name: str) -> str:
    return kept("cme", name).body.decode()


def volume(text: str) -> Answer:
    return cme.parse_volume(text.encode(), {}, NOW)


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


# CME


def test_columns_are_found_by_their_headings_wherever_they_stand() -> None:
    table = (
        "<h2>Bitcoin Futures</h2>Trade date 10 Oct 2025 Final<table><tr><th>Change</th><th>At Close</th>"
        "<th>Month</th></tr><tr><td>-58</td><td>29,000</td><td>OCT 25</td></tr></table>"
    )
    assert (only(volume(table)).coins, only(volume(table)).previous_coins) == (145_000.0, 145_290.0)


def test_volume_is_never_taken_for_open_interest() -> None:
    text = page("bitcoin_final").replace("At Close", "Block").replace("Open Interest</th>", "Trades</th>")
    with pytest.raises(SourceChanged, match="no table of open interest"):
        volume(text)


def test_two_columns_that_could_be_meant_are_a_changed_source() -> None:
    with pytest.raises(SourceChanged, match="two columns"):
        volume(page("bitcoin_final").replace("<th>Change</th>", "<th>At Close</th>"))


def test_a_table_shown_twice_counts_once_and_options_never() -> None:
    text = page("bitcoin_final")
    table = text[text.index("<table>", text.index("</script>")) : text.index("</table>") + 8]
    twice = text.replace("</body>", f"{table}<h2>Bitcoin Options</h2>{table}</body>")
    answer = volume(twice)
    assert only(answer).coins == 145_000.0
    assert answer.unknown == ["Bitcoin Options"]
    with pytest.raises(SourceChanged, match="told twice"):
        volume(
            text.replace("</body>", table.replace("18,000", "17,000").replace("29,000", "28,000") + "</body>")
        )


@pytest.mark.parametrize(
    "name", ["Bitcoin Cash Futures", "Bitcoin Euro Futures", "Spot-Quoted Bitcoin Futures"]
)
def test_an_unknown_product_is_named_and_not_guessed(name: str) -> None:
    answer = volume(page("bitcoin_final").replace("Bitcoin Futures", name))
    assert (answer.observations, answer.unknown) == ([], [name])


@pytest.mark.parametrize(
    ("day", "close"),
    [
        ("Monday, 09 Mar 2026", datetime(2026, 3, 9, 21, tzinfo=UTC)),
        ("6 Mar 2026", datetime(2026, 3, 6, 22, tzinfo=UTC)),
        ("Nov 6, 2026", datetime(2026, 11, 6, 22, tzinfo=UTC)),
        ("2026-10-30", datetime(2026, 10, 30, 21, tzinfo=UTC)),
        ("10/30/2026", datetime(2026, 10, 30, 21, tzinfo=UTC)),
    ],
)
def test_a_close_is_four_in_the_afternoon_in_chicago_summer_and_winter(day: str, close: datetime) -> None:
    assert only(volume(page("bitcoin_final").replace("Friday, 10 Oct 2025", day))).as_of == close


def test_a_friday_close_held_over_the_weekend_until_trading_went_round_the_clock() -> None:
    held = only(volume(page("bitcoin_final").replace("10 Oct 2025", "22 May 2026"))).holds_until
    assert held == datetime(2026, 5, 24, 22, tzinfo=UTC)
    assert only(volume(page("bitcoin_final").replace("10 Oct 2025", "29 May 2026"))).holds_until is None
    assert cme.close_of(date(2026, 5, 29)) == datetime(2026, 5, 29, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "preliminary"),
    [("Final", False), ("Preliminary", True), ("", True), ("Final, not Preliminary", True)],
)
def test_only_a_plain_final_is_final(said: str, preliminary: bool) -> None:
    assert (
        only(volume(page("bitcoin_final").replace("2025 Final", f"2025 {said}"))).preliminary is preliminary
    )


def test_a_page_without_a_trade_date_is_a_changed_source() -> None:
    with pytest.raises(SourceChanged, match="trade date"):
        volume(page("bitcoin_final").replace("Trade date", "Printed"))


def test_the_day_chosen_in_a_list_is_the_trade_date() -> None:
    chooser = (
        "Trade date <select><option>Monday, 13 Oct 2025 (Preliminary)</option>"
        "<option selected>Friday, 10 Oct 2025 (Final)</option></select>"
    )
    text = page("bitcoin_final").replace("Trade date: Friday, 10 Oct 2025 Final", chooser)
    told, first = only(volume(text)), only(volume(text.replace(" selected", "")))
    assert (told.as_of, told.preliminary) == (datetime(2025, 10, 10, 21, tzinfo=UTC), False)
    assert (first.as_of, first.preliminary) == (datetime(2025, 10, 13, 21, tzinfo=UTC), True)


def test_a_page_that_refuses_is_no_calm_day() -> None:
    with pytest.raises(SourceBlocked):
        volume(page("access_denied"))


def test_cme_is_asked_twice_a_day_and_no_more() -> None:
    (poll,) = cme.EXCHANGE.polls
    assert len(poll.at) == 2
    assert len(poll.requests({})) == 2


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
        (141_000.5, 140_000.0),
        (139_000.0, 141_000.5),
    ]
    assert {r.venue for r in told if isinstance(r, Report)} == {CME}


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
