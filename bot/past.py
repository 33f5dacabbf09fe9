"""The time before live figures began: fetched beside them, judged apart, and learnt as a prior.

Live venues are watched from the first second; what venues remember is fetched in the background and judged,
coin by coin, by a judge of its own. The live judge takes over what that one has learnt (how rare things are,
and waves to rank with) and nothing else: no figure of the past is ever compared with a live one, so that a
venue that counts in another way, or that has no memory, moves nothing where the two meet. A lesson replaces
the one before, so learning again from more figures, or from the same, is safe at any time.

Turned down: one judge that takes the past first while the present queues (a wave of the first minutes would
be told late), and adding the past's counts to the live ones (twice would not be once).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median

import msgspec
from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.health import LIVE_SINCE, REMEMBERED, Remembered
from bot.domain.market import Group, OpenInterest, Snapshot, Venue
from bot.domain.waves import FROM_HISTORY, Stage, Wave
from bot.feeds.backfill import VenuePast, Wanted
from bot.feeds.contact import Setting
from bot.feeds.http import VenueHttp
from bot.feeds.retold import RetoldVenue
from bot.feeds.sources import VenueSource
from bot.pipeline.horizons import last_step, next_step
from bot.pipeline.judge import Judge, Lesson
from bot.pipeline.memory import Pace
from bot.pipeline.names import wave_name
from bot.ports import Archive, Locks, Store

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=30)
"""What is asked for where nobody says: what most venues keep at five minutes."""
STEP = timedelta(minutes=5)
"""What every venue with a memory offers."""
FRESH = 3 * STEP
SETTLE_S = 30.0
"""A coin is learnt once every venue has told all of it, or so long after the first did: one slow venue makes
nobody wait. The others' share is learnt again with its own later."""
TOLD_EVERY_S = 1.0
LEARN_EVERY_S = 120.0
"""How often it is looked what other processes have fetched."""
CHUNK = timedelta(days=1)
BREATH_S = 0.01
"""The event loop is left to others after so much work at a time."""
FINE, COARSE = timedelta(days=7), timedelta(days=90)
"""Older snapshots are kept every quarter of an hour, then every hour, as live ones are."""
MOST_WAVES = 100_000
NAMED = "past.named"


class _Learnt(msgspec.Struct, frozen=True):
    """``basis``: how far back each contract reached when this was learnt."""

    lesson: Lesson | None
    basis: dict[str, datetime]


class _Found(msgspec.Struct, frozen=True):
    """What judging a coin's past gave."""

    lesson: Lesson | None
    waves: tuple[Wave, ...]
    snapshots: tuple[Snapshot, ...]


def _every(_: Asset) -> bool:
    return True


@dataclass
class Past:
    """``judge`` is the live one. ``rest`` is how long it sleeps for each second of judging: beside live
    figures others need the processor too.
    """

    judge: Judge
    store: Store
    groups: Mapping[Venue, Group]
    setting: Setting
    rest: float = 1.0
    settle_s: float = SETTLE_S
    mine: Callable[[Asset], bool] = _every
    _dirty: dict[Asset, float] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _venues: list[VenuePast] = field(default_factory=list)
    _learns: bool = True
    _retold: list[RetoldVenue] = field(default_factory=list)

    async def load(self) -> int:
        """Teach the live judge what was learnt before; returns of how many coins."""
        known = await self._learnt()
        for asset, learnt in known.items():
            if learnt.lesson is not None and self.mine(asset):
                self.judge.learn(asset, learnt.lesson)
        return len(known)

    async def run(
        self,
        sources: Sequence[VenueSource],
        lines: Mapping[Venue, VenueHttp],
        watched: frozenset[Asset] | None,
        *,
        since: datetime | None = None,
        look_back: timedelta = LOOK_BACK,
        patient: bool = True,
        learn: bool = True,
    ) -> Sequence[Remembered]:
        """Fetch what is not known yet and learn it (unless others do); returns how each venue ended.

        Raises ``StorageError`` alone: a venue that cannot be asked is waited for, or (not ``patient``) left
        out and named in the log.
        """
        until = await self.until()
        largest = await self.store.journal.assets()
        wanted = Wanted(since or until - look_back, until, watched, largest, patient)
        self._venues = [
            VenuePast(
                source.exchange,
                source.exchange.history,
                lines[source.exchange.venue],
                self.store.archive,
                self.setting,
                wanted,
                self._told,
            )
            for source in sources
            if source.exchange.history is not None
        ]
        self._retold = [
            RetoldVenue(one, one.retold, lines[one.venue], self.store.journal, self.setting, wanted)
            for one in (source.exchange for source in sources)
            if one.retold is not None and one.has_key
        ]
        if learn:
            await self._unlearnt()
        self._learns = learn
        fetching = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            learning = group.create_task(self._learn_all(until, fetching))
            telling = group.create_task(self._tell())
            async with asyncio.TaskGroup() as asking:
                for venue in self._venues:
                    asking.create_task(self._fetch(venue))
                for retold in self._retold:
                    asking.create_task(retold.run())
            fetching.set()
            self._news.set()
            await learning
            telling.cancel()
        await self._keep_progress()
        left = sum(one.share < 1 for one in self._progress())
        log.info(
            "the past is known of %d venues; %d left something out",
            *(len(self._venues) - left, left),
            extra={"event": "past.remembered"},
        )
        return self._progress()

    async def until(self) -> datetime:
        """The step at which live figures began, or begin now; it is the same ever after."""
        journal = self.store.journal
        kept = await journal.kept(LIVE_SINCE)
        if kept is not None:
            return datetime.fromisoformat(kept.decode())
        until = last_step(self.judge.began() or self.setting.clock(), STEP)
        await journal.keep(LIVE_SINCE, until.isoformat().encode())
        return until

    async def _fetch(self, venue: VenuePast) -> None:
        await venue.run()
        self._news.set()

    async def keep_learning(self, locks: Locks) -> None:
        """Learn our coins from whatever other processes fetch, until cancelled."""
        until = await self.until()
        while True:
            await self._unlearnt()
            ours, self._dirty = [asset for asset in self._dirty if self.mine(asset)], {}
            for asset in ours:
                async with locks.hold("past"):  # waves found there are named one after the other
                    await self._learn(asset, until)
            await self.setting.sleep(LEARN_EVERY_S)

    def _told(self, asset: Asset) -> None:
        if not self._learns:
            return
        self._dirty.setdefault(asset, self.setting.monotonic())
        self._news.set()

    async def _unlearnt(self) -> None:
        """Coins of which more is kept than was learnt: a stop came in between."""
        learnt = await self._learnt()
        for asset, basis in (await self._bases()).items():
            known = learnt.get(asset)
            if known is None or known.basis != basis:
                self._dirty[asset] = self.setting.monotonic()

    # --- learning ----------------------------------------------------------------------------------

    async def _learn_all(self, until: datetime, fetched: asyncio.Event) -> None:
        while not (fetched.is_set() and not self._dirty):
            self._news.clear()
            ready = self._ready(fetched.is_set())
            if ready is None:
                await self._wait()
                continue
            del self._dirty[ready]
            await self._learn(ready, until)

    def _ready(self, fetched: bool) -> Asset | None:
        now = self.setting.monotonic()
        for asset, since in self._dirty.items():
            whole = fetched or not any(venue.owes(asset) for venue in self._venues)
            if whole or now - since >= self.settle_s:
                return asset
        return None

    async def _wait(self) -> None:
        """For news, or for the first coin that has waited long enough."""
        now = self.setting.monotonic()
        left_s = min((since + self.settle_s - now for since in self._dirty.values()), default=None)
        try:
            async with asyncio.timeout(None if left_s is None else max(0.0, left_s)):
                await self._news.wait()
        except TimeoutError:
            return

    async def _learn(self, asset: Asset, until: datetime) -> None:
        """Judge all that is kept of a coin, and put what that gives in the place of what it gave before."""
        basis = (await self._bases(asset)).get(asset)
        if not basis:  # every venue was asked, and none remembers it
            return
        known = (await self._learnt(asset)).get(asset)
        if known is not None and known.basis == basis:
            return
        pace = Pace(STEP, FRESH, self.judge.pace.coverage_floor)
        found = await _Hearing(asset, Judge(self.groups, pace), self.store.archive, self.rest).all(
            min(basis.values()), until
        )
        waves = await self._named(asset, found.waves)
        learnt = msgspec.msgpack.encode(_Learnt(found.lesson, basis))
        await self.store.archive.learn(asset, learnt, waves, found.snapshots, until)
        if found.lesson is not None:
            self.judge.learn(asset, found.lesson)
        log.info(
            "learnt %d days of %s; %d waves",
            *(round((until - min(basis.values())) / timedelta(days=1)), asset, len(waves)),
            extra={"event": "past.learnt"},
        )

    async def _named(self, asset: Asset, waves: Sequence[Wave]) -> Sequence[Wave]:
        """With ids of their own; a wave found again keeps its."""
        told = await self.store.waves.recent(asset, limit=MOST_WAVES)
        names = {wave.onset: wave.id for wave in told if wave.from_history}
        journal = self.store.journal
        number = int(await journal.kept(NAMED) or b"0")
        for wave in waves:
            if wave.onset not in names:
                number += 1
                names[wave.onset] = f"{FROM_HISTORY}{wave_name(number)}"
        await journal.keep(NAMED, str(number).encode())
        return [replace(wave, id=names[wave.onset]) for wave in waves]

    async def _learnt(self, of: Asset | None = None) -> Mapping[Asset, _Learnt]:
        """Of one coin, or of all: those are hundreds, so others have their turn in between."""
        found = {}
        for asset, body in (await self.store.archive.learnt(of)).items():
            await asyncio.sleep(0)
            try:
                found[asset] = msgspec.msgpack.decode(body, type=_Learnt)
            except msgspec.DecodeError:
                log.info("%s is learnt anew: kept by another release", asset, extra={"event": "past.anew"})
        return found

    async def _bases(self, of: Asset | None = None) -> Mapping[Asset, dict[str, datetime]]:
        bases: dict[Asset, dict[str, datetime]] = defaultdict(dict)
        for (asset, venue, symbol), at in (await self.store.archive.reached(of)).items():
            bases[asset][f"{venue}:{symbol}"] = at
        return bases

    # --- progress ----------------------------------------------------------------------------------

    def _progress(self) -> Sequence[Remembered]:
        return [*(one.progress() for one in self._venues), *(one.progress() for one in self._retold)]

    async def _tell(self) -> None:
        while True:
            await self._keep_progress()
            await self.setting.sleep(TOLD_EVERY_S)

    async def _keep_progress(self) -> None:
        told = list(self._progress())
        if not self._learns:  # others fetch too, and tell of their venues
            kept = await self.store.journal.kept(REMEMBERED)
            before = msgspec.msgpack.decode(kept, type=list[Remembered]) if kept else []
            told += [one for one in before if one.venue not in {mine.venue for mine in told}]
        await self.store.journal.keep(REMEMBERED, msgspec.msgpack.encode(told))


async def judged_past(
    store: Store, asset: Asset, groups: Mapping[Venue, Group], coverage_floor: float | None = None
) -> tuple[Sequence[Wave], datetime, datetime]:
    """A coin's past judged once more: the waves, from when and until when. Nothing is kept."""
    reached = (await store.archive.reached(asset)).values()
    until = datetime.fromisoformat((await store.journal.kept(LIVE_SINCE) or b"").decode())
    pace = Pace(STEP, FRESH) if coverage_floor is None else Pace(STEP, FRESH, coverage_floor)
    since = min(reached)
    found = await _Hearing(asset, Judge(groups, pace), store.archive, 0.0).all(since, until)
    return found.waves, since, until


@dataclass
class _Hearing:
    """One coin's past, heard in order of time by a judge of its own."""

    asset: Asset
    judge: Judge
    archive: Archive
    rest: float
    _waves: dict[str, Wave] = field(default_factory=dict)
    _snapshots: list[Snapshot] = field(default_factory=list)
    _begun_s: float = field(default_factory=time.monotonic)

    async def all(self, since: datetime, until: datetime) -> _Found:
        due: datetime | None = None
        begin = since
        while begin < until:
            end = min(begin + CHUNK, until)
            told = await self.archive.told(self.asset, begin, end)
            prices = _prices(told)
            for said in told:
                due = due or next_step(said.at, STEP)
                while said.at > due:
                    await self._step(due, until)
                    due += STEP
                self.judge.take(replace(said, price=said.price or _borrowed(said, prices), received=said.at))
            begin = end
        while due is not None and due < until:
            await self._step(due, until)
            due += STEP
        # What was still running when live figures began is seen by those, if it goes on.
        ended = sorted((w for w in self._waves.values() if w.stage is Stage.OVER), key=lambda w: w.onset)
        return _Found(self.judge.lesson(self.asset), tuple(ended), self._joined())

    async def _step(self, at: datetime, until: datetime) -> None:
        step = STEP if until - at <= FINE else timedelta(minutes=15) if until - at <= COARSE else CHUNK / 24
        stepped = self.judge.step(at, snap=last_step(at, step) == at)
        self._snapshots += stepped.snapshots
        self._waves.update((wave.id, wave) for wave in stepped.waves)
        busy_s = time.monotonic() - self._begun_s
        if busy_s >= BREATH_S:
            await asyncio.sleep(self.rest * busy_s)
            self._begun_s = time.monotonic()

    def _joined(self) -> tuple[Snapshot, ...]:
        """The index ends at zero, where that of the live figures begins."""
        if not self._snapshots:
            return ()
        last = self._snapshots[-1].index
        return tuple(replace(snap, index=snap.index - last) for snap in self._snapshots)


def _borrowed(said: OpenInterest, prices: Mapping[datetime, Decimal]) -> Decimal | None:
    """A venue whose history tells no price borrows that of the others."""
    known = prices.get(said.at)
    return known * said.instrument.coins_per_base if known else None


def _prices(told: Sequence[OpenInterest]) -> Mapping[datetime, Decimal]:
    """The median price of a coin at each stamp, from the venues whose history tells one."""
    each: dict[datetime, list[Decimal]] = defaultdict(list)
    for said in told:
        if said.price is not None:
            each[said.at].append(said.price / said.instrument.coins_per_base)
    return {at: median(prices) for at, prices in each.items()}
