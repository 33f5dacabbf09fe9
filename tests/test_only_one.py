"""What only one process may do: begun with the lock, ended with it, and with a stop."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import StorageError
from bot.fleet import only_one
from bot.ports import Held, Store
from storage.memory import MemoryStore

SOON_S = 5.0


class Turns:
    """Work that says when it began and was asked to end, and ends when ``let_go`` is set."""

    def __init__(self) -> None:
        self.held: list[Held] = []
        self.began, self.asked, self.let_go = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.ended = 0

    async def work(self, own: Store, held: Held) -> None:
        self.held.append(held)
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.asked.set()
            await self.let_go.wait()
            self.ended += 1


async def test_who_lost_the_lock_waits_for_it_again() -> None:
    turns = Turns()
    turns.let_go.set()
    doing = asyncio.ensure_future(only_one(MemoryStore(), "lane", turns.work))
    async with asyncio.timeout(SOON_S):
        await turns.began.wait()
        turns.began.clear()
        turns.held[0].lost.set()
        await turns.began.wait()
    assert [held.token for held in turns.held] == [1, 2]
    doing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doing
    assert turns.ended == 2


async def test_a_stop_is_heard_also_while_what_was_lost_is_being_ended() -> None:
    turns = Turns()
    doing = asyncio.ensure_future(only_one(MemoryStore(), "lane", turns.work))
    async with asyncio.timeout(SOON_S):
        await turns.began.wait()
        turns.held[0].lost.set()
        await turns.asked.wait()
        doing.cancel()
        await asyncio.sleep(0)
        turns.let_go.set()
        with pytest.raises(asyncio.CancelledError):
            await doing
    assert turns.ended == 1, "what is in hand is finished first"
    assert len(turns.held) == 1


@pytest.mark.parametrize("lost", [False, True])
async def test_a_fault_of_its_own_ends_it_and_one_that_comes_of_the_loss_does_not(lost: bool) -> None:
    store, tries = MemoryStore(), 0

    async def work(own: Store, held: Held) -> None:
        nonlocal tries
        tries += 1
        if lost and tries == 1:
            held.lost.set()
        raise StorageError("the disk is full")

    with pytest.raises(StorageError, match="full"):
        await only_one(store, "lane", work)
    assert tries == (2 if lost else 1)
