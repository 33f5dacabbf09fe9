"""How amounts, changes and times are written for people. Pure text; the minus is a real one (−)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log10

from bot.domain.waves import Magnitude

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NAMED_PERIODS = (
    (1.0, "hourly"),
    (24.0, "daily"),
    (24 * 7.0, "weekly"),
    (24 * 30.44, "monthly"),
    (24 * 365.25, "yearly"),
)
"""Return periods that have a name, in hours; "about weekly" is within a fifth of one."""


@dataclass(frozen=True, slots=True)
class Scale:
    """One way to write several amounts so that they can be compared: one rounding ``step``, one ``unit``.

    Both are in the amounts' own unit (coins or dollars).
    """

    step: float
    unit: float
    prefix: str = ""
    suffix: str = ""

    @classmethod
    def coins(cls, largest: float) -> Scale:
        """Four significant digits of the largest amount: 415,000 · 12.35 M · 8.204."""
        exponent = _exponent(largest, digits=4) if largest else 3
        step = 10.0 ** (exponent - 3)
        for suffix, power in ((" T", 12), (" B", 9), (" M", 6)):
            if exponent > power:  # 1,234,000 is read more easily than 1.234 M
                return cls(step, 10.0**power, suffix=suffix)
        return cls(step, 1.0)

    @classmethod
    def usd(cls, largest: float, *, fine: bool = False) -> Scale:
        """$412 M, $8.1 B, $37.7 B; with ``fine`` three significant digits ($3.21 B)."""
        exponent = _exponent(largest, digits=3)
        for suffix, power in ((" T", 12), (" B", 9), (" M", 6), (" k", 3)):
            if exponent >= power:
                decimals = min(2 if fine else 1, max(0, 2 - (exponent - power)))
                return cls(10.0 ** (power - decimals), 10.0**power, "$", suffix)
        return cls(0.01 if largest and exponent < 2 else 1.0, 1.0, "$")

    def show(self, amount: float, *, signed: bool = False) -> str:
        """``amount`` rounded to the step; a rounded zero has no sign."""
        steps = round(amount / self.step)
        decimals = max(0, round(log10(self.unit / self.step)))
        sign = "" if not steps else "−" if steps < 0 else "+" if signed else ""
        return f"{sign}{self.prefix}{abs(steps) * self.step / self.unit:,.{decimals}f}{self.suffix}"

    def parts(self, amounts: Sequence[float]) -> list[float]:
        """The amounts rounded to the step so that they add up to their rounded total (largest remainder)."""
        exact = [amount / self.step for amount in amounts]
        floors = [int(steps // 1) for steps in exact]
        left = round(sum(exact)) - sum(floors)
        by_remainder = sorted(range(len(exact)), key=lambda i: floors[i] - exact[i])
        for i in by_remainder[:left]:
            floors[i] += 1
        return [steps * self.step for steps in floors]


def _exponent(amount: float, digits: int) -> int:
    """The power of ten after rounding to ``digits``: 999.96 counts as a thousand."""
    return int(f"{abs(amount):.{digits - 1}e}".partition("e")[2])


def coins(amount: float, asset: str, *, signed: bool = False) -> str:
    """``41,200 BTC``."""
    return f"{Scale.coins(amount).show(amount, signed=signed)} {asset}"


def usd(amount: float, *, signed: bool = False, fine: bool = False) -> str:
    """``−$8.1 B``."""
    return Scale.usd(amount, fine=fine).show(amount, signed=signed)


def price(amount_usd: float) -> str:
    """A price of one coin: ``$122,000``, ``$3,412.50``, ``$0.00001234``."""
    if amount_usd >= 10_000:
        return f"${amount_usd:,.0f}"
    if amount_usd >= 1:
        return f"${amount_usd:,.2f}"
    return f"${amount_usd:.{3 - _exponent(amount_usd, 4)}f}"


def percent(fraction: float, *, signed: bool = True, digits: int = 1) -> str:
    """``−9.9 %`` of the fraction −0.099."""
    shown = f"{abs(fraction) * 100:,.{digits}f}"
    zero = not shown.strip("0.,")
    sign = "" if zero else "−" if fraction < 0 else "+" if signed else ""
    return f"{sign}{shown} %"


def share(fraction: float) -> str:
    """A share (0–1) without a sign; it is 100 % only when nothing is left out."""
    whole = round(fraction * 100)
    return f"{min(whole, 99) if fraction < 0.9999 else whole} %"


def tight(text: str) -> str:
    """For tables, where columns are narrow: ``−9.9%``."""
    return text.replace(" %", "%").replace(" ", "")


def duration(span: timedelta) -> str:
    """``48 s``, ``41 min``, ``1 h 12 min``, ``36 h``, ``7 days``, ``5.6 years``."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 90 and seconds != 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 90 and minutes != 60:
        return f"{minutes} min"
    if minutes < 12 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    hours = round(minutes / 60)
    if hours <= 48:
        return f"{hours} h"
    days = round(hours / 24)
    return f"{days} days" if days <= 2 * 365 else f"{days / 365.25:.1f} years"


def return_period(magnitude: Magnitude) -> str:
    """``about weekly``, or ``about once in 6 years (2–20)`` with the interval where it is wide."""
    hours = 10**magnitude.w
    for named, word in NAMED_PERIODS:
        if 0.8 < hours / named < 1.25:
            return f"about {word}"
    units = (
        (24 * 365.25, "years"),
        (24 * 30.44, "months"),
        (24 * 7.0, "weeks"),
        (24.0, "days"),
        (0.0, "hours"),
    )
    unit, word = next((unit, word) for unit, word in units if hours >= 1.25 * unit)
    unit = unit or 1.0
    low, high = (10**bound / unit for bound in (magnitude.low, magnitude.high))
    interval = f" ({_count(low)}–{_count(high)})" if _count(low) != _count(high) else ""
    return f"about once in {_count(hours / unit)} {word}{interval}"


def _count(number: float) -> str:
    if number > 1000:
        return "over 1,000"
    return f"{number:.0f}" if number >= 1.95 else f"{number:.1f}".removesuffix(".0")


def many(count: int, noun: str) -> str:
    """``1 wave``, ``1,204 waves``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def ordinal(place: int) -> str:
    """``largest``, ``second largest``, ``4th largest``."""
    words = {1: "largest", 2: "second largest", 3: "third largest"}
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return words.get(place, f"{place}{ending} largest")


def clock(at: datetime) -> str:
    """``21:24 UTC``: on the clock that ``at`` is told by."""
    return f"{at:%H:%M %Z}"


def day(at: datetime, now: datetime | None = None) -> str:
    """``10 Oct``; with the year when that is not clear from ``now``."""
    near = now is None or abs(now - at) < timedelta(days=300)
    return f"{at.day} {at:%b}" if near else f"{at.day} {at:%b %Y}"


def short_day(at: datetime, now: datetime) -> str:
    """At most six characters: ``10 Oct``, ``Mar’20`` where it is long ago."""
    return day(at) if abs(now - at) < timedelta(days=300) else f"{at:%b’%y}"


def as_of(at: datetime, now: datetime) -> str:
    """The day and time a dated figure stands for: without its day it would look like a live one."""
    return f"{day(at, now)} {clock(at)}"


def moment(at: datetime, now: datetime) -> str:
    """The time today, otherwise day and time; both on the clock that ``at`` is told by."""
    today = at.date() == now.astimezone(at.tzinfo).date()
    return clock(at) if today else as_of(at, now)


def shortly(span: timedelta) -> str:
    """A wait: ``1.9 s`` below ten seconds (and never 0.0 s), otherwise as ``duration``."""
    seconds = max(0.1, span.total_seconds())
    return f"{seconds:.1f} s" if seconds < 9.95 else duration(span)
