"""What HTX says over its sockets: orders that closed a position by force, and its own pings.

The answers over HTTP that tell such orders afterwards are read by the same eyes: the older one has the rows
of the sockets, the newer one names of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import field

from bot.domain.market import Completeness, Instrument, Liquidation, Position, PriceKind
from bot.domain.units import Amount, Unit
from bot.errors import SourceChanged
from bot.exchanges.reading import decode, evidence, peek, read_all, stray
from bot.exchanges.spec import Book, Figure, Socket, from_ms, optional, required


class _Forced(msgspec.Struct):
    symbol: str = field(name="contract_code")
    contracts: Figure = field(name="volume")
    direction: Literal["buy", "sell"] | None = None
    price: Figure | None = None
    at: int | str | None = field(name="created_at", default=None)
    coins: Figure | None = field(name="amount", default=None)
    turnover: Figure | None = field(name="trade_turnover", default=None)
    side: Literal["buy", "sell"] | None = None
    """As the newer answer over HTTP calls it; its price and time are the next two."""
    bankrupt_price: Figure | None = None
    liquidation_time: int | str | None = None


class _Frame(msgspec.Struct):
    op: str = ""
    error: int = field(name="err-code", default=0)
    message: str | None = field(name="err-msg", default=None)
    data: list[_Forced] | None = None
    ts: msgspec.Raw = msgspec.Raw()


_FRAMES = msgspec.json.Decoder(_Frame)


def amount_of(instrument: Instrument, contracts: Figure | None, coins: Figure | Decimal | None) -> Amount:
    """A row mostly tells both: contracts are taken where their size is known, else its coins.

    Linear contracts that do not make up the coins are not of the size that the book told.
    """
    told, size = optional(coins, "amount"), instrument.contract
    if size is None and told is not None:
        return Amount(told, Unit.BASE)
    count = required(contracts, "volume")
    if size is None or told is None or size.unit is not Unit.BASE or _same(count * size.value, told):
        return Amount(count, Unit.CONTRACTS)
    raise SourceChanged(f"{count} contracts of {size.value} are told as {told} coins")


def _same(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= other / 50


def parse_liquidations(body: bytes, book: Book, now: datetime) -> Sequence[Liquidation]:
    """``{"op": "notify", "data": [{"contract_code", "direction": "buy", "volume": 500, "amount": 5, …}]}``:
    ``direction`` is the order's: who is bought back was short.
    """
    frame = decode(_FRAMES, body)
    if frame.error:
        raise SourceChanged(f"subscription refused: {frame.message}", evidence=evidence(body))
    if not frame.op and frame.data is None:
        raise stray(body)
    if not frame.data:
        return ()
    return read_all(frame.data, lambda row: _liquidation(row, book.get(row.symbol), now))


def _liquidation(row: _Forced, instrument: Instrument | None, now: datetime) -> Liquidation | None:
    if instrument is None:
        return None
    side = row.direction or row.side
    if side is None:
        raise SourceChanged(f"{row.symbol}: whose order it was is not told")
    price = required(row.bankrupt_price if row.price is None else row.price, "price")
    return Liquidation(
        instrument,
        Position.SHORT if side == "buy" else Position.LONG,
        amount_of(instrument, row.contracts, _coins(row, instrument, price)),
        price,
        from_ms(row.liquidation_time if row.at is None else row.at),
        now,
    )


def _coins(row: _Forced, instrument: Instrument, price: Decimal) -> Figure | Decimal | None:
    """The newer ``amount`` repeats the contracts: then a linear row's dollars tell its coins."""
    if row.coins != row.contracts or instrument.inverse:
        return row.coins
    worth = optional(row.turnover, "trade_turnover")
    return worth / price if worth and price else row.coins


def pong(frame: bytes) -> str | None:
    """``{"op": "ping", "ts": "1789676355591"}``: the ``ts`` goes back as it was written, quotes and all."""
    if (said := peek(_FRAMES, frame)) is None or said.op != "ping":
        return None
    return f'{{"op":"pong","ts":{bytes(said.ts).decode("utf-8", "replace")}}}'


def _hello(_: Book) -> Sequence[str]:
    return [json.dumps({"op": "sub", "cid": "1", "topic": "public.*.liquidation_orders"})]


def socket(name: str, path: str, hears: Callable[[Instrument], bool]) -> Socket:
    return Socket(
        f"liquidations-{name}",
        f"wss://api.hbdm.com/{path}",
        _hello,
        parse_liquidations,
        Completeness.COMPLETE,
        hears,
        PriceKind.BANKRUPTCY,
        reply=pong,
        gzipped=True,
    )
