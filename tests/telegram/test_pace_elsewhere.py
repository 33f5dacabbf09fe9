"""Processes that speak for one bot and hear of each other's requests keep a chat's limits together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import count, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.telegram.pace import (
    ANSWERS_WITHIN_S,
    CHAT_GAP_S,
    ELSEWHERE_S,
    GROUP_MOST,
    GROUP_SPAN_S,
    KEPT,
    Budget,
    Rank,
    Turn,
)

ANSWER_S = 0.05
Asked = tuple[float, int, str]


@dataclass
class Said:
    at: float
    process: int
    chat: str
    asked: float


def turns(budgets: Sequence[Budget], now_s: float) -> Iterator[tuple[int, Turn]]:
    """Everybody who may go now."""
    for process, budget in enumerate(budgets):
        budget.hopeless(now_s)
        while (turn := budget.start(now_s)) is not None:
            yield process, turn


def together(asked: list[Asked], line_s: float, rank: Sequence[Rank] = (Rank.ANSWER,) * 3) -> list[Said]:
    """What each process said. What one tells, others hear ``line_s`` later; each asks with its own rank."""
    budgets, said = [Budget() for _ in rank], list[Said]()
    for process, budget in enumerate(budgets):
        budget.beside_others(process / len(budgets))
    agenda: list[tuple[float, int, Callable[[float], object]]] = []
    number = count()

    def plan(at_s: float, what: Callable[[float], object]) -> None:
        heappush(agenda, (at_s, next(number), what))

    def begin(process: int, turn: Turn, now_s: float) -> None:
        chat, name = turn.chat or "", f"{process} {turn.number}"
        others = [budget for budget in budgets if budget is not budgets[process]]

        def end(at_s: float) -> None:
            budgets[process].finish(turn, at_s)
            for other in others:
                plan(at_s + line_s, partial(other.ended_elsewhere, name, chat, message=True))

        said.append(Said(now_s, process, chat, turn.asked_s))
        for other in others:
            plan(now_s + line_s, partial(other.began_elsewhere, name, chat, message=True))
        plan(now_s + ANSWER_S, end)

    for at, process, chat in asked:
        plan(at, partial(budgets[process].ask, rank[process], chat))
    while agenda:
        now_s, _, what = heappop(agenda)
        what(now_s)
        while agenda and agenda[0][0] <= now_s:
            heappop(agenda)[2](now_s)
        for process, turn in turns(budgets, now_s):
            begin(process, turn, now_s)
        wakes_s = [wake_s for budget in budgets if (wake_s := budget.wakes_s()) is not None]
        if wakes_s and (not agenda or min(wakes_s) < agenda[0][0]):
            plan(max(min(wakes_s), now_s + 1e-6), float)
    return said


COMING = st.tuples(
    st.integers(0, 80).map(lambda n: n / 40), st.integers(0, 2), st.sampled_from(["1", "-1", "-2"])
)


@settings(max_examples=60, deadline=None)
@given(st.lists(COMING, min_size=2, max_size=70), st.sampled_from([0.0, 0.001]))
def test_a_chats_limits_hold_over_processes_but_for_two_that_go_at_once(
    asked: list[Asked], line_s: float
) -> None:
    everything = together(asked, line_s)
    for chat in {each.chat for each in everything}:
        said = [each for each in everything if each.chat == chat]
        raced = 0
        for one, next_ in pairwise(said):
            if next_.at - one.at < CHAT_GAP_S:
                raced += 1
                assert next_.at - one.at <= line_s, "it could not have heard of it"
        if chat.startswith("-"):
            at = [each.at for each in said]
            most = GROUP_MOST + raced
            assert all(over - first >= GROUP_SPAN_S for first, over in zip(at, at[most:], strict=False))


def test_those_who_wait_for_one_chat_seldom_go_in_one_moment() -> None:
    said = together([(i / 4, i % 3, "1") for i in range(40)], 0.0005)
    assert len(said) > 20
    assert sum(b.at - a.at < CHAT_GAP_S for a, b in pairwise(said)) <= 1


def test_a_person_is_answered_though_another_process_keeps_the_chat_busy_with_posts() -> None:
    posts = [(i / 10, 0, "1") for i in range(100)]
    said = together([*posts, (3.0, 1, "1")], 0.001, rank=(Rank.EDIT, Rank.ANSWER))
    (answer,) = [each for each in said if each.process == 1]
    assert answer.at - answer.asked <= CHAT_GAP_S + ANSWER_S + ANSWERS_WITHIN_S


def test_a_full_group_is_full_for_all() -> None:
    said = together([(1.3 * i, i % 3, "-1") for i in range(24)], 0.001)
    assert len(said) == GROUP_MOST, "who would wait a minute is told so instead"


def test_a_chat_told_of_elsewhere_waits_for_the_answer_and_a_second() -> None:
    budget = Budget()
    budget.began_elsewhere("b 1", "1", 0.0, message=True)
    turn, other = budget.ask(Rank.ANSWER, "1", 0.1), budget.ask(Rank.ANSWER, "2", 0.1)
    assert budget.start(0.1) is other
    assert budget.start(0.9) is None
    budget.ended_elsewhere("b 1", "1", 1.0, message=True)
    assert budget.wakes_s() == 1.0 + CHAT_GAP_S
    assert budget.start(1.9) is None
    assert budget.start(2.0) is turn


def test_reading_elsewhere_costs_no_second() -> None:
    budget = Budget()
    budget.began_elsewhere("b 1", "-1", 0.0, message=False)
    turn = budget.ask(Rank.ANSWER, "-1", 0.0)
    assert budget.start(0.1) is None, "one request at a time"
    budget.ended_elsewhere("b 1", "-1", 0.2, message=False)
    assert budget.start(0.2) is turn


def test_a_process_that_died_under_way_holds_up_its_chat_for_a_while() -> None:
    budget = Budget()
    budget.began_elsewhere("b 1", "1", 0.0, message=True)
    turn = budget.ask(Rank.LOUD, "1", 0.1)
    assert budget.wakes_s() == ELSEWHERE_S + CHAT_GAP_S
    assert budget.start(ELSEWHERE_S + CHAT_GAP_S) is turn


def test_a_message_without_an_end_still_counts_in_its_group() -> None:
    budget = Budget()
    budget.began_elsewhere("lost", "-1", 0.0, message=True)
    for number in range(1, GROUP_MOST):
        budget.ended_elsewhere(f"b {number}", "-1", 2.0 * number, message=True)
    turn = budget.ask(Rank.LOUD, "-1", 45.0)
    assert budget.start(2.0 + GROUP_SPAN_S - 0.1) is None
    assert budget.start(2.0 + GROUP_SPAN_S) is turn, "the oldest of twenty ended at 2.0, the lost one later"


def test_a_refusal_elsewhere_is_one_for_us() -> None:
    budget = Budget()
    budget.refuse("1", 15.0, 0.0)
    banned, other = budget.ask(Rank.LOUD, "1", 0.0), budget.ask(Rank.LOUD, "2", 0.0)
    assert budget.start(0.1) is other
    assert budget.start(14.9) is None
    assert budget.start(15.0) is banned


@pytest.mark.parametrize("chat", [None, "2"])
def test_two_refused_chats_are_a_refusal_of_all_wherever_each_was_refused(chat: str | None) -> None:
    budget = Budget()
    budget.refuse("1", 4.0, 0.0)
    budget.refuse(chat, 3.0, 1.0)
    turn = budget.ask(Rank.LOUD, "3", 1.0)
    assert budget.start(3.9) is None
    assert budget.start(4.0) is turn


def test_chats_spoken_to_elsewhere_are_forgotten_too() -> None:
    budget = Budget()
    for chat in range(KEPT + 10):
        budget.began_elsewhere(f"b {chat}", str(chat), 10.0 * chat, message=True)
        if chat % 2:
            budget.ended_elsewhere(f"b {chat}", str(chat), 10.0 * chat + 1, message=True)
    assert len(budget._chats) < 20
