"""Venues, instruments, what venues say, and what we make of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NewType

import msgspec

from bot.domain.assets import Asset
from bot.domain.units import Amount, ContractSize, UsdChange, price_of
from bot.domain.verdicts import Verdict

Venue = NewType("Venue", str)
"""An exchange (or one of its separate books) by its short name: ``binance_usdm``."""


class Group(StrEnum):
    """Who trades there. Offshore and DEX are crypto-native; regulated and report are institutional."""

    OFFSHORE = "offshore"
    DEX = "dex"
    REGULATED = "regulated"
    REPORT = "report"

    @property
    def native(self) -> bool:
        return self in (Group.OFFSHORE, Group.DEX)


class Instrument(msgspec.Struct, frozen=True, gc=False):
    """One contract of a venue. Perpetual where ``expiry`` is ``None``.

    ``contract`` is ``None`` where the venue counts in coins or dollars and contracts never appear, or
    where its size is not known. ``coins_per_base`` is 1000 for 1000PEPE. ``alias`` is what else the venue
    calls it, where its sockets know it by another name.
    """

    venue: Venue
    symbol: str
    asset: Asset
    inverse: bool = False
    contract: ContractSize | None = None
    expiry: datetime | None = None
    coins_per_base: int = 1
    quote: str = "USD"
    alias: str = ""
    funding_interval: timedelta | None = None
    """Where the venue's list of contracts tells it; else its rates tell it, or nothing does."""

    @property
    def key(self) -> str:
        """Its identity: a venue never lists two contracts under one symbol."""
        return f"{self.venue}:{self.symbol}"

    def counts_as(self, other: Instrument) -> bool:
        """Does a figure mean the same of both? What else is told of a contract changes none."""
        alike = msgspec.structs.replace(other, funding_interval=self.funding_interval, alias=self.alias)
        return self == alike


class OpenInterest(msgspec.Struct, frozen=True, gc=False, tag="open_interest"):
    """Open interest of one instrument. ``price`` is the price of one base unit told in the same message.

    ``worth`` is what the venue says of the amount in the other unit: dollars of coins, coins of dollars.
    """

    instrument: Instrument
    amount: Amount
    at: datetime
    received: datetime
    price: Decimal | None = None
    worth: Decimal | None = None

    @property
    def implied_price(self) -> Decimal | None:
        """At which the amount is ``worth`` so much: for where no price is told at all."""
        return None if self.worth is None else price_of(self.amount, self.instrument.contract, self.worth)


class Price(msgspec.Struct, frozen=True, gc=False, tag="price"):
    """The mark price of one base unit, in the quote currency."""

    instrument: Instrument
    price: Decimal
    at: datetime
    received: datetime


class Funding(msgspec.Struct, frozen=True, gc=False, tag="funding"):
    """Funding as a fraction per ``interval`` (positive: longs pay).

    ``assumed``: the venue has not told the interval; it is the usual one.
    """

    instrument: Instrument
    rate: Decimal
    interval: timedelta
    at: datetime
    received: datetime
    assumed: bool = False


class Volume(msgspec.Struct, frozen=True, gc=False, tag="volume"):
    """Traded over the last 24 hours; ``price`` is the last one, where no mark price comes with it."""

    instrument: Instrument
    amount: Amount
    at: datetime
    received: datetime
    price: Decimal | None = None


class AccountRatio(msgspec.Struct, frozen=True, gc=False, tag="account_ratio"):
    """Accounts that are long for each that is short, whatever the size of their positions."""

    instrument: Instrument
    long_per_short: Decimal
    at: datetime
    received: datetime


class Supply(msgspec.Struct, frozen=True, gc=False, tag="supply"):
    """Coins of the instrument's asset that circulate, as its venue retells it."""

    instrument: Instrument
    coins: Decimal
    at: datetime
    received: datetime


class Position(StrEnum):
    """The side that was held and lost, never the order that closed it."""

    LONG = "long"
    SHORT = "short"


class Completeness(StrEnum):
    """Whether a feed tells every liquidation, or only a floor."""

    COMPLETE = "complete"
    THROTTLED = "throttled"


class PriceKind(StrEnum):
    """What the price told with a liquidation is."""

    FILL = "fill"
    """At which it was closed."""
    BANKRUPTCY = "bankruptcy"
    """At which the margin was gone; the position was closed near it."""
    ORDER = "order"
    """The limit of the closing order."""


class Liquidation(msgspec.Struct, frozen=True, gc=False, tag="liquidation"):
    """One forced closing. ``price`` is per base unit; ``number`` tells repeats apart within an instrument."""

    instrument: Instrument
    position: Position
    amount: Amount
    price: Decimal
    at: datetime
    received: datetime
    number: str = ""
    deleveraged: bool = False
    """Closed by auto-deleveraging, against a winner, rather than by a liquidation order."""
    whole: bool = False
    """Each part of a closing tells the whole position: only the first that is told of a ``number`` counts."""


class ReportKind(StrEnum):
    """How a figure that is not live came to be."""

    DAILY = "daily"
    """An exchange's own, of the end of a trading day."""
    WEEKLY = "weekly"
    """Positions by class of holder, as a regulator publishes them each week."""
    RETOLD = "retold"
    """Told again by somebody who watches many venues: as of when is not known, so it confirms nothing."""


class Holder(StrEnum):
    """Who holds, as the CFTC sorts traders in financial futures."""

    DEALERS = "dealers"
    ASSET_MANAGERS = "asset managers"
    LEVERAGED = "leveraged funds"
    OTHERS = "others"


class Holding(msgspec.Struct, frozen=True):
    """What one class of holders is long and short, in coins; spreads are in neither."""

    holder: Holder
    long_coins: float | None
    short_coins: float | None


class Report(msgspec.Struct, frozen=True, tag="report"):
    """Open interest with its own as-of time; it stands beside live venues, never among them.

    ``venue`` is whose open interest it is, ``source`` who told it (empty: the venue itself). Two sources may
    tell of one venue, so figures are never added up over sources.
    """

    venue: Venue
    asset: Asset
    coins: float
    as_of: datetime
    received: datetime
    previous_coins: float | None = None
    """The figure of the report before, where the same source gives it."""
    previous_as_of: datetime | None = None
    """When that was, where it is known."""
    kind: ReportKind = ReportKind.DAILY
    source: Venue = Venue("")
    preliminary: bool = False
    """The final figure of the same time is still to come."""
    holdings: tuple[Holding, ...] = ()
    holds_until: datetime | None = None
    """Until then the market was closed, so the figure was still true."""
    native: bool = False
    """Of a crypto-native venue that is not asked itself."""

    @property
    def series(self) -> tuple[Venue, Venue]:
        """What its next figure replaces it in."""
        return self.venue, self.source or self.venue

    def covers(self, until: datetime) -> bool:
        """Is it a figure from after ``until`` that can say what an institution did before?"""
        dated = self.kind is not ReportKind.RETOLD and not self.native
        return dated and (self.holds_until or self.as_of) >= until


Observation = OpenInterest | Price | Funding | Volume | AccountRatio | Supply | Liquidation | Report
"""One thing said by a venue at one time, with its clock (``at``) and ours (``received``)."""


class Reading(msgspec.Struct, frozen=True, gc=False):
    """Open interest of one instrument after the gate: what is recorded, and all that detection sees.

    ``coins`` are coins of the asset; ``price_usd`` is the price of one coin (not of one base unit). At a
    ``new_beginning`` the change since the last reading is a change of counting, not of positions.
    """

    instrument: Instrument
    coins: float
    price_usd: float | None
    at: datetime
    received: datetime
    new_beginning: bool = False


class Quarantined(msgspec.Struct, frozen=True):
    """Something not believed, and why. ``what`` is the symbol or source, ``raw`` the evidence."""

    venue: Venue
    what: str
    verdict: Verdict
    at: datetime
    detail: str
    raw: str = ""


class VenueOpenInterest(msgspec.Struct, frozen=True, gc=False):
    """What one venue holds of one asset, summed over its fresh instruments. ``at`` is its oldest reading."""

    venue: Venue
    group: Group
    coins: float
    usd: float | None
    at: datetime


class Missing(msgspec.Struct, frozen=True, gc=False):
    """A venue left out of a snapshot, since when, and why."""

    venue: Venue
    since: datetime
    why: Verdict
    coins: float
    """What it held when it was last believed: its weight in the coverage."""


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """One asset at one instant. ``missing`` venues are named, never guessed.

    ``coins`` is the sum over ``venues``; ``price_usd`` the median mark price of its instruments;
    ``coverage`` the share (0–1) of the usual coin OI whose instruments are fresh and believed;
    ``index`` the chain-linked log of coin OI as it is counted: only venues seen at both ends of a step
    move it, so it is comparable with the same asset's other snapshots where the sum of coins is not;
    ``funding`` is OI-weighted, as a fraction per year.
    """

    asset: Asset
    at: datetime
    coins: float
    usd: float | None
    price_usd: float | None
    coverage: float
    index: float
    venues: tuple[VenueOpenInterest, ...]
    missing: tuple[Missing, ...] = ()
    funding: float | None = None

    def group_coins(self, *, native: bool) -> float:
        return sum(v.coins for v in self.venues if v.group.native is native)


class Point(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One step of an asset's series, as pictures and statistics read it."""

    at: datetime
    coins: float
    price_usd: float | None
    coverage: float
    index: float


class LiquidationSum(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Liquidations of one asset within one step that begins at ``at``; in dollars."""

    at: datetime
    long_usd: float
    short_usd: float
    count: int


class VenueLiquidations(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One venue's liquidations of one asset within one step that begins at ``at``.

    Auto-deleveraging (``deleveraged_usd``) is in none of the other figures.
    """

    at: datetime
    venue: Venue
    long_usd: float
    short_usd: float
    long_coins: float
    short_coins: float
    deleveraged_usd: float
    count: int


class PastLiquidations(msgspec.Struct, frozen=True, gc=False):
    """What a venue says was liquidated on one side of one contract within the ``step`` that begins at ``at``.

    ``contracts`` as told; coins of the asset and dollars are ``None`` where they cannot be known or where the
    venue's figures contradict each other. It is a sum, never one of the liquidations that are heard.
    """

    instrument: Instrument
    position: Position
    at: datetime
    step: timedelta
    contracts: Decimal | None
    coins: float | None
    usd: float | None


def usd_change(before: Snapshot, now: Snapshot) -> UsdChange | None:
    """The change in dollars between two snapshots of one asset, counting only venues present in both."""
    if before.price_usd is None or now.price_usd is None:
        return None
    both = {v.venue for v in before.venues} & {v.venue for v in now.venues}
    old = sum(v.coins for v in before.venues if v.venue in both)
    new = sum(v.coins for v in now.venues if v.venue in both)
    return UsdChange.between(old, before.price_usd, new, now.price_usd)
