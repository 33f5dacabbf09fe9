"""The recorded and documented payloads of the shared folder, through the very parsers of the product."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.domain.assets import Asset, parse_asset
from bot.domain.market import Funding, Instrument, Liquidation, OpenInterest, Venue
from bot.domain.units import ContractSize, Unit, measure
from bot.errors import SourceChanged
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Answer, Book
from tests.exchanges.payloads import encode

NOW = datetime(2026, 11, 1, tzinfo=UTC)
Check = Callable[[str, Any, Any, Any], None]
VENUES = [venue for venue in EXCHANGES if venue != "published"]


def book_for(venue: str, symbol: str) -> Book:
    """An instrument as the venue's book would list it, with contract sizes from the files' derivations."""
    base = symbol.split("-")[0].split("_")[0].removesuffix("USDT").removesuffix("USD")
    inverse = venue in ("binance_coinm", "deribit") or symbol in ("BTCUSD", "BTC-USD-SWAP", "PI_XBTUSD")
    sizes = {
        "BTCUSD_PERP": ContractSize(Decimal(100), Unit.QUOTE),
        "ETHUSD_PERP": ContractSize(Decimal(10), Unit.QUOTE),
        "BTC-USDT-SWAP": ContractSize(Decimal("0.01"), Unit.BASE),
        "PI_XBTUSD": ContractSize(Decimal(1), Unit.QUOTE),
    }
    asset = parse_asset(base)[0] if base else Asset(symbol)
    return {symbol: Instrument(Venue(venue), symbol, asset, inverse=inverse, contract=sizes.get(symbol))}


def poll(venue: str, name: str, payload: object, book: Book) -> Answer:
    exchange = EXCHANGES[Venue(venue)]
    parser = next(p for p in (*exchange.polls, *exchange.unasked) if p.name == name)
    return parser.parse(encode(payload), book, NOW)


def hear(venue: str, payload: object, book: Book) -> Sequence[Liquidation]:
    heard = EXCHANGES[Venue(venue)].sockets[0].parse(encode(payload), book, NOW)
    return [one for one in heard if isinstance(one, Liquidation)]


def close(measured: float | None, expected: str | None) -> bool:
    if measured is None or expected is None:
        return measured is None and expected is None
    return measured == pytest.approx(float(expected), rel=1e-6)


def check_open_interest(one: OpenInterest, expected: Mapping[str, Any]) -> None:
    price = float(one.price) if one.price else None
    size = measure(one.amount, one.instrument.contract, price)
    if "open_interest_contracts" in expected:
        assert one.amount.unit is Unit.CONTRACTS
        assert one.amount.value == Decimal(expected["open_interest_contracts"])
    if "open_interest_base" in expected and one.instrument.venue != "okx":
        assert close(size.coins, expected["open_interest_base"])
    elif "open_interest_base" in expected:  # OKX rounds its own conversion
        assert size.coins == pytest.approx(float(expected["open_interest_base"]), rel=1e-3)
    if "open_interest_usd" in expected and one.instrument.venue not in ("okx", "bybit"):
        assert close(size.usd, expected["open_interest_usd"])
    elif expected.get("open_interest_usd") is not None:  # their dollars are of another instant
        assert size.usd == pytest.approx(float(expected["open_interest_usd"]), rel=1e-3)
    if "mark_price" in expected:
        assert one.price == Decimal(expected["mark_price"])
    if "timestamp_ms" in expected:
        assert one.at.timestamp() * 1000 == expected["timestamp_ms"]


def check_answer(answer: Answer, expected: Mapping[str, Any]) -> None:
    symbols = {symbol: facts for symbol, facts in expected.items() if isinstance(facts, dict)}
    found = {o.instrument.symbol: o for o in answer.observations if isinstance(o, OpenInterest)}
    assert set(found) == set(symbols)
    for symbol, facts in symbols.items():
        check_open_interest(found[symbol], facts)
    check_funding(answer.observations, symbols)


def check_funding(observations: Iterable[object], symbols: Mapping[str, Mapping[str, Any]]) -> None:
    rates = {o.instrument.symbol: o.rate for o in observations if isinstance(o, Funding)}
    for symbol, facts in symbols.items():
        for key in ("funding_rate", "funding_rate_1h", "funding_8h"):
            if key in facts:
                assert rates[symbol] == Decimal(facts[key])


def check_history(points: Sequence[OpenInterest], expected: Mapping[str, Any]) -> None:
    wanted = sorted(expected["points"], key=lambda point: point["timestamp_ms"])
    assert len(points) == len(wanted)
    for point, facts in zip(points, wanted, strict=True):
        check_open_interest(point, facts)


def check_liquidation(lost: Sequence[Liquidation], expected: Mapping[str, Any]) -> None:
    (one,) = lost
    assert one.instrument.symbol == expected["symbol"]
    assert one.position == expected["liquidated_position"]
    assert one.amount.value == Decimal(expected.get("qty_base") or expected["contracts"])
    assert one.price == Decimal(expected.get("price") or expected["bankruptcy_price"])
    assert one.at.timestamp() * 1000 == expected["timestamp_ms"]
    size = measure(one.amount, one.instrument.contract, float(one.price))
    assert close(size.usd, expected["notional_usd"])


def _single(venue: str, kept: Any, response: Any, expected: Any) -> None:
    symbol = expected["symbol"]
    answer = poll(venue, "open-interest", response, book_for(venue, symbol))
    check_answer(answer, {symbol: expected})


def _history(venue: str, kept: Any, response: Any, expected: Any) -> None:
    asked = kept["params"]
    symbol = asked.get("symbol") or asked.get("instId") or asked["pair"] + "_PERP"
    history = EXCHANGES[Venue(venue)].history
    assert history is not None
    check_history(history.parse(encode(response), book_for(venue, symbol)[symbol], NOW), expected)


def _liquidation(venue: str, kept: Any, response: Any, expected: Any) -> None:
    check_liquidation(hear(venue, response, book_for(venue, expected["symbol"])), expected)


def _bad_symbol(venue: str, kept: Any, response: Any, expected: Any) -> None:
    fault = EXCHANGES[Venue(venue)].read_refusal(response["http_status"], encode(response["body"]))
    assert isinstance(fault, SourceChanged)


def _bybit_tickers(venue: str, kept: Any, response: Any, expected: Any) -> None:
    check_answer(poll(venue, "tickers", response, book_for(venue, "BTCUSD")), expected)


def _bybit_socket_row(venue: str, kept: Any, response: Any, expected: Any) -> None:
    """The socket's full row has the fields of the polled row, which is what is read here."""
    result = {"category": "linear", "list": [response["data"]]}
    page = {"retCode": 0, "retMsg": "OK", "result": result, "time": response["ts"]}
    answer = poll(venue, "tickers", page, book_for(venue, "BTCUSDT"))
    check_answer(answer, {"BTCUSDT": expected})


def _cde(venue: str, kept: Any, response: Any, expected: Any) -> None:
    book = EXCHANGES[Venue(venue)].book.parse(encode(response))
    check_answer(poll(venue, "products", response, book), expected)
    assert book["BIP-20DEC30-CDE"].expiry is None
    assert book["BIT-24APR26-CDE"].expiry == datetime(2026, 4, 24, 15, tzinfo=UTC)


def _deribit_summary(venue: str, kept: Any, response: Any, expected: Any) -> None:
    """The recording lost its envelope."""
    names = [row["instrument_name"] for row in response]
    book = {name: book_for(venue, name)[name] for name in names}
    check_answer(poll(venue, "summaries", {"jsonrpc": "2.0", "result": response}, book), expected)


def _deribit_ticker(venue: str, kept: Any, response: Any, expected: Any) -> None:
    """The ticker of one contract has the fields of a summary row, but for the name of its clock."""
    row = {**response, "creation_timestamp": response["timestamp"], "volume": response["stats"]["volume"]}
    book = book_for(venue, "BTC-PERPETUAL")
    answer = poll(venue, "summaries", {"jsonrpc": "2.0", "result": [row]}, book)
    check_answer(answer, {"BTC-PERPETUAL": expected})


def _hyperliquid(venue: str, kept: Any, response: Any, expected: Any) -> None:
    (symbol,) = (name for name in expected)
    answer = poll(venue, "contexts", response, book_for(venue, symbol))
    check_answer(answer, expected)
    listed = EXCHANGES[Venue(venue)].book.parse(encode(response))
    assert set(listed) == ({symbol} if ":" not in symbol else set())


def _misaligned(venue: str, kept: Any, response: Any, expected: Any) -> None:
    with pytest.raises(SourceChanged, match="2 names for 1 contexts"):
        poll(venue, "contexts", response, book_for(venue, "xyz:TSLA"))


def _okx_instruments(venue: str, kept: Any, response: Any, expected: Any) -> None:
    book = EXCHANGES[Venue(venue)].book.parse(encode(response))
    assert {symbol: one.contract for symbol, one in book.items()} == {
        "BTC-USD-SWAP": ContractSize(Decimal(100), Unit.QUOTE),
        "ETH-USDT-SWAP": ContractSize(Decimal("0.1"), Unit.BASE),
        "BTC-USDT-SWAP": ContractSize(Decimal("0.01"), Unit.BASE),
    }
    assert [one.inverse for one in book.values()] == [True, False, False]
    assert {one.expiry for one in book.values()} == {None}


def _okx_open_interest(venue: str, kept: Any, response: Any, expected: Any) -> None:
    check_answer(poll(venue, "open-interest", response, book_for(venue, "BTC-USDT-SWAP")), expected)


def _okx_by_coin(venue: str, kept: Any, response: Any, expected: Any) -> None:
    """Column 1 is dollars of all contracts here, contracts of one there: never read as the other."""
    history = EXCHANGES[Venue(venue)].history
    assert history is not None
    with pytest.raises(SourceChanged):
        history.parse(encode(response), book_for(venue, "BTC-USDT-SWAP")["BTC-USDT-SWAP"], NOW)


def _kraken_tickers(venue: str, kept: Any, response: Any, expected: Any) -> None:
    book = {**book_for(venue, "PI_XBTUSD"), **book_for(venue, "PF_ETHUSD")}
    check_answer(poll(venue, "tickers", response, book), expected)


def _bitget(source: str) -> Check:
    def check(venue: str, kept: Any, response: Any, expected: Any) -> None:
        """A ticker's funding rate lacks its interval: it is read from its own answer, with it."""
        facts = {k: v for k, v in expected["BTCUSDT"].items() if k != "funding_rate"}
        if "timestamp_ms" in expected:
            facts["timestamp_ms"] = expected["timestamp_ms"]
        check_answer(poll(venue, source, response, book_for(venue, "BTCUSDT")), {"BTCUSDT": facts})

    return check


def gate_book(size: str) -> Book:
    contract = ContractSize(Decimal(size), Unit.BASE)
    return {"BTC_USDT": Instrument(Venue("gate"), "BTC_USDT", Asset("BTC"), contract=contract)}


def _gate_tickers(venue: str, kept: Any, response: Any, expected: Any) -> None:
    size = expected["BTC_USDT"]["quanto_multiplier"]
    check_answer(poll(venue, "tickers", response, gate_book(size)), expected)


def _gate_stats(venue: str, kept: Any, response: Any, expected: Any) -> None:
    """The contract is not named in the payload; its size follows from the payload's own dollars."""
    history = EXCHANGES[Venue(venue)].history
    assert history is not None
    (point,) = history.parse(encode(response), gate_book("10")["BTC_USDT"], NOW)
    (facts,) = expected["points"]
    check_open_interest(point, facts)
    assert point.at.timestamp() == facts["timestamp_s"]


def _gate_lost(venue: str, kept: Any, response: Any, expected: Any) -> None:
    (lost,) = poll(venue, "liq-orders", response, gate_book("0.0001")).observations
    assert isinstance(lost, Liquidation)
    assert lost.position == expected["liquidated_position"]
    assert (str(lost.amount.value), str(lost.price)) == (expected["contracts"], expected["price"])
    assert lost.at.timestamp() == expected["timestamp_s"]
    size = measure(lost.amount, lost.instrument.contract, float(lost.price))
    assert close(size.coins, expected["qty_base"])
    assert close(size.usd, expected["notional_usd"])


def htx_instrument(symbol: str, size: str, unit: Unit) -> Book:
    contract = ContractSize(Decimal(size), unit)
    inverse = unit is Unit.QUOTE
    asset = Asset(symbol.split("-")[0])
    return {symbol: Instrument(Venue("htx"), symbol, asset, inverse=inverse, contract=contract)}


def _htx_coin_swap(venue: str, kept: Any, response: Any, expected: Any) -> None:
    answer = poll(venue, "coin-margined", response, htx_instrument("BTC-USD", "100", Unit.QUOTE))
    check_answer(answer, expected)


def _htx_linear(venue: str, kept: Any, response: Any, expected: Any) -> None:
    answer = poll(venue, "open-interest-v5", response, htx_instrument("BTC-USDT", "0.001", Unit.BASE))
    check_answer(answer, expected)


def _htx_ping(venue: str, kept: Any, response: Any, expected: Any) -> None:
    for socket in EXCHANGES[Venue(venue)].sockets:
        assert socket.reply is not None
        reply = socket.reply(encode(response))
        assert reply is not None
        assert json.loads(reply) == expected["reply"]


def _bitmex(venue: str, kept: Any, response: Any, expected: Any) -> None:
    """Their coins are a value at a price of its own instant; ours are contracts at the mark price."""
    book = EXCHANGES[Venue(venue)].book.parse(encode([response]))
    answer = poll(venue, "instruments", response, book)
    (one,) = (said for said in answer.observations if isinstance(said, OpenInterest))
    assert one.price == Decimal(expected["mark_price"])
    size = measure(one.amount, one.instrument.contract, float(one.price))
    assert close(size.usd, expected["open_interest_usd"])
    assert size.coins == pytest.approx(float(expected["open_interest_base"]), rel=1e-5)


def _cot_of_another_market(venue: str, kept: Any, response: Any, expected: Any) -> None:
    """A sister report of a market that is not ours: named, and nothing taken from it."""
    answer = poll(venue, "positions", response, {})
    assert answer.observations == []
    assert list(answer.unknown) == ["MICRO E-MINI RUSSELL 2000 INDX - CHICAGO MERCANTILE EXCHANGE"]


CHECKS: dict[str, Check] = {
    "binance_coinm/open_interest": _single,
    "binance_coinm/open_interest_hist": _history,
    "binance_usdm/error_invalid_symbol": _bad_symbol,
    "binance_usdm/open_interest": _single,
    "binance_usdm/open_interest_hist": _history,
    "binance_usdm/ws_force_order_combined": _liquidation,
    "binance_usdm/ws_force_order_raw": _liquidation,
    "bitget/open_interest_v2": _bitget("open-interest"),
    "bitget/tickers_v2_mix": _bitget("tickers"),
    "bitget/tickers_v3_usdt_futures": _bitget("tickers-v3"),
    "bitmex/instrument_xbtusd": _bitmex,
    "bybit/open_interest_history_inverse": _history,
    "bybit/tickers_inverse": _bybit_tickers,
    "bybit/ws_all_liquidation": _liquidation,
    "bybit/ws_ticker_linear": _bybit_socket_row,
    "cftc/cot_legacy_combined_row": _cot_of_another_market,
    "coinbase_cde/products_future": _cde,
    "deribit/book_summary_btc_future": _deribit_summary,
    "deribit/ticker_btc_perpetual": _deribit_ticker,
    "gate/contract_stats": _gate_stats,
    "gate/liq_orders": _gate_lost,
    "gate/tickers": _gate_tickers,
    "htx/open_interest_coin_swap": _htx_coin_swap,
    "htx/open_interest_v5_linear": _htx_linear,
    "htx/ws_liquidation_orders": _liquidation,
    "htx/ws_ping_string_ts": _htx_ping,
    "hyperliquid/meta_and_asset_ctxs": _hyperliquid,
    "hyperliquid/meta_and_asset_ctxs_hip3": _hyperliquid,
    "hyperliquid/meta_and_asset_ctxs_misaligned": _misaligned,
    "kraken_futures/tickers": _kraken_tickers,
    "okx/instruments_swap": _okx_instruments,
    "okx/open_interest_history_4col": _history,
    "okx/open_interest_swap": _okx_open_interest,
    "okx/open_interest_volume_3col": _okx_by_coin,
    "okx/ws_liquidation_orders": _liquidation,
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_shared_payload_gives_its_expected_values(name: str, shared: Path) -> None:
    kept = json.loads((shared / "payloads" / f"{name}.json").read_text())
    CHECKS[name](kept["venue"], kept, kept["response"], kept.get("expected"))


def test_every_shared_payload_of_our_venues_is_checked(shared: Path) -> None:
    files = [file for venue in VENUES for file in (shared / "payloads" / venue).glob("*.json")]
    assert {f"{file.parent.name}/{file.stem}" for file in files} == set(CHECKS)
