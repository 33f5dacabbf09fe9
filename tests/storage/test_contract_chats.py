"""What every store keeps to: who is told, and how each post converges."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from msgspec.structs import replace

from bot.domain.cards import Card, Line
from bot.domain.posts import YEARLY_W, AlertLog, Destination, Latency, Measure, Post, Threshold, Wish
from bot.ports import Store
from tests.storage.samples import BTC, ETH, GROUP, HOME, HOUR, MINUTE, NOW, names, subscription

HOLD = timedelta(seconds=60)
CARD = Card(title="BTC: a flush", lines=(Line("−19 % in coins"),))


async def wanted(store: Store, subject: str, *to: Destination, revision: int = 1, **more: float) -> None:
    size = more.get("size", 1.0)
    loud = int(more.get("loud", 1))
    await store.posts.want(subject, to, revision=revision, loud=loud, size=size, now=NOW)


async def claim(
    store: Store, platform: str = "local", now: timedelta = timedelta(), limit: int = 9
) -> list[Post]:
    return list(await store.posts.claim(platform, NOW + now, HOLD, limit))


async def show(store: Store, post: Post, revision: int, message: str = "m1", *, loud: bool = True) -> None:
    await store.posts.shown(post, revision=revision, message=message, loud=loud, now=NOW)


async def test_a_subscription_gets_an_id_and_comes_back(store: Store) -> None:
    first = await store.subscriptions.add(subscription())
    second = await store.subscriptions.add(subscription(GROUP, frozenset({ETH, BTC})))
    assert first.id != second.id
    assert first == replace(subscription(), id=first.id)
    assert await store.subscriptions.of(GROUP) == [second]
    assert await store.subscriptions.all() == [first, second]


async def test_a_destination_has_one_subscription_for_each_set_of_assets(store: Store) -> None:
    old = await store.subscriptions.add(subscription(assets=frozenset({BTC, ETH})))
    await store.subscriptions.add(subscription(assets=frozenset({BTC})))
    louder = replace(
        subscription(assets=frozenset({ETH, BTC})), threshold=Threshold(Measure.FALL, 0.05, horizon=HOUR)
    )
    new = await store.subscriptions.add(louder)
    assert new == replace(louder, id=old.id)
    assert len(await store.subscriptions.of(HOME)) == 2
    assert new in await store.subscriptions.all()


async def test_a_new_subscription_never_gets_the_id_of_one_that_went(store: Store) -> None:
    first = await store.subscriptions.add(subscription())
    await store.subscriptions.remove(HOME)
    assert (await store.subscriptions.add(subscription())).id > first.id


async def test_unsubscribing_takes_one_or_all_of_a_destination(store: Store) -> None:
    every = await store.subscriptions.add(subscription())
    await store.subscriptions.add(subscription(assets=frozenset({BTC})))
    other = await store.subscriptions.add(subscription(GROUP))
    assert await store.subscriptions.remove(HOME, other.id) == 0
    assert await store.subscriptions.remove(HOME, every.id) == 1
    assert await store.subscriptions.remove(HOME) == 1
    assert await store.subscriptions.all() == [other]


async def test_the_wishes_of_all_chats_follow_every_change(store: Store) -> None:
    def having(wishes: Mapping[Wish, Collection[Destination]]) -> dict[Wish, set[Destination]]:
        return {wish: set(to) for wish, to in wishes.items()}

    assert await store.subscriptions.wishes() == {}
    every, bitcoin = subscription(), subscription(GROUP, frozenset({BTC}))
    for each in (every, bitcoin, subscription(GROUP), subscription(replace(GROUP, topic="8"))):
        await store.subscriptions.add(each)
    assert having(await store.subscriptions.wishes()) == {
        every.wish: {HOME, GROUP, replace(GROUP, topic="8")},
        bitcoin.wish: {GROUP},
    }
    louder = replace(bitcoin, threshold=Threshold(Measure.W, 3.0))
    await store.subscriptions.add(louder)
    await store.subscriptions.remove(HOME)
    assert having(await store.subscriptions.wishes()) == {
        every.wish: {GROUP, replace(GROUP, topic="8")},
        louder.wish: {GROUP},
    }
    await store.chats.rename(GROUP, "-100900")
    assert having(await store.subscriptions.wishes())[louder.wish] == {replace(GROUP, chat="-100900")}
    await store.chats.leave(replace(GROUP, chat="-100900"), NOW)
    assert await store.subscriptions.wishes() == {}
    await store.chats.back(replace(GROUP, chat="-100900"), NOW)
    assert len(await store.subscriptions.wishes()) == 2


async def test_a_wanted_post_is_due_at_once_and_then_held(store: Store) -> None:
    await wanted(store, "wave", HOME, size=2.2)
    (post,) = await claim(store)
    assert post == Post(
        subject="wave", destination=HOME, wanted=1, loud=1, not_before=NOW + HOLD, size=2.2, due_since=NOW
    )
    assert await claim(store, now=HOLD - timedelta(microseconds=1)) == []
    assert names(await claim(store, now=HOLD)) == [("wave", "home")]


async def test_a_post_is_due_whatever_the_clock_of_the_market_says(store: Store) -> None:
    await store.posts.want("wave", [HOME], revision=1, loud=1, size=1, now=NOW)
    (post,) = await claim(store)
    await store.posts.raise_to("wave", revision=2, loud=1)
    await store.posts.shown(post, revision=1, message="m", loud=True, now=NOW + 1000 * HOUR)
    assert names(await claim(store)) == [("wave", "home")]


async def test_what_was_in_the_hand_of_somebody_who_is_gone_is_due_again(store: Store) -> None:
    await wanted(store, "wave", HOME, GROUP)
    await wanted(store, "other", HOME)
    (other,) = [post for post in await claim(store) if post.subject == "other"]
    await store.posts.later(other, NOW + HOUR)
    await claim(store, "telegram")
    await store.posts.take_back("local")
    assert names(await claim(store)) == [("wave", "home")]
    assert await claim(store, "telegram") == []


async def test_only_the_asked_platform_and_no_more_than_the_limit_are_claimed(store: Store) -> None:
    await wanted(store, "a", HOME, GROUP)
    await wanted(store, "b", HOME)
    assert names(await claim(store, limit=1)) == [("a", "home")]
    assert names(await claim(store)) == [("b", "home")]
    assert names(await claim(store, "telegram")) == [("a", GROUP.chat)]


async def test_loud_posts_go_before_edits_and_large_ones_before_small(store: Store) -> None:
    for subject, size in (("quiet", 9.0), ("small", 1.0), ("large", 3.0), ("again", 2.0)):
        await wanted(store, subject, HOME, size=size)
    for post in await claim(store):
        if post.subject in ("quiet", "again"):
            await show(store, post, 1)
    await store.posts.raise_to("quiet", revision=2, loud=1)
    await store.posts.raise_to("again", revision=2, loud=2)
    due = await claim(store, now=HOLD)
    assert [post.subject for post in due] == ["large", "again", "small", "quiet"]
    assert [post.must_ring for post in due] == [True, True, True, False]


async def test_one_at_a_time_the_most_urgent_goes_first(store: Store) -> None:
    for subject, size in (("edit", 9.0), ("again", 1.0)):
        await wanted(store, subject, HOME, size=size)
    for post in await claim(store):
        await show(store, post, 1)
    await store.posts.raise_to("edit", revision=2, loud=1)
    await store.posts.raise_to("again", revision=2, loud=2)
    await wanted(store, "small", HOME, size=2.0)
    await wanted(store, "large", HOME, size=3.0)
    order = [(await claim(store, limit=1))[0].subject for _ in range(4)]
    assert order == ["large", "small", "again", "edit"]


async def test_a_post_that_shows_what_is_wanted_is_not_due(store: Store) -> None:
    await wanted(store, "wave", HOME)
    (post,) = await claim(store)
    await show(store, post, 1, "m1")
    assert await claim(store, now=HOUR) == []
    (kept,) = await store.posts.of("wave")
    assert (kept.shown, kept.message, kept.first_shown_at, kept.tries) == (1, "m1", NOW, 0)


async def test_how_large_the_wave_was_at_its_largest_sound_is_kept(store: Store) -> None:
    await wanted(store, "wave", HOME)
    (post,) = await claim(store)
    for rung_w in (2.5, 0.0):
        await store.posts.shown(post, revision=1, message="m", loud=True, now=NOW, rung_w=rung_w)
    (kept,) = await store.posts.of("wave")
    assert kept.rung_w == 2.5


async def test_what_was_raised_while_a_post_was_in_hand_is_due_at_once(store: Store) -> None:
    await wanted(store, "wave", HOME)
    (post,) = await claim(store)
    await store.posts.raise_to("wave", revision=2, loud=1)
    assert await claim(store) == []  # still in hand
    await show(store, post, 1)
    (again,) = await claim(store)
    assert (again.wanted, again.shown, again.must_ring) == (2, 1, False)


async def test_a_post_is_only_ever_raised(store: Store) -> None:
    await wanted(store, "wave", HOME, revision=5, loud=4, size=3.0)
    await wanted(store, "wave", HOME, revision=2, loud=1, size=1.0)
    await store.posts.raise_to("wave", revision=4, loud=3)
    (post,) = await store.posts.of("wave")
    assert (post.wanted, post.loud, post.size) == (5, 4, 3.0)


async def test_raising_reaches_every_post_of_the_subject_and_makes_none(store: Store) -> None:
    await wanted(store, "wave", HOME, GROUP)
    await wanted(store, "other", HOME)
    await store.posts.drop((await store.posts.of("wave"))[1])
    await store.posts.raise_to("wave", revision=7, loud=2)
    await store.posts.raise_to("nothing", revision=7, loud=2)
    assert [(p.destination, p.wanted, p.loud) for p in await store.posts.of("wave")] == [(HOME, 7, 2)]
    assert [p.wanted for p in await store.posts.of("other")] == [1]
    assert await store.posts.of("nothing") == []


async def test_a_post_put_off_is_not_due_before_and_counts_its_tries(store: Store) -> None:
    await wanted(store, "wave", HOME)
    (post,) = await claim(store)
    await store.posts.later(post, NOW + timedelta(seconds=5))
    assert await claim(store, now=timedelta(seconds=4)) == []
    (again,) = await claim(store, now=timedelta(seconds=5))
    assert again.tries == 1


async def test_a_lapsed_claim_does_not_cut_short_the_next_one(store: Store) -> None:
    await wanted(store, "wave", HOME, revision=2)
    (slow,) = await claim(store)
    (quick,) = await claim(store, now=HOLD)
    await store.posts.later(slow, NOW + MINUTE)
    assert await claim(store, now=2 * HOLD - timedelta(seconds=1)) == []
    await show(store, slow, 1)
    assert await claim(store, now=2 * HOLD - timedelta(seconds=1)) == []
    await show(store, quick, 2, "m2")
    await show(store, slow, 1, "m1")  # told late: what the chat shows stays the newest
    (post,) = await store.posts.of("wave")
    assert (post.shown, post.message) == (2, "m2")


async def test_what_is_shown_is_written_to_the_log_newest_first(store: Store) -> None:
    await wanted(store, "wave", HOME)
    (post,) = await claim(store)
    await show(store, post, 1, "m1")
    await show(store, post, 2, "m1", loud=False)
    await store.posts.shown(post, revision=3, message="m2", loud=True, now=NOW + MINUTE)
    line = AlertLog(subject="wave", destination=HOME, revision=1, message="m1", sent=NOW, loud=True)
    log = await store.posts.log(NOW)
    assert log == [
        replace(line, revision=3, message="m2", sent=NOW + MINUTE),
        replace(line, revision=2, loud=False),
        line,
    ]
    assert await store.posts.log(NOW + timedelta(microseconds=1), limit=5) == log[:1]
    assert await store.posts.log(NOW, limit=2) == log[:2]


async def test_a_post_that_went_while_in_hand_does_not_come_back(store: Store) -> None:
    await wanted(store, "wave", HOME)
    (post,) = await claim(store)
    await store.posts.drop(post)
    await show(store, post, 1)
    await store.posts.later(post, NOW + HOUR)
    assert await store.posts.of("wave") == []
    assert len(await store.posts.log(NOW)) == 1


async def test_forgetting_a_destination_leaves_the_others(store: Store) -> None:
    neighbour = replace(GROUP, topic="8")
    await wanted(store, "a", HOME, GROUP, neighbour)
    await wanted(store, "b", GROUP)
    await store.posts.forget(GROUP)
    assert [p.destination for p in await store.posts.of("a")] == [HOME, neighbour]
    assert await store.posts.of("b") == []


async def test_the_log_can_be_asked_for_one_destination(store: Store) -> None:
    neighbour = replace(GROUP, topic="8")
    await wanted(store, "wave", HOME, GROUP, neighbour)
    for post in [*await claim(store), *await claim(store, "telegram")]:
        await show(store, post, 1)
    assert [line.destination for line in await store.posts.log(NOW, destination=GROUP)] == [GROUP]
    assert len(await store.posts.log(NOW)) == 3
    assert await store.posts.log(NOW + MINUTE, destination=GROUP) == []


async def test_a_destination_that_has_another_wave_is_left_out(store: Store) -> None:
    await wanted(store, "btc", HOME)
    await store.posts.want("eth", [HOME, GROUP], revision=1, loud=1, size=1, now=NOW, unless=["btc", "sol"])
    assert [post.destination for post in await store.posts.of("eth")] == [GROUP]


async def test_more_chats_than_are_written_at_a_time_all_get_their_post(store: Store) -> None:
    everyone = {Destination("local", str(n * 7919)) for n in range(5_000)}
    await store.posts.want("wave", everyone, revision=1, loud=1, size=1, now=NOW)
    assert {post.destination for post in await store.posts.of("wave")} == everyone


async def test_a_post_that_is_hushed_waits_for_the_end_of_silence(store: Store) -> None:
    await wanted(store, "wave", HOME)
    (post,) = await claim(store)
    await store.posts.hush(post, NOW + HOUR)
    await store.posts.raise_to("wave", revision=2, loud=2)
    assert await claim(store, now=HOUR - timedelta(microseconds=1)) == []
    (again,) = await claim(store, now=HOUR)
    assert (again.wanted, again.tries, again.silent_until) == (2, 0, NOW + HOUR)


async def test_hushing_a_lapsed_claim_leaves_the_next_one_in_hand(store: Store) -> None:
    await wanted(store, "wave", HOME)
    (slow,) = await claim(store)
    (quick,) = await claim(store, now=HOLD)
    await store.posts.hush(slow, NOW + HOLD)
    assert await claim(store, now=HOLD) == []
    assert quick.not_before == NOW + 2 * HOLD


async def test_a_wave_that_grows_to_one_that_may_break_through_is_looked_at_again(store: Store) -> None:
    await wanted(store, "wave", HOME, size=3.0)
    (post,) = await claim(store)
    await store.posts.hush(post, NOW + HOUR)
    await wanted(store, "wave", HOME, revision=2, size=YEARLY_W - 0.1)
    assert await claim(store) == []
    await wanted(store, "wave", HOME, revision=3, size=YEARLY_W)
    assert len(await claim(store)) == 1
    await store.posts.hush(post, NOW + HOUR)
    await wanted(store, "wave", HOME, revision=4, size=YEARLY_W + 0.5)
    assert await claim(store, now=HOLD) == []


async def test_latency_is_counted_from_when_each_chat_was_to_be_told_first(store: Store) -> None:
    assert await store.posts.latency("wave") is None
    await wanted(store, "wave", HOME)
    await store.posts.want("wave", [GROUP], revision=2, loud=1, size=1, now=NOW + MINUTE)
    (home,), (group,) = await claim(store), await claim(store, "telegram")
    for post, at in ((home, timedelta(seconds=2)), (group, MINUTE + timedelta(seconds=41)), (home, HOUR)):
        await store.posts.shown(post, revision=3, message="m", loud=True, now=NOW - HOUR, wall=NOW + at)
    latency = Latency(first=timedelta(seconds=2), last=timedelta(seconds=41), chats=2)
    assert await store.posts.latency("wave") == latency
    await store.posts.drop(home)
    assert await store.posts.latency("wave") == latency
    assert await store.posts.latency("other") is None


async def test_silence_does_not_count_as_latency(store: Store) -> None:
    await wanted(store, "wave", HOME)
    (post,) = await claim(store)
    await store.posts.hush(post, NOW + HOUR)
    (post,) = await claim(store, now=HOUR)
    await store.posts.shown(post, revision=1, message="m", loud=True, now=NOW + HOUR + MINUTE)
    assert await store.posts.latency("wave") == Latency(MINUTE, MINUTE, 1)


async def test_the_local_chat_numbers_what_is_said_and_amends_it_in_place(store: Store) -> None:
    asked = await store.chat.say("you", NOW, text="/oi BTC")
    told = await store.chat.say("bot", NOW + MINUTE, card=CARD, reply_to=asked.number)
    assert (asked.number, told.number) == (1, 2)
    newer = replace(CARD, title="BTC: over")
    amended = await store.chat.amend(told.number, NOW + HOUR, newer)
    assert amended == replace(told, at=NOW + HOUR, card=newer, revision=1)
    assert await store.chat.amend(99, NOW, CARD) is None
    assert await store.chat.said() == [asked, amended]


async def test_the_local_chat_tells_the_newest_messages_oldest_first(store: Store) -> None:
    said = [await store.chat.say("you", NOW, text=str(n)) for n in range(5)]
    assert await store.chat.said(limit=2) == said[3:]
    assert await store.chat.said(after=said[3].number) == said[4:]
    assert await store.chat.said(after=said[4].number) == []
