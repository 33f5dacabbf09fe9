"""Server-sent events: what an open page is told while it is open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from aiohttp import web

from handlers.speech import spoken
from handlers.web.tabs import Tabs

RETRY = b"retry: 1000\n\n"


async def stream(
    request: web.Request,
    tabs: Tabs,
    most: int,
    *,
    first: Callable[[str], Awaitable[bytes]],
    beat: Callable[[], bytes],
    every: timedelta,
) -> web.StreamResponse:
    """Keeps one page told until it goes.

    ``first`` gives what it missed since an id, then ``beat`` is told each ``every``. Raises
    ``HTTPServiceUnavailable`` where ``most`` pages are open already.
    """
    if len(tabs) >= most:
        raise web.HTTPServiceUnavailable(text="Too many pages are open.", headers={"Retry-After": "60"})
    last_id = request.headers.get("Last-Event-ID") or request.query.get("after", "")
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
    )
    with tabs.open(spoken(), lambda: _abort(request)) as tab:
        try:
            await response.prepare(request)
            await response.write(RETRY + await first(last_id))
            loop, next_beat = asyncio.get_running_loop(), 0.0
            while True:
                if loop.time() >= next_beat:
                    await response.write(beat())
                    next_beat = loop.time() + every.total_seconds()
                try:
                    block = await tab.next(next_beat)
                except TimeoutError:
                    continue
                if block is None:
                    break
                await response.write(block)
        except ConnectionError:
            pass  # the page was closed, or dropped because it fell behind: it comes back by itself
    return response


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
