"""A burst is told at once: before the next step, over a real store, also across a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from bot.bench import Bench, following
from bot.domain.market import Liquidation
from bot.domain.posts import Measure, Subscription, Threshold
from bot.domain.waves import Stage, Wave
from bot.health import Health
from bot.judging import judge
from bot.pipeline.judge import Judge
from bot.running import running
from storage.memory import MemoryStore
from storage.sqlite import open_sqlite
from storage.streams import LocalStream
from tests.pipeline.liquidations import FEEDS, SECOND, burst, chatter
from tests.pipeline.market import CALM, GROUPS, MINUTE, OPENING, PACE, Scene, path, told
from tests.pipeline.test_bench import CHAT, World, eventually
from tests.pipeline.test_bursts import AT, LARGE
from tests.storage.samples import wave as sample

HEARD = chatter(40) + burst(AT, LARGE)
FALL = Scene(positions=path((30, 1.0), (50, 0.85)), price=path((29, 1.0), (50, 0.92)))


class Bursting(World):
    """A world whose bench knows what feeds tell, and hears liquidations by the second."""

    def bench(self) -> Bench:
        return Bench(Judge(GROUPS, PACE, FEEDS), self.store, Health(self.clock), self.clock, self.clock)

    async def hear(
        self, bench: Bench, since: int, until: int, scene: Scene = CALM, heard: Sequence[Liquidation] = HEARD
    ) -> None:
        for at, said in told(scene, OPENING + since * MINUTE, OPENING + until * MINUTE, MINUTE):
            for one in sorted(heard, key=lambda one: one.received):
                if at - MINUTE < one.received <= at:
                    self.clock.now = one.received
                    bench.hear(one)
                    await bench.early()
            self.clock.now = at
            for observed in said:
                bench.hear(observed)
            await bench.step(at)


async def early(world: World) -> Wave:
    (wave,) = await world.store.waves.running()
    return wave


async def test_a_burst_is_posted_between_two_steps(quiet_days: tuple[bytes, list[Wave]]) -> None:
    """Only the stream and its clock: nothing but what is heard makes the judge look."""
    world = Bursting(MemoryStore(), quiet_days[0])
    bench = await world.begin()
    await world.hear(bench, 0, 30)
    seen = LocalStream()
    world.clock.now = OPENING + AT * SECOND + SECOND
    live = sorted((one for one in HEARD if one.received > world.clock.now), key=lambda one: one.received)
    async with running(judge(bench, seen, speed=1.0)):
        for one in live[:60]:
            world.clock.now = one.received
            await seen.put([one])
            await asyncio.sleep(0)

        async def posted() -> bool:
            waves = await world.store.waves.running()
            return bool(waves and await world.store.posts.of(waves[0].id))

        await eventually(posted)
    wave = await early(world)
    assert wave.stage is Stage.EARLY
    (post,) = await world.store.posts.of(wave.id)
    assert (post.destination, post.wanted) == (CHAT, wave.revision)


async def test_a_chat_that_wants_less_is_not_told_of_a_small_burst(
    quiet_days: tuple[bytes, list[Wave]],
) -> None:
    world = Bursting(MemoryStore(), quiet_days[0])
    bench = await world.begin()
    monthly = Subscription(destination=CHAT, threshold=Threshold(Measure.W, 4.5), created=OPENING)
    await world.store.subscriptions.remove(CHAT)
    await world.store.subscriptions.add(monthly)
    await world.hear(bench, 0, 31)
    assert await world.store.posts.of((await early(world)).id) == []


async def test_a_crash_after_a_burst_keeps_the_wave_and_its_name(
    tmp_path: Path, quiet_days: tuple[bytes, list[Wave]]
) -> None:
    """The kept memory is older than the burst; open interest then confirms the wave that was told."""
    async with open_sqlite(tmp_path / "washout.db") as store:
        world = Bursting(store, quiet_days[0])
        bench = await world.begin()
        await world.hear(bench, 0, 30, FALL)
        await bench.keep()
        for one in sorted(HEARD, key=lambda one: one.received):
            if OPENING + 30 * MINUTE < one.received <= OPENING + 30 * MINUTE + 20 * SECOND:
                bench.hear(one)
        await bench.early()
        await bench.record()
        first = await early(world)
        assert first.stage is Stage.EARLY
        again = world.bench()
        world.clock.now = OPENING + 30 * MINUTE + timedelta(seconds=25)
        await again.recover()
        await world.hear(again, 30, 60, FALL, chatter(60, since=31))
        waves = await store.waves.recent()
        assert [wave.id for wave in waves] == [first.id]
        assert waves[0].stage in (Stage.BUILDING, Stage.PEAK)
        assert waves[0].opened == first.opened
        assert (waves[0].liquidated_long_usd or 0) >= LARGE / 2, "what was heard before the crash counts"
        posts = await store.posts.of(first.id)
        assert [post.destination for post in posts] == [CHAT]


async def test_after_a_crash_revisions_go_on_from_what_chats_have_seen(
    quiet_days: tuple[bytes, list[Wave]],
) -> None:
    """Bursts revise a wave between steps, which the steps made once more know nothing of."""
    world = Bursting(MemoryStore(), quiet_days[0])
    bench = await world.begin()
    await world.hear(bench, 0, 40, FALL)
    seen = await early(world)
    kept = await world.store.journal.kept("judge")
    assert kept is not None
    await world.hear(bench, 40, 42, FALL, burst(40 * 60 + 5, 9 * LARGE))
    told_last = await early(world)
    await world.store.journal.keep("judge", kept)  # the crash came before a newer memory was kept
    again = world.bench()
    await again.recover()
    taken_up = await early(world)
    assert taken_up.revision >= told_last.revision > seen.revision
    await world.hear(again, 42, 50, FALL, ())
    newest = await early(world)
    assert newest.revision > taken_up.revision
    (post,) = await world.store.posts.of(seen.id)
    assert post.wanted == newest.revision


def test_the_revision_after_a_crash_sounds_only_where_it_is_louder_than_all_that_was_told() -> None:
    told_last = msgspec.structs.replace(sample(), revision=9, loud=4)
    for revision, loud, expected in ((7, 6, (10, 4)), (12, 4, (10, 4)), (12, 11, (10, 10))):
        wave = msgspec.structs.replace(told_last, revision=revision, loud=loud)
        after = following(told_last, wave)
        assert (after.revision, after.loud) == expected
    first = following(None, msgspec.structs.replace(told_last, revision=5, loud=3))
    assert (first.revision, first.loud) == (1, 1)
