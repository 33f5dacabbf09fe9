"""What a picture shows, before anybody draws it: one struct per kind of picture, together ``Chart``.

Everything on a picture stands in its struct, also the language of its labels, so equal structs are equal
pictures and are drawn once. Titles state the finding; ``note`` stands under the picture (as-of time,
coverage, that it is a reconstruction). A gap is ``None`` and is drawn as a gap. Times are
aware, oldest first, with one value each. ``handlers.picture_words.pictured`` adds the words and the language.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from bot.domain.waves import Kind

ENGLISH = "en"
Span = tuple[datetime, datetime]
Values = tuple[float | None, ...]


class ValueUnit(StrEnum):
    """How the values of a picture are written."""

    COINS = "coins"
    USD = "usd"
    PERCENT = "percent"
    """Fractions: 0.11 is 11 %."""
    NUMBER = "number"


class WaveEnds(msgspec.Struct, frozen=True):
    """A wave's own figures, as its card tells them: before it and at its low.

    They are of the venues believed at both ends and of those two minutes, so they need not be those of the
    nearest step of a picture.
    """

    coins: tuple[float, float]
    price_usd: tuple[float | None, float | None]


class MarketChart(msgspec.Struct, frozen=True, tag_field="kind", tag="market"):
    """Price, coin OI and liquidations of one coin over time: of a wave or of a period.

    ``long_usd`` and ``short_usd`` are liquidations within the step that begins at each time; ``shade`` is the
    wave from onset to over (or to now), ``low_at`` its lowest point and ``ends`` its figures, which marks and
    words tell. ``liquidated_usd`` (longs, shorts) is what the card beside it counts, where that is not just
    the sum of the steps. Within ``unseen`` spans too little of the market was fresh.
    """

    title: str
    asset: str
    times: tuple[datetime, ...]
    coins: Values
    price_usd: Values
    long_usd: tuple[float, ...] = ()
    short_usd: tuple[float, ...] = ()
    shade: Span | None = None
    low_at: datetime | None = None
    ends: WaveEnds | None = None
    liquidated_usd: tuple[float, float] | None = None
    unseen: tuple[Span, ...] = ()
    note: str = ""
    language: str = ENGLISH


class VenueCoins(msgspec.Struct, frozen=True):
    """What one venue held. Within ``stale`` spans it was not fresh, and its last known figure is repeated."""

    name: str
    native: bool
    coins: Values
    stale: tuple[Span, ...] = ()


class VenuesChart(msgspec.Struct, frozen=True, tag_field="kind", tag="venues"):
    """Coin OI by venue over time, stacked: crypto-native ones below, institutional ones apart above them.

    ``venues`` are at most about eight, the largest first; the others come as one with a name of its own. From
    each of ``breaks`` on other venues or contracts are counted: the stack is not joined there.
    """

    title: str
    asset: str
    times: tuple[datetime, ...]
    venues: tuple[VenueCoins, ...]
    shade: Span | None = None
    breaks: tuple[datetime, ...] = ()
    note: str = ""
    language: str = ENGLISH


class NamedLine(msgspec.Struct, frozen=True):
    name: str
    values: Values
    native: bool = True
    """An institutional venue's line is dashed."""


class LinesChart(msgspec.Struct, frozen=True, tag_field="kind", tag="lines"):
    """One to six lines of one unit over time: funding by venue, leverage against its normal, several coins.

    ``axis`` names what is measured and its unit ("Funding, % a year"). ``normal`` is the usual range, named
    by ``normal_name``; ``base`` a level to compare with (100, zero); ``limits`` fixes the axis (0 and 100).
    """

    title: str
    axis: str
    times: tuple[datetime, ...]
    lines: tuple[NamedLine, ...]
    unit: ValueUnit = ValueUnit.NUMBER
    normal: tuple[float, float] | None = None
    normal_name: str = ""
    base: float | None = None
    limits: tuple[float, float] | None = None
    shade: Span | None = None
    note: str = ""
    language: str = ENGLISH


class Bar(msgspec.Struct, frozen=True):
    """One bar; ``value`` ``None`` is said to be unknown. ``normal`` is the usual range of this row."""

    name: str
    value: float | None
    native: bool = True
    normal: tuple[float, float] | None = None


class BarsChart(msgspec.Struct, frozen=True, tag_field="kind", tag="bars"):
    """Up to twelve named amounts side by side: funding by venue now, the largest changes over all coins."""

    title: str
    axis: str
    bars: tuple[Bar, ...]
    unit: ValueUnit = ValueUnit.NUMBER
    note: str = ""
    language: str = ENGLISH


class ResetMark(msgspec.Struct, frozen=True):
    """One past wave; ``fall`` is the fraction of coin OI closed (0.19)."""

    at: datetime
    w: float
    kind: Kind
    fall: float
    name: str = ""


class ResetsChart(msgspec.Struct, frozen=True, tag_field="kind", tag="resets"):
    """Past waves by time and magnitude W, between ``since`` and ``until``; the largest are named."""

    title: str
    since: datetime
    until: datetime
    waves: tuple[ResetMark, ...]
    note: str = ""
    language: str = ENGLISH


class AfterChart(msgspec.Struct, frozen=True, tag_field="kind", tag="after"):
    """What followed resets: each as a path of moves since its end (fractions), with the median of all.

    ``hours`` since the end, beginning with 0; ``paths`` one tuple per reset, ``None`` where unknown or still
    to come. ``base`` is the median after random times, ``base_name`` says what lies from ``base_low`` to
    ``base_high``. ``axis`` names what is measured ("Price since the end").
    """

    title: str
    axis: str
    hours: tuple[float, ...]
    paths: tuple[Values, ...]
    median: Values
    base: Values = ()
    base_low: Values = ()
    base_high: Values = ()
    base_name: str = ""
    note: str = ""
    language: str = ENGLISH


Chart = MarketChart | VenuesChart | LinesChart | BarsChart | ResetsChart | AfterChart
