"""A bot killed at random moments: every chat ends on the last revision, and what is told twice is counted."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from pathlib import Path
from signal import SIGKILL

from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from bot.deliver import HOLD
from storage.sqlite import open_sqlite
from tests.deliver_process import CHATS, LAST, LOUD, SUBJECTS

ROOT = Path(__file__).parents[1]
CHANCE = random.Random(20251010)  # noqa: S311 - moments to die at are no secrets

Sent = tuple[str, str, int]
"""Chat, subject and revision."""


class Moment(Enum):
    """When the process dies, seen from the platform."""

    UNHEARD = auto()
    """The request was never taken up."""
    UNANSWERED = auto()
    """It was carried out, and nobody was told."""
    ANSWERED = auto()
    """It was answered: the record of it may or may not have been written."""


LIVES = [(5, Moment.UNANSWERED)] + [(CHANCE.randint(1, 40), moment) for moment in CHANCE.sample([*Moment], 3)]
"""After how many requests, and how, each life ends. The first is sure to die in the window."""


@dataclass
class Platform:
    """Takes messages, and kills whoever sends them after so many more, at a given moment."""

    process: asyncio.subprocess.Process | None = None
    left: int | None = None
    moment: Moment = Moment.ANSWERED
    rooms: dict[str, dict[str, tuple[str, int]]] = field(default_factory=dict)
    sent: list[tuple[Sent, str]] = field(default_factory=list)
    """What came as a new message, and the name it got."""

    def _is_time(self, moment: Moment) -> bool:
        return self.left == 0 and moment is self.moment

    def _kill(self) -> None:
        """By its number: ``Popen.kill`` looks for an end first and takes it from whoever waits for it."""
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, SIGKILL)

    async def handle(self, request: web.Request) -> web.Response:
        said = await request.json()
        if self.left is not None:
            self.left = max(0, self.left - 1)
        if self._is_time(Moment.UNHEARD):
            self._kill()
            return web.Response(status=500)
        room = self.rooms.setdefault(said["chat"], {})
        name = said["message"] or str(len(room) + 1)
        if said["what"] == "send":
            self.sent.append(((said["chat"], said["subject"], said["revision"]), name))
        room[name] = (said["subject"], said["revision"])
        if self._is_time(Moment.UNANSWERED):
            self._kill()
        elif self._is_time(Moment.ANSWERED):
            asyncio.get_running_loop().call_later(CHANCE.uniform(0, 0.004), self._kill)
        return web.json_response({"message": name})


def recorded(database: Path) -> set[tuple[str, str, str]]:
    """Chat, subject and message of every new message that the bot knows it has sent."""
    with sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True) as db:
        rows = db.execute("select chat, subject, message from alert_log where loud").fetchall()
    return set(rows)


async def run(platform: Platform, server: BaseTestServer, database: Path) -> int:
    """One life of the bot; returns how it ended."""
    platform.process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.deliver_process",
        str(database),
        str(server.make_url("/")),
        cwd=ROOT,
    )
    async with asyncio.timeout(30):  # sooner than any claim runs out
        return await platform.process.wait()


async def test_a_bot_killed_at_random_moments_tells_twice_only_what_it_could_not_record(
    tmp_path: Path,
) -> None:
    platform, database = Platform(), tmp_path / "washout.db"
    app = web.Application()
    app.router.add_post("/", platform.handle)
    unrecorded: set[tuple[str, str, str]] = set()
    async with TestServer(app) as server:
        for platform.left, platform.moment in LIVES:
            ended = await run(platform, server, database)
            assert ended in (0, -SIGKILL)
            known = recorded(database)
            accepted = {(chat, subject, name) for (chat, subject, _), name in platform.sent}
            unrecorded |= accepted - known
        platform.left = None
        # A kill ordered at the very end of one life may strike the next: that one counts like the others.
        if await run(platform, server, database) != 0:
            unrecorded |= {(c, s, name) for (c, s, _), name in platform.sent} - recorded(database)
            assert await run(platform, server, database) == 0

    for destination in CHATS:
        shows: dict[str, int] = {}
        for subject, revision in platform.rooms[destination.chat].values():
            shows[subject] = max(shows.get(subject, 0), revision)
        assert shows == dict.fromkeys(SUBJECTS, LAST)
    sends = Counter((chat, subject) for (chat, subject, _), _ in platform.sent)
    lost = Counter((chat, subject) for chat, subject, _ in unrecorded)
    for place, count in sends.items():
        assert count <= len(LOUD) + lost[place], place
    twice = sum(count - 1 for count in Counter(sent for sent, _ in platform.sent).values())
    assert twice <= len(unrecorded)
    assert unrecorded


async def test_a_start_takes_back_what_was_in_hand_and_not_what_a_platform_put_off(tmp_path: Path) -> None:
    now, file = datetime(2025, 10, 10, 21, tzinfo=UTC), tmp_path / "washout.db"
    async with open_sqlite(file) as store:
        await store.posts.want("1a", CHATS[:2], revision=1, loud=1, size=1.0, now=now)
        put_off, _ = await store.posts.claim(CHATS[0].platform, now, HOLD, 2)
        await store.posts.later(put_off, now + timedelta(seconds=30))
    async with open_sqlite(file) as store:
        [due] = await store.posts.claim(CHATS[0].platform, now, HOLD, 2)
        assert due.destination != put_off.destination
