"""What is said later, over the real desk and delivery: once a chat, also over a restart, and not too late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.deliver import HOLD, Lane
from bot.domain.cards import Card
from bot.domain.chats import ChatSettings, Digest, QuietHours, SettingsChange, next_digest
from bot.domain.posts import Destination, Subscription
from bot.domain.waves import Stage
from bot.later import DIGEST_WITHIN, Later
from bot.ports import Store
from handlers.desk import About, Desk
from storage.memory import MemoryStore
from storage.sqlite import open_sqlite
from tests.handlers.october import BTC, LOW, MINUTE, ONSET, SeenVenues, snapshot, wave

CHAT, OTHER = Destination("acme", "7"), Destination("acme", "8")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Room:
    """A platform that keeps what was sent where, in reply to what."""

    platform = "acme"

    def __init__(self) -> None:
        self.sent: list[tuple[str, Card, str | None]] = []

    async def send(self, destination: Destination, card: Card, *, reply_to: str | None = None) -> str:
        self.sent.append((destination.chat, card, reply_to))
        return str(len(self.sent))

    async def edit(self, destination: Destination, message: str, card: Card) -> None:
        raise AssertionError("nothing is edited here")

    def titles(self, chat: str = CHAT.chat) -> list[str]:
        return [card.title for where, card, _ in self.sent if where == chat]


class World:
    """The market's and the real clock, the desk and one platform, over a store."""

    def __init__(self, store: Store) -> None:
        self.store, self.room, self.now = store, Room(), LOW
        about = About(version="0.4.0", started=ONSET)
        self.desk = Desk(store, SeenVenues(), self.clock, about, wall=self.clock)
        self.lane = Lane(self.room, store, self.desk.present, self.clock, self.clock)
        self.woken = 0
        self.later = Later(store, self.clock, self.clock, self.desk.outcome, self.wake)

    def clock(self) -> datetime:
        return self.now

    def wake(self) -> None:
        self.woken += 1

    async def at(self, after: timedelta) -> None:
        """So long after the low everything that is due is said."""
        self.now = LOW + after
        await self.later.look()
        await self.settle()

    async def settle(self) -> None:
        for post in await self.store.posts.claim("acme", self.now, HOLD, 99):
            await self.lane.settle(post)

    async def wave_shown(self, *chats: Destination, stage: Stage = Stage.OVER) -> None:
        running = wave(Stage.PEAK)
        await self.store.waves.save(running)
        await self.store.posts.want("1a", chats, revision=4, loud=1, size=4.7, now=self.now)
        await self.settle()
        await self.store.waves.save(replace(wave(stage), revision=5))
        await self.later.plan()

    async def market(self) -> None:
        for after, fallen in ((0 * HOUR, 1.0), (HOUR, 0.9), (DAY, 0.75), (7 * DAY, 0.5)):
            await self.store.journal.snap([replace(snapshot(LOW + after, fallen=fallen), funding=0.02)])

    async def choose(self, **choices: object) -> ChatSettings:
        chosen = replace(await self.store.chats.settings(CHAT), **choices)
        chosen = replace(chosen, digest_due=next_digest(chosen, self.now))
        change = SettingsChange(destination=CHAT, at=self.now, who="ann", what="test")
        await self.store.chats.choose(chosen, change)
        return chosen


@pytest.fixture
async def world() -> World:
    world = World(MemoryStore())
    await world.market()
    return world


async def test_a_wave_is_followed_up_quietly_in_reply_to_its_message(world: World) -> None:
    await world.wave_shown(CHAT)
    for after in (30 * MINUTE, HOUR, DAY, 7 * DAY, 9 * DAY):
        await world.at(after)
    (_, alarm, _), *later = world.room.sent
    assert [card.title for _, card, _ in later] == [
        "1 h after the BTC long flush of 10 Oct (W 4.7)",
        "24 h after the BTC long flush of 10 Oct (W 4.7)",
        "7 days after the BTC long flush of 10 Oct (W 4.7)",
    ]
    assert [answered for _, _, answered in later] == ["1", "1", "1"]
    assert not alarm.silent
    assert all(card.silent for _, card, _ in later)
    day = later[1][1]
    assert day.lines[0].text == "Price +3.5 %, 25 % of the closed coins open again, funding +2 % a year"
    log = await world.store.posts.log(LOW - DAY)
    assert [line.loud for line in log] == [False, False, False, True]
    assert [told.after for told in await world.store.waves.outcomes("1a")] == [HOUR, DAY, 7 * DAY]


async def test_only_chats_that_show_the_wave_are_told_how_it_went_on(world: World) -> None:
    await world.wave_shown(CHAT)
    await world.store.posts.want("1a", [OTHER], revision=5, loud=1, size=1, now=world.now)  # over: dropped
    await world.at(HOUR)
    assert len(world.room.titles(CHAT.chat)) == 2
    assert world.room.titles(OTHER.chat) == []


async def test_a_wave_that_was_taken_back_is_not_followed_up(world: World) -> None:
    await world.wave_shown(CHAT)
    await world.store.waves.save(replace(wave(Stage.RETRACTED), revision=6))
    for after in (HOUR, DAY, 7 * DAY):
        await world.at(after)
    assert len(world.room.sent) == 1
    assert await world.store.waves.due(LOW + 99 * DAY) == []


async def test_each_follow_up_can_be_left_out(world: World) -> None:
    await world.choose(unfollowed=(HOUR, 7 * DAY))
    await world.wave_shown(CHAT)
    for after in (HOUR, DAY, 7 * DAY):
        await world.at(after)
    assert world.room.titles()[1:] == ["24 h after the BTC long flush of 10 Oct (W 4.7)"]


async def test_what_comes_much_too_late_is_left_out_and_yet_remembered(world: World) -> None:
    await world.wave_shown(CHAT)
    world.now = LOW + HOUR + timedelta(hours=3, minutes=1)
    await world.later.look()
    assert await world.store.posts.of("after-1a-1h") == [], "nobody is even asked"
    await world.settle()
    assert len(world.room.sent) == 1
    assert len(await world.store.waves.outcomes("1a")) == 1
    await world.at(DAY + timedelta(hours=11))
    assert len(world.room.sent) == 2


async def test_a_follow_up_waits_for_the_end_of_silence_and_not_for_ever(world: World) -> None:
    await world.wave_shown(CHAT)
    quiet = QuietHours(time(22), time(0))  # 1 h after the low is 22:31
    await world.choose(quiet=quiet)
    await world.at(HOUR)
    assert len(world.room.sent) == 1
    await world.at(timedelta(hours=2, minutes=40))
    assert len(world.room.sent) == 2
    await world.choose(quiet=QuietHours(time(20), time(12)))
    await world.at(DAY)
    await world.at(DAY + timedelta(hours=15))
    assert len(world.room.sent) == 2


@asynccontextmanager
async def reopened(path: Path, now: datetime) -> AsyncIterator[World]:
    async with open_sqlite(path) as store:
        world = World(store)
        world.now = now
        yield world


async def test_a_restart_neither_forgets_nor_repeats(tmp_path: Path) -> None:
    path = tmp_path / "washout.db"
    async with reopened(path, LOW) as world:
        await world.market()
        await world.wave_shown(CHAT)
    async with reopened(path, LOW) as world:
        await world.at(HOUR)
        assert len(world.room.sent) == 1
    async with reopened(path, LOW + HOUR) as world:  # it died after wanting, before writing down that it had
        [planned] = await world.store.waves.due(LOW + DAY)
        await world.later._want(planned.subject, [CHAT])
    async with reopened(path, LOW + DAY) as world:
        await world.later.plan()
        for _ in range(3):
            await world.at(DAY)
        assert world.room.titles() == ["24 h after the BTC long flush of 10 Oct (W 4.7)"]


async def test_a_digest_comes_quietly_each_day_on_the_chats_clock(world: World) -> None:
    await world.store.subscriptions.add(Subscription(destination=CHAT, created=ONSET - DAY))
    await world.wave_shown(CHAT)
    chosen = await world.choose(digest=Digest(time(8)), zone="Europe/Berlin")
    assert chosen.digest_due == datetime(2025, 10, 11, 6, tzinfo=UTC)
    await world.store.journal.snap([snapshot(chosen.digest_due - DAY, fallen=0.0)])
    await world.store.journal.snap([snapshot(chosen.digest_due, fallen=0.9)])
    for _ in range(3):
        await world.at(chosen.digest_due - LOW)
    [digest] = [card for _, card, _ in world.room.sent if card.title.startswith("The day to")]
    assert digest.title == "The day to 11 Oct 08:00 CEST"
    assert digest.silent
    assert digest.table is not None
    assert digest.table.rows[0][:3] == ("BTC", "−17%", "−11%")
    assert "BTC flush W 4.7 at 10 Oct 22:50 CEST, −19.0 % of coins · `/wave 1a`" in digest.lines[0].text
    assert (await world.store.chats.settings(CHAT)).digest_due == chosen.digest_due + DAY


async def test_a_digest_that_was_slept_through_is_left_out(world: World) -> None:
    chosen = await world.choose(digest=Digest(time(8), 0))
    assert chosen.digest_due is not None
    await world.at(chosen.digest_due - LOW + DIGEST_WITHIN + MINUTE)
    assert world.room.sent == []
    assert (await world.store.chats.settings(CHAT)).digest_due == chosen.digest_due + 7 * DAY


async def test_a_digest_of_its_coins_alone(world: World) -> None:
    await world.store.subscriptions.add(
        Subscription(destination=CHAT, assets=frozenset({BTC}), created=ONSET)
    )
    chosen = await world.choose(digest=Digest(time(8)))
    assert chosen.digest_due is not None
    await world.at(chosen.digest_due - LOW)
    [(_, digest, _)] = world.room.sent
    assert digest.lines[0].text == "No wave in 24 h"
    assert digest.table is None, "nothing was recorded near that time"


zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
moments = st.datetimes(datetime(2024, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
digests = st.builds(
    Digest, st.times().map(lambda at: at.replace(second=0, microsecond=0)), st.none() | st.integers(0, 6)
)


@given(zones, digests, moments)
def test_a_digest_is_due_once_a_day_or_week(zone: str, digest: Digest, now: datetime) -> None:
    chosen = ChatSettings(destination=CHAT, zone=zone, digest=digest)
    due = next_digest(chosen, now)
    assert due is not None
    assert now < due <= now + digest.period + HOUR
    again = next_digest(chosen, due)
    assert again is not None
    assert abs(again - due - digest.period) <= HOUR, "an hour more or less where the clock changes"


async def test_who_is_woken_looks_only_when_there_is_something(world: World) -> None:
    await world.wave_shown(CHAT)
    assert await world.later.look() == world.woken == 0
    world.now = LOW + HOUR
    assert await world.later.look() == world.woken == 1
    await asyncio.sleep(0)
