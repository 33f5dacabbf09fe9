"""/status where several processes share the work."""

from __future__ import annotations

from bot.domain.fleet import Member, Role
from handlers.desk import Desk
from tests.handlers.october import NOW
from tests.handlers.test_commands import said


def member(name: str, *roles: Role, waiting: int = 0) -> Member:
    return Member(
        name=name,
        roles=roles,
        version="0",
        started=NOW,
        at=NOW,
        waiting={"seen 0": waiting},
        sent={"lane.telegram.1a": 3},
    )


async def test_status_tells_of_every_process_lock_and_queue(desk: Desk) -> None:
    desk.members = lambda: [member("a", Role.COLLECT, Role.JUDGE, waiting=7), member("b", Role.COLLECT)]
    async with desk.store.locks.hold("judge.0") as held:
        told = await said(desk, "/status")
    assert "Processes: 2 (collect 2, judge 1)" in told
    assert "judge.0" in told
    assert held.holder.split()[-1] in told
    assert "Waiting: seen 0 7" in told
    assert "Sent within a minute: lane.telegram.1a 6" in told


async def test_where_one_process_does_everything_nothing_is_said_of_processes(desk: Desk) -> None:
    assert "Processes" not in await said(desk, "/status")
