"""What every store keeps to: what chats chose, what they were spared, and their comings and goings."""

from __future__ import annotations

from datetime import time, timedelta

from msgspec.structs import replace

from bot.domain.chats import ChatSettings, QuietHours, RolePing, SettingsChange, whole
from bot.domain.posts import Destination, Subscription
from bot.ports import Store
from tests.storage.samples import BTC, ETH, GROUP, HOME, HOUR, MINUTE, NOW, subscription

CHAT = whole(GROUP)
NEIGHBOUR = replace(GROUP, topic="8")
NEW_CHAT = replace(CHAT, chat="-100900")
CHOSEN = ChatSettings(
    destination=CHAT,
    zone="Europe/Berlin",
    quiet=QuietHours(time(23), time(7)),
    break_through=True,
    muted_until=NOW + HOUR,
    pings=(RolePing("4711", 2.9),),
    manager_role="4712",
    language="de",
)


def change(what: str = "quiet hours 23:00-07:00", after: timedelta = timedelta()) -> SettingsChange:
    return SettingsChange(destination=GROUP, at=NOW + after, who="ann", what=what)


async def want(store: Store, *subjects: str, to: Destination = GROUP, revision: int = 1) -> None:
    for subject in subjects:
        await store.posts.want(subject, [to], revision=revision, loud=1, size=1, now=NOW)


async def places(store: Store, subject: str) -> list[Destination]:
    return [post.destination for post in await store.posts.of(subject)]


async def subscribe(store: Store, *destinations: Destination) -> list[Subscription]:
    return [await store.subscriptions.add(subscription(to)) for to in destinations]


async def test_a_chat_that_never_chose_has_the_defaults(store: Store) -> None:
    assert await store.chats.settings(GROUP) == ChatSettings(destination=CHAT)


async def test_what_a_chat_chose_holds_in_all_its_topics(store: Store) -> None:
    await store.chats.choose(replace(CHOSEN, destination=GROUP), change())
    assert await store.chats.settings(NEIGHBOUR) == CHOSEN
    assert await store.chats.settings(HOME) == ChatSettings(destination=HOME)
    later = replace(CHOSEN, quiet=None)
    await store.chats.choose(later, change("quiet hours off", MINUTE))
    assert await store.chats.settings(CHAT) == later


async def test_who_changed_what_is_kept_newest_first(store: Store) -> None:
    await store.chats.choose(CHOSEN, change("zone"))
    await store.chats.note(change("subscribed to BTC", MINUTE))
    await store.chats.note(replace(change("elsewhere"), destination=HOME))
    await store.chats.choose(CHOSEN, change("quiet"))
    log = [change("subscribed to BTC", MINUTE), change("quiet"), change("zone")]
    assert await store.chats.changes(NEIGHBOUR) == log
    assert await store.chats.changes(CHAT, limit=1) == log[:1]


async def test_choosing_anew_looks_again_at_what_was_put_off_for_silence(store: Store) -> None:
    await want(store, "1a", "1b")
    await want(store, "1a", to=replace(GROUP, chat="-7"))
    for post in await store.posts.claim("telegram", NOW, MINUTE, 9):
        if post.subject == "1a":
            await store.posts.hush(post, NOW + HOUR)
    await store.chats.choose(CHOSEN, change())
    due = await store.posts.claim("telegram", NOW, MINUTE, 9)
    assert [(post.subject, post.destination) for post in due] == [("1a", GROUP)]


async def test_a_chat_that_is_gone_keeps_what_it_chose_for_when_it_is_back(store: Store) -> None:
    here, there, home = await subscribe(store, GROUP, NEIGHBOUR, HOME)
    await store.chats.choose(CHOSEN, change())
    await want(store, "1a")
    await want(store, "1a", to=NEIGHBOUR)
    await want(store, "1a", to=HOME)
    await store.chats.hold(GROUP, "1z", NOW)
    await store.chats.leave(NEIGHBOUR, NOW)
    assert await store.subscriptions.all() == [home]
    assert await places(store, "1a") == [HOME]
    assert await store.chats.held("telegram") == {}
    assert await store.chats.settings(GROUP) == CHOSEN
    assert await store.chats.back(CHAT, NOW + HOUR) == 2
    assert await store.subscriptions.all() == [here, there, home]
    assert await store.chats.back(CHAT, NOW + HOUR) == 0


async def test_leaving_twice_loses_nothing_and_what_was_chosen_meanwhile_stays(store: Store) -> None:
    await store.subscriptions.add(subscription(GROUP, frozenset({BTC}), by="old"))
    eth = await store.subscriptions.add(subscription(GROUP, frozenset({ETH}), by="old"))
    await store.chats.leave(GROUP, NOW)
    await store.chats.leave(GROUP, NOW + MINUTE)
    new = await store.subscriptions.add(subscription(GROUP, frozenset({BTC}), by="new"))
    assert new.id > eth.id
    assert await store.chats.back(GROUP, NOW + HOUR) == 1
    assert await store.subscriptions.of(GROUP) == [eth, new]


async def test_a_chat_that_moves_takes_all_that_is_its_own(store: Store) -> None:
    (moved,) = await subscribe(store, GROUP)
    await store.chats.choose(CHOSEN, change())
    await store.chats.hold(GROUP, "1z", NOW)
    await want(store, "1a", "1b")
    for post in await store.posts.claim("telegram", NOW, HOUR, 9):
        if post.subject == "1a":
            await store.posts.shown(post, revision=1, message="55", loud=True, now=NOW)
    await store.chats.rename(GROUP, NEW_CHAT.chat)
    to = replace(GROUP, chat=NEW_CHAT.chat)
    assert await store.subscriptions.all() == [replace(moved, destination=to)]
    assert await store.chats.settings(to) == replace(CHOSEN, destination=NEW_CHAT)
    assert await store.chats.settings(GROUP) == ChatSettings(destination=CHAT)
    assert await store.chats.changes(to) == [replace(change(), destination=to)]
    assert await store.chats.held("telegram") == {to: ["1z"]}
    (shown,) = await store.posts.of("1a")
    assert (shown.destination, shown.shown, shown.message) == (to, 1, None)
    assert [post.subject for post in await store.posts.claim("telegram", NOW, MINUTE, 9)] == ["1b"]


async def test_a_chat_that_moves_leaves_alone_what_is_there_already(store: Store) -> None:
    to = replace(GROUP, chat=NEW_CHAT.chat)
    await store.subscriptions.add(subscription(GROUP, frozenset({BTC}), by="old"))
    kept = await store.subscriptions.add(subscription(to, frozenset({BTC}), by="new"))
    theirs = replace(CHOSEN, destination=NEW_CHAT, zone="Asia/Tokyo")
    await store.chats.choose(CHOSEN, change())
    await store.chats.choose(theirs, replace(change("theirs"), destination=to))
    await want(store, "1a")
    await want(store, "1a", to=to, revision=4)
    await store.chats.rename(GROUP, NEW_CHAT.chat)
    await store.chats.rename(to, NEW_CHAT.chat)
    assert await store.subscriptions.all() == [kept]
    assert await store.chats.settings(to) == theirs
    assert [(post.destination, post.wanted) for post in await store.posts.of("1a")] == [(to, 4)]


async def test_a_chat_that_moves_while_it_is_left_is_restored_under_its_new_name(store: Store) -> None:
    (moved,) = await subscribe(store, GROUP)
    await store.chats.leave(GROUP, NOW)
    await store.chats.rename(GROUP, NEW_CHAT.chat)
    assert await store.chats.back(NEW_CHAT, NOW) == 1
    assert await store.subscriptions.all() == [replace(moved, destination=replace(GROUP, chat=NEW_CHAT.chat))]


async def test_what_was_spared_is_held_once_until_it_is_summed_up(store: Store) -> None:
    for to, subject, after in ((GROUP, "1b", MINUTE), (GROUP, "1a", HOUR), (NEIGHBOUR, "1a", MINUTE)):
        await store.chats.hold(to, subject, NOW + after)
    await store.chats.hold(GROUP, "1b", NOW + 2 * HOUR)
    await store.chats.hold(HOME, "1a", NOW)
    assert await store.chats.held("telegram") == {GROUP: ["1b", "1a"], NEIGHBOUR: ["1a"]}
    await store.chats.hold(GROUP, "1c", NOW + HOUR)
    await store.chats.summed_up(GROUP, ["1b", "1a"])
    assert await store.chats.held("telegram") == {GROUP: ["1c"], NEIGHBOUR: ["1a"]}
