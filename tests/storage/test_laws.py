"""Laws: whatever is done, every store answers as the dicts do; claims, sums and steps keep their word."""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.chats import ChatSettings, Digest, SettingsChange
from bot.domain.market import LiquidationSum, Position
from bot.domain.posts import Destination
from bot.domain.waves import FollowUp
from bot.ports import Store
from storage.memory import MemoryStore
from storage.postgres import open_postgres
from storage.rules import SNAPSHOT_THINNING, floor, micros, moment
from storage.sqlite import open_sqlite
from tests.postgres import Server
from tests.storage.samples import (
    BTC,
    BTC_SWAP,
    BTCUSDT,
    DAY,
    ETH,
    HOUR,
    MINUTE,
    NOW,
    liquidation,
    quarantined,
    reading,
    report,
    snapshot,
    subscription,
    wave,
)

MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
BEGINNING = MIDNIGHT - 120 * DAY
HOLD = timedelta(seconds=60)

Step = Callable[[Store], Awaitable[object]]
times = st.integers(0, 12 * 120).map(lambda n: BEGINNING + n * 2 * HOUR) | st.integers(0, 300).map(
    lambda n: NOW - n * 7 * MINUTE
)
few = st.integers(1, 4)
places = st.sampled_from([Destination("local", "a"), Destination("local", "b", "1"), Destination("x", "a")])
subjects = st.sampled_from(["w1", "w2"])
assets = st.sampled_from([None, frozenset({BTC}), frozenset({BTC, ETH})])


def _post_steps() -> st.SearchStrategy[Step]:
    async def settle(store: Store, now: datetime, revision: int, fate: str) -> object:
        claimed = await store.posts.claim("local", now, HOLD, 2)
        for post in claimed:
            if fate == "shown":
                await store.posts.shown(post, revision=revision, message=f"m{revision}", loud=True, now=now)
            elif fate == "later":
                await store.posts.later(post, now + 5 * MINUTE)
            elif fate == "hush":
                await store.posts.hush(post, now + HOUR)
            elif fate == "hold":
                await store.chats.hold(post.destination, post.subject, now)
            elif fate == "drop":
                await store.posts.drop(post)
        return claimed

    async def choose(store: Store, to: Destination, zone: str) -> None:
        change = SettingsChange(destination=to, at=NOW, who="ann", what=zone)
        digest = Digest(time(8)) if zone == "UTC" else None
        chosen = ChatSettings(destination=to, zone=zone, digest=digest, digest_due=NOW if digest else None)
        await store.chats.choose(chosen, change)

    async def digested(store: Store, due: datetime) -> None:
        for chosen in await store.chats.digests(NOW):
            await store.chats.digested(chosen, due)

    async def wishes(store: Store) -> object:
        return {wish: set(having) for wish, having in (await store.subscriptions.wishes()).items()}

    return st.one_of(
        st.builds(
            lambda s, d, r, z, u: (
                lambda store: store.posts.want(s, d, revision=r, loud=1, size=z, now=NOW, unless=u)
            ),
            subjects,
            st.lists(places),
            few,
            few.map(float),
            st.lists(subjects, unique=True, max_size=1),
        ),
        st.builds(lambda s, r: lambda store: store.posts.raise_to(s, revision=r, loud=r - 1), subjects, few),
        st.builds(
            lambda now, r, fate: lambda store: settle(store, now, r, fate),
            times,
            few,
            st.sampled_from(["shown", "later", "hush", "hold", "drop", "died"]),
        ),
        st.builds(lambda d: lambda store: store.posts.forget(d), places),
        st.builds(lambda d, a: lambda store: store.subscriptions.add(subscription(d, a)), places, assets),
        st.builds(lambda d, n: lambda store: store.subscriptions.remove(d, n), places, st.none() | few),
        st.builds(lambda d: lambda store: store.chats.rename(d, "b"), places),
        st.builds(lambda d: lambda store: store.chats.leave(d, NOW), places),
        st.builds(lambda d: lambda store: store.chats.back(d, NOW), places),
        st.builds(
            lambda d, z: lambda store: choose(store, d, z), places, st.sampled_from(["UTC", "Asia/Tokyo"])
        ),
        st.builds(lambda d: lambda store: store.chats.summed_up(d, ["w1"]), places),
        st.builds(lambda t: lambda store: digested(store, t), times),
        st.builds(lambda w, t: lambda store: store.waves.plan([FollowUp(t, w, HOUR)]), subjects, times),
        st.builds(lambda w, t: lambda store: store.waves.followed_up(FollowUp(t, w, HOUR)), subjects, times),
        st.just(lambda store: wishes(store)),
    )


def _market_steps() -> st.SearchStrategy[Step]:
    contracts = st.sampled_from([BTCUSDT, BTC_SWAP])
    return st.one_of(
        st.builds(
            lambda t, i: lambda store: store.journal.record([reading(at, i) for at in t]),
            st.lists(times),
            contracts,
        ),
        st.builds(
            lambda t, c: lambda store: store.journal.snap([snapshot(at, coins=c) for at in t]),
            st.lists(times, max_size=20),
            few.map(float),
        ),
        st.builds(
            lambda t, p, i: lambda store: store.journal.hear([liquidation(at, p, "1", i) for at in t]),
            st.lists(times),
            st.sampled_from(Position),
            contracts,
        ),
        st.builds(
            lambda t: lambda store: store.journal.quarantine(list(map(quarantined, t))), st.lists(times)
        ),
        st.builds(
            lambda as_of, at, c: lambda store: store.journal.report([report(as_of, at, c)]),
            times,
            times,
            few.map(float),
        ),
        st.builds(lambda n, r, t: lambda store: store.waves.save(wave(n, r, onset=t)), subjects, few, times),
        st.builds(lambda t: lambda store: store.journal.trim(t), times),
    )


async def _all_answers(store: Store) -> list[object]:
    end = NOW + DAY
    return [
        await store.journal.readings(BEGINNING - DAY, end),
        await store.journal.quarantined(BEGINNING, 1000),
        await store.journal.series(BTC, BEGINNING, end, MINUTE),
        await store.journal.series(BTC, BEGINNING, end, DAY),
        [await store.journal.snapshot(BTC, BEGINNING + n * 5 * DAY) for n in range(25)],
        await store.journal.assets(),
        await store.journal.liquidated(BTC, BEGINNING, end, HOUR),
        await store.journal.liquidated(BTC, BEGINNING + HOUR, NOW, 7 * DAY),
        [await store.journal.reports(BTC, BEGINNING + n * 5 * DAY) for n in range(26)],
        await store.waves.recent(),
        await store.waves.running(),
        await store.waves.between(BEGINNING, NOW),
        await store.waves.due(NOW),
        [(one.received, one.at) for one in await store.journal.heard(BTC, BEGINNING, end)],
        await store.posts.told(BEGINNING),
        await store.chats.digests(NOW),
        [await store.waves.get(subject, revision) for subject in ("w1", "w2") for revision in (None, 1, 2)],
        await store.subscriptions.all(),
        [await store.posts.of(subject) for subject in ("w1", "w2")],
        await store.posts.log(BEGINNING, 1000),
        [await store.posts.latency(subject) for subject in ("w1", "w2")],
        [await store.chats.held(platform) for platform in ("local", "x")],
        [await store.chats.settings(Destination("local", chat)) for chat in ("a", "b")],
        [await store.chats.changes(Destination("local", chat), 99) for chat in ("a", "b")],
        {wish: set(having) for wish, having in (await store.subscriptions.wishes()).items()},
    ]


any_steps = st.lists(_post_steps() | _market_steps(), min_size=1, max_size=25)


@settings(max_examples=60, deadline=None)
@given(any_steps)
def test_sqlite_answers_as_the_dicts_do_whatever_is_done(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_same(steps, lambda: open_sqlite(Path(folder) / "washout.db")))


@settings(max_examples=20, deadline=None)
@given(any_steps)
def test_postgres_answers_as_the_dicts_do_whatever_is_done(postgres: Server, steps: list[Step]) -> None:
    async def both() -> None:
        database = await postgres.database()
        await _same(steps, lambda: open_postgres(database))
        await postgres.give_back(database)

    asyncio.run(both())


async def _same(steps: list[Step], opened: Callable[[], AbstractAsyncContextManager[Store]]) -> None:
    """In what each step returns, in everything that can be asked afterwards, and over a restart."""
    memory = MemoryStore()
    async with opened() as store:
        for step in steps:
            assert await step(store) == await step(memory)
        answers = await _all_answers(memory)
        assert await _all_answers(store) == answers
    async with opened() as store:
        for each in (store, memory):  # what whoever stopped had in hand
            for platform in ("local", "x"):
                await each.posts.take_back(platform)
        assert await _all_answers(store) == await _all_answers(memory)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(times, few), max_size=40), times)
def test_thinning_keeps_the_last_of_every_step(told: list[tuple[datetime, int]], now: datetime) -> None:
    async def kept() -> tuple[set[datetime], set[datetime]]:
        store = MemoryStore()
        await store.journal.snap([snapshot(at + n * MINUTE) for at, n in told])
        before = {p.at for p in await store.journal.series(BTC, BEGINNING, NOW + DAY, MINUTE)}
        await store.journal.trim(now)
        return before, {p.at for p in await store.journal.series(BTC, BEGINNING, NOW + DAY, MINUTE)}

    before, after = asyncio.run(kept())
    assert after <= before
    for thinning in SNAPSHOT_THINNING:
        old = {at for at in before if at < floor(now - thinning.after, thinning.step)}
        last = {max(b for b in old if floor(b, thinning.step) == floor(at, thinning.step)) for at in old}
        assert len({floor(at, thinning.step) for at in after & old}) == len(after & old)
        if thinning is SNAPSHOT_THINNING[-1]:
            assert after & old == last


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(times, st.sampled_from(Position), few), max_size=40), st.lists(times, max_size=4))
def test_summing_liquidations_up_keeps_their_sums(
    told: list[tuple[datetime, Position, int]], trims: list[datetime]
) -> None:
    async def sums() -> tuple[list[LiquidationSum], list[LiquidationSum]]:
        store = MemoryStore()
        await store.journal.hear([liquidation(at, side, str(coins)) for at, side, coins in told])
        before = await store.journal.liquidated(BTC, BEGINNING, NOW + DAY, HOUR)
        for now in trims:
            await store.journal.trim(now)
        return list(before), list(await store.journal.liquidated(BTC, BEGINNING, NOW + DAY, HOUR))

    before, after = asyncio.run(sums())
    assert [(s.at, s.count) for s in after] == [(s.at, s.count) for s in before]
    assert all(math.isclose(a.long_usd, b.long_usd) for a, b in zip(before, after, strict=True))
    assert all(math.isclose(a.short_usd, b.short_usd) for a, b in zip(before, after, strict=True))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), few), min_size=1, max_size=30))
def test_no_post_is_handed_out_twice_within_its_hold(looks: list[tuple[int, int]]) -> None:
    async def claims() -> list[tuple[datetime, tuple[str, Destination]]]:
        store = MemoryStore()
        to = [Destination("local", str(n)) for n in range(3)]
        await store.posts.want("w1", to, revision=1, loud=1, size=1, now=NOW)
        now = NOW
        taken: list[tuple[datetime, tuple[str, Destination]]] = []
        for seconds, limit in looks:
            now += timedelta(seconds=seconds)
            await store.posts.raise_to("w1", revision=seconds, loud=1)
            claimed = await store.posts.claim("local", now, HOLD, limit)
            taken.extend((now, (post.subject, post.destination)) for post in claimed)
        return taken

    last: dict[tuple[str, Destination], datetime] = {}
    for at, post in asyncio.run(claims()):
        assert post not in last or at >= last[post] + HOLD
        last[post] = at


@given(st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_time_comes_back_to_the_microsecond(at: datetime) -> None:
    assert moment(micros(at)) == at
