"""What is asked, and how much of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.assets import Asset
from bot.domain.market import AccountRatio, Instrument, Venue
from bot.exchanges import EXCHANGES, bybit, deribit
from bot.exchanges.reading import pages, to_ms
from bot.exchanges.spec import Exchange, Request
from bot.feeds.book import SOURCE as BOOK
from bot.feeds.tape import Player, piece_of
from tests.exchanges.payloads import PAYLOADS, book_of

SINCE = datetime(2026, 10, 1, tzinfo=UTC)
SPANS = {
    "startTime": ("endTime", 1),
    "begin": ("end", 1),
    "startAt": ("endAt", 1),
    "start": ("end", 1),
    "since": ("to", 1000),
    "from": ("to", 1000),
}
"""How venues name the first and last moment of a page, and how many milliseconds its unit has."""
MOST = ("limit", "pageSize")
AT_ONCE = ("bybit", "okx", "deribit", "hyperliquid", "coinbase_cde", "bitget", "gate", "kraken_futures")
NEWEST_ONLY = ("htx",)  # takes neither end: its newest readings come in one page
WITH_HISTORY = [one for one in EXCHANGES.values() if one.history and one.venue not in NEWEST_ONLY]


@pytest.mark.parametrize("venue", ["binance_usdm", "binance_coinm"])
def test_binance_is_asked_once_per_symbol_of_the_book(venue: str) -> None:
    book = book_of(Venue(venue))
    poll = next(p for p in EXCHANGES[Venue(venue)].polls if p.name == "open-interest")
    asked = [request.params for request in poll.requests(book)]
    assert asked == [{"symbol": symbol} for symbol in book]
    assert poll.requests({}) == []


@pytest.mark.parametrize("venue", AT_ONCE)
def test_other_venues_are_asked_for_all_symbols_at_once(venue: str) -> None:
    for poll in (poll for poll in EXCHANGES[Venue(venue)].polls if not poll.rotates):
        assert poll.requests({}) == poll.requests(book_of(Venue(venue)))


def test_accounts_are_asked_per_perpetual() -> None:
    named = {"binance_usdm": "symbol", "bybit": "symbol", "okx": "instId", "bitget": "symbol"}
    for venue, name in named.items():
        poll = next(p for p in EXCHANGES[Venue(venue)].polls if p.name == "accounts")
        book = book_of(Venue(venue))
        asked = [request.params[name] for request in poll.requests(book)]
        assert set(asked) <= {one.symbol for one in book.values() if one.expiry is None}
        assert "BTC" in "".join(asked)
        assert poll.rotates


def test_hyperliquid_is_asked_by_post() -> None:
    exchange = EXCHANGES[Venue("hyperliquid")]
    assert exchange.polls[0].requests({}) == [
        Request("/info", body=b'{"type":"metaAndAssetCtxs"}', weight=20)
    ]


@pytest.mark.parametrize("exchange", WITH_HISTORY, ids=lambda e: e.venue)
def test_pages_of_the_past_cover_everything_once(exchange: Exchange) -> None:
    history = exchange.history
    assert history is not None
    instrument = next(one for one in book_of(exchange.venue).values() if one.expiry is None)
    asked = history.requests(instrument, SINCE, SINCE + timedelta(days=2))
    limit = next((int(asked[0].params[name]) for name in MOST if name in asked[0].params), len(asked) * 288)
    first = next(name for name in SPANS if name in asked[0].params)
    last, unit_ms = SPANS[first]
    exclusive = first == "begin"
    points = [to_ms(SINCE + n * history.step) for n in range(2 * 288 + 1)]
    seen: list[int] = []
    for request in asked:
        low = int(request.params[first]) * unit_ms
        forward = low + (limit - 1) * (to_ms(SINCE + history.step) - to_ms(SINCE))
        high = int(request.params[last]) * unit_ms if last in request.params else forward
        low, high = low + exclusive, high - exclusive
        page = [point for point in points if low <= point <= high]
        assert len(page) <= limit
        seen += page
    assert seen == points


def test_no_page_is_asked_for_when_nothing_is_missing() -> None:
    assert list(pages(SINCE, SINCE - timedelta(minutes=1), timedelta(minutes=5), 500)) == []


def test_the_past_of_a_pair_is_asked_by_pair_and_dated_contracts_have_none() -> None:
    history = EXCHANGES[Venue("binance_coinm")].history
    assert history is not None
    book = book_of(Venue("binance_coinm"))
    (asked,) = history.requests(book["BTCUSD_PERP"], SINCE, SINCE + timedelta(hours=1))
    assert asked.params["pair"] == "BTCUSD"
    assert asked.params["contractType"] == "PERPETUAL"
    assert history.requests(book["BTCUSD_261225"], SINCE, SINCE + timedelta(hours=1)) == ()


def test_bybit_topics_are_split_by_category_and_into_frames_it_accepts() -> None:
    sockets = {socket.name: socket for socket in bybit.EXCHANGE.sockets}
    linear = {f"COIN{n}USDT": _instrument(f"COIN{n}USDT") for n in range(450)}
    inverse = {"BTCUSD": Instrument(Venue("bybit"), "BTCUSD", Asset("BTC"), inverse=True)}
    frames = sockets["liquidations-linear"].hello({**linear, **inverse})
    args = [json.loads(frame)["args"] for frame in frames]
    assert [len(part) for part in args] == [200, 200, 50]
    assert all(len(frame) < 21_000 for frame in frames)
    assert "allLiquidation.BTCUSD" not in [topic for part in args for topic in part]
    (frame,) = sockets["liquidations-inverse"].hello({**linear, **inverse})
    assert json.loads(frame) == {"op": "subscribe", "args": ["allLiquidation.BTCUSD"]}


def test_okx_is_asked_for_swaps_and_futures_in_one_subscription() -> None:
    (frame,) = EXCHANGES[Venue("okx")].sockets[0].hello({})
    assert [arg["instType"] for arg in json.loads(frame)["args"]] == ["SWAP", "FUTURES"]


def test_deribit_trades_are_subscribed_per_instrument() -> None:
    book = {f"C{n}_USDC-PERPETUAL": _instrument(f"C{n}_USDC-PERPETUAL") for n in range(201)}
    frames = [json.loads(frame) for frame in deribit.EXCHANGE.sockets[0].hello(book)]
    assert [len(frame["params"]["channels"]) for frame in frames] == [200, 1]
    assert frames[1]["params"]["channels"] == ["trades.C200_USDC-PERPETUAL.100ms"]


def test_a_line_of_bybit_never_names_more_than_it_accepts() -> None:
    for socket in bybit.EXCHANGE.sockets:
        inverse = socket.name == "liquidations-inverse"
        longest = [f"{n:0>25}" for n in range(socket.per_line)]
        book = {name: Instrument(Venue("bybit"), name, Asset("COIN"), inverse=inverse) for name in longest}
        args = [topic for frame in socket.hello(book) for topic in json.loads(frame)["args"]]
        assert len(args) == socket.per_line
        assert len(json.dumps(args, separators=(",", ":"))) <= 21_000


def test_trades_of_deribit_are_numbered_by_instrument() -> None:
    numbered = deribit.EXCHANGE.sockets[0].numbered
    assert numbered is not None
    rows = [{"instrument_name": "BTC-PERPETUAL", "trade_seq": n} for n in (7, 8)]
    frame = {"method": "subscription", "params": {"channel": "trades.BTC-PERPETUAL.100ms", "data": rows}}
    assert list(numbered(json.dumps(frame).encode())) == [("BTC-PERPETUAL", 7), ("BTC-PERPETUAL", 8)]
    assert list(numbered(b'{"id": 1, "result": ["trades.BTC-PERPETUAL.100ms"]}')) == []


def _instrument(symbol: str) -> Instrument:
    return Instrument(Venue("bybit"), symbol, Asset("COIN"))


def test_a_recorded_answer_that_names_no_contract_is_read_with_the_one_that_was_asked_for() -> None:
    okx = EXCHANGES[Venue("okx")]
    book = next(p for p in PAYLOADS if (p.venue, p.name) == ("okx", "book_swap"))
    poll = next(p for p in okx.polls if p.name == "accounts")
    swaps = book.exchange.book.parse(book.body)
    first, second = poll.requests(swaps)[:2]
    player = Player(EXCHANGES)
    player.play(piece_of(okx, BOOK, okx.book.requests()[0], SINCE, book.body))
    for request in (second, first):
        body = b'{"code":"0","data":[["1791000000000","1.25"]],"msg":""}'
        (told,) = player.play(piece_of(okx, "accounts", request, SINCE, body))
        assert isinstance(told, AccountRatio)
        assert told.instrument.symbol == request.params["instId"]
