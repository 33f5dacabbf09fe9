"""What Gate says over its socket: orders that closed a position by force, and its own answers.

The sign of a size is the closing order's: over HTTP (``gate``) it is that of the position that was lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from msgspec import field

from bot.domain.market import Completeness, Instrument, Liquidation, Position, PriceKind
from bot.domain.units import Amount, Unit
from bot.errors import SourceChanged
from bot.exchanges.reading import decode, evidence, read_all, rows_of, stray
from bot.exchanges.spec import Book, Figure, Socket, from_ms, required

HELLO_TIME = 123456  # any time is taken; the documentation shows this one


class _Forced(msgspec.Struct):
    symbol: str = field(name="contract")
    size: Figure
    price: Figure
    time_ms: Figure | None = None
    time: Figure | None = None


class _Error(msgspec.Struct):
    message: str = ""


class _Frame(msgspec.Struct):
    channel: str
    event: str = ""
    error: _Error | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")


_FRAMES = msgspec.json.Decoder(_Frame)
_FORCED = msgspec.json.Decoder(list[_Forced] | _Forced)


def parse_liquidations(body: bytes, book: Book, now: datetime) -> Sequence[Liquidation]:
    """``{"channel": "futures.public_liquidates", "event": "update", "result": [{"contract", "size": "-124",
    "price", "time_ms"}]}``: orders, so that a negative size sold off a long."""
    frame = decode(_FRAMES, body)
    if frame.error is not None:
        raise SourceChanged(f"subscription refused: {frame.error.message}", evidence=evidence(body))
    if not frame.channel.startswith("futures."):
        raise stray(body)
    if frame.channel != "futures.public_liquidates" or frame.event != "update":
        return ()

    def read(row: _Forced) -> Liquidation | None:
        instrument = book.get(row.symbol)
        if instrument is None:
            return None
        size, price = required(row.size, "size"), required(row.price, "price")
        lost = Position.LONG if size < 0 else Position.SHORT
        at = moment(row.time_ms or row.time)
        return Liquidation(instrument, lost, Amount(abs(size), Unit.CONTRACTS), price, at, now)

    return read_all(rows_of(decode(_FORCED, bytes(frame.result))), read)


def moment(stamp: Figure | None) -> datetime:
    """Seconds in the older documentation, milliseconds in the newer. Raises ``SourceChanged``."""
    told = stamp if isinstance(stamp, int) else required(stamp, "time")
    return from_ms(int(told if told >= 10**11 else told * 1000))


def _hello(_: Book) -> Sequence[str]:
    asked = {"channel": "futures.public_liquidates", "event": "subscribe", "payload": ["!all"]}
    return [json.dumps({"time": HELLO_TIME, **asked})]


def socket(settled: str, hears: Callable[[Instrument], bool]) -> Socket:
    return Socket(
        f"liquidations-{settled}",
        f"wss://fx-ws.gateio.ws/v4/ws/{settled}",
        _hello,
        parse_liquidations,
        Completeness.COMPLETE,
        hears,
        PriceKind.ORDER,
        ping=json.dumps({"time": HELLO_TIME, "channel": "futures.ping"}),
    )
