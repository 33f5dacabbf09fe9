"""What venues remember, in dicts: the readable specification of ``bot.ports.Archive``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.assets import Asset
from bot.domain.market import Instrument, OpenInterest, PastLiquidations, Snapshot, Venue
from bot.domain.waves import Wave
from storage.memory_journal import MemoryJournal


class _Waves(Protocol):
    def replace_history(self, asset: Asset, waves: Sequence[Wave]) -> None: ...


class MemoryArchive:
    """See ``bot.ports.Archive``."""

    def __init__(self, journal: MemoryJournal, waves: _Waves) -> None:
        self._journal, self._waves = journal, waves
        self._pieces: dict[tuple[Venue, str, datetime], tuple[Instrument, tuple[OpenInterest, ...]]] = {}
        self._liquidated: dict[tuple[Venue, str, datetime], tuple[PastLiquidations, ...]] = {}
        self._lessons: dict[Asset, bytes] = {}

    async def keep(
        self,
        contract: Instrument,
        since: datetime,
        until: datetime,
        told: Sequence[OpenInterest],
        liquidated: Sequence[PastLiquidations] = (),
    ) -> None:
        within = tuple(one for one in told if since <= one.at < until)
        self._pieces[contract.venue, contract.symbol, since] = contract, within
        sums = tuple(one for one in liquidated if since <= one.at < until)
        self._liquidated[contract.venue, contract.symbol, since] = sums

    async def reached(self, asset: Asset | None = None) -> Mapping[tuple[Asset, Venue, str], datetime]:
        far: dict[tuple[Asset, Venue, str], datetime] = {}
        for (venue, symbol, since), (contract, _) in self._pieces.items():
            if asset in (None, contract.asset):
                key = (contract.asset, venue, symbol)
                far[key] = min(since, far.get(key, since))
        return far

    async def told(self, asset: Asset, since: datetime, until: datetime) -> Sequence[OpenInterest]:
        of = [told for contract, told in self._pieces.values() if contract.asset == asset]
        within = [one for told in of for one in told if since <= one.at < until]
        return sorted(within, key=lambda one: (one.at, one.instrument.key))

    async def liquidated(self, asset: Asset, since: datetime, until: datetime) -> Sequence[PastLiquidations]:
        each = [one for sums in self._liquidated.values() for one in sums if one.instrument.asset == asset]
        within = [one for one in each if since <= one.at < until]
        return sorted(within, key=lambda one: (one.at, one.instrument.key, one.position))

    async def learn(
        self,
        asset: Asset,
        lesson: bytes,
        waves: Sequence[Wave],
        snapshots: Sequence[Snapshot],
        until: datetime,
    ) -> None:
        self._lessons[asset] = lesson
        self._waves.replace_history(asset, waves)
        self._journal.forget_snapshots(asset, until)
        await self._journal.snap(snapshots)

    async def learnt(self, asset: Asset | None = None) -> Mapping[Asset, bytes]:
        return {of: lesson for of, lesson in self._lessons.items() if asset in (None, of)}
