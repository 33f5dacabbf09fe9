"""What venues remember, packed: a row holds some hundred figures of a contract, in a few kilobytes."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from bot.domain.market import Instrument, OpenInterest, PastLiquidations
from bot.domain.units import Amount, Unit
from storage.rules import micros, moment

_SUMS = msgspec.msgpack.Decoder(list[PastLiquidations])


class _Piece(msgspec.Struct, array_like=True):
    """One contract's figures; times and ``lags`` (received after that) in microseconds."""

    contract: Instrument
    units: list[Unit]
    at: list[int]
    lags: list[int]
    amounts: list[Decimal]
    prices: list[Decimal | None]


def pack(contract: Instrument, told: Sequence[OpenInterest]) -> bytes:
    piece = _Piece(
        contract,
        [one.amount.unit for one in told],
        [micros(one.at) for one in told],
        [micros(one.received) - micros(one.at) for one in told],
        [one.amount.value for one in told],
        [one.price for one in told],
    )
    return zlib.compress(msgspec.msgpack.encode(piece))


def unpack(body: bytes) -> list[OpenInterest]:
    piece = msgspec.msgpack.decode(zlib.decompress(body), type=_Piece)
    rows = zip(piece.amounts, piece.units, piece.at, piece.lags, piece.prices, strict=True)
    return [
        OpenInterest(piece.contract, Amount(value, unit), moment(at), moment(at + lag), price)
        for value, unit, at, lag, price in rows
    ]


def pack_sums(told: Sequence[PastLiquidations]) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(told))


def unpack_sums(body: bytes) -> list[PastLiquidations]:
    return _SUMS.decode(zlib.decompress(body))
