"""What a judge knows, as it is kept over a restart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Venue
from bot.pipeline.court import AssetState, Court
from bot.pipeline.gate import GateState


class Pace(msgspec.Struct, frozen=True):
    """How time is cut: ``step`` between judgements, ``fresh`` how old a reading may be to count."""

    step: timedelta
    fresh: timedelta
    coverage_floor: float = 0.6


class JudgeState(msgspec.Struct):
    """Everything a judge knows, as of the step ``at``."""

    at: datetime | None
    pace: Pace
    waves_opened: int
    gate: GateState
    assets: list[AssetState]
    feeds: dict[Venue, tuple[float, float]]
    """Since when, and when last, each venue told liquidations."""


def case_name(wave_id: str) -> str:
    """Under which the journal keeps what a judge knew of a wave's coin before it began."""
    return f"case-{wave_id}"


class _Packed(msgspec.Struct):
    """``JudgeState`` with its assets left as they are packed: there are hundreds, and one is looked for."""

    at: datetime | None
    pace: Pace
    waves_opened: int
    feeds: dict[Venue, tuple[float, float]]
    assets: list[msgspec.Raw]


class _Named(msgspec.Struct):
    asset: Asset


def cut_to(asset: Asset, packed: bytes) -> bytes | None:
    """A kept memory with one asset's share alone; ``None`` where it has none. Raises ``DecodeError``."""
    whole = msgspec.msgpack.decode(packed, type=_Packed)
    for raw in whole.assets:
        if msgspec.msgpack.decode(raw, type=_Named).asset == asset:
            rest = JudgeState(whole.at, whole.pace, whole.waves_opened, GateState([], []), [], whole.feeds)
            return msgspec.msgpack.encode(msgspec.structs.replace(rest, assets=[raw]))
    return None


def packing(rest: JudgeState, courts: Sequence[Court]) -> Iterator[bytes | None]:
    """``rest`` with the state of ``courts`` as MessagePack, asset by asset: ``None`` between two, then all.

    After a day of liquidations an asset alone takes milliseconds, and there are hundreds.
    """
    packed = []
    for court in courts:
        packed.append(msgspec.Raw(msgspec.msgpack.encode(court.state())))
        yield None
    # What is packed is copied into its place as it is, and is read again as if all was packed at once.
    yield msgspec.msgpack.encode(msgspec.structs.replace(rest, assets=packed))
