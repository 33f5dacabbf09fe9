"""What the core asks of the outside, in its own words. One contract suite runs over every implementation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.assets import Asset
from bot.domain.cards import Card
from bot.domain.health import SourceHealth
from bot.domain.market import (
    Instrument,
    Liquidation,
    LiquidationSum,
    OpenInterest,
    PastLiquidations,
    Point,
    Quarantined,
    Reading,
    Report,
    Snapshot,
    Venue,
    VenueLiquidations,
)
from bot.domain.posts import (
    Destination,
    Shown,
)
from bot.domain.statistics import Statistics, Totals
from bot.domain.waves import FollowUp, Outcome, Wave
from bot.ports_locks import Held as Held
from bot.ports_locks import Locks as Locks
from bot.ports_people import ChatLog as ChatLog
from bot.ports_people import Chats as Chats
from bot.ports_people import Claims as Claims
from bot.ports_people import Notices as Notices
from bot.ports_people import Posts as Posts
from bot.ports_people import Subscriptions as Subscriptions

Clock = Callable[[], datetime]
"""Now, as aware UTC. In a played scenario this is the scenario's time."""


class Journal(Protocol):
    """What was recorded of the market. Writing the same thing twice changes nothing."""

    async def record(self, readings: Sequence[Reading]) -> None: ...

    async def readings(
        self, since: datetime, until: datetime, asset: Asset | None = None
    ) -> Sequence[Reading]:
        """Received after ``since`` and not after ``until``, in order of (received, instrument).

        Of one asset, or of all.
        """

    async def quarantine(self, rejected: Sequence[Quarantined]) -> None: ...

    async def quarantined(self, since: datetime, limit: int = 50) -> Sequence[Quarantined]:
        """Newest first."""

    async def snap(self, snapshots: Sequence[Snapshot]) -> None: ...

    async def snapshot(self, asset: Asset, at: datetime | None = None) -> Snapshot | None:
        """The newest at or before ``at`` (ever, where ``at`` is ``None``)."""

    async def assets(self) -> Sequence[Asset]:
        """Every asset ever snapped, largest in dollars first."""

    async def series(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Point]:
        """At most one point per ``step`` (the last within it), oldest first; a gap has no points.

        Steps are counted from the Unix epoch; both ends are included.
        """

    async def points(self, at: datetime | None = None) -> Mapping[Asset, Point]:
        """Of every asset ever snapped, the newest at or before ``at`` (ever, where ``at`` is ``None``)."""

    async def snapshots(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Snapshot]:
        """As ``series``, but whole, with every venue: for pictures by venue, of some hundred steps."""

    async def hear(self, liquidations: Sequence[Liquidation]) -> None: ...

    async def heard(self, asset: Asset, since: datetime, until: datetime) -> Sequence[Liquidation]:
        """One by one, while each is kept on its own: 30 days.

        Received after ``since`` and not after ``until``, in the order in which they were heard.
        """

    async def liquidated(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[LiquidationSum]:
        """Sums per ``step`` counted from the Unix epoch, oldest first; steps without any are left out.

        From ``since`` on and before ``until``, so that neighbouring spans add up.
        """

    async def liquidated_on(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[VenueLiquidations]:
        """As ``liquidated``, by venue and with coins, while each is kept on its own: 30 days.

        Auto-deleveraging is told apart here, and is not in ``liquidated``. In order of time and venue.
        """

    async def report(self, reports: Sequence[Report]) -> None: ...

    async def reports(self, asset: Asset, at: datetime) -> Sequence[Report]:
        """The newest of each venue and source received at or before ``at``."""

    async def keep(self, name: str, state: bytes) -> None:
        """Remember ``state`` under ``name``, replacing what was there."""

    async def kept(self, name: str) -> bytes | None: ...

    async def amend(self, name: str, change: Callable[[bytes | None], bytes]) -> bytes:
        """Keep what ``change`` makes of what is kept, and return that; nobody else keeps it meanwhile.

        ``change`` is quick, touches nothing else, and may be called again for one amendment.
        """

    async def trim(self, now: datetime) -> int:
        """Roll up and forget by the retention rules; returns rows removed."""


class MarketStatistics(Protocol):
    """Funding, volume, basis, accounts and margin as they were. Recording twice changes nothing."""

    async def record(self, told: Sequence[Statistics]) -> None: ...

    async def newest(self, asset: Asset, at: datetime | None = None) -> Statistics | None:
        """With every venue: the newest at or before ``at`` (ever, where ``at`` is ``None``)."""

    async def newest_of_all(self, since: datetime) -> Mapping[Asset, Statistics]:
        """The newest of every asset, where that is at or after ``since``."""

    async def series(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Totals]:
        """At most one per ``step`` (the last within it), oldest first; steps as in ``Journal.series``."""

    async def trim(self, now: datetime) -> int:
        """Thin by the retention rules; returns rows removed."""


class Waves(Protocol):
    async def save(self, wave: Wave) -> None:
        """Keep a revision; an older one than is known changes nothing. Every revision is kept."""

    async def get(self, wave_id: str, revision: int | None = None) -> Wave | None:
        """The newest revision, or the one asked for."""

    async def recent(self, asset: Asset | None = None, limit: int = 10) -> Sequence[Wave]:
        """Newest onset first, newest revision of each, retracted ones left out."""

    async def running(self) -> Sequence[Wave]: ...

    async def between(self, since: datetime, until: datetime) -> Sequence[Wave]:
        """The newest revision of every wave with its onset from ``since`` on and before ``until``.

        Retracted ones too, oldest onset first.
        """

    async def plan(self, later: Sequence[FollowUp]) -> None:
        """What is to be said later. Planning it again moves its time, but not what was done already."""

    async def due(self, now: datetime) -> Sequence[FollowUp]:
        """What was planned until ``now`` and is not done, longest due first."""

    async def followed_up(self, done: FollowUp, outcome: Outcome | None = None) -> None:
        """It is never due again; what was seen then is kept."""

    async def outcomes(self, wave_id: str) -> Sequence[Outcome]:
        """What was seen when follow-ups were due, the soonest first."""


class Archive(Protocol):
    """What venues remember of the time before live figures began, and what was learnt from it."""

    async def keep(
        self,
        contract: Instrument,
        since: datetime,
        until: datetime,
        told: Sequence[OpenInterest],
        liquidated: Sequence[PastLiquidations] = (),
    ) -> None:
        """All that its venue remembers from ``since`` on and before ``until``; twice is once."""

    async def reached(self, asset: Asset | None = None) -> Mapping[tuple[Asset, Venue, str], datetime]:
        """How far back each contract (coin, venue, symbol) is kept: of one asset, or of all."""

    async def told(self, asset: Asset, since: datetime, until: datetime) -> Sequence[OpenInterest]:
        """From ``since`` on and before ``until``, in order of (time, contract)."""

    async def liquidated(self, asset: Asset, since: datetime, until: datetime) -> Sequence[PastLiquidations]:
        """Sums that begin at ``since`` or later and before ``until``, in order of (time, contract, side)."""

    async def learn(
        self,
        asset: Asset,
        lesson: bytes,
        waves: Sequence[Wave],
        snapshots: Sequence[Snapshot],
        until: datetime,
    ) -> None:
        """Replace at once what was learnt of an asset: waves from history, snapshots before ``until``."""

    async def learnt(self, asset: Asset | None = None) -> Mapping[Asset, bytes]:
        """The newest lesson of each asset, or of one."""


class Store(Protocol):
    """All of the state, behind one opening and closing."""

    @property
    def locks(self) -> Locks: ...
    def under(self, held: Held) -> Store:
        """The same store for what only the holder of a lock may write.

        Once the lock is another's, every writing method raises ``LockLost`` and has changed nothing.
        """

    @property
    def journal(self) -> Journal: ...
    @property
    def waves(self) -> Waves: ...
    @property
    def archive(self) -> Archive: ...
    @property
    def statistics(self) -> MarketStatistics: ...
    @property
    def subscriptions(self) -> Subscriptions: ...
    @property
    def posts(self) -> Posts: ...
    @property
    def chats(self) -> Chats: ...
    @property
    def notices(self) -> Notices: ...
    @property
    def chat(self) -> ChatLog: ...
    @property
    def claims(self) -> Claims: ...

    async def facts(self) -> Mapping[str, str]:
        """Where it is, how large, which schema: for /status and doctor. No secrets."""


class HealthView(Protocol):
    """What the process knows of its sources, for ``/venues``, ``/status`` and the page."""

    def sources(self) -> Sequence[SourceHealth]: ...


class Messenger(Protocol):
    """A chat platform that can be spoken to. Both methods raise ``DeliveryError`` and nothing else."""

    @property
    def platform(self) -> str: ...

    async def send(self, destination: Destination, card: Card, *, reply_to: str | None = None) -> str:
        """Returns the platform's name of the message."""

    async def edit(self, destination: Destination, message: str, card: Card) -> None: ...


Present = Callable[[str, Destination], Awaitable[Shown | None]]
"""The newest card of a subject for a destination; ``None`` when there is none."""
