"""What is easily taken for something else at OKX and Deribit, each told by its name."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.domain.market import OpenInterest, Venue
from bot.domain.units import Unit
from bot.errors import SourceBlocked, SourceChanged, SourceThrottled
from bot.exchanges import EXCHANGES
from tests.exchanges.asking import AT, answer, book, heard, near, past, size
from tests.exchanges.payloads import encode

BYBIT, OKX, DERIBIT = (EXCHANGES[Venue(name)] for name in ("bybit", "okx", "deribit"))
SWAP, COIN_SWAP = "BTC-USDT-SWAP,BTC,linear,0.01,coin", "BTC-USD-SWAP,BTC,inverse,100,usd"
PERPETUAL, LINEAR_PERPETUAL = "BTC-PERPETUAL,BTC,inverse,,usd", "BTC_USDC-PERPETUAL,BTC,linear,,coin"


def held(symbol: str, contracts: str, coins: str, usd: str) -> dict[str, object]:
    row = {"instId": symbol, "oi": contracts, "oiCcy": coins, "oiUsd": usd, "ts": str(AT)}
    return {"code": "0", "msg": "", "data": [row]}


@pytest.mark.parametrize(
    ("contract", "contracts", "coins", "usd"),
    [
        (SWAP, "3068823.42", "30688.2342", "2468196369.061028"),
        (COIN_SWAP, "61000", "75.1", "6100000"),
    ],
)
def test_okx_open_interest_is_contracts_told_in_coins_and_dollars_too(
    contract: str, contracts: str, coins: str, usd: str
) -> None:
    row = held(contract.partition(",")[0], contracts, coins, usd)
    (one,) = answer(OKX, "open-interest", row, book(OKX, contract)).observations
    assert isinstance(one, OpenInterest)
    assert (one.amount.unit, one.price) == (Unit.CONTRACTS, None)
    assert size(one) == near(float(coins), float(usd))


def test_okx_contracts_are_counted_where_a_row_does_not_agree_with_itself() -> None:
    """The documentation shows such a row; its dollars are kept."""
    row = held("BTC-USDT-SWAP", "5000", "555.55", "50000")
    (one,) = answer(OKX, "open-interest", row, book(OKX, SWAP)).observations
    assert size(one) == (50, 50_000)


def test_okx_unknown_contract_size_is_never_one_while_the_row_tells_its_coins() -> None:
    row = held("BTC-USDT-SWAP", "3068823.42", "30688.2342", "2468196369.061028")
    (one,) = answer(OKX, "open-interest", row, book(OKX, "BTC-USDT-SWAP,BTC,linear,?")).observations
    assert size(one) == near(30688.2342, 2468196369.061028)


def test_okx_columns_of_a_contract_are_four_and_those_of_a_coin_three_with_another_unit() -> None:
    row = [str(AT), "2800476.45", "28006.5419", "2360916466.88"]
    (point,) = past(OKX, {"code": "0", "data": [row], "msg": ""}, SWAP)
    assert size(point) == near(28004.7645, 2360916466.88)
    with pytest.raises(SourceChanged, match="3 columns"):
        past(OKX, {"code": "0", "data": [[str(AT), "2183354317.945", "74285877.617"]], "msg": ""}, SWAP)


def test_okx_liquidations_come_in_lists_and_name_the_position() -> None:
    detail = {"bkLoss": "0", "bkPx": "81347.5", "ccy": "", "sz": "9.4", "ts": str(AT)}
    sides = [("short", "buy"), ("net", "sell"), ("", "buy"), ("long", "sell")]
    details = [detail | {"posSide": position, "side": side} for position, side in sides]
    arg = {"channel": "liquidation-orders", "instType": "SWAP"}
    frame = {"arg": arg, "data": [{"instId": "BTC-USDT-SWAP", "details": details}]}
    lost = heard(OKX, frame, book(OKX, SWAP))
    assert [one.position for one in lost] == ["short", "long", "short", "long"]
    for one in lost:
        assert size(one) == near(0.094, 0.094 * 81347.5)


def test_okx_refusal_is_no_silence_of_liquidations() -> None:
    with pytest.raises(SourceThrottled):
        heard(OKX, {"code": "50011", "msg": "Too Many Requests", "data": []}, {})
    with pytest.raises(SourceBlocked):
        answer(OKX, "open-interest", {"code": "51155", "msg": "Local compliance", "data": []}, {})


def contract(symbol: str, **more: Any) -> dict[str, object]:
    base = symbol.partition("-")[0]
    row = {"instId": symbol, "state": "live", "ctType": "linear", "ctVal": "0.01", "ctMult": "1"}
    return row | {"ctValCcy": base, "uly": f"{base}-USDT", "expTime": "", "instCategory": "1"} | more


def test_okx_shares_metals_and_what_does_not_trade_are_left_out() -> None:
    rows = [
        contract("BTC-USDT-SWAP", state="post_only"),
        contract("SOL-USDT-SWAP", uly=None, instFamily="SOL-USDT", expTime=None, instCategory=None),
        contract("BTC-USD_UM-SWAP", uly="", instFamily="BTC-USD_UM"),
        contract("AAPL-USDT-SWAP", instCategory="3"),
        contract("XAU-USDT-SWAP", instCategory=None),
        contract("MUU-USDT-SWAP", state="rebase"),
        {"instId": "JP225-USDT-SWAP", "state": "preopen", "ctVal": "", "instCategory": ""},
        contract("NEW-USDT-SWAP", ctType="quanto"),
        contract("ODD-USDT-SWAP", ctValCcy="BTC"),
        {"instId": "BTC-USDT", "instType": "SPOT", "ctType": "", "ctVal": "", "state": "live"},
    ]
    found = OKX.book.parse(encode({"code": "0", "data": rows}))
    assert set(found) == {"BTC-USDT-SWAP", "SOL-USDT-SWAP", "BTC-USD_UM-SWAP"}
    assert not any(one.inverse for one in found.values())


def summary(symbol: str, held: float) -> dict[str, object]:
    return {"instrument_name": symbol, "open_interest": held, "mark_price": 80_000, "creation_timestamp": AT}


def test_deribit_open_interest_is_dollars_on_inverse_contracts_and_coins_on_linear_ones() -> None:
    rows = [summary("BTC-PERPETUAL", 787_799_210), summary("BTC_USDC-PERPETUAL", 502.45)]
    told = answer(DERIBIT, "summaries", {"result": rows}, book(DERIBIT, PERPETUAL, LINEAR_PERPETUAL))
    inverse, linear = map(size, told.observations)
    assert inverse == (787_799_210 / 80_000, 787_799_210)
    assert linear == (502.45, 502.45 * 80_000)


def test_deribit_rows_are_the_same_without_their_envelope_and_over_a_socket() -> None:
    row = summary("BTC-PERPETUAL", 787_799_210)
    ticker = {"timestamp": AT} | {key: value for key, value in row.items() if key != "creation_timestamp"}
    known = book(DERIBIT, PERPETUAL)
    pushed = {"method": "subscription", "params": {"channel": "ticker.BTC-PERPETUAL.100ms", "data": ticker}}
    forms: list[object] = [{"result": [row]}, {"result": ticker}, [row], ticker, pushed]
    told = [answer(DERIBIT, "summaries", form, known) for form in forms]
    assert all(one == told[0] for one in told)
    assert told[0].observations


def trade(liquidation: str | None, direction: str, number: int) -> dict[str, object]:
    row = {"instrument_name": "BTC-PERPETUAL", "trade_id": str(number), "trade_seq": number, "timestamp": AT}
    row |= {"price": 80_000, "amount": 750, "direction": direction}
    return row if liquidation is None else row | {"liquidation": liquidation}


def test_deribit_taker_or_maker_or_both_lost_and_most_trades_are_of_nobody_forced() -> None:
    marks = [("T", "sell"), ("T", "buy"), ("M", "sell"), ("M", "buy"), ("MT", "buy")]
    rows = [trade(*mark, number) for number, mark in enumerate(marks)]
    rows += [trade(None, "sell", 7), trade("none", "sell", 8)]
    frame = {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": "trades", "data": rows}}
    lost = heard(DERIBIT, frame, book(DERIBIT, PERPETUAL))
    assert [one.position for one in lost] == ["long", "short", "short", "long", "long", "short"]
    assert {size(one)[1] for one in lost} == {750}
    assert len({one.number for one in lost}) == len(lost)


def test_deribit_contract_that_does_not_trade_for_now_is_held_on_and_a_delivered_one_is_not() -> None:
    """At 08:00 UTC contracts are settled, for seconds: a list read then must not lose them for an hour."""
    row = {"kind": "future", "quote_currency": "USD", "settlement_period": "perpetual", "is_active": False}
    rows = [
        {**row, "instrument_name": f"{state}-PERPETUAL", "base_currency": state.upper(), "state": state}
        for state in ("open", "settlement", "locked", "halted", "delivered", "inactive", "archivized")
    ]
    listed = DERIBIT.book.parse(encode({"result": rows}))
    assert {symbol.partition("-")[0] for symbol in listed} == {"open", "settlement", "locked", "halted"}


def test_deribit_options_combos_and_shares_are_left_out_and_take_no_other_contract_with_them() -> None:
    row = {"kind": "future", "is_active": True, "settlement_period": "perpetual", "base_currency": "BTC"}
    row |= {"expiration_timestamp": 32503708800000, "quote_currency": "USD"}
    rows: list[dict[str, object]] = [
        {**row, "instrument_name": "BTC-PERPETUAL", "instrument_type": "reversed"},
        {**row, "instrument_name": "BTC_USDC-PERPETUAL", "quote_currency": "USDC"},  # old rows tell no type
        {**row, "instrument_name": "AAVE_X", "instrument_type": "linear", "underlying_type": "crypto"},
        {**row, "instrument_name": "TSLA_USDC-PERPETUAL", "underlying_type": "equity"},
        {**row, "instrument_name": "XAU_USDC-PERPETUAL", "base_currency": "XAU"},
        {"kind": "future_combo", "instrument_name": "BTC-COMBO-1", "is_active": True},
        {"kind": "option", "instrument_name": "BTC-27DEC24-100000-C", "is_active": True, "strike": 1e5},
    ]
    found = DERIBIT.book.parse(encode({"jsonrpc": "2.0", "result": rows}))
    assert {symbol: one.inverse for symbol, one in found.items()} == {
        "BTC-PERPETUAL": True,
        "BTC_USDC-PERPETUAL": False,
        "AAVE_X": False,
    }


def test_amounts_written_as_numbers_are_those_written_as_text() -> None:
    """Recordings of others have been through libraries that unquote what was quoted."""
    row = {"instId": "BTC-USDT-SWAP", "details": [{"posSide": "long", "sz": 9.4, "bkPx": 8e4, "ts": AT}]}
    (lost,) = heard(OKX, {"data": [row]}, book(OKX, SWAP))
    assert lost.amount.value == Decimal("9.4")
    told = {"T": str(AT), "s": "BTCUSDT", "S": "Buy", "v": 1.5, "p": 8e4}
    known = book(BYBIT, "BTCUSDT,BTC,linear,,coin")
    (lost,) = heard(BYBIT, {"topic": "allLiquidation.BTCUSDT", "data": [told]}, known)
    assert (lost.amount.value, lost.price) == (Decimal("1.5"), Decimal(80_000))
