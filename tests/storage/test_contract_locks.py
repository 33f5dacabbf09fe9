"""What the only-one roles of every store keep to."""

from __future__ import annotations

import asyncio

from bot.ports import Held, Store


async def test_a_lock_is_held_for_the_block_and_no_longer(store: Store) -> None:
    async with store.locks.hold("judge") as held:
        assert (held.name, held.holds, held.lost.is_set()) == ("judge", True, False)
        (holder,) = await store.locks.holders()
        assert (holder.name, holder.token, holder.holder) == ("judge", held.token, held.holder)
    assert (held.holds, held.lost.is_set()) == (False, True)
    assert await store.locks.holders() == []


async def test_only_one_holds_a_lock_at_a_time_and_each_has_a_larger_token(store: Store) -> None:
    holding: list[Held] = []
    tokens: list[int] = []

    async def hold() -> None:
        async with store.locks.hold("judge") as held:
            assert not holding
            holding.append(held)
            for _ in range(5):
                await store.locks.holders()
            tokens.append(held.token)
            holding.remove(held)

    await asyncio.gather(*(hold() for _ in range(4)))
    assert tokens == sorted(set(tokens))


async def test_locks_of_different_names_are_held_side_by_side(store: Store) -> None:
    async with store.locks.hold("judge"), store.locks.hold("lane telegram"):
        assert [holder.name for holder in await store.locks.holders()] == ["judge", "lane telegram"]


async def test_who_gives_up_waiting_leaves_the_lock_to_others(store: Store) -> None:
    async def hold() -> None:
        async with store.locks.hold("judge"):
            raise AssertionError("it is held by somebody else")

    async with store.locks.hold("judge"):
        for turns in range(5):
            waiting = asyncio.create_task(hold())
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait({waiting})
            assert waiting.cancelled()
    async with store.locks.hold("judge") as held:
        assert held.holds


async def test_a_failure_in_the_block_lets_go(store: Store) -> None:
    try:
        async with store.locks.hold("judge"):
            raise ValueError("a bug")
    except ValueError:
        pass
    async with store.locks.hold("judge") as held:
        assert held.holds


async def test_the_holder_writes_under_its_lock(store: Store) -> None:
    async with store.locks.hold("judge") as held:
        mine = store.under(held)
        await mine.journal.keep("state", b"mine")
    assert await store.journal.kept("state") == b"mine"
