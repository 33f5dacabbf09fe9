"""What is easily taken for something else at Binance, Aster and Bybit, each told by its name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.market import OpenInterest, Position, Price, Venue
from bot.errors import SourceBlocked, SourceChanged, SourceThrottled
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import MINUTE, Exchange
from tests.exchanges.asking import AT, answer, book, heard, near, one_of, past, size
from tests.exchanges.payloads import encode

USDM, COINM, BYBIT, ASTER = (
    EXCHANGES[Venue(name)] for name in ("binance_usdm", "binance_coinm", "bybit", "aster")
)
SINCE = datetime(2026, 9, 1, tzinfo=UTC)
USDM_BTC, COINM_BTC = "BTCUSDT,BTC,linear,,coin", "BTCUSD_PERP,BTC,inverse,100,usd"
LINEAR, INVERSE = "BTCUSDT,BTC,linear,,coin", "BTCUSD,BTC,inverse,,usd"


def before(value: str) -> dict[str, object]:
    return {"sumOpenInterest": "20000", "sumOpenInterestValue": value, "timestamp": AT}


def test_binance_coinm_value_of_the_past_is_coins_where_usdm_has_dollars() -> None:
    (linear,) = past(USDM, [before("1600000000")], USDM_BTC)
    (inverse,) = past(COINM, [before("25")], COINM_BTC)
    assert size(linear) == (20_000, 1_600_000_000)
    assert size(inverse) == (25, 2_000_000)


def test_binance_coinm_contracts_are_dollars_of_the_size_that_the_book_tells() -> None:
    rows = [{"symbol": f"{coin}USD_PERP", "openInterest": "1000", "time": AT} for coin in ("BTC", "ETH")]
    known = book(COINM, COINM_BTC, "ETHUSD_PERP,ETH,inverse,10,usd")
    assert [size(one)[1] for one in answer(COINM, "open-interest", rows, known).observations] == [1e5, 1e4]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"pair": "ETHUSD", "contractType": "PERPETUAL"}, "ETHUSD_PERP"),
        ({"pair": "BTCUSD", "contractType": "CURRENT_QUARTER"}, "BTCUSD_CURRENT_QUARTER"),
        ({"pair": "BTCUSD", "contractType": "ALL"}, "BTCUSD_ALL"),
    ],
)
def test_binance_coinm_past_of_other_contracts_is_not_that_of_the_perpetual(
    row: dict[str, str], told: str
) -> None:
    with pytest.raises(SourceChanged, match=f"asked for BTCUSD_PERP, told of {told}"):
        past(COINM, [before("25") | row], COINM_BTC)


def test_binance_past_of_another_symbol_is_not_read() -> None:
    with pytest.raises(SourceChanged, match="asked for BTCUSDT, told of ETHUSDT"):
        past(USDM, [before("1") | {"symbol": "ETHUSDT"}], USDM_BTC)


@pytest.mark.parametrize(
    ("exchange", "contract"), [(USDM, USDM_BTC), (COINM, COINM_BTC)], ids=["usdm", "coinm"]
)
def test_binance_past_has_a_limit_of_its_own_and_is_asked_within_it(
    exchange: Exchange, contract: str
) -> None:
    """A thousand requests below /futures/data in five minutes, whatever the weight of others."""
    assert exchange.history is not None
    asked = list(exchange.history.requests(one_of(exchange, contract), SINCE, SINCE + timedelta(days=30)))
    for poll in exchange.polls:
        asked += poll.requests(book(exchange, contract))
    data = [request for request in asked if request.path.startswith("/futures/data/")]
    assert len(data) >= 18
    a_minute = exchange.budget.weight * (MINUTE / exchange.budget.per)
    assert all(5 * a_minute / request.weight <= 1000 for request in data)


def forced(**more: Any) -> dict[str, object]:
    order = {"s": "BTCUSDT", "S": "SELL", "q": "0.190", "p": "82338.30", "ap": "82651.90", "l": "0.155"}
    return {"e": "forceOrder", "E": AT, "o": order | {"z": "0.190", "T": AT} | more}


@pytest.mark.parametrize("exchange", [USDM, ASTER], ids=["binance", "aster"])
def test_binance_liquidation_is_all_that_was_filled_at_its_average_price(exchange: Exchange) -> None:
    known = book(exchange, USDM_BTC)
    for frame in (forced(), {"stream": "!forceOrder@arr", "data": forced(ps="BTCUSDT", st=1)}, [forced()]):
        (lost,) = heard(exchange, frame, known)
        told = (lost.position, str(lost.amount.value), str(lost.price))
        assert told == (Position.LONG, "0.190", "82651.90")
    (lost,) = heard(exchange, forced(S="BUY"), known)
    assert lost.position is Position.SHORT


def test_binance_coinm_liquidation_is_in_contracts() -> None:
    (lost,) = heard(COINM, forced(s="BTCUSD_PERP", z="3"), book(COINM, COINM_BTC))
    assert size(lost) == near(300 / 82651.9, 300)


def test_binance_streams_of_both_kinds_tell_the_same_orders_and_each_counts_its_own() -> None:
    """Since 2026-06-30 fstream and dstream both push USD-M and COIN-M, marked by st: 1 and 2."""
    frames = [forced(s="BTCUSDT", z="2", st=1), forced(s="BTCUSD_PERP", z="3", st=2)]
    told = [
        lost.instrument.symbol
        for venue, known in ((USDM, book(USDM, USDM_BTC)), (COINM, book(COINM, COINM_BTC)))
        for frame in frames
        for lost in heard(venue, frame, known)
    ]
    assert told == ["BTCUSDT", "BTCUSD_PERP"]


def test_binance_counts_both_kinds_of_contracts_against_one_limit() -> None:
    assert USDM.budget.per == COINM.budget.per == MINUTE
    assert USDM.budget.weight + COINM.budget.weight <= 2400


def listed(symbol: str, quote: str = "USDT", **more: Any) -> dict[str, object]:
    row: dict[str, object] = {"symbol": symbol, "contractType": "PERPETUAL", "status": "TRADING"}
    row |= {"baseAsset": symbol.removesuffix(quote), "quoteAsset": quote}
    return row | {"underlyingType": "COIN", "underlyingSubType": []} | more


@pytest.mark.parametrize("exchange", [USDM, ASTER], ids=["binance", "aster"])
def test_binance_shares_metals_indexes_and_what_is_not_yet_a_coin_are_left_out(exchange: Exchange) -> None:
    rows = [
        listed("BTCUSDT"),
        listed("ETHUSD1", "USD1"),
        listed("1000SATSUSDT", underlyingSubType=None),
        listed("ETHBTC", "BTC"),
        listed("TSLAUSDT", contractType="TRADIFI_PERPETUAL", underlyingType="EQUITY"),
        listed("NVDAUSDT", underlyingSubType=["TradFi"]),
        listed("SNDKUSD1", "USD1", underlyingSubType=["STOCK", "USD1-RWA"], symbolType=1),
        listed("XAUUSD1", "USD1"),
        listed("BTCDOMUSDT", underlyingType="INDEX"),
        listed("OPENAIUSDT", underlyingType="PREMARKET"),
        listed("TONUSDT", status="SETTLING"),
        listed("TEST2USDT"),
        listed("TESTCOINUSDT"),
    ]
    found = exchange.book.parse(encode({"symbols": rows}))
    assert set(found) == {"BTCUSDT", "ETHUSD1", "1000SATSUSDT", "TESTCOINUSDT"}


def test_binance_row_of_a_new_kind_takes_no_other_contract_with_it() -> None:
    rows = [listed("BTCUSDT"), listed("NEWUSDT", baseAsset={"code": "NEW"}), listed("ETHUSDT")]
    found = USDM.book.parse(encode({"symbols": rows}))
    assert set(found) == {"BTCUSDT", "ETHUSDT"}
    (lost,) = found.unreadable
    assert "baseAsset" in lost
    with pytest.raises(SourceChanged, match="baseAsset"):
        USDM.book.parse(encode({"symbols": rows[1:2]}))
    with pytest.raises(SourceChanged, match="symbols"):
        USDM.book.parse(encode({"symbols": "none"}))


def test_binance_restriction_is_a_block_also_where_its_status_is_lost() -> None:
    with pytest.raises(SourceBlocked):
        answer(USDM, "open-interest", {"code": 0, "msg": "from a restricted location"}, {})
    with pytest.raises(SourceChanged):  # another venue's way to say that all is well
        USDM.book.parse(encode({"code": "0", "msg": "", "data": []}))


def tickers(category: str, *rows: dict[str, str]) -> dict[str, object]:
    return {"retCode": 0, "retMsg": "OK", "result": {"category": category, "list": list(rows)}, "time": AT}


def test_bybit_fields_are_swapped_on_inverse_contracts() -> None:
    """openInterest is coins on the one, dollars on the other; openInterestValue is the other of the two."""
    linear = {"symbol": "BTCUSDT", "openInterest": "55420.091", "openInterestValue": "4456971281.96"}
    inverse = {"symbol": "BTCUSD", "openInterest": "240113967", "openInterestValue": "2089.79"}
    known = book(BYBIT, LINEAR, INVERSE)
    told = answer(BYBIT, "tickers", tickers("linear", linear | {"markPrice": "80421.58"}), known)
    assert size(told.observations[0]) == near(55420.091, 4456971281.96)
    told = answer(BYBIT, "tickers", tickers("inverse", inverse | {"markPrice": "114898.43"}), known)
    assert size(told.observations[0]) == near(2089.79, 240113967)


def test_bybit_category_that_is_not_the_contracts_own_is_not_counted_in_the_wrong_unit() -> None:
    row = {"symbol": "BTCUSD", "openInterest": "240113967", "markPrice": "114898.43"}
    with pytest.raises(SourceChanged, match="told among inverse contracts, known as linear"):
        answer(BYBIT, "tickers", tickers("inverse", row), book(BYBIT, "BTCUSD,BTC,linear,,coin"))
    told = {"symbol": "BTCUSD", "category": "inverse", "list": [{"openInterest": "1", "timestamp": str(AT)}]}
    with pytest.raises(SourceChanged, match="told among inverse"):
        past(BYBIT, {"retCode": 0, "result": told}, "BTCUSD,BTC,linear,,coin")
    with pytest.raises(SourceChanged, match="asked for ETHUSD, told of BTCUSD"):
        past(BYBIT, {"retCode": 0, "result": told}, "ETHUSD,ETH,inverse,,usd")


def test_bybit_side_is_the_position_that_was_lost_and_inverse_sizes_are_dollars() -> None:
    rows = [{"T": AT, "s": "BTCUSD", "S": side, "v": "1500", "p": "96250.5"} for side in ("Buy", "Sell")]
    frame = {"topic": "allLiquidation.BTCUSD", "type": "snapshot", "ts": AT, "data": rows}
    lost = heard(BYBIT, frame, book(BYBIT, INVERSE))
    assert [one.position for one in lost] == [Position.LONG, Position.SHORT]
    assert {size(one)[1] for one in lost} == {1500}


def test_bybit_403_is_a_limit_in_words_and_a_block_as_a_page() -> None:
    page = b"<html>The Amazon CloudFront distribution is configured to block access from your country.</html>"
    assert isinstance(BYBIT.read_refusal(403, b"access too frequent"), SourceThrottled)
    assert isinstance(BYBIT.read_refusal(403, page), SourceBlocked)
    with pytest.raises(SourceBlocked):  # kept without its status
        answer(BYBIT, "tickers", page.decode(), {})
    with pytest.raises(SourceBlocked):
        answer(BYBIT, "tickers", {"retCode": 10024, "retMsg": "regulatory restrictions"}, {})


@pytest.mark.parametrize(
    ("told", "kinds"),
    [
        ({"markPrice": "17217.33"}, [Price]),
        ({"openInterest": "68744.761"}, [OpenInterest]),
        ({"bid1Price": "17215.50"}, []),
    ],
)
def test_bybit_ticker_over_a_socket_tells_what_changed_alone(told: dict[str, str], kinds: list[type]) -> None:
    frame = {"topic": "tickers.BTCUSDT", "type": "delta", "data": {"symbol": "BTCUSDT"} | told, "ts": AT}
    said = answer(BYBIT, "tickers", frame, book(BYBIT, LINEAR)).observations
    assert [type(one) for one in said] == kinds


@pytest.mark.parametrize("kind", ["stock", "xstocks", "commodity", "forex", "etf"])
def test_bybit_shares_metals_and_currencies_are_left_out(kind: str) -> None:
    row = {"symbol": "BTCUSDT", "contractType": "LinearPerpetual", "status": "Trading"}
    row |= {"baseCoin": "BTC", "quoteCoin": "USDT"}
    rows = [
        {**row, "symbolType": None},
        {**row, "symbol": "XUSDT", "symbolType": kind},
        {**row, "symbol": "PUMPUSDT", "symbolType": "innovation"},
        {**row, "symbol": "XAUUSDT", "baseCoin": "XAU"},
    ]
    found = BYBIT.book.parse(encode({"retCode": 0, "result": {"category": "linear", "list": rows}}))
    assert set(found) == {"BTCUSDT", "PUMPUSDT"}
