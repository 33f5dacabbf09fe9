from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.deliver import HOLD, Lane, Step
from bot.domain.cards import Card, Tone
from bot.domain.posts import Destination
from bot.errors import TryLater
from handlers.commands import Ask, answer
from handlers.desk import Desk
from handlers.drill import BANNER, drill_begun, drill_subject
from storage.memory import MemoryStore
from tests.handlers.conftest import HERE
from tests.handlers.october import BANNER as PLAYED
from tests.handlers.october import NOW
from tests.handlers.test_cards import words

ASK = Ask(HERE, "12", "Ann")
SECOND = timedelta(seconds=1)


@dataclass
class Recorder:
    """A ``Messenger`` that keeps what it was given; ``busy`` so many calls it says to come later."""

    platform: str = "local"
    busy: int = 0
    calls: list[tuple[str, Card]] = field(default_factory=list)

    async def send(self, destination: Destination, card: Card, *, reply_to: str | None = None) -> str:
        self._take("send", card)
        return "1"

    async def edit(self, destination: Destination, message: str, card: Card) -> None:
        self._take("edit", card)

    def _take(self, how: str, card: Card) -> None:
        if self.busy:
            self.busy -= 1
            raise TryLater("busy", retry_after=5 * SECOND)
        self.calls.append((how, card))


async def deliver(desk: Desk, recorder: Recorder, seconds: int) -> list[Step]:
    """What delivery does, second by second."""
    at = desk.wall()
    steps = []
    for second in range(seconds):
        _set(desk, at + second * SECOND)
        lane = Lane(recorder, desk.store, desk.present, desk.clock, desk.wall)
        due = await desk.store.posts.claim("local", desk.wall(), HOLD, 9)
        steps += [await lane.settle(post) for post in due]
    return steps


def _set(desk: Desk, at: datetime) -> None:
    desk.wall = lambda: at


async def test_a_drill_is_sent_revised_and_ended_by_the_real_delivery(desk: Desk) -> None:
    assert "A drill is on its way" in words(await answer(desk, ASK, "/test"))
    recorder = Recorder()
    await deliver(desk, recorder, 20)
    assert [how for how, _ in recorder.calls] == ["send", "edit", "edit"]
    assert [card.tone for _, card in recorder.calls] == [Tone.FLUSH, Tone.FLUSH, Tone.OVER]
    assert "over after 41 min" in recorder.calls[-1][1].title
    assert await deliver(desk, recorder, 60) == []


async def test_every_revision_says_that_it_is_a_drill(desk: Desk) -> None:
    await answer(desk, ASK, "/test")
    recorder = Recorder()
    await deliver(desk, recorder, 20)
    for number, (_, card) in enumerate(recorder.calls, 1):
        assert card.title.startswith("Drill · BTC")
        assert card.banner == f"{BANNER} · {PLAYED}"
        assert card.footer.startswith(f"drill, revision {number} of 3 · ")
        assert not card.buttons
        assert (card.picture is not None) == (number > 1)
        if card.picture:
            chart = card.picture.chart
            assert chart.title.startswith("Drill · ")
            assert chart.note == BANNER
            assert card.picture.alt.startswith("Drill · ")


async def test_a_drill_on_a_busy_platform_skips_no_revision(desk: Desk) -> None:
    await answer(desk, ASK, "/test")
    recorder = Recorder(busy=8)
    await deliver(desk, recorder, 60)
    assert [card.footer.split(" · ")[0] for _, card in recorder.calls] == [
        f"drill, revision {number} of 3" for number in (1, 2, 3)
    ]


async def test_a_drill_that_could_not_be_shown_for_long_is_dropped(desk: Desk, store: MemoryStore) -> None:
    await answer(desk, ASK, "/test")
    _set(desk, NOW + timedelta(minutes=11))
    recorder = Recorder()
    assert await deliver(desk, recorder, 1) == [Step.DROP]
    assert recorder.calls == []
    assert not await store.chats.held("local")


async def test_a_drill_counts_nowhere(desk: Desk, store: MemoryStore) -> None:
    await answer(desk, ASK, "/subscribe")
    before = {
        line: words(await answer(desk, ASK, line))
        for line in ("/resets", "/resets all", "/alerts", "/status")
    }
    await answer(desk, ASK, "/test")
    await deliver(desk, Recorder(), 20)
    _set(desk, NOW)
    assert {line: words(await answer(desk, ASK, line)) for line in before} == before
    assert not await store.waves.running()


async def test_a_drill_is_told_by_the_chats_clock(desk: Desk) -> None:
    await answer(desk, ASK, "/timezone Berlin")
    await answer(desk, ASK, "/test")
    recorder = Recorder()
    await deliver(desk, recorder, 20)
    assert [card.footer for _, card in recorder.calls] == [
        f"drill, revision {number} of 3 · 01:50 CEST" for number in (1, 2, 3)
    ], "when it is told, not when the invented wave was"


async def test_in_silence_a_drill_is_not_even_begun(desk: Desk, store: MemoryStore) -> None:
    await answer(desk, ASK, "/quiet 23-7")
    told = words(await answer(desk, ASK, "/test"))
    assert "No drill was sent: it is quiet here until 11 Oct 07:00 UTC" in told
    assert "End the silence with /quiet off, or say /test after it" in told
    assert not await store.posts.claim("local", NOW, HOLD, 9)
    await answer(desk, ASK, "/quiet off")
    await answer(desk, ASK, "/mute 30m")
    silent = await answer(desk, ASK, "/test")
    assert "quiet here until 00:20 UTC" in words(silent).replace("11 Oct ", "")
    await answer(desk, ASK, silent.buttons[0].command)
    assert "A drill is on its way" in words(await answer(desk, ASK, "/test"))


async def test_a_chat_without_alerts_is_told_so_with_its_drill(desk: Desk) -> None:
    assert "This chat gets no alerts yet" in words(await answer(desk, ASK, "/test"))
    await answer(desk, ASK, "/subscribe")
    assert "no alerts yet" not in words(await answer(desk, ASK, "/test"))


async def test_a_topic_gets_its_own_drill(desk: Desk, store: MemoryStore) -> None:
    await answer(desk, replace(ASK, destination=Destination("local", "main", "5")), "/test")
    (post,) = await store.posts.claim("local", NOW, HOLD, 9)
    assert post.destination.topic == "5"


def test_a_drills_subject_says_when_it_began() -> None:
    assert drill_begun(drill_subject(NOW)) == NOW
    assert drill_begun("1a") is None
    assert drill_begun("drill-x") is None
