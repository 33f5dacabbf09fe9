"""The questions that commands, cards and the page may ask of what was stored."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from math import exp
from typing import TypeVar
from zoneinfo import ZoneInfo

from msgspec.msgpack import decode
from msgspec.structs import replace
from rapidfuzz import process

from bot.domain.assets import Asset
from bot.domain.cards import Card, Picture
from bot.domain.charts import MarketChart
from bot.domain.chats import ChatSettings, whole
from bot.domain.fleet import Member
from bot.domain.health import REMEMBERED, LockHolder, Remembered, SourceHealth, SourceState
from bot.domain.market import Group, Report, Snapshot, Venue
from bot.domain.posts import (
    WEEKLY_W,
    Destination,
    Measure,
    Shown,
    Subscription,
    Threshold,
    digest_due,
    summed_waves,
)
from bot.domain.waves import Kind, Outcome, Stage, Wave, followed_up
from bot.errors import AskError
from bot.known import place_in_coins, place_in_usd, published
from bot.ports import Clock, HealthView, Store
from handlers.cards import wave_card
from handlers.core_words import retold
from handlers.drill import drill_begun, drill_shown
from handlers.hindsight import Hindsight, near, outcome
from handlers.history import Days
from handlers.known_words import record_line
from handlers.later import digest_shown, follow_up_shown
from handlers.own_cards import notice_card
from handlers.past_cards import leverage_line
from handlers.picture_words import pictured
from handlers.series import (
    aligned,
    chart_of,
    of_wave,
    period_finding,
    step_for,
    step_of,
    wave_finding,
    wave_window,
)
from handlers.speech import ENGLISH, _, speaking, spoken
from handlers.summary import summary_card
from handlers.titles import Titles
from handlers.zones import UTC_ZONE, in_zone

T = TypeVar("T")

WEEKLY = Threshold(Measure.W, WEEKLY_W)
ENOUGH_HISTORY = timedelta(days=14)
PAST = 200
DAY = timedelta(days=1)
PICTURES_KEPT = 32


@dataclass(frozen=True, slots=True)
class About:
    """What this process is.

    ``started`` is real time; ``banner`` stands on every card; ``recompute`` holds ``{wave}``;
    ``threshold`` is for who names none; ``speed`` is how many of the market's seconds pass in a real one;
    ``titles`` are of venues that may be recorded, whether anybody asks them now or not.
    """

    version: str
    started: datetime
    banner: str = ""
    recompute: str = "python -m bot replay --wave {wave}"
    threshold: Threshold = WEEKLY
    speed: float = 1.0
    titles: Titles = field(default_factory=dict)


class Desk:
    """Answers from the store. ``clock`` is the market's time, ``wall`` real time.

    Times in what it answers are on the clock of ``zone``: UTC, until ``at_home`` says whose chat it is for.
    """

    def __init__(self, store: Store, health: HealthView, clock: Clock, about: About, *, wall: Clock) -> None:
        self.store = store
        self.health = health
        self.clock = clock
        self.about = about
        self.wall = wall
        self.members: Callable[[], Sequence[Member]] = tuple
        self.holders: Callable[[], Sequence[LockHolder]] = tuple
        """The processes that share the work, this one too; none where it does everything."""
        self.zone = UTC_ZONE
        self.days = Days(store)
        self.language = ENGLISH
        self.hindsight = Hindsight(store)
        self._one_picture = asyncio.Lock()
        self._pictures: OrderedDict[tuple[str, int, str], Picture | None] = OrderedDict()

    # --- the chat it is for ------------------------------------------------------------------------

    async def settings(self, destination: Destination) -> ChatSettings:
        return await self.store.chats.settings(whole(destination))

    async def at_home(self, destination: Destination) -> Desk:
        """The same desk, with times as the chat tells them, and the language it is spoken to in."""
        settings = await self.settings(destination)
        home = copy(self)
        home.zone = ZoneInfo(settings.zone)
        home.language = settings.language or ENGLISH
        return home

    def here(self, thing: T) -> T:
        """With every time in it on the chat's clock."""
        return thing if self.zone is UTC_ZONE else in_zone(thing, self.zone)

    def now(self) -> datetime:
        """The market's time on the chat's clock."""
        return self.here(self.clock())

    def sign(self, card: Card) -> Card:
        """Every card leaves through here: with the banner, where there is one, and its language."""
        return replace(card, banner=self.banner, language=spoken())

    @property
    def banner(self) -> str:
        """What stands above every card and in every picture; empty where figures are live."""
        return retold(self.about.banner)

    # --- sources -----------------------------------------------------------------------------------

    def titles(self) -> Titles:
        return {**self.about.titles, **{source.venue: source.title for source in self.health.sources()}}

    def counted(self) -> Mapping[Venue, str]:
        """Venues that do not count one side of each position, and how they do."""
        return {source.venue: source.counted for source in self.health.sources() if source.counted}

    def blind_since(self) -> datetime | None:
        """Since when no venue has answered; ``None`` while one is fresh, or was not asked anything yet.

        The polls of a venue that does not even tell its contracts wait for ever: they speak for nothing, and
        neither does who reports of other days.
        """
        told = [source for source in self.health.sources() if source.completeness is None]
        polls = [source for source in told if source.group is not Group.REPORT]
        asked = {source.venue for source in polls if source.state is not SourceState.WAITING}
        unasked = {source.venue for source in polls} - asked
        if not polls or unasked or any(source.state is SourceState.FRESH for source in polls):
            return None
        return max((s.last_answer for s in polls if s.last_answer), default=min(s.since for s in polls))

    def feeds(self) -> Sequence[SourceHealth]:
        """Those that fail first, then those not asked yet, then the fresh ones."""
        calm = {SourceState.WAITING: 1, SourceState.FRESH: 2}
        return sorted(self.health.sources(), key=lambda s: (calm.get(s.state, 0), s.venue, s.source))

    async def remembered(self) -> Sequence[Remembered]:
        """How much of each venue's past is known."""
        kept = await self.store.journal.kept(REMEMBERED)
        return () if kept is None else decode(kept, type=list[Remembered])

    # --- the market --------------------------------------------------------------------------------

    async def known(self) -> Sequence[Asset]:
        """Coins that were ever seen, largest first."""
        return await self.store.journal.assets()

    async def latest(self, asset: Asset) -> Snapshot:
        """Raises ``AskError`` where nothing was ever seen."""
        if snapshot := await self.store.journal.snapshot(asset):
            return self.here(snapshot)
        unseen = _("I have not seen {asset} yet. See how the feeds do: `/venues`")
        raise AskError(unseen.format(asset=asset), "/venues")

    async def before(self, now: Snapshot, period: timedelta) -> Snapshot | None:
        """The snapshot ``period`` earlier; ``None`` where none is near that time."""
        then = now.at - period
        found = await self.store.journal.snapshot(now.asset, then)
        return found if found and then - found.at <= max(timedelta(minutes=20), period / 10) else None

    async def reports(self, asset: Asset) -> Sequence[Report]:
        return [self.here(told) for told in await self.store.journal.reports(asset, self.clock())]

    async def short_history(self, asset: Asset) -> timedelta | None:
        """How long the coin has been watched, beyond two days in whole ones that are over.

        ``None`` when long enough to say how rare a fall is.
        """
        now = self.clock()
        if await self.store.journal.snapshot(asset, now - ENOUGH_HISTORY):
            return None
        points = await self.store.journal.series(asset, now - ENOUGH_HISTORY, now, timedelta(days=1))
        watched = now - points[0].at if points else timedelta(0)
        return watched - watched % DAY if watched > 2 * DAY else watched

    # --- waves -------------------------------------------------------------------------------------

    async def wave(self, wave_id: str) -> Wave:
        """Raises ``AskError`` with the nearest id."""
        if wave := await self.store.waves.get(wave_id):
            return self.here(wave)
        recent = [wave.id for wave in await self.store.waves.recent(limit=50)]
        if not recent:
            unknown = _('I know no wave "{id}", and none has been recorded yet. `/resets`')
            raise AskError(unknown.format(id=wave_id), "/resets")
        near = process.extractOne(wave_id, recent)
        command = f"/wave {near[0] if near else recent[0]}"
        unknown = _('I know no wave "{id}". Did you mean `{line}`? All: `/resets`')
        raise AskError(unknown.format(id=wave_id, line=command), command)

    async def resets(self, asset: Asset | None, limit: int, *, unwinds: bool = False) -> Sequence[Wave]:
        """Newest first; people closing by choice (unwinds) only when asked for."""
        found = await self.past(asset, limit=limit if unwinds else limit * 8)
        return [wave for wave in found if unwinds or wave.kind is not Kind.UNWIND][:limit]

    async def past(self, asset: Asset | None = None, limit: int = PAST) -> Sequence[Wave]:
        """Recorded waves of every kind, newest first: what a choice is tried on before it is made."""
        return [self.here(wave) for wave in await self.store.waves.recent(asset, limit=limit)]

    async def outcomes(self, wave: Wave) -> Sequence[Outcome]:
        """What price and coin OI did after the end; unknown where that time has not come or was not seen."""
        return await self.hindsight.outcomes(wave, self.clock())

    async def outcome(self, wave: Wave, after: timedelta) -> Outcome:
        return await outcome(self.store, wave, after, self.clock())

    async def subscriptions_here(self, destination: Destination) -> Sequence[Subscription]:
        """What a chat gets. Raises ``AskError`` where that is nothing."""
        if here := await self.store.subscriptions.of(destination):
            return here
        raise AskError(_("This chat gets no alerts. Begin with `/subscribe btc weekly`"), "/subscribe weekly")

    # --- pictures ----------------------------------------------------------------------------------

    async def wave_chart(self, wave: Wave) -> MarketChart | None:
        since, until = wave_window(wave, self.clock())
        shade = (wave.onset, wave.over_at or wave.at)
        chart = await self._chart(wave.asset, since, until, wave_finding(wave), shade, wave.low_at)
        return of_wave(chart, wave) if chart else None

    async def recorded(self, asset: Asset, period: timedelta) -> timedelta:
        """``period``, or about how much of it is there: two weeks are not drawn in the steps of years."""
        if period <= DAY:
            return period
        now, step = self.clock(), step_for(period)
        points = await self.store.journal.series(asset, aligned(now - period, step), now, step)
        return min(period, now - points[0].at + step) if points else period

    async def period_chart(self, asset: Asset, period: timedelta) -> MarketChart | None:
        now = self.clock()
        return await self._chart(asset, now - await self.recorded(asset, period), now)

    async def _chart(
        self,
        asset: Asset,
        since: datetime,
        until: datetime,
        title: str = "",
        shade: tuple[datetime, datetime] | None = None,
        low_at: datetime | None = None,
    ) -> MarketChart | None:
        span = until - since
        finest = step_for(span)
        since = aligned(since, finest)
        points = await self.store.journal.series(asset, since, until, finest)
        step = step_of(points, finest)
        liquidations = await self.store.journal.liquidated(asset, since, until, step)
        if not title and points:
            title = period_finding(asset, points, span)
        now, banner = self.clock(), self.banner
        return chart_of(
            asset,
            title,
            points,
            liquidations,
            step,
            now=now,
            banner=banner,
            shade=shade,
            low_at=low_at,
        )

    # --- cards of subjects -------------------------------------------------------------------------

    async def wave_card(self, wave: Wave, *, in_full: bool = False) -> Card:
        """The wave's card with its picture."""
        return wave_card(
            wave,
            titles=self.titles(),
            picture=await self._wave_picture(wave),
            in_full=in_full,
            latency=await self.store.posts.latency(wave.id) if wave.stage is Stage.OVER else None,
            record=await self._record(wave),
        )

    async def _record(self, wave: Wave) -> str:
        """Where the day up to the low stands among published days of all venues; nothing until it is over."""
        if wave.stage is not Stage.OVER or not published(wave.asset, date.min):
            return ""
        low = await near(self.store, wave.asset, wave.low_at)
        before = await near(self.store, wave.asset, wave.low_at - timedelta(days=1))
        if low is None or before is None or not low.price_usd or not before.price_usd:
            return ""
        coins_before = low.coins * exp(before.index - low.index)  # of the same venues, whoever joined since
        closed = coins_before - low.coins
        usd = coins_before * before.price_usd - low.coins * low.price_usd
        on = wave.low_at.astimezone(UTC).date()
        places = place_in_usd(wave.asset, usd, on), place_in_coins(wave.asset, closed, on)
        return record_line(wave.asset, usd, closed, places) if closed > 0 and usd > 0 else ""

    async def leverage_line(self, wave: Wave) -> str:
        """How much was open before and after a wave that is over; empty where too little is known."""
        if wave.stage is not Stage.OVER:
            return ""
        return leverage_line(*await self.hindsight.leverage(wave))

    async def _wave_picture(self, wave: Wave) -> Picture | None:
        chart = await self.wave_chart(wave) if wave.stage not in (Stage.EARLY, Stage.RETRACTED) else None
        return pictured(chart) if chart else None

    async def present(self, subject: str, destination: Destination) -> Shown | None:
        """The newest card of a wave, a notice or a drill, as the chat tells times: delivery's ``Present``."""
        home = await self.at_home(destination)
        with speaking(home.language):
            return await home._presented(subject, destination)

    async def _presented(self, subject: str, destination: Destination) -> Shown | None:
        if wave := await self.store.waves.get(subject):
            return await self._wave_shown(wave)
        if notice := await self.store.notices.notice(subject):
            card = self.sign(notice_card(self.here(notice)))
            return Shown(revision=notice.revision, loud=notice.loud, over=notice.over, card=card)
        if summed := summed_waves(subject):
            return await self._summary_shown(summed, destination)
        if later := followed_up(subject):
            return await follow_up_shown(self, *later, destination)
        if due := digest_due(subject):
            return await digest_shown(self, due, destination)
        if begun := drill_begun(subject):
            posts = await self.store.posts.of(subject)
            mine = next((post for post in posts if post.destination == destination), None)
            drilled = drill_shown(begun, mine, self.wall(), self.zone, self.banner)
            return replace(drilled, card=replace(drilled.card, language=spoken())) if drilled else None
        return None

    async def _wave_shown(self, wave: Wave) -> Shown:
        latency = await self.store.posts.latency(wave.id) if wave.stage is Stage.OVER else None
        card = wave_card(
            self.here(wave),
            titles=self.titles(),
            picture=await self._picture(wave),
            latency=latency,
            record=await self._record(wave),
            leverage=await self.leverage_line(wave),
        )
        return Shown(
            revision=wave.revision, loud=wave.loud, over=wave.done, card=self.sign(card), w=wave.magnitude.w
        )

    async def _summary_shown(self, wave_ids: Sequence[str], destination: Destination) -> Shown | None:
        """Nothing where all that the chat was spared has been taken back."""
        waves = [wave for name in wave_ids if (wave := await self.store.waves.get(name))]
        spared = [self.here(wave) for wave in waves if wave.stage is not Stage.RETRACTED]
        if not spared:
            return None
        card = self.sign(summary_card(spared, await self.settings(destination), self.now()))
        return Shown(revision=1, loud=1, over=False, card=card)

    async def _picture(self, wave: Wave) -> Picture | None:
        """One picture for all the chats of a language that are shown a revision; its times are UTC."""
        key = (wave.id, wave.revision, spoken())
        async with self._one_picture:
            if key not in self._pictures:
                self._pictures[key] = await self._wave_picture(wave)
                while len(self._pictures) > PICTURES_KEPT:
                    self._pictures.popitem(last=False)
            return self._pictures[key]
