"""How observations travel: one message is one parcel, in MessagePack.

A message carries the version of its form. Fields nobody knows are passed over, and so are kinds of
observations that a newer release added: old and new processes work side by side for one release.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

import msgspec

from bot.domain.market import Observation
from bot.ports_fleet import Parcel

log = logging.getLogger(__name__)

VERSION = 1


class _Message(msgspec.Struct):
    version: int
    sender: str
    until: datetime
    said: Sequence[Observation]
    leaves: bool = False


class _Newer(msgspec.Struct):
    version: int
    sender: str
    until: datetime
    said: list[msgspec.Raw]
    leaves: bool = False


class Unreadable(Exception):
    """A message that nobody can use."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Message)
_newer = msgspec.msgpack.Decoder(_Newer)
_one = msgspec.msgpack.Decoder(Observation)


def pack(parcel: Parcel, until: datetime) -> bytes:
    return _encoder.encode(_Message(VERSION, parcel.sender, until, parcel.said, parcel.leaves))


def unpack(raw: bytes) -> Parcel:
    """Raises ``Unreadable``."""
    try:
        return _parcel(_decoder.decode(raw))
    except msgspec.DecodeError as fault:
        try:
            message = _newer.decode(raw)
        except msgspec.DecodeError:
            raise Unreadable(str(fault)) from fault
        if message.version <= VERSION:
            raise Unreadable(str(fault)) from fault
    said = [known for one in message.said if (known := _known(one)) is not None]
    return _parcel(_Message(message.version, message.sender, message.until, said, message.leaves))


def _parcel(message: _Message) -> Parcel:
    return Parcel(message.said, message.sender, message.until, message.leaves)


def _known(raw: msgspec.Raw) -> Observation | None:
    try:
        known: Observation = _one.decode(raw)
    except msgspec.DecodeError:
        return None
    return known
