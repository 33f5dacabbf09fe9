"""What Bybit says over its sockets: positions that were lost by force, and its own answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import field

from bot.domain.market import Completeness, Instrument, Liquidation, Position, PriceKind
from bot.domain.units import Amount, Unit
from bot.errors import SourceChanged
from bot.exchanges.reading import decode, evidence, read_all, rows_of, stray
from bot.exchanges.spec import Book, Figure, Socket, from_ms, required

TOPICS_PER_FRAME = 200  # were seen to work
TOPICS_PER_LINE = 480  # 21,000 characters are allowed on one line; none was seen with more than 40
OPS = ("", "subscribe", "unsubscribe", "ping", "pong", "auth")


class _Lost(msgspec.Struct):
    symbol: str = field(name="s")
    position: Literal["Buy", "Sell"] = field(name="S")
    size: Figure = field(name="v")
    price: Figure = field(name="p")
    at: int | str = field(name="T")


class _LostBefore(msgspec.Struct):
    """Of the topic ``liquidation.X``, which told at most one a second until 2025."""

    symbol: str
    position: Literal["Buy", "Sell"] = field(name="side")
    size: Figure
    price: Figure
    at: int | str = field(name="updatedTime")


class _Frame(msgspec.Struct):
    topic: str = ""
    op: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")
    success: bool | None = None
    message: str = field(name="ret_msg", default="")


_FRAMES = msgspec.json.Decoder(_Frame)
_LOST = msgspec.json.Decoder(list[_Lost] | _Lost)
_LOST_BEFORE = msgspec.json.Decoder(list[_LostBefore] | _LostBefore)


def category(instrument: Instrument) -> str:
    return "inverse" if instrument.inverse else "linear"


def counted(instrument: Instrument) -> Unit:
    return Unit.QUOTE if instrument.inverse else Unit.BASE


def _hello(kind: str) -> Callable[[Book], Sequence[str]]:
    """There is no topic for all symbols: each is named, in frames of a size that is accepted."""

    def frames(book: Book) -> Sequence[str]:
        topics = [f"allLiquidation.{one.symbol}" for one in book.values() if category(one) == kind]
        parts = [topics[n : n + TOPICS_PER_FRAME] for n in range(0, len(topics), TOPICS_PER_FRAME)]
        return [json.dumps({"op": "subscribe", "args": part}) for part in parts]

    return frames


def parse_liquidations(body: bytes, book: Book, now: datetime) -> Sequence[Liquidation]:
    """``{"topic": "allLiquidation.X", "data": [{"T", "s", "S": "Buy", "v", "p"}]}``: ``S`` is the position
    that was lost (``Buy``: a long), not the order, unlike on most venues."""
    frame = decode(_FRAMES, body)
    if frame.success is False:
        raise SourceChanged(f"subscription refused: {frame.message}", evidence=evidence(body))
    if frame.op not in OPS or not (frame.topic or frame.op or frame.success):
        raise stray(body)
    if frame.topic.startswith("allLiquidation."):
        rows: Sequence[_Lost | _LostBefore] = rows_of(decode(_LOST, bytes(frame.data)))
    elif frame.topic.startswith("liquidation."):
        rows = rows_of(decode(_LOST_BEFORE, bytes(frame.data)))
    else:
        return ()

    def read(row: _Lost | _LostBefore) -> Liquidation | None:
        instrument = book.get(row.symbol)
        if instrument is None:
            return None
        lost = Position.LONG if row.position == "Buy" else Position.SHORT
        amount, price = Amount(required(row.size, "v"), counted(instrument)), required(row.price, "p")
        return Liquidation(instrument, lost, amount, price, from_ms(row.at), now)

    return read_all(rows, read)


def socket(kind: str) -> Socket:
    """Of one category of contracts: linear or inverse."""
    return Socket(
        f"liquidations-{kind}",
        f"wss://stream.bybit.com/v5/public/{kind}",
        _hello(kind),
        parse_liquidations,
        Completeness.COMPLETE,
        hears=lambda contract: category(contract) == kind,
        price=PriceKind.BANKRUPTCY,
        ping='{"op":"ping"}',
        per_line=TOPICS_PER_LINE,
    )
