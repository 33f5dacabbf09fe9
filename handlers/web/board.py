"""What the board shows, asked of the store: coins, venues, running waves. Nothing here knows HTML."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import exp

from bot.domain.assets import Asset
from bot.domain.health import SourceHealth, SourceState
from bot.domain.market import Group, Point, Snapshot, Venue
from bot.domain.waves import Wave
from bot.pipeline.leverage import Leverage
from handlers.desk import Desk
from handlers.leverage import judged_now
from handlers.series import aligned

Then = Mapping[timedelta, Mapping[Asset, Point]]

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
STEP = timedelta(minutes=30)
MOST_COINS = 40
"""Coins on the board, the largest first; the others are a command away."""
LATEST_WAVES = 6


@dataclass(frozen=True, slots=True)
class CoinRow:
    """One coin now. Changes are fractions of coin OI, like with like, and of the price; unknown is ``None``.

    ``fall`` is how far coin OI stands below its highest point of the last 24 hours (0 or negative), ``line``
    its course over them, each step as a fraction of that highest point. ``wave`` is the one that runs.
    """

    now: Snapshot
    fall: float
    hour: float | None
    day: float | None
    price_day: float | None
    line: tuple[float, ...]
    leverage: Leverage
    wave: Wave | None = None


@dataclass(frozen=True, slots=True)
class VenueRow:
    """One venue: the state of its worst feed that was asked, when any last answered, its share of OI seen.

    ``why`` is for the operator: it may name addresses.
    """

    venue: Venue
    title: str
    group: Group
    state: SourceState
    heard: datetime | None
    share: float | None
    coins: int
    why: str


@dataclass(frozen=True, slots=True)
class Board:
    at: datetime
    coins: tuple[CoinRow, ...]
    more: int
    """Coins that are known and not on it."""
    venues: tuple[VenueRow, ...]
    running: tuple[Wave, ...]
    latest: tuple[Wave, ...]
    """The newest that are over."""
    blind_since: datetime | None


class Boards:
    """Makes boards. What is told of a coin stays until its next snapshot, or for the minute: only what came
    since is asked of the store. Waves, feeds and ages are always those of now.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._rows: dict[Asset, tuple[tuple[datetime, datetime], CoinRow]] = {}
        self._before: tuple[datetime, Then] | None = None

    async def now(self) -> Board:
        desk = self.desk
        at = desk.clock()
        known = await desk.known()
        newest = await desk.store.journal.points()
        running = sorted(await desk.store.waves.running(), key=lambda wave: -wave.magnitude.w)
        of_coin = {wave.asset: wave for wave in reversed(running)}
        shown = [asset for asset in known[:MOST_COINS] if asset in newest]
        rows = [await self._coin(asset, at, newest[asset].at, of_coin.get(asset)) for asset in shown]
        self._rows = {asset: self._rows[asset] for asset in shown}
        resets = await desk.resets(None, LATEST_WAVES + len(running))
        return Board(
            at=at,
            coins=tuple(sorted(rows, key=_hottest, reverse=True)),
            more=max(0, len(known) - MOST_COINS),
            venues=tuple(venue_rows(desk.feeds(), [row.now for row in rows])),
            running=tuple(running),
            latest=tuple([wave for wave in resets if wave.done][:LATEST_WAVES]),
            blind_since=desk.blind_since(),
        )

    async def _coin(self, asset: Asset, at: datetime, newest: datetime, wave: Wave | None) -> CoinRow:
        stands = aligned(at, MINUTE), newest
        known = self._rows.get(asset)
        if known is None or known[0] != stands:
            known = self._rows[asset] = stands, await self._made(asset, at)
        return replace(known[1], wave=wave)

    async def _then(self, at: datetime) -> Then:
        """Every coin an hour and a day ago."""
        minute = aligned(at, MINUTE)
        if self._before is None or self._before[0] != minute:
            found = {span: await self.desk.store.journal.points(at - span) for span in (HOUR, DAY)}
            self._before = minute, found
        return self._before[1]

    async def _made(self, asset: Asset, at: datetime) -> CoinRow:
        desk, then = self.desk, await self._then(at)
        now = await desk.latest(asset)
        points = await desk.store.journal.series(asset, at - DAY, at, STEP)
        top = max((point.index for point in points), default=now.index)
        told = (await desk.days.newest(at)).get(asset)
        return CoinRow(
            now=now,
            fall=min(0.0, exp(now.index - max(top, now.index)) - 1),
            hour=_since(now, then[HOUR].get(asset), HOUR),
            day=_since(now, then[DAY].get(asset), DAY),
            price_day=_price_since(now, then[DAY].get(asset)),
            line=tuple(exp(point.index - top) for point in points),
            leverage=(await judged_now(desk, now, told)).leverage,
        )


def _hottest(row: CoinRow) -> tuple[bool, float, float]:
    """Coins with a running wave first, the rarest before; then the hottest, then the largest."""
    w = row.wave.magnitude.w if row.wave else 0.0
    return row.wave is not None, w, row.leverage.heat if row.leverage.heat is not None else -1.0


def _near(now: Snapshot, before: Point, span: timedelta) -> bool:
    return now.at - before.at <= span + max(timedelta(minutes=20), span / 10)


def _since(now: Snapshot, before: Point | None, span: timedelta) -> float | None:
    """The change of coin OI since a point that lies near enough to ``span`` ago."""
    if before is None or not _near(now, before, span):
        return None
    return exp(now.index - before.index) - 1


def _price_since(now: Snapshot, before: Point | None) -> float | None:
    if before is None or not before.price_usd or now.price_usd is None or not _near(now, before, DAY):
        return None
    return now.price_usd / before.price_usd - 1


def venue_rows(feeds: Iterable[SourceHealth], snapshots: Sequence[Snapshot]) -> list[VenueRow]:
    """Each venue once, what ails first, then by size."""
    by_venue: dict[Venue, list[SourceHealth]] = defaultdict(list)
    for feed in feeds:
        by_venue[feed.venue].append(feed)
    usd: dict[Venue, float] = defaultdict(float)
    coins: dict[Venue, int] = defaultdict(int)
    for held in (held for snapshot in snapshots for held in snapshot.venues):
        usd[held.venue] += held.usd or 0.0
        coins[held.venue] += 1
    total = sum(usd.values())
    rows = [
        _venue(own, usd[venue] / total if total else None, coins[venue]) for venue, own in by_venue.items()
    ]
    calm = (SourceState.FRESH, SourceState.WAITING)
    return sorted(rows, key=lambda row: (row.state in calm, -(row.share or 0.0), row.title))


def _venue(feeds: Sequence[SourceHealth], share: float | None, coins: int) -> VenueRow:
    asked = [feed for feed in feeds if feed.state is not SourceState.WAITING]
    worst = max(asked or feeds, key=lambda feed: (feed.state is not SourceState.FRESH, feed.source))
    return VenueRow(
        venue=worst.venue,
        title=worst.title,
        group=worst.group,
        state=worst.state,
        heard=max((feed.last_answer for feed in feeds if feed.last_answer), default=None),
        share=share if coins else None,
        coins=coins,
        why=worst.why,
    )
