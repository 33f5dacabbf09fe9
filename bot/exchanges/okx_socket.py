"""What OKX says over its socket: positions that were lost by force, and its own answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import field

from bot.domain.market import Completeness, Instrument, Liquidation, Position, PriceKind
from bot.domain.units import Amount, Unit
from bot.errors import SourceChanged, SourceError
from bot.exchanges.reading import code_refusal, decode, evidence, read_all, stray
from bot.exchanges.spec import SECOND, Book, Figure, Socket, from_ms, required

TYPES = ("SWAP", "FUTURES")
EVENTS = ("subscribe", "unsubscribe", "login", "notice", "channel-conn-count", "channel-conn-count-error")
FINE = "0"
THROTTLED = {"50011": 2 * SECOND, "50061": 2 * SECOND}
BUSY = frozenset({"50001", "50004", "50013", "50026"})
BLOCKED = frozenset({"51155"})  # local compliance restrictions


class _Detail(msgspec.Struct):
    contracts: Figure = field(name="sz")
    price: Figure = field(name="bkPx")
    at: int | str = field(name="ts")
    position: Literal["long", "short", "net", ""] = field(name="posSide", default="")
    side: Literal["buy", "sell", ""] = ""


class _Lost(msgspec.Struct):
    symbol: str = field(name="instId")
    details: list[_Detail]


class _Frame(msgspec.Struct):
    event: str = ""
    code: int | str = ""
    message: str = field(name="msg", default="")
    data: list[_Lost] | None = None


_FRAMES = msgspec.json.Decoder(_Frame)


def refused(code: int | str, message: str, body: bytes) -> SourceError:
    """What its code means, over HTTP too."""
    return code_refusal(code, message, body, throttled=THROTTLED, busy=BUSY, blocked=BLOCKED)


def _hello(book: Book) -> Sequence[str]:
    args = [{"channel": "liquidation-orders", "instType": kind} for kind in TYPES]
    return [json.dumps({"op": "subscribe", "args": args})]


def parse_liquidations(body: bytes, book: Book, now: datetime) -> Sequence[Liquidation]:
    """``{"data": [{"instId", "details": [{"posSide": "short", "side": "buy", "sz", "bkPx", "ts"}]}]}``:
    ``posSide`` is the position lost. On ``net`` accounts, and where it is not told, ``side`` says it: that is
    the order, and a sell closed a long."""
    if body == b"pong":
        return ()
    frame = decode(_FRAMES, body)
    if frame.event == "error":
        raise SourceChanged(f"subscription refused: {frame.message}", evidence=evidence(body))
    if not frame.event and str(frame.code) not in ("", FINE):
        raise refused(frame.code, frame.message, body)
    if frame.data is None and frame.event not in EVENTS:
        raise stray(body)
    known = [
        (instrument, detail)
        for row in frame.data or ()
        if (instrument := book.get(row.symbol)) is not None
        for detail in row.details
    ]

    def read(one: tuple[Instrument, _Detail]) -> Liquidation:
        instrument, detail = one
        amount = Amount(required(detail.contracts, "sz"), Unit.CONTRACTS)
        price = required(detail.price, "bkPx")
        return Liquidation(instrument, _lost(detail), amount, price, from_ms(detail.at), now)

    return read_all(known, read)


def _lost(detail: _Detail) -> Position:
    if detail.position in ("long", "short"):
        return Position(detail.position)
    if not detail.side:
        raise SourceChanged("a liquidation that tells neither its position nor its side")
    return Position.LONG if detail.side == "sell" else Position.SHORT


SOCKET = Socket(
    "liquidations",
    "wss://ws.okx.com:8443/ws/v5/public",
    _hello,
    parse_liquidations,
    Completeness.THROTTLED,
    price=PriceKind.BANKRUPTCY,
    ping="ping",
)
