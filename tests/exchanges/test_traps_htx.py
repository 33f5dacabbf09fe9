"""What is easily read wrongly at HTX."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from bot.domain.market import (
    Funding,
    Position,
    Venue,
)
from bot.domain.units import ContractSize, Unit, measure
from bot.errors import SourceChanged
from bot.exchanges import EXCHANGES
from tests.exchanges.keeping import answer, kept, open_interest, page, poll
from tests.exchanges.payloads import NOW, book_of, encode, parsed

HTX = EXCHANGES[Venue("htx")]


def test_htx_newer_answer_per_symbol_stands_in_for_the_older_of_all() -> None:
    book = book_of(HTX.venue)
    stand_in = poll(HTX, "open-interest-v5")
    assert (stand_in.stands_in_for, stand_in.rotates) == ("open-interest", True)
    asked = [request.params["contract_code"] for request in stand_in.requests(book)]
    assert asked == [symbol for symbol, one in book.items() if not one.inverse]
    (all_at_once,) = poll(HTX, "open-interest").requests(book)
    assert all_at_once.params == {"business_type": "all"}
    older = open_interest(parsed(kept("htx", "open_interest")))["BTC-USDT"]
    newer = open_interest(parsed(kept("htx", "open_interest_v5")))["BTC-USDT"]
    assert (older.amount, older.price) == (newer.amount, newer.price)


def test_htx_inverse_contracts_are_dollars_of_a_size_the_book_tells() -> None:
    book = book_of(HTX.venue)
    assert book["BTC-USD"].contract == ContractSize(Decimal(100), Unit.QUOTE)
    assert book["ETH-USD"].contract == ContractSize(Decimal(10), Unit.QUOTE)
    told = open_interest(parsed(kept("htx", "open_interest_coin_swaps")))["BTC-USD"]
    assert told.price is not None
    size = measure(told.amount, told.instrument.contract, float(told.price))
    row = page("htx", "open_interest_coin_swaps")["data"][0]
    assert size.usd == row["volume"] * 100
    assert size.coins == pytest.approx(row["amount"], rel=1e-12)


def test_htx_unknown_contract_size_is_never_one_while_the_row_tells_its_coins() -> None:
    assert book_of(HTX.venue)["ODD-USDT"].contract is None
    row = {"contract_code": "ODD-USDT", "volume": "10", "amount": "7.5", "value": "15"}
    told = answer(HTX, "open-interest-v5", page("htx", "open_interest_v5") | {"data": row})
    odd = open_interest(told)["ODD-USDT"]
    assert measure(odd.amount, odd.instrument.contract, 2.0).coins == 7.5


def test_htx_contracts_that_do_not_make_up_their_coins_are_of_another_size_than_the_book_told() -> None:
    told = page("htx", "open_interest_v5")
    told["data"]["volume"] = "3247609"  # a tenth of as many, each ten times as large
    with pytest.raises(SourceChanged, match=r"BTC-USDT: 3247609 contracts of 0.001 are told as 32476.092"):
        answer(HTX, "open-interest-v5", told)


def test_htx_history_changes_its_unit_with_amount_type() -> None:
    coins, contracts = parsed(kept("htx", "history_coins")), parsed(kept("htx", "history_contracts"))
    assert {one.amount.unit for one in coins} == {Unit.BASE}
    assert {one.amount.unit for one in contracts} == {Unit.CONTRACTS}
    with pytest.raises(SourceChanged, match="amount_type"):
        parsed(kept("htx", "history_unknown_unit"))


def test_htx_history_counted_in_contracts_has_the_same_price_where_its_dollars_are_told() -> None:
    coins = parsed(kept("htx", "history_coins"))[0]
    told = page("htx", "history_coins")
    for row in told["data"]["tick"]:
        row["volume"], row["amount_type"] = str(Decimal(row["volume"]) * 1000), 1
    assert HTX.history is not None
    contracts = HTX.history.parse(encode(told), book_of(HTX.venue)["BTC-USDT"], NOW)[0]
    assert (contracts.amount.unit, contracts.price) == (Unit.CONTRACTS, coins.price)


def test_htx_history_is_asked_in_coins_where_dollars_come_with_it_and_only_of_perpetuals() -> None:
    assert HTX.history is not None
    book = book_of(HTX.venue)
    asked = {
        symbol: [(r.path, r.params["amount_type"]) for r in HTX.history.requests(one, NOW, NOW)]
        for symbol, one in book.items()
    }
    assert asked["BTC-USDT"] == [("/linear-swap-api/v1/swap_his_open_interest", "2")]
    assert asked["BTC-USD"] == [("/swap-api/v1/swap_his_open_interest", "1")]
    assert asked["BTC-USDT-261225"] == asked["BTC261225"] == []


def test_htx_refusals_come_with_http_200_in_two_dialects() -> None:
    for name in ("error_contract", "error_offline"):
        with pytest.raises(SourceChanged, match=r"code 1\d\d\d: The|code 1\d\d\d: This"):
            parsed(kept("htx", name))
    with pytest.raises(SourceChanged, match="code 1013: This contract"):
        parsed(kept("htx", "error_contract_v5"))


def test_htx_direction_is_the_orders_and_a_bought_back_position_was_short() -> None:
    heard = parsed(kept("htx", "liquidations"))
    assert [one.position for one in heard] == [Position.SHORT, Position.LONG]
    size = measure(heard[0].amount, heard[0].instrument.contract, float(heard[0].price))
    row = page("htx", "liquidations")["data"][0]
    assert size.coins == row["amount"]
    assert size.usd == pytest.approx(row["trade_turnover"])


def test_htx_newer_liquidations_repeat_the_contracts_as_their_amount() -> None:
    (heard,) = parsed(kept("htx", "liq_orders_newer"))
    row = page("htx", "liq_orders_newer")["data"][0]
    assert row["amount"] == row["volume"]
    size = measure(heard.amount, heard.instrument.contract, float(heard.price))
    assert [size.coins, size.usd] == [0.002, pytest.approx(float(row["trade_turnover"]))]


def test_htx_liquidation_that_cannot_be_read_is_lost_alone() -> None:
    frame = page("htx", "liquidations")
    frame["data"][0]["price"] = None
    heard = HTX.sockets[0].parse(encode(frame), book_of(HTX.venue), NOW)
    assert heard == parsed(kept("htx", "liquidations"))[1:]


@pytest.mark.parametrize("ts", ['"1789676355591"', "1789676355591", "17896763555910000001", "1.5e3"])
def test_htx_ping_is_sent_back_with_its_ts_as_it_was_written(ts: str) -> None:
    for socket in HTX.sockets:
        assert socket.gzipped
        assert socket.reply is not None
        assert socket.reply(f'{{"op": "ping", "ts": {ts}}}'.encode()) == f'{{"op":"pong","ts":{ts}}}'
        assert socket.reply(encode(page("htx", "liquidations"))) is None
        assert socket.reply(b"\xff") is None
        assert socket.reply(b'{"op": "ping", "ts": "\xff"}') in (None, '{"op":"pong","ts":"\ufffd"}')


def test_htx_sockets_share_the_contracts_without_telling_any_twice() -> None:
    book = book_of(HTX.venue)
    for one in book.values():
        assert [socket.hears(one) for socket in HTX.sockets].count(True) == 1
    heard = {s.name: {symbol for symbol, one in book.items() if s.hears(one)} for s in HTX.sockets}
    assert heard["liquidations-coin-swaps"] == {"BTC-USD", "ETH-USD"}
    assert heard["liquidations-coin-futures"] == {"BTC261225"}


def test_htx_funding_without_its_interval_is_unknown() -> None:
    assert parsed(kept("htx", "funding_without_interval")).observations == []
    (rate,) = parsed(kept("htx", "funding")).observations
    assert isinstance(rate, Funding)
    assert rate.interval == timedelta(hours=8)


def test_htx_funding_without_its_second_settlement_is_of_the_interval_that_the_contract_has() -> None:
    (eth,) = (
        one for one in parsed(kept("htx", "funding_of_all")).observations if one.instrument.asset == "ETH"
    )
    assert isinstance(eth, Funding)
    assert (eth.interval, eth.assumed) == (timedelta(hours=4), False)
    rows = page("htx", "book_linear")
    for row in rows["data"]:
        row["settlement_period"] = "0.5"
    assert {one.funding_interval for one in HTX.book.parse(encode(rows)).values()} == {None}


def test_htx_shares_metals_other_quotes_and_what_does_not_trade_are_left_out_but_not_a_settlement() -> None:
    listed = page("htx", "book_linear")["data"] + page("htx", "book_coin_swaps")["data"]
    left_out = {row["contract_code"] for row in listed} - set(book_of(HTX.venue))
    assert left_out == {"NVDA-USDT", "GONE-USDT", "SOON-USDT", "XAU-USDT", "BTC-HUSD", "OLD-USD"}
