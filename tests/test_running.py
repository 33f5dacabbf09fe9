from __future__ import annotations

import asyncio
import os
import signal

import pytest

from bot.errors import ConfigError, StorageError
from bot.running import finish, running, stopped_by_signals


async def forever(ended: list[str], name: str = "forever") -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append(name)


async def fail(why: str) -> None:
    raise StorageError(why)


async def test_leaving_the_block_cancels_its_tasks_and_waits_for_them() -> None:
    ended: list[str] = []
    async with running(forever(ended)):
        await asyncio.sleep(0)
        assert ended == []
    assert ended == ["forever"]


async def test_the_inner_block_stops_before_the_outer() -> None:
    ended: list[str] = []
    async with running(forever(ended, "outer")), running(forever(ended, "inner")):
        await asyncio.sleep(0)
    assert ended == ["inner", "outer"]


async def test_a_task_that_fails_ends_the_block_and_the_others_with_its_own_error() -> None:
    ended: list[str] = []
    with pytest.raises(StorageError, match="disk full"):
        async with running(forever(ended), fail("disk full")):
            await asyncio.Event().wait()
    assert ended == ["forever"]


async def test_a_failure_passes_through_nested_blocks_as_itself() -> None:
    ended: list[str] = []
    with pytest.raises(StorageError, match="disk full"):
        async with running(forever(ended, "outer")), running(fail("disk full")):
            await asyncio.Event().wait()
    assert ended == ["outer"]


async def test_a_second_failure_is_told_as_a_note() -> None:
    with pytest.raises(StorageError) as caught:
        async with running(fail("first"), fail("second")):
            await asyncio.Event().wait()
    assert str(caught.value) == "first"
    assert "second" in "".join(caught.value.__notes__)


async def test_an_error_of_the_block_itself_ends_its_tasks() -> None:
    ended: list[str] = []
    with pytest.raises(ConfigError, match="no such key"):
        async with running(forever(ended)):
            await asyncio.sleep(0)
            raise ConfigError("no such key")
    assert ended == ["forever"]


async def test_a_task_that_returns_ends_nothing() -> None:
    ended: list[str] = []
    done = asyncio.Event()

    async def once() -> None:
        done.set()

    async with running(forever(ended), once()):
        await done.wait()
        await asyncio.sleep(0)
        assert ended == []


async def test_more_can_be_started_inside_the_block_and_its_failure_ends_it() -> None:
    with pytest.raises(StorageError, match="later"):
        async with running() as start:
            start(fail("later"))
            await asyncio.Event().wait()


async def test_a_cancelled_block_waits_for_its_tasks_and_is_cancelled() -> None:
    ended: list[str] = []
    inside = asyncio.Event()

    async def block() -> None:
        async with running(forever(ended)):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(block())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["forever"]


async def test_what_is_in_hand_is_finished_however_often_it_is_cancelled() -> None:
    begun, go, recorded = asyncio.Event(), asyncio.Event(), []

    async def work() -> str:
        begun.set()
        await go.wait()
        recorded.append("sent")
        return "sent"

    task = asyncio.create_task(finish(work()))
    await begun.wait()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert recorded == ["sent"]


async def test_a_failure_of_what_is_in_hand_is_louder_than_the_cancellation() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await go.wait()
        raise StorageError("not recorded")

    task = asyncio.create_task(finish(work()))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    go.set()
    with pytest.raises(StorageError, match="not recorded"):
        await task


async def test_finish_gives_back_what_the_work_returned() -> None:
    async def work() -> int:
        return 7

    assert await finish(work()) == 7


async def test_a_signal_cuts_short_a_start_that_waits() -> None:
    ended: list[str] = []
    async with stopped_by_signals(), running(forever(ended)):
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(5):
            await asyncio.Event().wait()  # for a database that never answers, say
    assert ended == ["forever"]


async def test_what_has_started_hears_of_a_signal_and_ends_in_its_own_way() -> None:
    ended: list[str] = []
    async with stopped_by_signals() as stop:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
        await stop.wait()
        await asyncio.sleep(0)
        ended.append("its own way")
    assert ended == ["its own way"]


async def test_a_block_that_is_cancelled_by_another_is_no_stop() -> None:
    async def start() -> None:
        async with stopped_by_signals():
            await asyncio.Event().wait()

    task = asyncio.create_task(start())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
