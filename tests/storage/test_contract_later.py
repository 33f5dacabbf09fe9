"""What every store keeps to: what is said later, when chats were told, and what was heard one by one."""

from __future__ import annotations

from msgspec.structs import replace

from bot.domain.chats import SettingsChange, whole
from bot.domain.posts import Told
from bot.domain.waves import FollowUp, Outcome, Stage
from bot.ports import Store
from tests.storage.samples import (
    BTC,
    BTC_SWAP,
    BTCUSDT,
    DAY,
    ETH,
    GROUP,
    HOME,
    HOUR,
    MINUTE,
    NOW,
    WEEKLY,
    liquidation,
    reading,
    subscription,
    wave,
)

CHAT = whole(GROUP)
CHANGE = SettingsChange(destination=GROUP, at=NOW, who="ann", what="digest")


async def test_waves_between_two_times_come_oldest_first_with_the_retracted(store: Store) -> None:
    for name, after, stage in (
        ("b", HOUR, Stage.RETRACTED),
        ("a", 0 * HOUR, Stage.OVER),
        ("c", DAY, Stage.OVER),
    ):
        await store.waves.save(wave(name, onset=NOW + after, stage=stage))
    await store.waves.save(wave("a", revision=2, onset=NOW, stage=Stage.OVER))
    found = await store.waves.between(NOW, NOW + DAY)
    assert [(one.id, one.revision) for one in found] == [("a", 2), ("b", 1)]
    assert await store.waves.between(NOW + MINUTE, NOW + HOUR) == []


async def test_what_is_planned_is_due_until_it_is_done(store: Store) -> None:
    hour, day = FollowUp(NOW + HOUR, "1a", HOUR), FollowUp(NOW + DAY, "1a", DAY)
    await store.waves.plan([day, hour])
    assert await store.waves.due(NOW) == []
    assert await store.waves.due(NOW + DAY) == [hour, day]
    await store.waves.followed_up(hour)
    await store.waves.plan([replace(hour, due=NOW), replace(day, due=NOW + 2 * DAY)])
    assert await store.waves.due(NOW + DAY) == []
    assert await store.waves.due(NOW + 2 * DAY) == [replace(day, due=NOW + 2 * DAY)]
    seen = Outcome(DAY, 0.032, None, 0.12, 0.02)
    await store.waves.followed_up(day, seen)
    await store.waves.followed_up(day)
    assert await store.waves.due(NOW + 9 * DAY) == []
    assert await store.waves.outcomes("1a") == [seen]
    assert await store.waves.outcomes("1b") == []


async def test_a_digest_is_due_again_when_it_was_told(store: Store) -> None:
    await store.chats.choose(WEEKLY, CHANGE)
    assert await store.chats.settings(GROUP) == WEEKLY
    assert await store.chats.digests(NOW) == []
    assert await store.chats.digests(NOW + HOUR) == [WEEKLY]
    await store.chats.digested(WEEKLY, NOW + DAY)
    assert await store.chats.digests(NOW + HOUR) == []
    assert await store.chats.settings(GROUP) == replace(WEEKLY, digest_due=NOW + DAY)


async def test_a_digest_chosen_in_a_topic_or_before_a_move_is_due_again_too(store: Store) -> None:
    await store.chats.choose(replace(WEEKLY, destination=GROUP), CHANGE)
    await store.chats.rename(GROUP, "-9")
    [moved] = await store.chats.digests(NOW + HOUR)
    await store.chats.digested(moved, NOW + DAY)
    assert await store.chats.digests(NOW + HOUR) == []


async def test_a_digest_chosen_anew_meanwhile_stands(store: Store) -> None:
    await store.chats.choose(WEEKLY, CHANGE)
    [read] = await store.chats.digests(NOW + HOUR)
    await store.chats.choose(replace(WEEKLY, digest=None, digest_due=None), CHANGE)
    await store.chats.digested(read, NOW + DAY)
    assert await store.chats.digests(NOW + 9 * DAY) == []


async def test_a_chat_that_is_gone_has_no_digest_until_it_is_back(store: Store) -> None:
    await store.chats.choose(WEEKLY, CHANGE)
    await store.chats.leave(GROUP, NOW)
    assert await store.chats.digests(NOW + 9 * DAY) == []
    await store.chats.back(GROUP, NOW)
    [back] = await store.chats.digests(NOW)
    assert back.digest == WEEKLY.digest
    await store.chats.rename(GROUP, "-9")
    [moved] = await store.chats.digests(NOW)
    assert moved.destination == replace(CHAT, chat="-9")


async def test_one_post_is_found_by_its_chat(store: Store) -> None:
    await store.posts.want("1a", [HOME, GROUP], revision=1, loud=1, size=1, now=NOW)
    found = await store.posts.get("1a", GROUP)
    assert found is not None
    assert (found.subject, found.destination) == ("1a", GROUP)
    assert await store.posts.get("1a", CHAT) is None


async def test_when_chats_were_first_told_is_counted_by_tenths_of_a_second(store: Store) -> None:
    await store.posts.want("1a", [HOME, GROUP, CHAT], revision=1, loud=1, size=1, now=NOW)
    posts = [
        *await store.posts.claim("local", NOW, HOUR, 9),
        *await store.posts.claim("telegram", NOW, HOUR, 9),
    ]
    for number, post in enumerate(posts):
        for revision in (1, 2):
            at = NOW + (number // 2) * MINUTE + revision * HOUR
            await store.posts.shown(post, revision=revision, message="m", loud=True, now=at)
    tenth = NOW.replace(microsecond=100_000)
    assert await store.posts.told(NOW) == [Told("1a", ((tenth + HOUR, 2), (tenth + HOUR + MINUTE, 1)))]
    assert await store.posts.told(NOW + 3 * HOUR) == []


async def test_liquidations_come_back_one_by_one_as_they_were_heard(store: Store) -> None:
    await store.journal.record([reading(), reading(instrument=BTC_SWAP)])
    late = replace(liquidation(NOW - HOUR, number="1"), received=NOW + MINUTE)
    swap = replace(liquidation(NOW, instrument=BTC_SWAP, number="2"), deleveraged=True)
    await store.journal.hear([late, swap, liquidation(NOW - HOUR, instrument=replace(BTCUSDT, asset=ETH))])
    assert await store.journal.heard(BTC, NOW - MINUTE, NOW + MINUTE) == [swap, late]
    assert await store.journal.heard(BTC, NOW, NOW + MINUTE) == [late]


async def test_readings_of_one_asset_are_found_among_all(store: Store) -> None:
    ether = replace(BTCUSDT, symbol="ETHUSDT", asset=ETH)
    await store.journal.record([reading(), reading(instrument=ether), reading(instrument=BTC_SWAP)])
    assert await store.journal.readings(NOW - MINUTE, NOW, ETH) == [reading(instrument=ether)]
    assert len(await store.journal.readings(NOW - MINUTE, NOW, BTC)) == 2


async def test_subscriptions_stay_when_a_digest_is_chosen(store: Store) -> None:
    await store.subscriptions.add(subscription(GROUP))
    await store.chats.choose(WEEKLY, CHANGE)
    assert len(await store.subscriptions.of(GROUP)) == 1
