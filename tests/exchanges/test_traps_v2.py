"""What is easily read wrongly at Kraken Futures, KuCoin, MEXC, BingX, Bitfinex and the closed venues."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.market import Funding, Instrument, Liquidation, OpenInterest, Position, Venue, Volume
from bot.domain.units import Amount, Unit, measure
from bot.errors import SourceChanged, SourceThrottled, SourceUnreachable
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Answer
from tests.exchanges.payloads import NOW, PAYLOADS, book_of, encode, parsed


def payload(venue: str, name: str) -> Any:
    """What a kept file holds as the venue sent it, to be changed and read again."""
    return json.loads(next(p.body for p in PAYLOADS if (p.venue, p.name) == (venue, name)))


def book(venue: str) -> Mapping[str, Instrument]:
    return book_of(Venue(venue))


def listed(venue: str, page: object) -> Mapping[str, Instrument]:
    return EXCHANGES[Venue(venue)].book.parse(encode(page))


def polled(venue: str, name: str, page: object) -> Answer:
    poll = next(p for p in EXCHANGES[Venue(venue)].polls if p.name == name)
    return poll.parse(encode(page), book(venue), NOW)


def heard(venue: str, page: object) -> Sequence[Liquidation]:
    said = EXCHANGES[Venue(venue)].sockets[0].parse(encode(page), book(venue), NOW)
    return [one for one in said if isinstance(one, Liquidation)]


def kept(venue: str, name: str) -> Any:
    return parsed(next(p for p in PAYLOADS if (p.venue, p.name) == (venue, name)))


def interest(answer: Answer) -> dict[str, OpenInterest]:
    return {o.instrument.symbol: o for o in answer.observations if isinstance(o, OpenInterest)}


def coins(one: OpenInterest) -> float | None:
    price = float(one.price) if one.price else None
    return measure(one.amount, one.instrument.contract, price, one.instrument.coins_per_base).coins


# Kraken Futures


def test_kraken_counts_coins_on_linear_contracts_and_dollars_on_inverse_ones() -> None:
    told = interest(kept("kraken_futures", "tickers"))
    assert coins(told["PF_XBTUSD"]) == pytest.approx(2154.8832)
    assert coins(told["PI_XBTUSD"]) == pytest.approx(21_279_580 / 64_901.6)


def test_kraken_inverse_contracts_without_a_size_have_unknown_coins() -> None:
    page = payload("kraken_futures", "book")
    for row in page["instruments"]:
        row.pop("contractSize", None)
    instrument = listed("kraken_futures", page)["PI_XBTUSD"]
    poll = EXCHANGES[Venue("kraken_futures")].polls[0]
    body = encode(payload("kraken_futures", "tickers"))
    (one,) = interest(poll.parse(body, {"PI_XBTUSD": instrument}, NOW)).values()
    assert coins(one) is None


def test_kraken_funding_is_money_per_contract_and_becomes_a_fraction() -> None:
    answer = kept("kraken_futures", "tickers")
    rates = {o.instrument.symbol: o for o in answer.observations if isinstance(o, Funding)}
    assert rates["PF_XBTUSD"].rate == Decimal("0.6490050") / Decimal("64900.5")
    assert rates["PI_XBTUSD"].rate == Decimal("-3.995839963e-09") * Decimal("64901.6")
    assert {one.interval for one in rates.values()} == {timedelta(hours=1)}


def test_kraken_bitcoin_is_xbt_and_shares_and_currencies_are_left_out() -> None:
    assert {one.asset for one in book("kraken_futures").values()} == {"BTC", "ETH", "PEPE"}


def test_kraken_shares_written_with_a_small_x_are_left_out_where_no_class_is_told() -> None:
    page = payload("kraken_futures", "book")
    coins = set(listed("kraken_futures", page))
    shares = page["instruments"][0] | {"symbol": "PF_AAPLxUSD", "base": "AAPLx", "pair": "AAPLx:USD"}
    del shares["tradfi"]
    page["instruments"].append(shares)
    assert set(listed("kraken_futures", page)) == coins


def test_kraken_trades_of_a_snapshot_are_not_liquidations_of_now() -> None:
    trade = payload("kraken_futures", "trade_liquidation")
    assert [one.position for one in heard("kraken_futures", trade)] == [Position.LONG]
    snapshot = {"feed": "trade_snapshot", "product_id": trade["product_id"], "trades": [trade]}
    assert heard("kraken_futures", snapshot) == []
    assert heard("kraken_futures", trade | {"feed": "trade_snapshot"}) == []


def test_kraken_numbers_the_trades_of_each_product() -> None:
    numbered = EXCHANGES[Venue("kraken_futures")].sockets[0].numbered
    assert numbered is not None
    trade = payload("kraken_futures", "trade_fill")
    assert numbered(encode(trade)) == (("PI_XBTUSD", trade["seq"]),)
    assert numbered(encode(payload("kraken_futures", "trade_snapshot"))) == ()
    assert numbered(b"<html>") == ()


def test_kraken_times_of_the_past_are_seconds_and_one_series_each() -> None:
    page = payload("kraken_futures", "analytics_open_interest")
    page["result"]["timestamp"] = [stamp * 1000 for stamp in page["result"]["timestamp"]]
    history = EXCHANGES[Venue("kraken_futures")].history
    assert history is not None
    with pytest.raises(SourceChanged, match="not a time"):
        history.parse(encode(page), book("kraken_futures")["PF_XBTUSD"], NOW)


# KuCoin


def test_kucoin_inverse_contracts_have_a_negative_multiplier_and_count_dollars() -> None:
    row = next(r for r in payload("kucoin", "book")["data"] if r["symbol"] == "XBTUSDM")
    assert row["multiplier"] < 0
    told = interest(kept("kucoin", "contracts"))
    assert coins(told["XBTUSDM"]) == pytest.approx(9_120_433 / 64_901.2)
    assert coins(told["XBTUSDTM"]) == pytest.approx(6273.644)


def test_kucoin_inverse_volume_is_contracts_of_a_dollar() -> None:
    row = payload("kucoin", "contract_inverse")["data"][0]
    assert row["volumeOf24h"] * abs(row["multiplier"]) / row["turnoverOf24h"] == pytest.approx(
        16_530, rel=1e-3
    )
    (volume,) = (one for one in kept("kucoin", "contract_inverse").observations if isinstance(one, Volume))
    assert volume.amount == Amount(Decimal("1124530.0"), Unit.CONTRACTS)


def test_kucoin_contracts_without_a_multiplier_have_unknown_coins() -> None:
    page = payload("kucoin", "book")
    for row in page["data"]:
        row["multiplier"] = None
    assert {one.contract for one in listed("kucoin", page).values()} == {None}


def test_kucoin_bitcoin_is_xbt_and_thousands_are_counted_out() -> None:
    told = interest(kept("kucoin", "contracts"))
    assert told["XBTMZ26"].instrument.asset == "BTC"
    assert told["1000BONKUSDTM"].instrument.asset == "BONK"
    assert coins(told["1000BONKUSDTM"]) == pytest.approx(812_340 * 10 * 1000)


def test_kucoin_shares_metals_and_pre_market_are_left_out_but_tokens_of_gold_are_coins() -> None:
    assert {one.asset for one in book("kucoin").values()} == {"BTC", "ETH", "BONK", "XAUT"}


def test_kucoin_funding_intervals_are_those_of_the_contract_now() -> None:
    said = kept("kucoin", "contracts").observations
    hours = {o.instrument.symbol: o.interval / timedelta(hours=1) for o in said if isinstance(o, Funding)}
    assert hours == {"XBTUSDTM": 8, "1000BONKUSDTM": 4, "XBTUSDM": 8, "XAUTUSDTM": 8, "ETHUSDTM": 8}


def test_kucoin_the_past_is_found_at_the_other_address() -> None:
    history = EXCHANGES[Venue("kucoin")].history
    assert history is not None
    (asked,) = history.requests(book("kucoin")["XBTUSDTM"], NOW - timedelta(hours=1), NOW)
    assert asked.host == "https://api.kucoin.com"


def test_kucoin_the_second_way_is_taken_only_while_the_first_is_not_answered() -> None:
    first, second = EXCHANGES[Venue("kucoin")].polls
    assert (first.stands_in_for, second.stands_in_for) == ("", first.name)
    assert first.requests({})[0].host == ""
    assert second.requests({})[0].host == "https://api.kucoin.com"
    same = interest(kept("kucoin", "open_interest"))["XBTUSDTM"].amount
    assert same == interest(kept("kucoin", "contracts"))["XBTUSDTM"].amount


# MEXC


def test_mexc_counts_contracts_of_coins_or_where_it_settles_in_the_coin_of_dollars() -> None:
    told = interest(kept("mexc", "tickers"))
    assert coins(told["BTC_USDT"]) == pytest.approx(41_234.5678)
    assert told["BTC_USD"].instrument.inverse
    assert coins(told["BTC_USD"]) == pytest.approx(1_234_567 * 100 / 64_901)


@pytest.mark.parametrize(("worth", "read"), [(3614.2, True), (234_567_800, True), (36.1, False)])
def test_mexc_inverse_sizes_are_dollars_by_what_was_traded(worth: float, read: bool) -> None:
    page = payload("mexc", "tickers")
    (row,) = (row for row in page["data"] if row["symbol"] == "BTC_USD")
    row["amount24"] = worth
    assert ("BTC_USD" in interest(polled("mexc", "tickers", page))) is read


def test_mexc_contracts_without_a_size_have_unknown_coins() -> None:
    page = payload("mexc", "book")
    for row in page["data"]:
        del row["contractSize"]
    assert {one.contract for one in listed("mexc", page).values()} == {None}


def test_mexc_shares_metals_oil_funds_and_pre_market_are_left_out() -> None:
    assert set(book("mexc")) == {
        *("BTC_USDT", "ETH_USDT", "BTC_USD", "FILECOIN_USDT", "1000BONK_USDT", "SOL_USDC"),
    }


def test_mexc_names_of_its_own_become_the_usual_ones_unless_the_multiple_would_change() -> None:
    known = book("mexc")
    assert known["FILECOIN_USDT"].asset == "FIL"
    assert known["1000BONK_USDT"].coins_per_base == 1000
    assert "1000RATS_USDT" not in known  # shown there as RATS: a thousand, or one?


def test_mexc_funding_is_read_only_with_its_interval() -> None:
    assert [o for o in kept("mexc", "tickers").observations if isinstance(o, Funding)] == []
    said = kept("mexc", "funding_rate").observations
    assert [o.interval / timedelta(hours=1) for o in said if isinstance(o, Funding)] == [8, 4]


# BingX


def test_bingx_linear_interest_is_dollars_and_inverse_interest_coins_in_a_list() -> None:
    linear, inverse = kept("bingx", "open_interest_linear"), kept("bingx", "open_interest_inverse")
    assert interest(linear)["BTC-USDT"].amount == Amount(Decimal("1489641547.10"), Unit.QUOTE)
    assert isinstance(payload("bingx", "open_interest_inverse")["data"], list)
    assert interest(inverse)["BTC-USD"].amount == Amount(Decimal("749.1160"), Unit.BASE)


def test_bingx_interest_is_asked_symbol_by_symbol_each_kind_at_its_own_address() -> None:
    polls = {poll.name: poll for poll in EXCHANGES[Venue("bingx")].polls}
    asked = {
        name: [r.params["symbol"] for r in polls[name].requests(book("bingx"))]
        for name in ("open-interest", "open-interest-inverse")
    }
    assert asked["open-interest-inverse"] == ["BTC-USD", "SOL-USD"]
    assert asked["open-interest"] == ["BTC-USDT", "ETH-USDC", "1000PEPE-USDT", "10000SATS-USDT", "NCT-USDT"]
    assert all(polls[name].rotates for name in asked)


def test_bingx_inverse_contracts_are_told_to_no_question_without_a_time() -> None:
    bingx = EXCHANGES[Venue("bingx")]
    asked = [*bingx.book.requests(), *(r for poll in bingx.polls for r in poll.requests(book("bingx")))]
    assert {"timestamp" in r.params for r in asked if "/cswap/" in r.path} == {True}
    assert {"timestamp" in r.params for r in asked if "/swap/" in r.path} == {False}


def test_bingx_inverse_interest_of_hours_ago_keeps_its_own_time() -> None:
    page = payload("bingx", "open_interest_inverse")
    page["data"][0]["timestamp"] = page["timestamp"] - 5 * 3_600_000
    (one,) = interest(polled("bingx", "open-interest-inverse", page)).values()
    assert NOW - one.at > timedelta(hours=5)


def test_bingx_the_time_of_the_last_funding_is_not_the_time_of_the_price() -> None:
    assert {o.at for o in kept("bingx", "premium_index_linear").observations} == {NOW}


def test_bingx_shares_metals_currencies_and_indexes_are_left_out_by_their_names() -> None:
    linear = listed("bingx", payload("bingx", "book_linear"))
    assert {one.asset for one in linear.values()} == {"BTC", "ETH", "PEPE", "SATS", "NCT"}


def test_bingx_one_code_says_busy_and_asked_too_often() -> None:
    busy, often = payload("bingx", "error_busy"), payload("bingx", "error_too_often")
    assert busy["code"] == often["code"]
    with pytest.raises(SourceUnreachable):
        polled("bingx", "open-interest", busy)
    with pytest.raises(SourceThrottled):
        polled("bingx", "open-interest", often)


# Bitfinex


def test_bitfinex_places_of_the_past_are_one_lower_than_those_of_now() -> None:
    now = payload("bitfinex", "statuses")[0]
    history = EXCHANGES[Venue("bitfinex")].history
    assert history is not None
    (then,) = history.parse(encode([now[1:]]), book("bitfinex")["tBTCF0:USTF0"], NOW)
    (told,) = interest(polled("bitfinex", "open-interest", [now])).values()
    assert (then.amount, then.price, then.at) == (told.amount, told.price, told.at)
    with pytest.raises(SourceChanged):
        history.parse(encode([now]), book("bitfinex")["tBTCF0:USTF0"], NOW)
    with pytest.raises(SourceChanged):
        polled("bitfinex", "open-interest", [now[1:]])


def test_bitfinex_the_sign_of_the_amount_is_the_position_that_was_lost() -> None:
    (long,), (short,) = kept("bitfinex", "liquidation_long"), kept("bitfinex", "liquidation_short")
    assert (long.position, short.position) == (Position.LONG, Position.SHORT)
    assert (long.amount.value, short.amount.value) == (Decimal("0.25"), Decimal(8))


def test_bitfinex_the_price_is_not_the_entry() -> None:
    frame = payload("bitfinex", "liquidation_long")
    assert frame[1][0][6] == 60_000.5
    assert [one.price for one in heard("bitfinex", frame)] == [Decimal("64120.5")]


def test_bitfinex_trigger_and_execution_are_counted_once() -> None:
    frame = payload("bitfinex", "liquidation_short")
    trigger, execution = frame[1]
    assert (trigger[8], execution[8]) == (0, 1)
    trigger[11] = execution[11]
    assert len(heard("bitfinex", frame)) == 1


def test_bitfinex_a_position_closed_in_parts_is_told_whole_each_time_and_earliest_first() -> None:
    first, rest = kept("bitfinex", "liquidation_in_parts")
    assert first.number == rest.number
    assert first.amount.value > rest.amount.value
    assert first.at < rest.at
    assert first.whole
    assert rest.whole


def test_bitfinex_liquidations_of_spot_pairs_on_margin_are_not_counted() -> None:
    frame = payload("bitfinex", "liquidation_on_margin")
    assert frame[1][0][4] == "tBTCUSD"
    assert heard("bitfinex", frame) == []


def test_bitfinex_names_are_the_usual_ones_and_indexes_oil_and_metals_are_left_out() -> None:
    assert {one.asset for one in book("bitfinex").values()} == {"BTC", "ETH", "IOTA", "BCH", "XAUT", "LUNA"}


def test_bitfinex_contracts_in_euros_or_bitcoins_are_left_out() -> None:
    assert {one.quote for one in book("bitfinex").values()} == {"USDT"}


def test_bitfinex_an_empty_answer_to_an_unknown_name_says_nothing() -> None:
    assert polled("bitfinex", "open-interest", []).observations == []


def test_bitfinex_is_asked_for_the_volume_of_its_contracts_and_not_of_every_pair() -> None:
    volume = next(poll for poll in EXCHANGES[Venue("bitfinex")].polls if poll.name == "volume")
    (asked,) = volume.requests(book("bitfinex"))
    assert asked.params["symbols"].split(",") == list(book("bitfinex"))
    assert volume.requests({}) == []


# the closed


def read(venue: str, page: object) -> Answer:
    (poll,) = EXCHANGES[Venue(venue)].unasked
    return poll.parse(encode(page), book(venue), NOW)


def test_bitmex_contracts_are_dollars_where_inverse_and_parts_of_a_coin_where_linear() -> None:
    told = interest(kept("bitmex", "instruments"))
    assert coins(told["XBTUSD"]) == pytest.approx(41_164_700 / 64_900.5)
    assert coins(told["XBTUSDT"]) == pytest.approx(125)


def test_bitmex_the_value_in_satoshi_is_not_read() -> None:
    row = payload("bitmex", "instrument_alone")
    before = interest(read("bitmex", row))["XBTUSD"]
    row["openValue"] = 1
    assert interest(read("bitmex", row))["XBTUSD"] == before


def test_bitmex_quanto_contracts_are_left_out() -> None:
    assert set(book("bitmex")) == {"XBTUSD", "XBTUSDT", "XBTZ26"}


def test_bitmex_contracts_without_multipliers_have_unknown_coins() -> None:
    row = payload("bitmex", "instrument_alone")
    row["multiplier"] = row["underlyingToSettleMultiplier"] = None
    assert listed("bitmex", row)["XBTUSD"].contract is None


def test_coinbase_international_spans_are_nanoseconds() -> None:
    said = read("coinbase_intl", payload("coinbase_intl", "instruments")).observations
    assert {o.interval for o in said if isinstance(o, Funding)} == {timedelta(hours=1)}


def test_the_successor_of_coinbase_international_is_asked_by_nobody() -> None:
    asked = {exchange.base_url for exchange in EXCHANGES.values()}
    heard_at = {socket.url for exchange in EXCHANGES.values() for socket in exchange.sockets}
    assert not [url for url in asked | heard_at if "drb.coinbase" in url]
