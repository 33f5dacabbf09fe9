"""What is easily read wrongly at Bitget and Gate."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.domain.market import (
    Completeness,
    Liquidation,
    PastLiquidations,
    Position,
    PriceKind,
    Venue,
)
from bot.domain.units import ContractSize, Unit, measure
from bot.errors import SourceChanged
from bot.exchanges import EXCHANGES
from tests.exchanges.keeping import answer, kept, open_interest, page, poll
from tests.exchanges.payloads import NOW, book_of, encode, parsed

BITGET, GATE = (EXCHANGES[Venue(name)] for name in ("bitget", "gate"))


# Bitget


def test_bitget_endpoints_that_disagree_are_never_mixed() -> None:
    asked = {request.path for one in BITGET.polls for request in one.requests(book_of(BITGET.venue))}
    assert not any("open-interest" in path for path in asked)
    assert {one.name for one in BITGET.unasked} == {"open-interest", "open-interest-v3"}
    tickers = open_interest(parsed(kept("bitget", "tickers")))["BTCUSDT"]
    other = open_interest(parsed(kept("bitget", "open_interest")))["BTCUSDT"]
    assert other.amount.value > 2 * tickers.amount.value  # the very reason


def test_bitget_newer_tickers_stand_in_for_the_older_and_either_is_read_in_its_own_names() -> None:
    assert poll(BITGET, "tickers-v3").stands_in_for == "tickers"
    for payload in ("tickers", "tickers_v3"):
        assert answer(BITGET, "tickers", page("bitget", payload)) == answer(
            BITGET, "tickers-v3", page("bitget", payload)
        )


def test_bitget_row_that_tells_open_interest_in_neither_name_is_lost_alone() -> None:
    assert parsed(kept("bitget", "tickers_odd")).unreadable == ["BTCUSD: open interest is missing"]


def test_bitget_counts_coins_also_where_it_is_margined_in_coins() -> None:
    told = open_interest(parsed(kept("bitget", "tickers_coin")))
    assert told["BTCUSD"].instrument.inverse
    assert {one.amount.unit for one in told.values()} == {Unit.BASE}


def test_bitget_shares_metals_and_what_does_not_trade_are_left_out() -> None:
    listed = page("bitget", "book_usdt")["data"]
    left_out = {row["symbol"] for row in listed} - set(book_of(BITGET.venue))
    assert left_out == {"NVDAUSDT", "PAXGUSDT", "OLDUSDT", "SOONUSDT", "BTCEUR"}


def test_bitget_coins_are_not_lost_where_it_calls_them_assets_of_the_real_world() -> None:
    assert set(parsed(kept("bitget", "book_documented"))) == {"BTCUSDT"}
    assert page("bitget", "book_coin")["data"][0]["isRwa"] == "YES"
    assert "BTCUSD" in book_of(BITGET.venue)


def test_bitget_accounts_are_asked_once_a_second() -> None:
    asked = poll(BITGET, "accounts").requests(book_of(BITGET.venue))
    assert {r.weight * timedelta(seconds=1) / BITGET.budget.per for r in asked} == {BITGET.budget.weight}


def test_bitget_says_why_no_liquidations_are_heard() -> None:
    assert not BITGET.sockets
    assert "silent" in BITGET.unheard


# Gate


def test_gate_sizes_are_read_as_decimal_strings_and_as_numbers() -> None:
    assert GATE.headers == {"X-Gate-Size-Decimal": "1"}
    strings = open_interest(parsed(kept("gate", "tickers")))["BTC_USDT"].amount.value
    numbers = open_interest(parsed(kept("gate", "tickers_numbers")))["BTC_USDT"].amount.value
    assert (strings, numbers) == (Decimal("323239040.5"), Decimal(323239040))


def test_gate_contract_sizes_come_from_the_book_and_an_unknown_one_is_never_one() -> None:
    book = book_of(GATE.venue)
    assert book["BTC_USDT"].contract == ContractSize(Decimal("0.0001"), Unit.BASE)
    assert book["ODD_USDT"].contract is None
    told = answer(GATE, "tickers", [page("gate", "tickers")[0] | {"contract": "ODD_USDT"}])
    odd = open_interest(told)["ODD_USDT"]
    assert measure(odd.amount, odd.instrument.contract, 2.0).coins is None


def test_gate_inverse_contract_of_multiplier_zero_is_one_dollar() -> None:
    assert book_of(GATE.venue)["BTC_USD"].contract == ContractSize(Decimal(1), Unit.QUOTE)


def test_gate_quanto_contracts_settled_in_bitcoin_are_left_out() -> None:
    assert {row["name"] for row in page("gate", "book_btc")} - set(book_of(GATE.venue)) == {"ETH_USD"}


def test_gate_shares_metals_and_what_does_not_trade_are_left_out() -> None:
    left_out = {row["name"] for row in page("gate", "book_usdt")} - set(book_of(GATE.venue))
    assert left_out == {"TSLAX_USDT", "XAU_USDT", "SOON_USDT", "GONE_USDT", "HALT_USDT", "BTC_EUR"}


def test_gate_history_is_in_seconds_and_without_a_factor_of_two() -> None:
    row = page("gate", "contract_stats")[0]
    first = parsed(kept("gate", "contract_stats"))[0]
    assert first.at.timestamp() == row["time"]
    assert first.price is not None
    size = measure(first.amount, first.instrument.contract, float(first.price))
    assert size.usd == pytest.approx(row["open_interest_usd"], rel=1e-9)


def test_gate_history_whose_contracts_do_not_make_up_its_dollars_is_not_believed() -> None:
    history, first = GATE.history, parsed(kept("gate", "contract_stats"))[0]
    assert history is not None
    known, told = first.instrument, encode(page("gate", "contract_stats"))
    larger = replace(known, contract=ContractSize(Decimal("0.001"), Unit.BASE))
    with pytest.raises(SourceChanged, match=r"contracts of 0\.001 at .* are told as .* dollars"):
        history.parse(told, larger, NOW)
    unsized = history.parse(told, replace(known, contract=None), NOW)[0]
    assert unsized.amount.unit is Unit.BASE
    assert float(unsized.amount.value) == pytest.approx(float(first.amount.value) * 0.0001)


def liquidated(**changes: object) -> dict[Position, PastLiquidations]:
    """What the second kept row says, with what a test changes (``None``: left out)."""
    row = {k: v for k, v in (page("gate", "contract_stats")[1] | changes).items() if v is not None}
    assert GATE.history is not None
    assert GATE.history.liquidated is not None
    told = GATE.history.liquidated(encode([row]), book_of(GATE.venue)["BTC_USDT"])
    return {one.position: one for one in told}


@pytest.mark.parametrize("as_text", [True, False])
def test_gate_tells_what_was_liquidated_in_contracts_coins_and_dollars(as_text: bool) -> None:
    figures = {"short_liq_size": 12.5, "short_liq_amount": 0.00125, "short_liq_usd": 101.4}
    told = liquidated(**{name: str(value) if as_text else value for name, value in figures.items()})
    short, long = told[Position.SHORT], told[Position.LONG]
    assert [short.contracts, short.coins, short.usd] == [Decimal("12.5"), pytest.approx(0.00125), 101.4]
    assert [long.contracts, long.coins, long.usd] == [0, 0.0, 0.0]
    assert (short.at, short.step) == (NOW.replace(minute=5, second=0), timedelta(minutes=5))


def test_gate_rows_without_liquidations_are_unknown_and_not_zero() -> None:
    names = ("size", "amount", "usd")
    assert liquidated(**{f"{side}_liq_{name}": None for side in ("long", "short") for name in names}) == {}
    assert list(liquidated(**{f"long_liq_{name}": None for name in names})) == [Position.SHORT]
    assert list(liquidated(**{f"long_liq_{name}": "" for name in names})) == [Position.SHORT]


def test_gate_figures_that_are_missing_are_measured_from_the_contracts() -> None:
    told = liquidated(short_liq_amount=None, short_liq_usd=None)[Position.SHORT]
    assert told.coins == pytest.approx(12 * 0.0001)
    assert told.usd == pytest.approx(12 * 0.0001 * 81150.25)
    alone = liquidated(short_liq_size=None)[Position.SHORT]
    assert [alone.contracts, alone.coins, alone.usd] == [None, 0.0012, 97.4]


def test_gate_newer_dollars_stand_for_the_older_ones() -> None:
    told = liquidated(short_liq_usd=1e9, short_liq_usd_new=97.5)[Position.SHORT]
    assert [told.coins, told.usd] == [pytest.approx(0.0012), 97.5]


@pytest.mark.parametrize(
    "wrong",
    [
        {"short_liq_usd": 974.0},
        {"short_liq_amount": 12},
        {"short_liq_usd": 0},
        {"short_liq_size": "-12", "short_liq_amount": None, "short_liq_usd": None},
    ],
)
def test_gate_figures_that_contradict_each_other_are_not_counted(wrong: dict[str, object]) -> None:
    told = liquidated(**wrong)[Position.SHORT]
    assert [told.coins, told.usd] == [None, None]


def test_gate_contracts_cut_to_whole_ones_contradict_nothing() -> None:
    told = liquidated(short_liq_size=0, short_liq_amount=0.00004, short_liq_usd=3.2)[Position.SHORT]
    assert [told.contracts, told.usd] == [0, 3.2]


def test_gate_pages_of_history_go_forward_in_seconds_and_dated_contracts_have_none() -> None:
    assert GATE.history is not None
    book = book_of(GATE.venue)
    asked = GATE.history.requests(book["BTC_USDT"], NOW - timedelta(days=5), NOW)
    every = range(int(NOW.timestamp()) - 5 * 86_400 + 210, int(NOW.timestamp()), 300)
    pages = [[at for at in every if at >= int(r.params["from"])][: int(r.params["limit"])] for r in asked]
    assert len(pages) == 2
    assert sorted({at for page in pages for at in page}) == list(every)
    assert GATE.history.requests(book["BTC_USD"], NOW - timedelta(days=1), NOW)[0].path.count("/btc/") == 1
    assert GATE.history.requests(book["BTC_USDT_20261225"], NOW - timedelta(days=1), NOW) == ()


def test_gate_socket_sizes_are_orders_and_http_sizes_are_positions() -> None:
    heard = parsed(kept("gate", "liquidations"))
    assert [(one.position, str(one.amount.value)) for one in heard[:2]] == [
        (Position.LONG, "124.5"),  # sold off
        (Position.SHORT, "10.5"),
    ]
    lost = [one for one in parsed(kept("gate", "liq_orders")).observations if isinstance(one, Liquidation)]
    assert [(one.position, str(one.amount.value)) for one in lost] == [
        (Position.SHORT, "165"),
        (Position.LONG, "40.5"),
        (Position.SHORT, "300"),  # a part of a larger position
    ]


def test_gate_liquidations_told_over_http_too_are_never_asked_for() -> None:
    assert [one.name for one in GATE.unasked] == ["liq-orders"]
    assert not any("liq_orders" in r.path for one in GATE.polls for r in one.requests(book_of(GATE.venue)))


def test_gate_inverse_size_is_a_dollar_where_it_is_written_as_zero_and_unknown_where_it_is_not() -> None:
    rows = [
        {"name": "BTC_USD", "type": "inverse", "quanto_multiplier": "0"},
        {"name": "LTC_USD", "type": "inverse"},
    ]
    book = GATE.book.parse(encode(rows))
    assert book["BTC_USD"].contract == ContractSize(Decimal(1), Unit.QUOTE)
    assert book["LTC_USD"].contract is None


def test_gate_sockets_hear_the_contracts_of_their_own_settlement() -> None:
    heard = {
        socket.name: {symbol for symbol, one in book_of(GATE.venue).items() if socket.hears(one)}
        for socket in GATE.sockets
    }
    assert heard["liquidations-btc"] == {"BTC_USD"}
    assert "BTC_USDT" in heard["liquidations-usdt"]
    assert "BTC_USDT_20261225" not in heard["liquidations-usdt"] | heard["liquidations-btc"]
    for socket in GATE.sockets:
        (frame,) = socket.hello(book_of(GATE.venue))
        assert json.loads(frame)["payload"] == ["!all"]
        assert (socket.completeness, socket.price) == (Completeness.COMPLETE, PriceKind.ORDER)


def test_gate_time_of_a_liquidation_may_be_in_seconds_or_milliseconds_but_never_missing() -> None:
    assert parsed(kept("gate", "liquidations_seconds"))[0].at.timestamp() == 1791000061
    assert parsed(kept("gate", "liquidations"))[2].at.timestamp() == 1791000061.456
    with pytest.raises(SourceChanged):
        parsed(kept("gate", "liquidation_no_time"))


def test_gate_liquidation_that_cannot_be_read_is_lost_alone() -> None:
    frame = page("gate", "liquidations")
    frame["result"][0]["price"] = ""
    heard = GATE.sockets[0].parse(encode(frame), book_of(GATE.venue), NOW)
    assert heard == parsed(kept("gate", "liquidations"))[1:]
