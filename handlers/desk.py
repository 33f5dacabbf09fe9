"""The questions that commands, cards and the page may ask of what was stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp

import msgspec
from rapidfuzz import process

from bot.domain.assets import Asset
from bot.domain.cards import Card, ChartData, Picture
from bot.domain.health import SourceHealth, SourceState
from bot.domain.market import Report, Snapshot
from bot.domain.posts import WEEKLY_W, Destination, Measure, Shown, Subscription, Threshold
from bot.domain.waves import Kind, Outcome, Stage, Wave
from bot.errors import AskError
from bot.ports import Clock, HealthView, Store
from handlers.cards import notice_card, wave_card
from handlers.series import (
    aligned,
    chart_of,
    period_finding,
    said,
    step_for,
    step_of,
    wave_finding,
    wave_window,
)
from handlers.titles import Titles

WEEKLY = Threshold(Measure.W, WEEKLY_W)
ENOUGH_HISTORY = timedelta(days=14)
AFTER = (timedelta(hours=1), timedelta(hours=24), timedelta(days=7))
"""When one looks again after a reset."""
STALE = timedelta(minutes=75)
"""Old snapshots are kept once an hour: an older one does not stand for a moment asked about."""


@dataclass(frozen=True, slots=True)
class About:
    """What this process is.

    ``started`` is real time; ``banner`` stands on every card; ``recompute`` may hold ``{asset}``;
    ``threshold`` is for who names none.
    """

    version: str
    started: datetime
    banner: str = ""
    recompute: str = "python -m bot replay FILE --asset {asset}"
    threshold: Threshold = WEEKLY


class Desk:
    """Answers from the store. ``clock`` is the market's time, ``wall`` real time."""

    def __init__(self, store: Store, health: HealthView, clock: Clock, about: About, *, wall: Clock) -> None:
        self.store = store
        self.health = health
        self.clock = clock
        self.about = about
        self.wall = wall

    def sign(self, card: Card) -> Card:
        """Every card leaves through here: with the banner, where there is one."""
        return msgspec.structs.replace(card, banner=self.about.banner)

    # --- sources -----------------------------------------------------------------------------------

    def titles(self) -> Titles:
        return {source.venue: source.title for source in self.health.sources()}

    def blind_since(self) -> datetime | None:
        """Since when no venue has answered; ``None`` while one is fresh, or was not asked anything yet.

        The polls of a venue that does not even tell its contracts wait for ever: they speak for nothing.
        """
        polls = [source for source in self.health.sources() if source.completeness is None]
        asked = {source.venue for source in polls if source.state is not SourceState.WAITING}
        unasked = {source.venue for source in polls} - asked
        if not polls or unasked or any(source.state is SourceState.FRESH for source in polls):
            return None
        return max((s.last_answer for s in polls if s.last_answer), default=min(s.since for s in polls))

    def feeds(self) -> Sequence[SourceHealth]:
        """Those that fail first, then those not asked yet, then the fresh ones."""
        calm = {SourceState.WAITING: 1, SourceState.FRESH: 2}
        return sorted(self.health.sources(), key=lambda s: (calm.get(s.state, 0), s.venue, s.source))

    # --- the market --------------------------------------------------------------------------------

    async def known(self) -> Sequence[Asset]:
        """Coins that were ever seen, largest first."""
        return await self.store.journal.assets()

    async def latest(self, asset: Asset) -> Snapshot:
        """Raises ``AskError`` where nothing was ever seen."""
        if snapshot := await self.store.journal.snapshot(asset):
            return snapshot
        raise AskError(f"I have not seen {asset} yet. See how the feeds do: `/venues`", "/venues")

    async def before(self, now: Snapshot, period: timedelta) -> Snapshot | None:
        """The snapshot ``period`` earlier; ``None`` where none is near that time."""
        then = now.at - period
        found = await self.store.journal.snapshot(now.asset, then)
        return found if found and then - found.at <= max(timedelta(minutes=20), period / 10) else None

    async def reports(self, asset: Asset) -> Sequence[Report]:
        return await self.store.journal.reports(asset, self.clock())

    async def short_history(self, asset: Asset) -> timedelta | None:
        """How long the coin has been watched; ``None`` when long enough to say how rare a fall is."""
        now = self.clock()
        if await self.store.journal.snapshot(asset, now - ENOUGH_HISTORY):
            return None
        points = await self.store.journal.series(asset, now - ENOUGH_HISTORY, now, timedelta(days=1))
        return now - points[0].at if points else timedelta(0)

    # --- waves -------------------------------------------------------------------------------------

    async def wave(self, wave_id: str) -> Wave:
        """Raises ``AskError`` with the nearest id."""
        if wave := await self.store.waves.get(wave_id):
            return wave
        recent = [wave.id for wave in await self.store.waves.recent(limit=50)]
        if not recent:
            raise AskError(
                f'I know no wave "{wave_id}", and none has been recorded yet. `/resets`', "/resets"
            )
        near = process.extractOne(wave_id, recent)
        command = f"/wave {near[0] if near else recent[0]}"
        raise AskError(f'I know no wave "{wave_id}". Did you mean `{command}`? All: `/resets`', command)

    async def resets(self, asset: Asset | None, limit: int, *, unwinds: bool = False) -> Sequence[Wave]:
        """Newest first; people closing by choice (unwinds) only when asked for."""
        found = await self.store.waves.recent(asset, limit=limit if unwinds else limit * 8)
        return [wave for wave in found if unwinds or wave.kind is not Kind.UNWIND][:limit]

    async def outcomes(self, wave: Wave) -> Sequence[Outcome]:
        """What price and coin OI did after the end; unknown where that time has not come or was not seen."""
        if wave.stage is not Stage.OVER or wave.over_at is None:
            return ()
        end = await self._near(wave.asset, wave.over_at)
        if end is None:
            return ()
        found = []
        for after in AFTER:
            at = wave.over_at + after
            later = await self._near(wave.asset, at) if at <= self.clock() else None
            found.append(_outcome(after, end, later))
        return found

    async def _near(self, asset: Asset, at: datetime) -> Snapshot | None:
        found = await self.store.journal.snapshot(asset, at)
        return found if found and at - found.at <= STALE else None

    async def subscriptions_here(self, destination: Destination) -> Sequence[Subscription]:
        """What a chat gets. Raises ``AskError`` where that is nothing."""
        if here := await self.store.subscriptions.of(destination):
            return here
        raise AskError("This chat gets no alerts. Begin with `/subscribe btc weekly`", "/subscribe weekly")

    # --- pictures ----------------------------------------------------------------------------------

    async def wave_chart(self, wave: Wave) -> ChartData | None:
        since, until = wave_window(wave, self.clock())
        shade = (wave.onset, wave.over_at or wave.at)
        return await self._chart(wave.asset, since, until, wave_finding(wave), shade)

    async def period_chart(self, asset: Asset, period: timedelta) -> ChartData | None:
        now = self.clock()
        return await self._chart(asset, now - period, now)

    async def _chart(
        self,
        asset: Asset,
        since: datetime,
        until: datetime,
        title: str = "",
        shade: tuple[datetime, datetime] | None = None,
    ) -> ChartData | None:
        span = until - since
        finest = step_for(span)
        since = aligned(since, finest)
        points = await self.store.journal.series(asset, since, until, finest)
        step = step_of(points, finest)
        liquidations = await self.store.journal.liquidated(asset, since, until, step)
        if not title and points:
            title = period_finding(asset, points, span)
        now, banner = self.clock(), self.about.banner
        return chart_of(asset, title, points, liquidations, step, now=now, banner=banner, shade=shade)

    # --- cards of subjects -------------------------------------------------------------------------

    async def wave_card(self, wave: Wave, *, in_full: bool = False) -> Card:
        """The wave's card with its picture, and in full with what came next."""
        chart = await self.wave_chart(wave) if wave.stage not in (Stage.EARLY, Stage.RETRACTED) else None
        return wave_card(
            wave,
            titles=self.titles(),
            picture=Picture(chart, said(chart)) if chart else None,
            outcomes=await self.outcomes(wave) if in_full else (),
            in_full=in_full,
        )

    async def present(self, subject: str, _destination: Destination) -> Shown | None:
        """The newest card of a wave or a notice: the ``Present`` of delivery."""
        if wave := await self.store.waves.get(subject):
            card = self.sign(await self.wave_card(wave))
            return Shown(revision=wave.revision, loud=wave.loud, over=wave.done, card=card)
        if notice := await self.store.notices.notice(subject):
            card = self.sign(notice_card(notice))
            return Shown(revision=notice.revision, loud=notice.loud, over=notice.over, card=card)
        return None


def _outcome(after: timedelta, end: Snapshot, later: Snapshot | None) -> Outcome:
    if later is None:
        return Outcome(after, None, None)
    price_move = later.price_usd / end.price_usd - 1 if later.price_usd and end.price_usd else None
    return Outcome(after, price_move, exp(later.index - end.index) - 1)
