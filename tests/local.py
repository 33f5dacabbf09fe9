"""A local chat over a store in memory, for the tests of its server and of its page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from bot.domain.cards import Button, Card, Line, Picture, Table, Tone
from bot.domain.charts import Chart, MarketChart
from bot.domain.figures import Sample
from bot.domain.health import SourceHealth, SourceState
from bot.domain.market import Group, Venue
from bot.ports import HealthView
from handlers.desk import About, Desk
from handlers.web import Door, LocalChat, Site
from storage.memory import MemoryStore

AT = datetime(2025, 10, 10, 21, 5, tzinfo=UTC)
BANNER = "Reconstruction of 10 Oct 2025, not live"
COMMANDS = {"help": "What this is", "oi": "Open interest of one coin", "resets": "Past resets"}


class Health:
    def __init__(self, **states: SourceState) -> None:
        self.states = states

    def sources(self) -> Sequence[SourceHealth]:
        return [
            SourceHealth(
                venue=Venue(name),
                title=name.title(),
                group=Group.OFFSHORE,
                source="tickers",
                state=state,
                since=AT,
                last_answer=AT - timedelta(seconds=30),
                why="" if state is SourceState.FRESH else "no answer",
            )
            for name, state in self.states.items()
        ]


HEALTH = Health(binance=SourceState.FRESH, bybit=SourceState.FRESH, gate=SourceState.LOST)
OPEN = Door(wall=lambda: AT)


def chart(title: str = "BTC") -> MarketChart:
    return MarketChart(title, "BTC", (AT, AT + timedelta(minutes=1)), (415_000.0, None), (122_000.0, None))


def market_chart(picture: Picture | None) -> MarketChart:
    """What a picture shows that must be one of a market."""
    assert picture is not None
    assert isinstance(picture.chart, MarketChart)
    return picture.chart


def wave(revision: int, *, picture: bool = False) -> Card:
    return Card(
        title=f"BTC long flush · W 3.{revision} and growing",
        tone=Tone.FLUSH,
        banner=BANNER,
        lines=(Line(f"**−{revision}1,200 BTC of open interest closed**"),),
        table=Table(("venue", "BTC"), (("Binance", "−13,900"), ("Bybit", "−9,800")), (1,)),
        buttons=(Button("Details", "/wave 1a"),),
        footer=f"`/wave 1a` · rev {revision}",
        picture=Picture(chart(f"rev {revision}"), "Coin OI fell to 336,000") if picture else None,
    )


async def answer(text: str) -> Card:
    return Card(title=f"Answer to {text}", lines=(Line("336,300 BTC · **−18.9 %**"), Line("More: `/oi eth`")))


def draw(data: Chart) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 500" width="800" height="500"'
        f' lang="{data.language}">'
        f'<rect width="800" height="500" fill="#14181f"/><text y="60">{escape(data.title)}</text></svg>'
    )


def figures() -> Iterable[Sample]:
    yield Sample("observations_waiting", 7)


def clock() -> datetime:
    return AT


def local_chat(store: MemoryStore | None = None) -> LocalChat:
    return LocalChat(
        log=(store or MemoryStore()).chat, answer=answer, draw=draw, clock=clock, commands=COMMANDS
    )


def site(
    chat: LocalChat | None = None,
    *,
    store: MemoryStore | None = None,
    health: HealthView = HEALTH,
    door: Door = OPEN,
    **more: Any,
) -> Site:
    """The page around a chat, over a store in memory."""
    store = store or MemoryStore()
    about = About(version="0.4.0", started=AT, banner=BANNER)
    desk = Desk(store, health, clock, about, wall=clock)
    return Site(chat=chat or local_chat(store), desk=desk, door=door, figures=figures, speed=60, **more)
