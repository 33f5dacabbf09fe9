"""A fleet as its operator runs it: processes over real engines, a scenario, and local chat platforms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import exp
from pathlib import Path
from typing import TypeVar

import asyncpg
import msgspec
import nats

from bot.app_parts import GROUPS, judge_of
from bot.bench import Bench
from bot.config import Settings, load
from bot.domain.assets import Asset
from bot.domain.posts import WEEKLY_W, Destination, Measure, Subscription, Threshold
from bot.domain.waves import Wave
from bot.exchanges import EXCHANGES
from bot.feeds.contact import Setting
from bot.feeds.sources import open_lines
from bot.health import Health
from bot.opening import open_store
from bot.past import Past
from bot.pipeline.memory import JudgeState, case_name
from bot.ports import Store
from bot.ports_fleet import Parcel
from bot.recompute import recompute
from bot.running import running
from bot.simulator.playing import Play, ScenarioClock
from bot.stage import PLAY, played, wall
from handlers.telegram.pace import CHAT_GAP_S
from storage.jetstream_wire import VERSION, pack
from storage.streams import LocalStream
from tests.discord_face.payloads import ALERTS
from tests.discord_face.server import Discord
from tests.fleet.members import SCENARIO, SPEED, Lines, Member, settings_at
from tests.nats_cluster import NatsCluster
from tests.postgres import Server
from tests.telegram.server import BotApi, serve

BTC = Asset("BTC")
MINUTE = timedelta(minutes=1)
FALLS = datetime(2025, 10, 10, 20, 55, tzinfo=UTC)
LOW = datetime(2025, 10, 10, 21, 32, tzinfo=UTC)
BEFORE, AFTER = datetime(2025, 10, 10, 20, 45, tzinfo=UTC), datetime(2025, 10, 10, 22, 30, tzinfo=UTC)
CHATS = (42, 43, 44)
TEMPLATE = "fleet_template"
CLOCKS_S = 0.01
EVERYBODY = [Destination("telegram", str(chat)) for chat in CHATS] + [Destination("discord", ALERTS)]
T = TypeVar("T")


def prepare(postgres: Server, folder: Path) -> None:
    """A database in which the time before the scenario is learnt: a template for the others. For a thread."""
    with ThreadPoolExecutor(1) as aside:
        aside.submit(lambda: asyncio.run(_prepare(postgres, folder))).result()


async def _prepare(postgres: Server, folder: Path) -> None:
    db = await asyncpg.connect(postgres.url())
    await db.execute(f"create database {TEMPLATE}")
    await db.close()
    file = settings_at(folder, postgres.url(TEMPLATE), ["nats://127.0.0.1:1"], "none")
    settings = load(file, EXCHANGES.values())
    async with open_store(settings, SCENARIO) as store, played(SCENARIO, SPEED, store.journal) as stage:
        bench = Bench(judge_of(settings), store, Health(stage.clock), stage.clock, wall)
        await bench.recover()
        setting = Setting(LocalStream(), store.journal, Health(stage.clock), stage.clock, speed=SPEED)
        past = Past(bench.judge, store, GROUPS, setting, rest=0.0)
        async with open_lines(stage.venues, setting) as lines:
            await past.run(stage.venues, lines, settings.assets, patient=False)
        for chat in EVERYBODY:
            wanted = Threshold(Measure.W, WEEKLY_W)
            await store.subscriptions.add(
                Subscription(
                    destination=chat, threshold=wanted, assets=frozenset({BTC}), created=stage.clock()
                )
            )


@dataclass(frozen=True)
class Done:
    """``at_s`` of each chat: seconds from the beginning of the play until it was told of the end.

    ``index`` and ``coins`` are what was left of the open interest, see ``Fleet.fell``.
    """

    at_s: Mapping[str, float]
    index: float
    coins: float


NOBODY: Mapping[str, Lines] = {}


@dataclass
class Fleet:
    folder: Path
    store: Store
    name: str
    telegram: BotApi
    discord: Discord
    postgres: Server
    nats: NatsCluster
    members: dict[str, Member] = field(default_factory=dict)
    start: Callable[[str, Sequence[str]], None] = field(init=False)
    """Starts one more process, with a name and its roles."""

    async def see(self, look: Callable[[], T], what: str, within_s: float = 60) -> T:
        """Look until there is something."""
        now = asyncio.get_running_loop().time
        deadline = now() + within_s
        while not (found := look()):
            assert now() < deadline, f"never seen: {what}\n{self}"
            await asyncio.sleep(0.1)
        return found

    def told(self, chat: Destination) -> list[str]:
        """The messages that tell of the wave, as they stand now."""
        if chat.platform == "telegram":
            shown = self.telegram.shown(int(chat.chat))
            texts = [str(m.get("text") or m.get("caption") or "") for m in shown]
        else:
            here = [m for m in self.discord.messages.values() if m["channel_id"] == chat.chat]
            texts = [str(m["embeds"]) for m in here]
        return [text for text in texts if "BTC" in text and "flush" in text]

    def everywhere(self, words: str) -> bool:
        return all(any(words in text for text in self.told(chat)) for chat in EVERYBODY)

    async def holder(self, role: str) -> Member:
        """The process that holds the lock whose name begins so."""
        (lock,) = [lock for lock in await self.store.locks.holders() if lock.name.startswith(role)]
        pid = int(lock.holder.split(":")[1])
        return next(one for one in self.members.values() if one.pid == pid)

    async def fell(self) -> tuple[float, float]:
        """What was left of coin open interest: by the index, and of the coins that all venues held."""
        pictured = await self.store.journal.snapshots(BTC, BEFORE, AFTER, MINUTE)
        whole = [one for one in pictured if not one.missing]
        first, last = whole[0], whole[-1]
        assert first.at < FALLS < LOW < last.at, "all venues are seen before and after the fall"
        return exp(last.index - first.index), last.coins / first.coins

    async def judged_alone(self) -> tuple[float, float]:
        """The index at the end as it was pictured, and as one judge that nothing disturbs makes it from the
        recorded readings, on from what was known before the wave."""
        journal, wave = self.store.journal, await self.wave()
        state = msgspec.msgpack.decode(await journal.kept(case_name(wave.id)) or b"", type=JudgeState)
        pictured = await journal.snapshots(BTC, BEFORE, AFTER, MINUTE)
        last, judge = pictured[-1], judge_of(load(None, EXCHANGES.values()))
        judge.restore(state)
        assert state.at is not None
        assert state.at < LOW
        due = state.at + state.pace.step
        for reading in await journal.readings(state.at, last.at):
            while reading.received > due:
                judge.step(due, snap=False)
                due += state.pace.step
            judge.trust(reading)
        while due < last.at:
            judge.step(due, snap=False)
            due += state.pace.step
        [alone] = [one for one in judge.step(last.at).snapshots if one.asset == BTC]
        return last.index, alone.index

    async def differ(self) -> list[int]:
        """The revisions of the wave that ``washout replay --wave`` does not find again."""
        again = await recompute(self.store, (await self.wave()).id)
        assert len(again.told) >= 10
        return [number for number in again.told if not again.same(number)]

    def hasty(self) -> Iterator[tuple[str, float]]:
        """Telegram's chats that were spoken to within a second of the answer before, and how soon."""
        for chat in map(str, CHATS):
            spoken = [c for c in self.telegram.calls if c.chat == chat and not c.method.startswith("get")]
            for one, other in pairwise(spoken):
                if other.began - one.ended < CHAT_GAP_S - CLOCKS_S:
                    yield chat, other.began - one.ended

    async def doubled(self) -> int:
        """Messages in chats that no record of a sound accounts for."""
        log = await self.store.posts.log(wall() - timedelta(days=3650), limit=10_000)
        wave = (await self.wave()).id
        rung = sum(line.subject == wave and line.loud and line.destination in EVERYBODY for line in log)
        return sum(len(self.told(chat)) for chat in EVERYBODY) - rung

    async def noted(self) -> None:
        """Until everything that chats were told is on record: what dies in between may tell it again."""
        async with asyncio.timeout(10):
            while await self.doubled():  # noqa: ASYNC110 - rows of a database
                await asyncio.sleep(0.05)

    async def done(self, within_s: float) -> Done:
        """Look until every chat has been told that the wave is over; how that came about."""
        play = Play.read(await self.store.journal.kept(PLAY) or b"")
        assert play is not None
        seen: dict[str, float] = {}

        def over() -> bool:
            for chat in EVERYBODY:
                if chat.key not in seen and any("over after" in text for text in self.told(chat)):
                    seen[chat.key] = (wall() - play.anchor).total_seconds()
            return len(seen) == len(EVERYBODY)

        await self.see(over, "the end in every chat", within_s)
        last = (await self.wave()).revision
        await self.see(lambda: self.everywhere(f"rev {last} "), f"the last revision, {last}", 10)
        index, coins = await self.fell()
        return Done(seen, index, coins)

    async def wave(self) -> Wave:
        waves = [wave for wave in await self.store.waves.recent(BTC) if not wave.from_history]
        assert len(waves) == 1, waves
        return waves[0]

    def __str__(self) -> str:
        chats = "\n".join(f"{chat.key}: {self.told(chat)}" for chat in EVERYBODY)
        logs = "\n".join(
            f"--- {name} ({one.starts} starts)\n{one.log[-3000:]}" for name, one in self.members.items()
        )
        return f"{chats}\n{logs}"


SHARES = {
    "collect-a": ("collect",),
    "collect-b": ("collect",),
    "judge-a": ("judge",),
    "judge-b": ("judge",),
    "chats-a": ("deliver", "talk", "page"),
    "chats-b": ("deliver", "talk"),
}
APART = {
    "collect-a": ("collect",),
    "collect-b": ("collect",),
    "judge-a": ("judge",),
    "judge-b": ("judge",),
    "deliver-a": ("deliver",),
    "deliver-b": ("deliver",),
    "front-a": ("talk", "page"),
    "front-b": ("talk", "page"),
}
"""Each role in a process that can be killed without another's."""


@asynccontextmanager
async def fleet(
    folder: Path,
    postgres: Server,
    cluster: NatsCluster,
    name: str,
    lines: Mapping[str, Lines] = NOBODY,
    shares: Mapping[str, Sequence[str]] = SHARES,
) -> AsyncIterator[Fleet]:
    """``lines``: of a member, its own network to the engines; ``shares``: of a member, its roles."""
    db = await asyncpg.connect(postgres.url())
    await db.execute(f"create database {name} template {TEMPLATE} strategy file_copy")
    await db.close()
    discord = Discord()
    async with AsyncExitStack() as rings:
        telegram = await rings.enter_async_context(serve())
        discord.api = await rings.enter_async_context(discord.serve())
        for chat in CHATS:
            telegram.chat(chat)
        more = (
            f'[telegram]\napi_base = "{telegram.address}"\n'
            f'[discord]\napi_base = "{discord.api}"\ngateway = "{discord.gateway.url}"\n'
        )
        file = settings_at(folder / "own", postgres.url(name), cluster.servers, name)
        settings: Settings = load(file, EXCHANGES.values())
        store = await rings.enter_async_context(open_store(settings, SCENARIO, ["page"]))
        one = Fleet(folder, store, name, telegram, discord, postgres, cluster)
        supervising = []

        def start(member: str, words: Sequence[str]) -> None:
            url, servers = postgres.url(name), list(cluster.servers)
            if member in lines:
                url = postgres.url(name, port=lines[member].postgres.port)
                servers = [f"nats://127.0.0.1:{lines[member].nats.port}"]
            config = settings_at(folder / member, url, servers, name, more)
            one.members[member] = Member(member, words, folder / member, config)
            supervising.append(asyncio.create_task(one.members[member].supervise()))

        one.start = start
        for member, words in shares.items():
            start(member, words)
        try:
            yield one
        finally:
            for task in supervising:
                task.cancel()
            for running in one.members.values():
                if running.process is not None and running.process.returncode is None:
                    running.kill()
                    await running.process.wait()


@asynccontextmanager
async def next_release(one: Fleet) -> AsyncIterator[None]:
    """The database is upgraded, and a collector speaks a newer form, with words nobody knows yet."""
    db = await asyncpg.connect(one.postgres.url(one.name))
    where = "select relnamespace::regnamespace::text from pg_class where relname = 'migrations'"
    schema = await db.fetchval(where)
    await db.execute(f"set search_path to {schema}")
    tables = await db.fetch(
        "select relname from pg_class where relnamespace = $1::text::regnamespace"
        " and relkind in ('r', 'p') and not relispartition and relname <> 'migrations'",
        schema,
    )
    assert tables
    for (table,) in tables:
        await db.execute(f"alter table {table} add column next_release text default 'new'")
    await db.execute(
        "insert into migrations (number, name, works_from, checksum)"
        " select 9999, '9999_next', max(works_from), 'next' from migrations"
    )
    await db.close()
    play = Play.read(await one.store.journal.kept(PLAY) or b"")
    assert play is not None
    clock = ScenarioClock(play, wall)
    client = await nats.connect(servers=one.nats.servers)

    async def speak() -> None:
        while True:
            mark = msgspec.msgpack.decode(pack(Parcel([], "next"), clock.now()))
            said = mark | {"version": VERSION + 1, "region": "eu", "said": [{"type": "dream", "of": "BTC"}]}
            await client.publish(f"{one.name}.seen.0", msgspec.msgpack.encode(said))
            await asyncio.sleep(0.5)

    try:
        async with running(speak()):
            yield
    finally:
        await client.close()
