"""What venues that speak as Binance does say over their sockets: orders that closed a position by force."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import field

from bot.domain.market import Completeness, Instrument, Liquidation, Position
from bot.domain.units import Amount, Unit
from bot.exchanges.binance_terms import told
from bot.exchanges.reading import decode, read_all, rows_of, stray
from bot.exchanges.spec import Book, Figure, Socket, from_ms, required


class _Forced(msgspec.Struct):
    symbol: str = field(name="s")
    side: Literal["BUY", "SELL"] = field(name="S")
    filled: Figure = field(name="z")
    price: Figure = field(name="ap")
    at: int = field(name="T")


class _Event(msgspec.Struct):
    kind: str = field(name="e", default="")
    order: _Forced | None = field(name="o", default=None)


class _Frame(_Event):
    data: list[_Event] | _Event | None = None
    """The event, on the combined stream; on the raw one the frame is the event."""
    result: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    """Of an answer to us."""


_FRAMES = msgspec.json.Decoder(list[_Frame] | _Frame)


def parse_forced(body: bytes, book: Book, now: datetime) -> Sequence[Liquidation]:
    """``{"e": "forceOrder", "o": {"s", "S": "SELL", "z", "ap", "T"}}``, bare or under ``data``.

    ``S`` is the side of the order, so a SELL closed a long. ``z`` is all that was filled (contracts on
    COIN-M), where ``l`` is only the last fill; ``ap`` is the average price. A frame holds one of them,
    or, since the streams of both kinds of contract were merged, a list.
    """
    orders: list[tuple[Instrument, _Forced]] = []
    for frame in rows_of(decode(_FRAMES, body)):
        events = frame if frame.data is None else frame.data
        for event in events if isinstance(events, list) else (events,):
            if not event.kind and frame.result is msgspec.UNSET:
                raise told(body) or stray(body)
            order = event.order if event.kind == "forceOrder" else None
            if order is not None and (instrument := book.get(order.symbol)) is not None:
                orders.append((instrument, order))
    if len(orders) == 1:  # as in nearly every frame
        return (_liquidation(*orders[0], now),)
    return read_all(orders, lambda one: _liquidation(*one, now))


def _liquidation(instrument: Instrument, order: _Forced, now: datetime) -> Liquidation:
    lost = Position.LONG if order.side == "SELL" else Position.SHORT
    amount = Amount(required(order.filled, "z"), Unit.CONTRACTS if instrument.inverse else Unit.BASE)
    return Liquidation(instrument, lost, amount, required(order.price, "ap"), from_ms(order.at), now)


def forced(url: str) -> Socket:
    """All contracts in one stream, which is subscribed to by its address alone."""
    return Socket(
        "liquidations",
        url,
        lambda _: (),
        parse_forced,
        Completeness.THROTTLED,
        also=("forceOrder", "forceOrders", "!forceOrder@arr"),
    )
