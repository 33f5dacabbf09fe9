"""What is easily read wrongly at dYdX, Lighter, Aster, Crypto.com, Phemex, WhiteBIT and CoinEx."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import cast

import pytest

from bot.domain.market import Funding, Liquidation, Observation, OpenInterest, Venue
from bot.domain.units import measure
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Socket, lost_of
from tests.exchanges.keeping import kept, page
from tests.exchanges.payloads import NOW, book_of, encode, parsed


def open_interest(venue: str, name: str) -> dict[str, OpenInterest]:
    said = parsed(kept(venue, name)).observations
    return {o.instrument.symbol: o for o in said if isinstance(o, OpenInterest)}


def socket(venue: str) -> Socket:
    (only,) = EXCHANGES[Venue(venue)].sockets
    return only


def hear(venue: str, payload: object) -> list[Liquidation]:
    heard = socket(venue).parse(encode(payload), book_of(Venue(venue)), NOW)
    return [one for one in heard if isinstance(one, Liquidation)]


# dYdX


def test_dydx_base_open_interest_is_another_number_and_never_read() -> None:
    told = page("dydx", "markets")
    for market in told["markets"].values():
        market["baseOpenInterest"] = "1"
    same = EXCHANGES[Venue("dydx")].polls[0].parse(encode(told), book_of(Venue("dydx")), NOW)
    assert same == parsed(kept("dydx", "markets"))
    assert str(open_interest("dydx", "markets")["BTC-USD"].amount.value) == "717.0347"


def test_dydx_first_frame_holds_old_trades_and_is_not_heard() -> None:
    frame = page("dydx", "trades")
    assert len(hear("dydx", frame)) == 3
    assert hear("dydx", frame | {"type": "subscribed"}) == []


def test_dydx_deleveraging_is_told_apart_from_liquidation() -> None:
    lost = {one.number: one.deleveraged for one in hear("dydx", page("dydx", "trades"))}
    assert lost == {"0002": False, "0003": False, "0004": True}


def test_dydx_messages_told_in_a_batch_are_the_same() -> None:
    frame = page("dydx", "trades")
    batch = frame | {"type": "channel_batch_data", "contents": [frame["contents"]]}
    assert hear("dydx", batch) == hear("dydx", frame)


def test_dydx_markets_that_anyone_listed_are_left_out() -> None:
    assert set(book_of(Venue("dydx"))) == {"BTC-USD", "ETH-USD"}


def test_dydx_lines_hold_32_markets_and_number_what_they_send() -> None:
    feed = socket("dydx")
    assert feed.per_line == 32
    assert feed.numbered is not None
    assert feed.numbered(kept("dydx", "trades").body) == (("b0a8d4f6", 41),)
    assert feed.numbered(b"no json") == ()


# Aster


def test_aster_calls_shares_and_metals_coins_and_only_tags_tell_them() -> None:
    listed = {row["symbol"]: row for row in page("aster", "book")["symbols"]}
    assert {row["underlyingType"] for row in listed.values()} == {"COIN"}
    assert set(book_of(Venue("aster"))) == {"BTCUSDT", "BTCUSD1", "1000PEPEUSDT", "RTXUSDT"}


def test_aster_sell_order_closed_a_long_and_all_that_was_filled_counts() -> None:
    (lost,) = hear("aster", page("aster", "forced"))
    assert (lost.position, str(lost.amount.value), str(lost.price)) == ("long", "0.114", "80105.2")


def test_venues_asked_by_symbol_ask_in_turn() -> None:
    by_symbol = {
        venue: [poll.name for poll in exchange.polls if poll.rotates] for venue, exchange in EXCHANGES.items()
    }
    for venue in ("binance_usdm", "binance_coinm", "aster"):
        assert "open-interest" in by_symbol[Venue(venue)]


# Lighter


def test_lighter_rest_tells_coins_and_the_sockets_dollars_are_never_read() -> None:
    told = open_interest("lighter", "details")["ETH"]
    assert (str(told.amount.value), told.amount.unit) == ("27350.8981", "base")
    assert "market_stats" not in "".join(socket("lighter").hello(book_of(Venue("lighter"))))
    assert list(parsed(kept("lighter", "market_stats"))) == []


def test_lighter_sockets_know_markets_by_number() -> None:
    book = book_of(Venue("lighter"))
    assert {one.symbol: one.alias for one in book.values()} == {"ETH": "0", "BTC": "1", "1000PEPE": "4"}
    asked = [json.loads(frame) for frame in socket("lighter").hello(book)]
    assert asked == [{"type": "subscribe", "channel": f"trade/{n}"} for n in (0, 1, 4)]


def test_lighter_taker_lost_so_a_makers_ask_closed_a_short() -> None:
    lost = {one.number: one for one in hear("lighter", page("lighter", "trades"))}
    assert {n: str(one.position) for n, one in lost.items()} == {"101": "long", "102": "short", "103": "long"}
    assert [n for n, one in lost.items() if one.deleveraged] == ["103"]


def test_lighter_settlement_of_a_market_is_no_liquidation_and_a_new_kind_is_not_guessed() -> None:
    frame = page("lighter", "trades_both_sides")
    assert [row["type"] for row in frame["liquidation_trades"]] == ["liquidation", "market-settlement"]
    assert [one.number for one in hear("lighter", frame)] == ["31795317844"]
    frame["liquidation_trades"][1]["type"] = "backstop"
    heard = socket("lighter").parse(encode(frame), book_of(Venue("lighter")), NOW)
    assert len(heard) == 1
    assert ["backstop" in why for why in lost_of(heard)] == [True]


def test_lighter_first_frame_holds_old_trades_and_is_not_heard() -> None:
    frame = page("lighter", "trades_snapshot")
    assert hear("lighter", frame) == []
    assert len(hear("lighter", frame | {"type": "update/trade"})) == 1


def test_lighter_shares_and_currencies_have_no_class_and_are_left_out_by_name() -> None:
    assert {"TSLA", "EURUSD"} <= {row["symbol"] for row in page("lighter", "book")["order_book_details"]}
    assert {"TSLA", "EURUSD"}.isdisjoint(book_of(Venue("lighter")))


def test_lighter_rates_of_other_exchanges_are_not_its_own() -> None:
    said = parsed(kept("lighter", "funding_rates")).observations
    assert [(one.instrument.symbol, str(one.rate)) for one in said] == [
        ("ETH", "0.000096"),
        ("BTC", "-0.00008"),
    ]


def test_lighter_own_ping_is_answered() -> None:
    feed = socket("lighter")
    assert feed.reply is not None
    assert feed.reply(b'{"type":"ping"}') == '{"type":"pong"}'
    assert feed.reply(kept("lighter", "trades").body) is None


# WhiteBIT


def test_whitebit_calls_shares_futures_too_and_only_the_list_of_markets_tells_them() -> None:
    rows = {row["ticker_id"]: row["product_type"] for row in page("whitebit", "futures")["result"]}
    assert rows["CAT_PERP"] == rows["BTC_PERP"]
    assert set(book_of(Venue("whitebit"))) == {"BTC_PERP", "PEPE_PERP"}
    assert parsed(kept("whitebit", "futures")).unknown == ["CAT_PERP"]


def test_whitebit_amount_step_of_a_million_is_not_a_contracts_size() -> None:
    listed = {row["name"]: row["stockPrec"] for row in page("whitebit", "book")}
    assert listed["PEPE_PERP"] == "-6"
    pepe = open_interest("whitebit", "futures")["PEPE_PERP"]
    assert (pepe.instrument.contract, pepe.instrument.coins_per_base) == (None, 1)
    assert (str(pepe.amount.value), pepe.amount.unit) == ("9120000000000", "base")


def test_whitebit_stale_mark_is_empty_and_the_index_stands_in() -> None:
    prices = {symbol: str(one.price) for symbol, one in open_interest("whitebit", "futures").items()}
    assert prices == {"BTC_PERP": "80505.1", "PEPE_PERP": "0.000004889"}
    assert open_interest("whitebit", "one_bad_row")["PEPE_PERP"].price is None  # zero is no price


# Crypto.com


def test_cryptocom_counts_coins_and_leaves_out_what_would_not_be_coins() -> None:
    assert "ODDUSD-PERP" not in book_of(Venue("cryptocom"))  # a contract of 100
    told = open_interest("cryptocom", "tickers")["BTCUSD-PERP"]
    assert (str(told.amount.value), told.amount.unit) == ("2210.4512", "base")


def test_cryptocom_tells_no_mark_among_its_tickers_so_each_is_asked_for() -> None:
    book = book_of(Venue("cryptocom"))
    polls = {poll.name: poll for poll in EXCHANGES[Venue("cryptocom")].polls}
    asked = [request.params["instrument_name"] for request in polls["marks"].requests(book)]
    assert asked == list(book)
    paid = [request.params["instrument_name"] for request in polls["funding"].requests(book)]
    assert paid == ["BTCUSD-PERP", "AAVEUSD-PERP"]  # dated futures pay none


# Phemex


def test_phemex_stamps_are_nanoseconds_which_no_float_holds() -> None:
    assert open_interest("phemex", "linear")["BTCUSDT"].at.isoformat() == "2026-10-03T04:00:59.065000+00:00"
    assert parsed(kept("phemex", "one_bad_row")).unreadable  # milliseconds


def test_phemex_inverse_prices_and_rates_are_scaled_and_linear_ones_are_not() -> None:
    assert str(open_interest("phemex", "inverse")["BTCUSD"].price) == "80510.9753"
    assert str(open_interest("phemex", "linear")["BTCUSDT"].price) == "80510.97534951"


def test_phemex_product_of_another_scale_is_left_out_and_named() -> None:
    assert "SOLUSD" not in book_of(Venue("phemex"))
    assert "SOLUSD" in parsed(kept("phemex", "inverse")).unknown


@pytest.mark.parametrize(
    ("size", "contract"),
    [("1 USD", {"BTCUSD": "1"}), (10, {"BTCUSD": "10.0"}), (None, {"BTCUSD": None}), ("5 XRP", {})],
)
def test_phemex_inverse_contract_is_sized_by_the_venue_and_never_assumed(
    size: object, contract: dict[str, str | None]
) -> None:
    told = page("phemex", "book")
    told["data"]["products"] = [told["data"]["products"][0] | {"contractSize": size}]
    book = EXCHANGES[Venue("phemex")].book.parse(encode(told))
    sizes = {s: one.contract and str(one.contract.value) for s, one in book.items() if one.inverse}
    assert sizes == contract


def test_phemex_contract_settled_in_dollars_is_linear_and_sized_in_coins() -> None:
    xrp = open_interest("phemex", "linear_in_contracts")["XRPUSD"]
    assert not xrp.instrument.inverse
    size = measure(xrp.amount, xrp.instrument.contract, float(str(xrp.price)))
    assert size.coins == 5 * 1_298_050
    assert size.usd == pytest.approx(5 * 1_298_050 * 232.9232)


def test_phemex_shares_metals_and_oil_have_no_class_and_are_left_out_by_name() -> None:
    listed = {row["symbol"] for row in page("phemex", "book")["data"]["perpProductsV2"]}
    assert {"TSLAUSDT", "XAUUSDT"} <= listed
    assert {"TSLAUSDT", "XAUUSDT"}.isdisjoint(book_of(Venue("phemex")))


def test_phemex_writes_a_thousand_with_a_space() -> None:
    shib = book_of(Venue("phemex"))["1000SHIBUSDT"]
    assert (shib.asset, shib.coins_per_base) == ("SHIB", 1000)


# CoinEx


def test_coinex_is_off_until_asked_for() -> None:
    assert not EXCHANGES[Venue("coinex")].by_default


def test_coinex_row_without_open_interest_is_unknown_never_zero() -> None:
    said = parsed(kept("coinex", "tickers")).observations
    assert set(open_interest("coinex", "tickers")) == {"BTCUSDT", "BTCUSD"}
    assert "1000PEPEUSDT" in {one.instrument.symbol for one in said}


def test_coinex_inverse_market_counts_dollars() -> None:
    told = open_interest("coinex", "tickers")
    assert {symbol: str(one.amount.unit) for symbol, one in told.items()} == {
        "BTCUSDT": "base",
        "BTCUSD": "quote",
    }


@pytest.mark.parametrize("venue", ["cryptocom", "phemex", "whitebit", "coinex"])
def test_a_venue_without_a_feed_of_liquidations_says_so(venue: str) -> None:
    exchange = EXCHANGES[Venue(venue)]
    assert not exchange.sockets
    assert "liquidations" in exchange.unheard


# what nobody asks for, and is read all the same


def unasked(venue: str, name: str) -> Sequence[Observation]:
    return cast(Sequence[Observation], parsed(kept(venue, name)).observations)


@pytest.mark.parametrize("name", ["market_stats_all", "market_stats_one"])
def test_lighter_sockets_tell_dollars_where_its_answers_tell_coins(name: str) -> None:
    told = {o.instrument.symbol: o for o in unasked("lighter", name) if isinstance(o, OpenInterest)}["ETH"]
    assert (str(told.amount.value), told.amount.unit) == ("68659420.112233", "quote")
    size = measure(told.amount, None, float(told.price or 0))
    assert size.coins == pytest.approx(27_351.08, rel=1e-5)
    coins = open_interest("lighter", "details")["ETH"].amount
    assert size.coins == pytest.approx(float(coins.value), rel=0.2)  # one market, in two units


def test_lighter_sockets_name_a_market_by_number_where_its_name_is_left_out() -> None:
    frame = page("lighter", "market_stats_one")
    del frame["market_stats"]["symbol"]
    (poll,) = EXCHANGES[Venue("lighter")].unasked
    assert poll.parse(encode(frame), book_of(Venue("lighter")), NOW) == parsed(
        kept("lighter", "market_stats_one")
    )


def test_lighter_sockets_tell_funding_in_percent_of_an_hour() -> None:
    (funding,) = [o for o in unasked("lighter", "market_stats_one") if isinstance(o, Funding)]
    assert (float(funding.rate), funding.interval) == (0.000012, timedelta(hours=1))


def test_coinex_past_liquidations_name_the_position() -> None:
    lost = [o for o in unasked("coinex", "liquidation_history") if isinstance(o, Liquidation)]
    assert [(o.instrument.symbol, o.position, o.amount.unit) for o in lost] == [
        ("BTCUSDT", "short", "base"),
        ("BTCUSD", "long", "quote"),
    ]
