"""Tasks that live as long as a ``with`` block; what is in hand is finished. And how a process is stopped."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Work = Coroutine[Any, Any, None]


@asynccontextmanager
async def running(*work: Work) -> AsyncIterator[Callable[[Work], None]]:
    """Run ``work`` beside the block; yields a function that starts more of it.

    The first failure of any task (or of the block) ends the block and all its tasks, and is raised as
    itself; failures that came with it are added to it as notes. Leaving the block cancels what still runs
    and waits for it. A task that simply returns ends nothing.
    """
    tasks: set[asyncio.Task[None]] = set()
    try:
        async with asyncio.TaskGroup() as group:

            def start(more: Work) -> None:
                task = group.create_task(more)
                tasks.add(task)
                task.add_done_callback(tasks.discard)

            for each in work:
                start(each)
            try:
                yield start
            finally:
                for task in tasks:
                    task.cancel()
    except BaseExceptionGroup as failures:
        first, *others = failures.exceptions
        for other in others:
            first.add_note(f"At the same time: {other!r}")
        raise first from first.__cause__


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Await ``work`` to its end however often this is cancelled, then let the cancellation through.

    A failure of ``work`` is raised even then: a message that went out unrecorded must not pass silently.
    """
    task = asyncio.ensure_future(work)
    stop: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as asked:
            stop = asked
    result = task.result()
    if stop is not None:
        raise stop
    return result


class Stop(asyncio.Event):
    """Set when the process is to stop. Who comes to ``wait`` has started, and ends in its own way then."""

    def __init__(self) -> None:
        super().__init__()
        self.started = False

    async def wait(self) -> Literal[True]:
        self.started = True
        return await super().wait()


@asynccontextmanager
async def stopped_by_signals() -> AsyncIterator[Stop]:
    """SIGINT and SIGTERM stop the block. While it starts it is cut short, whatever it waits for."""
    loop, stop, block = asyncio.get_running_loop(), Stop(), asyncio.current_task()

    def told() -> None:
        if not stop.started and not stop.is_set() and block is not None:
            block.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told)
    try:
        yield stop
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
