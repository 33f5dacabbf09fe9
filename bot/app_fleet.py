"""The composition root of a process that shares the work: some roles, over PostgreSQL and NATS JetStream.

Nothing is done here that the embedded program does not do; only who does it is settled with the others. The
nesting of the blocks is the order in which things stop, as there.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from importlib.metadata import version

from bot.app_parts import (
    GROUPS,
    LATER_EVERY_S,
    LOOK_EVERY_S,
    TIDY_EVERY_S,
    Faces,
    desk_of,
    faces_of,
    judge_of,
    meet,
    site_of,
    warmed,
)
from bot.bench import KEPT_AS, Bench, tidy
from bot.blindness import watch_over
from bot.clusters import StreamsSettings
from bot.config import Settings
from bot.deliver import deliver
from bot.domain.assets import Asset
from bot.domain.figures import Delivered, Sample
from bot.domain.fleet import Member, Role, owner, played, share
from bot.domain.health import LockHolder
from bot.domain.market import Venue
from bot.domain.posts import Destination
from bot.errors import ConfigError
from bot.feeds.contact import Setting
from bot.feeds.http import VenueHttp
from bot.feeds.sources import Sources, open_lines
from bot.fleet import BotShare, Lane, SharedGate, hidden, only_one
from bot.health import Health
from bot.health_fleet import FleetHealth
from bot.judging import follow
from bot.later import Later, say_later
from bot.opening import open_store
from bot.past import Past
from bot.pipeline.judge import Judge
from bot.ports import Held, Messenger, Store
from bot.running import running, stopped_by_signals
from bot.stage import Stage, shared_stage, wall
from handlers.desk import Desk
from handlers.web import LOCAL, LocalChat, Site
from storage.jetstream import Cluster, open_cluster
from storage.jetstream_seen import JetInlet, JetOutlet, open_outlet, partition_of
from storage.nats_fleet import MEET_S, BotLine, Lag, Presence, WakeUps
from storage.places import process_name

log = logging.getLogger(__name__)

OTHERS_FIRST_S = 2.0
"""A judge lets whoever the partition is meant for come first, so that a fleet which starts is balanced."""
PAST_EVERY_S = 60.0


async def run(
    settings: Settings,
    scenario: str | None,
    speed: float,
    port: int | None,
    roles: Collection[Role],
    shards: tuple[int, int, int] | None = None,
) -> int:
    """Play ``roles`` until stopped by a signal; returns 0 then. Raises as ``bot.app.run`` does."""
    streams = settings.streams
    if streams is None:
        raise ConfigError("a fleet needs [streams] url")
    me = process_name()
    async with (
        stopped_by_signals() as stop,
        open_store(settings, scenario, roles, me) as store,
        open_cluster(streams) as cluster,
        shared_stage(settings, scenario, speed, store, roles) as stage,
    ):
        await cluster.make_streams()
        process = Process(settings, streams, store, cluster, stage, roles, me, shards)
        await process.work(settings.page.port if port is None else port, stop)
    return 0


@dataclass
class Process:
    """One process of a fleet."""

    settings: Settings
    streams: StreamsSettings
    store: Store
    cluster: Cluster
    stage: Stage
    roles: Collection[Role]
    me: str
    shards: tuple[int, int, int] | None = None
    _outlet: JetOutlet | None = None
    _lanes: dict[str, Lane] = field(default_factory=dict)
    _shares: dict[str, BotShare] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._began = wall()
        self._own = Health(self.stage.clock)
        self._presence = Presence(self.cluster, self.me, self._describe)
        self._health = FleetHealth(self._own, self._presence.members)
        self._desk: Desk = desk_of(self.settings, self.store, self._health, self.stage)
        self._desk.members = self._presence.members
        self._desk.holders = lambda: self._holders
        self._holders: Sequence[LockHolder] = ()
        self._woken: list[asyncio.Event] = []
        self._waking = asyncio.Event()
        self._delivered = Delivered()
        self._lag = Lag(self.cluster, lambda queue: owner(queue, self._with(Role.COLLECT)) == self.me)

    async def work(self, port: int, stop: asyncio.Event) -> None:
        async with AsyncExitStack() as rings:
            await self._presence.listen()
            await rings.enter_async_context(running(self._presence.run()))
            wake = WakeUps(self.cluster)
            await wake.hear(self._woken)
            await rings.enter_async_context(running(wake.tell(self._waking)))
            site = await self._page(rings, port) if Role.PAGE in self.roles else None
            if {Role.TALK, Role.DELIVER} & set(self.roles):
                await self._chats(rings, site)
            if {Role.PAGE, Role.TALK} & set(self.roles):
                await rings.enter_async_context(running(warmed(self._desk)))
            if Role.JUDGE in self.roles:
                seats = (self._judge(partition) for partition in range(self.streams.partitions))
                await rings.enter_async_context(running(*seats))
            if Role.COLLECT in self.roles:
                await rings.enter_async_context(running(self._collect()))
            sys.stdout.write(f"Washout is {', '.join(self.roles)} as {self.me} (SIGTERM stops it)\n")
            sys.stdout.flush()
            await stop.wait()
            log.info("stopping", extra={"event": "process.stopping"})

    # --- what the others are told ------------------------------------------------------------------

    def _describe(self) -> Member:
        waiting = dict(self._lag.waiting)
        if self._outlet is not None:
            waiting["to send"] = self._outlet.waiting
        return Member(
            name=self.me,
            roles=tuple(self.roles),
            version=version("washout"),
            started=self._began,
            at=wall(),
            venues=tuple(sorted({row.venue for row in self._own.sources()})),
            sources=tuple(self._own.sources()),
            rejected=self._health.rejected,
            waiting=waiting,
            sent={name: lane.sent for name, lane in self._lanes.items()},
            open_interest=self._own.open_interest,
            began=self._own.began,
        )

    def _figures(self) -> Iterable[Sample]:
        for role, count in played(self._presence.members()).items():
            yield Sample("role_members", count, {"role": role})
        for member in self._presence.members():
            yield Sample("member_up", 1, {"member": member.name, "roles": ",".join(member.roles)})
            for queue, count in member.waiting.items():
                yield Sample("waiting", count, {"member": member.name, "queue": queue})
            for lane, count in member.sent.items():
                yield Sample("lane_calls", count, {"member": member.name, "lane": lane})
        for lock in self._holders:
            yield Sample("lock_token", lock.token, {"lock": lock.name, "holder": lock.holder})
        yield from self._delivered.samples()

    async def _look_at_locks(self) -> None:
        while True:
            self._holders = await self.store.locks.holders()
            await asyncio.sleep(LOOK_EVERY_S)

    def _answerers(self) -> int | None:
        """How many talk; unknown while we are cut off."""
        talking = self._with(Role.TALK)
        return len(talking) if self.me in talking else None

    def _with(self, role: Role) -> Sequence[str]:
        return [member.name for member in self._presence.members() if role in member.roles]

    # --- page, talk, deliver -----------------------------------------------------------------------

    async def _page(self, rings: AsyncExitStack, port: int) -> Site:
        site = site_of(self.settings, self._desk, self.stage, self._figures)
        self._woken.append(site.news)
        address = await rings.enter_async_context(site.listen(port))
        await rings.enter_async_context(running(site.watch()))
        sys.stdout.write(f"Washout is at {address}\n")
        sys.stdout.flush()
        site.chat.changed = self._waking.set
        await site.chat.look()
        async with self.store.locks.hold("meet"):
            await meet(self.settings, self.stage, site.chat, self._desk)
        besides = (self._look_at_locks(), self._look_at_chat(site.chat), self._deliver(site.chat, "page"))
        await rings.enter_async_context(running(*besides))
        return site

    async def _look_at_chat(self, chat: LocalChat) -> None:
        """Other processes speak in it too, and a wake-up may be missed."""
        news = asyncio.Event()
        self._woken.append(news)
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await news.wait()
            news.clear()
            await chat.look()

    async def _chats(self, rings: AsyncExitStack, site: Site | None) -> None:
        talks = Role.TALK in self.roles
        tokens = {"telegram": self.settings.telegram.token, "discord": self.settings.discord.token}
        bots = {platform: hidden(token.read()) for platform, token in tokens.items()}
        part = "-".join(map(str, self.shards or ("all",)))

        def listens() -> SharedGate | None:
            return SharedGate(self.store.locks, f"discord.{bots['discord']}", part) if talks else None

        faces: Faces = await rings.enter_async_context(
            faces_of(self.settings, self._desk, listens=listens, shards=self.shards)
        )
        if faces.telegram is not None:
            self._shares["telegram"] = BotShare(faces.telegram.share)
            line = BotLine(self.cluster, self.me, bots["telegram"])
            await line.hear(faces.telegram.hear)
            faces.telegram.join(line.tell)
        if talks and (telegram := faces.telegram) is not None:
            if self.settings.telegram.mode == "webhook":
                if site is None or not self.settings.telegram.webhook_secret.read():
                    raise ConfigError(
                        '[telegram] mode = "webhook" in a fleet: talk and page belong in one process, which'
                        " Telegram reaches, and all such processes need one secret (webhook_secret_env)"
                    )
                site.hooks[telegram.inbox.webhook_path] = telegram.inbox.webhook
                among = self._shares["telegram"].among(self._answerers)
                await rings.enter_async_context(running(among, telegram.listen()))
            else:

                async def listen(_: Store, __: Held) -> None:
                    with self._shares["telegram"].answering():
                        await telegram.listen()

                one = f"telegram.poll.{bots['telegram']}"
                await rings.enter_async_context(running(only_one(self.store, one, listen)))
        if Role.DELIVER in self.roles:
            lanes = (self._deliver(face, bots[face.platform]) for face in faces.all)
            await rings.enter_async_context(running(*lanes))
        if faces.telegram is not None:
            rings.callback(faces.telegram.stop_waiting)

    async def _deliver(self, face: Messenger, bot: str) -> None:
        """Send and edit while the lane is ours."""
        name = f"lane.{face.platform}.{bot}"
        news = asyncio.Event()
        self._woken.append(news)

        async def send(own: Store, held: Held) -> None:
            lane = self._lanes[name] = Lane(face, held)
            await own.posts.take_back(face.platform)
            share = self._shares.get(face.platform)
            with nullcontext() if share is None else share.sending():
                try:
                    await deliver(
                        lane,
                        own,
                        self._desk.present,
                        news=news,
                        clock=self.stage.clock,
                        wall=wall,
                        sleep=asyncio.sleep,
                        delivered=self._delivered,
                    )
                finally:
                    del self._lanes[name]

        await only_one(self.store, name, send)

    # --- judge -------------------------------------------------------------------------------------

    async def _judge(self, partition: int) -> None:
        await asyncio.sleep(MEET_S)
        if owner(f"judge {partition}", self._with(Role.JUDGE)) != self.me:
            await asyncio.sleep(OTHERS_FIRST_S)

        async def sit(own: Store, held: Held) -> None:
            await self._sit(own, held, partition)

        await only_one(self.store, f"judge.{partition}", sit)

    async def _sit(self, own: Store, held: Held, partition: int) -> None:
        of, stage = self.streams.partitions, self.stage

        def mine(asset: Asset) -> bool:
            return partition_of(asset, of) == partition

        judge: Judge = judge_of(self.settings, (partition, of))
        name = KEPT_AS if of == 1 else f"{KEPT_AS}.{partition}of{of}"
        bench = Bench(judge, own, self._health, stage.clock, wall, [self._waking], mine, name)
        await bench.recover(behind=True)
        past = Past(judge, own, GROUPS, self._setting(None), mine=mine)
        await past.load()
        inlet = JetInlet(self.cluster, partition, held.token)
        await inlet.open()
        besides = [past.keep_learning(own.locks)]
        if partition == 0:
            look_s = LOOK_EVERY_S / min(stage.speed, 5)
            besides.append(watch_over(bench, self._destinations, sleep_s=look_s))
            besides.append(tidy(own, stage.clock, sleep_s=TIDY_EVERY_S))
            later = Later(own, stage.clock, wall, self._desk.outcome, bench.wake)
            besides.append(say_later(later, sleep_s=LATER_EVERY_S / stage.speed))
        async with running(*besides):
            await follow(bench, inlet, speed=stage.speed, lost=lambda: not held.holds)

    async def _destinations(self) -> Sequence[Destination]:
        subscribed = {s.destination for s in await self.store.subscriptions.all()}
        return sorted(subscribed | {LOCAL})

    # --- collect -----------------------------------------------------------------------------------

    def _setting(self, outlet: JetOutlet | None) -> Setting:
        return Setting(
            outlet or _Nowhere(), self.store.journal, self._own, self.stage.clock, self.stage.speed
        )

    async def _collect(self) -> None:
        async with open_outlet(self.cluster, self.me, self.stage.clock) as outlet:
            self._outlet = outlet
            setting = self._setting(outlet)
            venues = [source.exchange.venue for source in self.stage.venues]

            def mine() -> Collection[Venue]:
                return share(venues, self.me, self._with(Role.COLLECT))

            await asyncio.sleep(MEET_S)
            self._presence.check_clock()
            async with open_lines(self.stage.venues, setting) as lines:
                sources = Sources(
                    self.stage.venues, setting, watched=self.settings.assets, lines=lines, mine=mine
                )
                async with running(self._look_back(setting, lines, mine), self._lag.run()):
                    await sources.run(asyncio.Event())

    async def _look_back(
        self, setting: Setting, lines: Mapping[Venue, VenueHttp], mine: Callable[[], Collection[Venue]]
    ) -> None:
        """Fetch what our venues remember; the judges learn from it. A play is as it is found."""
        past = Past(judge_of(self.settings), self.store, GROUPS, setting)
        asked: set[Venue] = set()
        while self.stage.until is None:
            new = [one for one in self.stage.venues if one.exchange.venue in set(mine()) - asked]
            if new:
                await past.run(new, lines, self.settings.assets, learn=False)
                asked.update(one.exchange.venue for one in new)
            await asyncio.sleep(PAST_EVERY_S)


class _Nowhere:
    async def put(self, batch: object) -> None:
        """A judge's own past is read from the store: nothing comes here."""
