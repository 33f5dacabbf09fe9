"""A socket that is told somebody else's messages says so; its venue's own words are no fault."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bot.domain.assets import Asset
from bot.domain.market import Instrument, Liquidation, Position, Venue
from bot.errors import SourceChanged
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Socket
from bot.simulator.forced import Forced
from bot.simulator.venues import WIRE_FORMATS

HEARD = [v for v, form in WIRE_FORMATS.items() if form.streams and not EXCHANGES[Venue(v)].closed]
AS_BINANCE = {"aster", "binance_coinm", "binance_usdm"}
"""They speak alike: only the names of their contracts tell them apart."""
NOW = datetime(2025, 10, 10, 21, tzinfo=UTC)
SOCKETS = {(v, one.name): one for v in HEARD for one in EXCHANGES[Venue(v)].sockets}


class Every(set[str]):
    def __contains__(self, _: object) -> bool:
        return True


def frames(venue: str) -> list[str]:
    """What a venue's sockets tell of one liquidation in each of its contracts of BTC."""
    form = WIRE_FORMATS[venue]
    assert form.lists is not None
    lost = [Forced(c, Position.LONG, 1.0, 113_000.0, NOW, 1) for c in form.lists("BTC")]
    return [frame for stream in form.streams.values() for frame in stream.tell(lost, Every())]


def others(venue: str) -> list[str]:
    return [one for one in HEARD if one != venue and not {one, venue} <= AS_BINANCE]


@pytest.mark.parametrize(("venue", "name"), SOCKETS, ids="-".join)
def test_what_another_venue_tells_is_never_taken_for_silence(venue: str, name: str) -> None:
    for other in others(venue):
        for frame in frames(other):
            with pytest.raises(SourceChanged):
                SOCKETS[venue, name].parse(frame.encode(), {}, NOW)


OWN: dict[str, list[object]] = {
    "binance_usdm": [{"result": None, "id": 1}, {"e": "contractInfo", "E": 1}],
    "binance_coinm": [{"result": ["!forceOrder@arr"], "id": "a"}],
    "aster": [{"result": None, "id": 3}],
    "bybit": [
        {"success": True, "ret_msg": "", "conn_id": "1", "req_id": "", "op": "subscribe"},
        {"success": True, "ret_msg": "pong", "conn_id": "1", "op": "ping"},
        {"op": "pong", "args": ["1700000000000"], "conn_id": "1"},
        {"topic": "tickers.BTCUSDT", "type": "delta", "data": [], "ts": 1},
    ],
    "okx": [
        {"event": "subscribe", "arg": {"channel": "liquidation-orders"}, "connId": "1"},
        {"event": "notice", "code": "64008", "msg": "The connection will soon be closed.", "connId": "1"},
        {"event": "channel-conn-count", "channel": "liquidation-orders", "connCount": "1", "connId": "1"},
    ],
    "deribit": [
        {"jsonrpc": "2.0", "id": 1, "result": ["trades.BTC-PERPETUAL.100ms"], "usIn": 1, "testnet": False},
        {"jsonrpc": "2.0", "id": 0, "result": {"version": "1.2.26"}},
        {"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": "test_request"}},
    ],
    "gate": [
        {"time": 1, "channel": "futures.pong", "event": "", "result": None},
        {"time": 1, "channel": "futures.public_liquidates", "event": "subscribe", "result": {"status": "ok"}},
    ],
    "htx": [
        {"op": "sub", "cid": "1", "topic": "public.*.liquidation_orders", "ts": 1, "err-code": 0},
        {"op": "ping", "ts": "1"},
        {"op": "close", "ts": 1},
    ],
    "dydx": [
        {"type": "connected", "connection_id": "a", "message_id": 0},
        {"type": "unsubscribed", "connection_id": "a", "message_id": 3, "channel": "v4_trades", "id": "BTC"},
    ],
    "kraken_futures": [
        {"event": "info", "version": 1},
        {"event": "subscribed", "feed": "trade", "product_ids": ["PF_XBTUSD"]},
        {"feed": "heartbeat", "time": 1},
        {"feed": "trade_snapshot", "product_id": "PF_XBTUSD", "trades": []},
    ],
    "lighter": [
        {"session_id": "a", "type": "connected"},
        {"type": "pong"},
        {"type": "unsubscribed", "channel": "trade:1"},
        {"type": "update/height", "channel": "height", "height": 1},
    ],
    "bitfinex": [
        {"event": "info", "version": 2, "serverId": "a", "platform": {"status": 1}},
        {"event": "subscribed", "channel": "status", "chanId": 7, "key": "liq:global"},
        {"event": "pong", "ts": 1, "cid": 1},
        [7, "hb"],
        [7, []],
    ],
}


@pytest.mark.parametrize(("venue", "name"), SOCKETS, ids="-".join)
def test_the_venues_own_words_are_no_fault(venue: str, name: str) -> None:
    socket: Socket = SOCKETS[venue, name]
    for said in OWN[venue]:
        assert list(socket.parse(json.dumps(said).encode(), {}, NOW)) == []


BYBIT = EXCHANGES[Venue("bybit")]
BTC_USDT = {"BTCUSDT": Instrument(BYBIT.venue, "BTCUSDT", Asset("BTC"))}


def test_bybit_liquidations_of_the_older_topic_name_the_position_too() -> None:
    lost = {
        "updatedTime": 1673251091822,
        "symbol": "BTCUSDT",
        "side": "Buy",
        "size": "0.003",
        "price": "17000",
    }
    frame = {"topic": "liquidation.BTCUSDT", "type": "snapshot", "ts": 1673251091823, "data": lost}
    (told,) = BYBIT.sockets[0].parse(json.dumps(frame).encode(), BTC_USDT, NOW)
    assert isinstance(told, Liquidation)
    assert (told.position, str(told.amount.value), str(told.price)) == (Position.LONG, "0.003", "17000")


def test_bybit_tickers_say_the_same_over_a_socket() -> None:
    row = {
        "symbol": "BTCUSDT",
        "markPrice": "17217.33",
        "openInterest": "68744.761",
        "fundingRate": "-0.0002",
    }
    frame = {"topic": "tickers.BTCUSDT", "type": "snapshot", "data": row, "cs": 1, "ts": 1673272861686}
    answer = {"retCode": 0, "result": {"list": [row]}, "time": 1673272861686}
    told = [BYBIT.polls[0].parse(json.dumps(one).encode(), BTC_USDT, NOW) for one in (frame, answer)]
    assert told[0] == told[1]
    assert told[0].observations
