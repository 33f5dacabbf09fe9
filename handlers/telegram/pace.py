"""One rate budget for everything said to Telegram: per chat, per group, and over all chats of the bot.

``Budget`` is the rule and knows no clock; ``pacer`` lets the library's requests wait for it.
Limits are those of the Bots FAQ, "My bot is hitting limits, how do I avoid this?"
(https://core.telegram.org/bots/faq), and Telegram's own ``retry_after`` goes before them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from math import inf

CHAT_GAP_S = 1.0
"""One chat: "avoid sending more than one message per second". Short bursts pass, but not for sure."""
GROUP_MOST = 20
GROUP_SPAN_S = 60.0
"""One group: "not able to send more than 20 messages per minute"."""
ALL_A_SECOND = 30
"""Over all chats: "no more than 30 messages per second"."""
MARGIN_A_SECOND = 0.5
"""Posts leave so much: exactly 30 is refused by whoever counts strict seconds, as ways differ in length."""
PACE_A_SECOND = ALL_A_SECOND - MARGIN_A_SECOND
LANE_A_SECOND, ANSWERS_A_SECOND = 24, 6
"""Where posts and answers come from several processes: the sending lane's part, and all answerers'."""
CATCH_UP_S = 0.1
"""So much lateness of timers and lines is made good, within the strict second."""
SECOND_S = 1.002
DOUBT_S = 0.25
"""An answer that took longer than usual may belong to a request that came later than usual: the 30th after it
waits as much longer, at most so much."""
CREEP = 1.00002
"""Usual is the quickest answer ever, a little slower with each since: a line may become longer for good."""
PATIENCE_S = 20.0
"""Who would wait longer is told so at once: a post is claimed for a minute, and a person has gone."""
ELSEWHERE_S = 5.0
"""Another process's request whose end is not heard of is taken for answered then. Most take a second or less,
and who was killed leaves the chat it spoke to waiting no longer than another needs to take its place."""
ANSWERS_WITHIN_S, POSTS_AFTER_S = 0.1, 0.15
"""Processes that wait for one chat all know the moment it is free, so each lets others go first: answers by
another time each within the first, posts by the second. The news of who went takes far less."""
GOLDEN = 0.618034
"""Its multiples, whole parts left out, fill 0 to 1 evenly: no two processes choose alike twice in a row."""
SUSPICIOUS_S = 10.0
"""Two chats refused within this time: it is not the chats, it is all of us."""
SLOWER, SLOWEST, RECOVERY = 1.25, 4.0, 0.999
"""Factors on the gap: with each refusal of all, at most, and with each request that passed."""
KEPT = 4096
"""So many chats are remembered before those without a claim on our memory are forgotten."""


def share_of(*, lane: bool, answerers: int) -> int:
    """Requests a second of a process that is one of ``answerers`` (0: it is none), and has the lane or not.

    The shares of all processes never exceed ``ALL_A_SECOND`` while there are at most ``ANSWERS_A_SECOND``
    answerers.
    """
    answers = max(1, ANSWERS_A_SECOND // answerers) if answerers else 0
    return (LANE_A_SECOND if lane else 0) + answers


class Rank(IntEnum):
    """Who goes first. None is zero, which the library takes for none."""

    ANSWER = 1
    """A person waits for it."""
    LOUD = 2
    """A post nobody has seen; delivery hands over the largest wave first."""
    EDIT = 3
    CHORE = 4
    """Menus, tidying up."""


@dataclass(eq=False, slots=True)
class Turn:
    """One request, waiting or under way. ``chat`` is ``None`` where it names none.

    ``message`` marks what counts as a message to the chat: whatever sends, edits or deletes one.
    """

    rank: Rank
    chat: str | None
    message: bool
    asked_s: float
    number: int
    began_s: float = inf
    ended_s: float | None = None

    @property
    def order(self) -> tuple[int, int]:
        return self.rank, self.number


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """Another process's request that is under way; it is taken for answered at ``ends_s`` at the latest."""

    ends_s: float
    message: bool


@dataclass(slots=True)
class _Chat:
    """``busy`` while a request is under way; nothing before ``refused_s``.

    ``done`` are the ends of its newest messages, in order; ``elsewhere`` other processes' requests, by name.
    """

    group: bool
    busy: bool = False
    refused_s: float = 0.0
    done: deque[float] = field(default_factory=lambda: deque(maxlen=GROUP_MOST))
    elsewhere: dict[str, _Elsewhere] = field(default_factory=dict)

    def ready_s(self, *, message: bool) -> float:
        said_s: Sequence[float] = self.done
        ends_s = 0.0
        if self.elsewhere:
            ends_s = max(each.ends_s for each in self.elsewhere.values())
            said_s = sorted([*self.done, *(each.ends_s for each in self.elsewhere.values() if each.message)])
        if not message or not said_s:
            return max(self.refused_s, ends_s)
        full_s = said_s[-GROUP_MOST] + GROUP_SPAN_S if self.group and len(said_s) >= GROUP_MOST else 0.0
        return max(said_s[-1] + CHAT_GAP_S, self.refused_s, ends_s, full_s)

    def said(self, at_s: float) -> None:
        """A message to it was answered."""
        if self.done and at_s < self.done[-1]:  # one that was never answered is noticed late
            self.done = deque(sorted([*self.done, at_s]), maxlen=GROUP_MOST)
        else:
            self.done.append(at_s)

    def settle(self, now_s: float) -> None:
        """Requests of others whose end nobody told of are taken for answered."""
        for call, each in list(self.elsewhere.items()):
            if each.ends_s <= now_s:
                del self.elsewhere[call]
                if each.message:
                    self.said(each.ends_s)


class Budget:
    """Who may go when. Times are seconds of any one clock that never goes back.

    Chats' limits count from the moment an answer came: whenever Telegram counted the request, it was not
    later than that, so no way of counting sees us over. Requests to different chats overlap, so the limit of
    all counts from the latest moment at which a request can have come.

    ``share`` is what this process may use of ``ALL_A_SECOND``; with 0 nobody goes.
    """

    def __init__(self, share: int = ALL_A_SECOND) -> None:
        self._share = share
        self._waiting: list[Turn] = []
        self._chats: dict[str, _Chat] = {}
        self._due_s = 0.0
        self._newest: deque[Turn] = deque(maxlen=ALL_A_SECOND)
        self._usual_s = inf
        self._closed_until_s = 0.0
        self._gap_s = self._least_gap_s
        self._refused: tuple[str, float, float] | None = None
        self._place: float | None = None
        self._asked = 0

    @property
    def _least_gap_s(self) -> float:
        return 1 / (max(1, self._share) - MARGIN_A_SECOND)

    def share(self, share: int, now_s: float) -> None:
        """What others had is ours only once their last second is over."""
        if share > self._share:
            self._closed_until_s = max(self._closed_until_s, now_s + SECOND_S + DOUBT_S)
        if share != self._share:
            self._share = share
            self._gap_s = self._least_gap_s

    def beside_others(self, place: float) -> None:
        """Others speak for the same bot; ``place`` (0 to 1) is another one in each process."""
        self._place = place

    def ask(self, rank: Rank, chat: str | None, now_s: float, *, message: bool = True) -> Turn:
        self._asked += 1
        turn = Turn(rank, chat, message and chat is not None, now_s, self._asked)
        self._waiting.append(turn)
        return turn

    def start(self, now_s: float) -> Turn | None:
        """The next to go, if anyone may go now; call until there is none."""
        ready = (turn for turn in self._waiting if max(self._ready_s(turn), self._open_s(turn)) <= now_s)
        turn = min(ready, key=lambda turn: turn.order, default=None)
        if turn is not None:
            self._waiting.remove(turn)
            turn.began_s = now_s
            self._newest.append(turn)
            self._due_s = max(self._due_s, now_s - CATCH_UP_S) + self._gap_s  # also behind an answer
            if turn.chat is not None:
                self._chat(turn.chat).busy = True
        return turn

    def wakes_s(self) -> float | None:
        """When somebody may go next; ``None`` while that takes an answer or a question first."""
        soonest = min((max(self._ready_s(turn), self._open_s(turn)) for turn in self._waiting), default=inf)
        return None if soonest == inf else soonest

    def _open_s(self, turn: Turn) -> float:
        """When the lane is open to it: posts keep their distance; a person waits for the second alone."""
        if not self._share:
            return inf
        second_s = 0.0
        if len(self._newest) >= self._share:
            second_s = self._came_by_s(self._newest[-self._share]) + SECOND_S
        due_s = 0.0 if turn.rank is Rank.ANSWER else self._due_s
        return max(due_s, second_s, self._closed_until_s)

    def _came_by_s(self, turn: Turn) -> float:
        """The latest moment at which a request that has begun can have come."""
        doubt_s = DOUBT_S
        if turn.ended_s is not None:  # reading is answered quicker than saying, so it is no measure
            doubt_s = turn.ended_s - turn.began_s - self._usual_s if turn.message else 0.0
        return turn.began_s + min(doubt_s, DOUBT_S)

    def hopeless(self, now_s: float) -> list[tuple[Turn, float]]:
        """Those who would wait longer than ``PATIENCE_S``, each with how many seconds; they wait no more."""
        found = []
        for turn in self._waiting:
            chat = self._chats.get(turn.chat) if turn.chat is not None else None
            ready_s = chat.ready_s(message=turn.message) if chat else 0.0
            ready_s = max(ready_s, self._closed_until_s)
            if ready_s > turn.asked_s + PATIENCE_S:
                found.append((turn, ready_s - now_s))
        for turn, _ in found:
            self._waiting.remove(turn)
        return found

    def withdraw(self, turn: Turn) -> None:
        """Whoever waited was cancelled."""
        self._waiting.remove(turn)

    def began_elsewhere(self, call: str, chat: str, now_s: float, *, message: bool) -> None:
        """Another process's request goes; ``call`` names it among all of them."""
        known = self._chat(chat)
        known.settle(now_s)
        known.elsewhere[call] = _Elsewhere(now_s + ELSEWHERE_S, message)

    def ended_elsewhere(self, call: str, chat: str, now_s: float, *, message: bool) -> None:
        """It was answered, or will not be; its beginning may have been missed."""
        known = self._chat(chat)
        known.settle(now_s)
        known.elsewhere.pop(call, None)
        if message:
            known.said(now_s)
        if len(self._chats) > KEPT:
            self._forget(now_s)

    def finish(self, turn: Turn, now_s: float) -> None:
        """An answer came, or none will."""
        self._gap_s = max(self._least_gap_s, self._gap_s * RECOVERY)
        turn.ended_s = now_s
        if turn.message:
            self._usual_s = min(now_s - turn.began_s, self._usual_s * CREEP)
        if turn.chat is None:
            return
        chat = self._chat(turn.chat)
        chat.busy = False
        if turn.message:
            chat.said(now_s)
        if len(self._chats) > KEPT:
            self._forget(now_s)

    def refuse(self, chat: str | None, retry_after_s: float, now_s: float) -> None:
        """Telegram asked to wait: this process or another. A refusal does not say who is meant: two chats in
        a row mean all.

        All wait only as long as both were asked to: one chat may be banned for hours on its own account.
        """
        until_s = now_s + retry_after_s
        if chat is not None:
            known = self._chat(chat)
            known.refused_s = max(known.refused_s, until_s)
        last, self._refused = self._refused, (chat or "", now_s, until_s)
        others = last is not None and last[0] != chat and now_s - last[1] <= SUSPICIOUS_S
        if chat is None or others:
            both_s = until_s if chat is None or last is None else min(until_s, last[2])
            self._closed_until_s = max(self._closed_until_s, both_s)
            self._gap_s = min(self._gap_s * SLOWER, SLOWEST * self._least_gap_s)

    def _ready_s(self, turn: Turn) -> float:
        if turn.chat is None:
            return 0.0
        chat = self._chat(turn.chat)
        ready_s = inf if chat.busy else chat.ready_s(message=turn.message)
        if self._place is None or not ready_s:
            return ready_s
        mine = (self._place + turn.number * GOLDEN) % 1
        return ready_s + (mine * ANSWERS_WITHIN_S if turn.rank is Rank.ANSWER else POSTS_AFTER_S)

    def _chat(self, name: str) -> _Chat:
        if name not in self._chats:
            # Users' ids are positive; those of groups and channels are not, and @names are only theirs.
            self._chats[name] = _Chat(group=name.startswith(("-", "@")))
        return self._chats[name]

    def _forget(self, now_s: float) -> None:
        for chat in self._chats.values():
            chat.settle(now_s)
        waited_for = {turn.chat for turn in self._waiting}
        idle = [
            name
            for name, chat in self._chats.items()
            if not chat.busy
            and name not in waited_for
            and chat.ready_s(message=True) <= now_s
            and (not chat.group or not chat.done or chat.done[-1] + GROUP_SPAN_S <= now_s)
        ]
        for name in idle:
            del self._chats[name]
