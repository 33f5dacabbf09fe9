from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import cycle, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telegram.error import RetryAfter

from bot.errors import TryLater
from bot.fence import fenced
from handlers.telegram.pace import (
    ALL_A_SECOND,
    CHAT_GAP_S,
    GROUP_MOST,
    GROUP_SPAN_S,
    KEPT,
    PACE_A_SECOND,
    PATIENCE_S,
    Budget,
    Rank,
    Turn,
    share_of,
)
from handlers.telegram.pacer import Pacer
from storage.locks import LocalHeld

ANSWER_S = 0.05
Asked = tuple[float, Rank, str]


def play(
    asked: list[Asked], *, late_s: float = 0.0, slow_s: Sequence[float] = (0.0,)
) -> list[tuple[float, Turn]]:
    """Everyone asks at their time. A timer is ``late_s`` late; a request is ``slow_s`` (one after the other)
    on its way, then answered after ``ANSWER_S``. Returns who came when, in order of starts."""
    budget, now_s, ways = Budget(), 0.0, cycle(slow_s)
    coming = sorted(asked, key=lambda each: each[0], reverse=True)
    under_way: list[tuple[float, Turn]] = []
    came: list[tuple[float, Turn]] = []
    while True:
        while coming and coming[-1][0] <= now_s:
            _, rank, chat = coming.pop()
            budget.ask(rank, chat, now_s)
        for ends_s, turn in [each for each in under_way if each[0] <= now_s]:
            under_way.remove((ends_s, turn))
            budget.finish(turn, now_s)
        budget.hopeless(now_s)
        while (turn := budget.start(now_s)) is not None:  # type: ignore[assignment]
            way_s = next(ways)
            came.append((now_s + way_s, turn))
            under_way.append((now_s + way_s + ANSWER_S, turn))
        wakes_s = budget.wakes_s()
        nexts = [coming[-1][0]] if coming else []
        nexts += [ends_s for ends_s, _ in under_way]
        nexts += [] if wakes_s is None else [wakes_s + late_s]
        if not nexts:
            return came
        now_s = max(now_s + 1e-6, min(nexts))


CHATS = st.sampled_from(["1", "2", "3", "-1", "-2"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 30), st.sampled_from(Rank), CHATS), max_size=60),
    st.sampled_from([0.0, 0.001, 0.009]),
    st.lists(st.sampled_from([0.0, 0.002, 0.03, 0.08]), min_size=1, max_size=50).map(
        lambda ways: [0.0, *ways]
    ),
)
def test_no_limit_is_ever_exceeded(asked: list[Asked], late_s: float, slow_s: list[float]) -> None:
    started = play(asked, late_s=late_s, slow_s=slow_s)
    everyone = sorted(at for at, _ in started)
    for first, thirty_first in zip(everyone, everyone[ALL_A_SECOND:], strict=False):
        assert thirty_first - first >= 1.0
    for chat in {turn.chat for _, turn in started}:
        mine = [at for at, turn in started if turn.chat == chat]
        assert all(b - a >= CHAT_GAP_S + ANSWER_S - 1e-9 for a, b in pairwise(mine))
        if chat is not None and chat.startswith("-"):
            for first, over in zip(mine, mine[GROUP_MOST:], strict=False):
                assert over - first >= GROUP_SPAN_S


def test_stalls_of_a_line_never_bring_31_into_a_second() -> None:
    asked = [(0.0, Rank.LOUD, str(chat)) for chat in range(400)]
    everyone = sorted(at for at, _ in play(asked, slow_s=[*[0.0] * 36, 0.05, 0.02, *[0.001] * 9]))
    assert min(b - a for a, b in zip(everyone, everyone[ALL_A_SECOND:], strict=False)) >= 1.0


def test_a_broadcast_goes_at_the_full_pace_though_timers_are_late() -> None:
    started = play([(0.0, Rank.LOUD, str(chat)) for chat in range(300)], late_s=0.002)
    assert len(started) == 300
    assert started[-1][0] <= 300 / PACE_A_SECOND


def test_answers_go_before_posts_and_posts_before_edits() -> None:
    asked = [
        (0.0, rank, str(place)) for place, rank in enumerate([Rank.CHORE, Rank.EDIT, Rank.LOUD, Rank.LOUD])
    ]
    asked += [(0.05, Rank.ANSWER, "9")]
    started = play([*asked, (0.0, Rank.LOUD, "8")])
    ranks = [turn.rank for _, turn in started]
    assert ranks == [Rank.LOUD, Rank.LOUD, Rank.ANSWER, Rank.LOUD, Rank.EDIT, Rank.CHORE]


def test_a_person_does_not_wait_for_the_distance_that_posts_keep() -> None:
    budget = Budget()
    for number in range(3):
        budget.ask(Rank.LOUD, str(number), 0.0)
    assert budget.start(0.0) is not None
    assert budget.start(0.001) is None
    person = budget.ask(Rank.ANSWER, "9", 0.001)
    assert budget.wakes_s() == 0.0
    assert budget.start(0.001) is person
    assert budget.start(1 / PACE_A_SECOND) is None  # the place behind it is the person's
    assert budget.start(2 / PACE_A_SECOND) is not None


def test_a_full_group_holds_up_nobody_else() -> None:
    asked = [(0.0, Rank.LOUD, "-1")] * 25 + [(0.1, Rank.LOUD, "-2")]
    started = play(asked)
    assert next(at for at, turn in started if turn.chat == "-2") < 0.2


def test_reading_does_not_cost_a_chat_its_message() -> None:
    budget = Budget()
    reading = budget.ask(Rank.ANSWER, "-1", 0.0, message=False)
    assert budget.start(0.0) is reading
    saying = budget.ask(Rank.ANSWER, "-1", 0.1)
    assert budget.start(0.1) is None, "one request at a time"
    budget.finish(reading, 0.2)
    assert budget.start(0.2) is saying


def test_a_chat_that_was_refused_waits_as_long_as_asked_and_others_do_not() -> None:
    budget = Budget()
    turn = budget.ask(Rank.LOUD, "1", 0.0)
    assert budget.start(0.0) is turn
    budget.refuse(turn.chat, 15.0, 0.1)
    budget.finish(turn, 0.1)
    again, other = budget.ask(Rank.LOUD, "1", 0.2), budget.ask(Rank.LOUD, "2", 0.2)
    assert budget.start(0.3) is other
    assert budget.start(15.0) is None
    assert budget.start(15.1) is again


@pytest.mark.parametrize("waits_s", [(7200.0, 5.0), (5.0, 7200.0)])
def test_one_chats_ban_of_hours_closes_no_other_beyond_what_both_were_asked(
    waits_s: tuple[float, float],
) -> None:
    budget = Budget()
    for chat, wait_s in zip(("1", "2"), waits_s, strict=True):
        budget.ask(Rank.LOUD, chat, 0.0)
        turn = budget.start(1.0 if chat == "2" else 0.0)
        assert turn is not None
        budget.refuse(turn.chat, wait_s, 1.0)
        budget.finish(turn, 1.0)
    budget.ask(Rank.ANSWER, "3", 1.0)
    assert budget.start(5.9) is None
    assert budget.start(6.1) is not None


def test_after_all_were_refused_the_pace_is_slower_and_recovers() -> None:
    budget = Budget()
    for chat in ("1", "2"):
        turn = budget.ask(Rank.LOUD, chat, 0.0)
        assert budget.start(1.0 if chat == "2" else 0.0) is turn
        budget.refuse(turn.chat, 3.0, 1.0)
        budget.finish(turn, 1.0)
    budget.ask(Rank.LOUD, "3", 1.0)
    assert budget.start(3.9) is None
    assert budget.start(4.0) is not None
    slow_s = budget._gap_s
    assert slow_s > 1.2 / PACE_A_SECOND
    for _ in range(300):
        budget.finish(turn, 5.0)
    assert budget._gap_s == pytest.approx(1 / PACE_A_SECOND)


def test_who_would_wait_too_long_is_told_how_long() -> None:
    budget = Budget()
    turn = budget.ask(Rank.LOUD, "1", 0.0)
    assert budget.start(0.0) is turn
    budget.refuse(turn.chat, 3600.0, 0.0)
    budget.finish(turn, 0.0)
    waits = budget.ask(Rank.LOUD, "1", 10.0)
    assert budget.hopeless(10.0) == [(waits, 3590.0)]
    assert budget.wakes_s() is None
    assert PATIENCE_S < 60


def test_chats_long_silent_are_forgotten() -> None:
    budget = Budget()
    for chat in range(KEPT + 10):
        now_s = 10.0 * chat
        turn = budget.ask(Rank.LOUD, str(chat), now_s)
        assert budget.start(now_s) is turn
        budget.finish(turn, now_s)
    assert len(budget._chats) < 20


async def request(pacer: Pacer, chat: int, work: Any, rank: Rank = Rank.LOUD) -> Any:
    return await pacer.process_request(work, (), {}, "sendMessage", {"chat_id": chat}, rank)


async def test_a_cancelled_wait_leaves_no_trace() -> None:
    pacer, begun, may_end = Pacer(), asyncio.Event(), asyncio.Event()

    async def work() -> bool:
        begun.set()
        await may_end.wait()
        return True

    first = asyncio.create_task(request(pacer, 1, work))
    await begun.wait()
    waiting = asyncio.create_task(request(pacer, 1, work))
    await asyncio.sleep(0)
    waiting.cancel()
    first.cancel()
    await asyncio.gather(first, waiting, return_exceptions=True)
    may_end.set()
    assert await request(pacer, 2, work)
    assert not pacer.budget._waiting
    await pacer.shutdown()


async def test_a_turn_that_came_in_the_moment_of_cancelling_is_given_back() -> None:
    pacer, loop = Pacer(), asyncio.get_running_loop()

    async def work() -> bool:
        return True

    pacer.budget._due_s = loop.time() + 5
    waiting = asyncio.create_task(request(pacer, 2, work))
    await asyncio.sleep(0)
    pacer.budget._due_s = 0.0
    pacer._look(loop)
    assert pacer.budget._chats["2"].busy
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert not pacer.budget._chats["2"].busy
    await pacer.shutdown()


def test_the_library_takes_no_rank_for_none() -> None:
    assert all(Rank)


async def test_a_refusal_is_learnt_from_and_passed_on() -> None:
    pacer = Pacer()

    async def refused() -> bool:
        raise RetryAfter(timedelta(hours=1))

    with pytest.raises(RetryAfter):
        await request(pacer, 1, refused)
    with pytest.raises(TryLater) as later:
        await request(pacer, 1, refused)
    assert later.value.retry_after == pytest.approx(timedelta(hours=1), abs=timedelta(seconds=1))
    await pacer.shutdown()


async def test_what_a_lane_waited_to_say_is_not_said_once_its_lock_is_lost() -> None:
    pacer, begun, may_end, held = Pacer(), asyncio.Event(), asyncio.Event(), LocalHeld("lane", 1, "a")

    async def answer() -> bool:
        begun.set()
        await may_end.wait()
        return True

    async def say() -> bool:
        raise AssertionError

    answering = asyncio.create_task(request(pacer, 1, answer, Rank.ANSWER))
    await begun.wait()
    with fenced(held):
        waiting = asyncio.create_task(request(pacer, 1, say))
    await asyncio.sleep(0)
    held.lost.set()
    may_end.set()
    with pytest.raises(TryLater, match="another process"):
        await waiting
    assert await answering, "a person is answered by whoever was asked"
    assert not pacer.budget._chats["1"].busy
    await pacer.shutdown()


async def test_when_stopping_nobody_waits_for_a_turn() -> None:
    pacer, begun, may_end = Pacer(), asyncio.Event(), asyncio.Event()

    async def work() -> bool:
        begun.set()
        await may_end.wait()
        return True

    under_way = asyncio.create_task(request(pacer, 1, work))
    await begun.wait()
    waiting = asyncio.create_task(request(pacer, 1, work))
    await asyncio.sleep(0)
    pacer.close()
    with pytest.raises(TryLater):
        await waiting
    with pytest.raises(TryLater):
        await request(pacer, 2, work)
    may_end.set()
    assert await under_way
    await pacer.shutdown()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 6),
    st.lists(st.tuples(st.floats(0, 8), st.integers(0, 6)), max_size=80),
    st.lists(st.tuples(st.floats(0.5, 4), st.integers(1, 6)), max_size=4),
)
def test_processes_that_share_a_bot_never_exceed_its_limit(
    answerers: int, asked: list[tuple[float, int]], handovers: list[tuple[float, int]]
) -> None:
    """Process 0 sends a broadcast and hands its lane to others; each of ``answerers`` answers people."""
    budgets = [Budget(0) for _ in range(7)]
    answering = range(1, answerers + 1)

    def share(process: int, *, lane: bool, now_s: float) -> None:
        budgets[process].share(share_of(lane=lane, answerers=answerers * (process in answering)), now_s)

    for process in range(7):
        share(process, lane=process == 0, now_s=0.0)
    coming = sorted((at, process, Rank.ANSWER) for at, process in asked if process in answering)
    sender, starts, now_s, number = 0, [], 0.0, 0
    turns = dict(handovers)
    while now_s < 10:
        for at in [at for at in turns if at <= now_s]:
            share(sender, lane=False, now_s=now_s)
            sender = turns.pop(at)
            share(sender, lane=True, now_s=now_s)
        asking = [one for one in coming if one[0] <= now_s]
        coming = coming[len(asking) :]
        for process, rank in [*((process, rank) for _, process, rank in asking), (sender, Rank.LOUD)]:
            number += 1
            budgets[process].ask(rank, str(number), now_s)
        for budget in budgets:
            while (turn := budget.start(now_s)) is not None:
                starts.append(now_s)
                budget.finish(turn, now_s + 0.001)
        now_s += 0.02
    assert all(later - first >= 1.0 for first, later in zip(starts, starts[ALL_A_SECOND:], strict=False))
    assert len(starts) > 100


def test_a_process_that_does_nothing_for_the_bot_says_nothing() -> None:
    budget = Budget(share_of(lane=False, answerers=0))
    budget.ask(Rank.ANSWER, "1", 0.0)
    assert budget.start(100.0) is None
    budget.share(share_of(lane=False, answerers=1), 100.0)
    assert budget.start(100.5) is None, "another may have used up this second"
    assert budget.start(102.0) is not None
