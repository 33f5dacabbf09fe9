"""How amounts, changes and times are written for people, in the language spoken (``handlers.speech``).

Pure text; the minus is a real one (−). Rounding is the same in every language; marks, units and the names of
days come from the Unicode CLDR through Babel. Which powers have a short name is chosen here (``POWERS``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from math import log10

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.lists import format_list
from babel.numbers import get_decimal_symbol, get_group_symbol
from babel.units import format_unit

from bot.domain.waves import Magnitude
from handlers.speech import ENGLISH, N_, _, locale, ngettext, spoken

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NAMED_PERIODS = (
    (1.0, N_("about hourly")),
    (24.0, N_("about daily")),
    (24 * 7.0, N_("about weekly")),
    (24 * 30.44, N_("about monthly")),
    (24 * 365.25, N_("about yearly")),
)
"""Return periods that have a name, in hours; "about weekly" is within a fifth of one."""
Powers = Sequence[tuple[str, int]]
"""What an amount ends in, and the power of ten it stands for; the largest first."""
POWERS: Mapping[str, Powers] = {
    "en": ((" T", 12), (" B", 9), (" M", 6), (" k", 3)),
    "es": ((" bill.", 12), (" M", 6), (" k", 3)),
    "ru": ((" трлн", 12), (" млрд", 9), (" млн", 6), (" тыс.", 3)),
    "zh": (("万亿", 12), ("亿", 8), ("万", 4)),
    "tr": ((" Tn", 12), (" Mr", 9), (" Mn", 6), (" bin", 3)),
}
"""Short names of powers of ten, as markets write them. Spanish has none for 10⁹: "B" may be read as 10¹²."""
LETTERS = ((" T", 12), (" B", 9), (" M", 6), (" k", 3))
"""In tables, where columns are narrow: as the venues' own lists of markets have them in every language."""
MEASURES = {"second": "s", "minute": "min", "hour": "h"}
"""As English writes them here; other languages as CLDR has them."""


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
        for suffix, power in POWERS[spoken()]:
            if exponent > power > 3:  # 1,234,000 is read more easily than 1.234 M
                return cls(step, 10.0**power, suffix=suffix)
        return cls(step, 1.0)

    @classmethod
    def usd(cls, largest: float, *, fine: bool = False, powers: Powers | None = None) -> Scale:
        """$412 M, $8.1 B, $37.7 B; with ``fine`` three significant digits ($3.21 B).

        ``powers`` are those of the language where none are given.
        """
        exponent = _exponent(largest, digits=3)
        for suffix, power in powers or POWERS[spoken()]:
            if exponent >= power:
                decimals = min(2 if fine else 1, 2 - (exponent - power))
                return cls(10.0 ** (power - decimals), 10.0**power, "$", suffix)
        return cls(0.01 if largest and exponent < 2 else 1.0, 1.0, "$")

    def show(self, amount: float, *, signed: bool = False) -> str:
        """``amount`` rounded to the step; a rounded zero has no sign, no decimals and no power of ten."""
        steps = round(amount / self.step)
        if not steps:
            return f"{self.prefix}{number(0.0)}"
        decimals = max(0, round(log10(self.unit / self.step)))
        sign = "−" if steps < 0 else "+" if signed else ""
        return f"{sign}{self.prefix}{number(abs(steps) * self.step / self.unit, decimals)}{self.suffix}"

    def finer(self) -> Scale:
        """One digit more."""
        return replace(self, step=self.step / 10)

    def adds_up(self, amounts: Sequence[float]) -> bool:
        """Is the total of the rounded amounts their rounded total?"""
        return sum(round(amount / self.step) for amount in amounts) == round(sum(amounts) / self.step)

    def rounded(self, amount: float) -> float:
        return round(amount / self.step) * self.step

    def parts(self, amounts: Sequence[float]) -> list[float]:
        """The amounts rounded to the step so that they add up to their rounded total (largest remainder)."""
        exact = [amount / self.step for amount in amounts]
        floors = [int(steps // 1) for steps in exact]
        left = round(sum(exact)) - sum(floors)
        by_remainder = sorted(range(len(exact)), key=lambda i: floors[i] - exact[i])
        for i in by_remainder[:left]:
            floors[i] += 1
        return [steps * self.step for steps in floors]


def number(value: float, decimals: int = 0) -> str:
    """``1,204.5`` with the marks of the language; the sign is left to the caller."""
    return f"{value:,.{decimals}f}".translate(_marks(spoken()))


@cache
def _marks(language: str) -> dict[int, str]:
    spoken_there = Locale.parse(language)
    return {ord(","): get_group_symbol(spoken_there), ord("."): get_decimal_symbol(spoken_there)}


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
        return f"${number(amount_usd)}"
    if amount_usd >= 1:
        return f"${number(amount_usd, 2)}"
    return f"${number(amount_usd, 3 - _exponent(amount_usd, 4))}"


def usd_cell(amount: float | None) -> str:
    """``$37.7B``, nine columns at most: for tables. ``?`` where it is not known."""
    if amount is None:
        return "?"
    return tight(Scale.usd(amount, powers=POWERS["zh"] if spoken() == "zh" else LETTERS).show(amount))


def usd_range(low: float, high: float) -> str:
    """``$4.1–6 B``: the unit and the sign are said once."""
    one, other = Scale.usd(low), Scale.usd(high)
    begin = one.show(low)
    begin = begin.removesuffix(one.suffix) if one.suffix == other.suffix else begin
    return f"{begin}–{other.show(high).removeprefix(other.prefix)}"


def percent(fraction: float, *, signed: bool = True, digits: int = 1) -> str:
    """``−9.9 %`` of the fraction −0.099."""
    shown = number(abs(fraction) * 100, digits)
    zero = not any(digit in "123456789" for digit in shown)
    sign = "" if zero else "−" if fraction < 0 else "+" if signed else ""
    before, after = _percent_marks(spoken())
    return f"{sign}{before}{shown}{after}"


@cache
def _percent_marks(language: str) -> tuple[str, str]:
    """What stands before a number of per cent, and what after it."""
    if language == ENGLISH:
        return "", " %"
    before, _pattern, after = Locale.parse(language).percent_formats[None].pattern.partition("#,##0")
    return before, after


def share(fraction: float) -> str:
    """A share (0–1) without a sign; it is 100 % only when nothing is left out."""
    before, after = _percent_marks(spoken())
    return f"{before}{_whole(fraction)}{after}"


def shares(amounts: Sequence[float]) -> list[str]:
    """Each amount's share of them all, in whole per cent that add up to 100."""
    total = sum(amounts) or 1.0
    parts = Scale(0.01, 1.0).parts([amount / total for amount in amounts])
    return [percent(part, signed=False, digits=0) for part in parts]


def share_range(low: float, high: float) -> str:
    """``62–78 %``; one figure where both are the same."""
    if _whole(low) == _whole(high):
        return share(low)
    before, after = _percent_marks(spoken())
    return f"{before}{_whole(low)}–{_whole(high)}{after}"


def _whole(fraction: float) -> int:
    whole = round(fraction * 100)
    return min(whole, 99) if fraction < 0.9999 else whole


def tight(text: str) -> str:
    """For tables, where columns are narrow: ``−9.9%``."""
    return "".join(text.split())


def duration(span: timedelta) -> str:
    """``48 s``, ``41 min``, ``1 h 12 min``, ``36 h``, ``7 days``, ``5.6 years``."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 90 and seconds != 60:
        return _measure(seconds, "second")
    minutes = round(seconds / 60)
    if minutes < 90 and minutes != 60:
        return _measure(minutes, "minute")
    if minutes < 12 * 60:
        hours, rest = divmod(minutes, 60)
        between = "" if spoken() == "zh" else " "
        return _measure(hours, "hour") + (f"{between}{_measure(rest, 'minute')}" if rest else "")
    hours = round(minutes / 60)
    if hours <= 48:
        return _measure(hours, "hour")
    days = round(hours / 24)
    if days <= 2 * 365:
        return f"{days} days" if spoken() == ENGLISH else format_unit(days, "day", "long", locale=locale())
    years = round(days / 365.25, 1)
    if spoken() == ENGLISH:
        return f"{years:g} years"
    return format_unit(years, "year", "long", locale=locale())


def _measure(count: float, unit: str) -> str:
    if spoken() == ENGLISH:
        return f"{count:g} {MEASURES[unit]}"
    return format_unit(count, unit, "short", locale=locale())


def return_period(magnitude: Magnitude) -> str:
    """``about weekly``, or ``about once in 6 years (2–20)`` with the interval where it is wide."""
    hours = 10**magnitude.w
    for named, words in NAMED_PERIODS:
        if 0.8 < hours / named < 1.25:
            return _(words)
    units = ("year", 24 * 365.25), ("month", 24 * 30.44), ("week", 24 * 7.0), ("day", 24.0), ("hour", 1.0)
    unit, length = next(((name, long) for name, long in units if hours >= 1.25 * long), units[-1])
    low, high = (10**bound / length for bound in (magnitude.low, magnitude.high))
    interval = f" ({_count(low)}–{_count(high)})" if _count(low) != _count(high) else ""
    return f"{_once_in(hours / length, unit)}{interval}"


def _once_in(count: float, unit: str) -> str:
    n = _count(count)
    form = int(n) if n.isdecimal() else 1000 if count > 1000 else 2  # a broken number takes the plural
    match unit:
        case "year":
            text = ngettext("about once in {n} year", "about once in {n} years", form)
        case "month":
            text = ngettext("about once in {n} month", "about once in {n} months", form)
        case "week":
            text = ngettext("about once in {n} week", "about once in {n} weeks", form)
        case "day":
            text = ngettext("about once in {n} day", "about once in {n} days", form)
        case _:
            text = ngettext("about once in {n} hour", "about once in {n} hours", form)
    return text.format(n=n)


def _count(value: float) -> str:
    if value > 1000:
        return _("over {n}").format(n=number(1000))
    return number(value) if value >= 1.95 else number(round(value, 1), int(round(value, 1) % 1 != 0))


def ordinal(place: int) -> str:
    """``largest``, ``second largest``, ``4th largest``."""
    words = {1: _("largest"), 2: _("second largest"), 3: _("third largest")}
    if place in words:
        return words[place]
    if spoken() == ENGLISH:
        ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
        return f"{place}{ending} largest"
    return _("{n}th largest").format(n=place)


def listed(names: Sequence[str]) -> str:
    """``A, B and C``."""
    return format_list(names, locale="en_GB" if spoken() == ENGLISH else locale())


def clock(at: datetime) -> str:
    """``21:24 UTC``: on the clock that ``at`` is told by."""
    return f"{at:%H:%M %Z}"


def day(at: date, now: datetime | None = None) -> str:
    """``10 Oct``; with the year when that is not clear from ``now``."""
    near = now is None or not isinstance(at, datetime) or abs(now - at) < timedelta(days=300)
    return _dated(at, "d MMM", "MMMd") if near else dated(at)


def dated(at: date) -> str:
    """``10 Oct 2025``."""
    return _dated(at, "d MMM y", "yMMMd")


def month(at: date) -> str:
    """``Oct 2025``."""
    return _dated(at, "MMM y", "yMMM")


def weekday(at: date) -> str:
    """``Tue``."""
    return format_date(at, "EEE", locale=locale())


def day_time(at: datetime) -> str:
    """``10 Oct 21:24``, where it is clear by which clock."""
    return f"{day(at)} {at:%H:%M}"


def _dated(at: date, english: str, skeleton: str) -> str:
    if spoken() == ENGLISH:
        return format_date(at, english, locale=locale())
    return format_skeleton(skeleton, at, locale=locale())


def short_day(at: datetime, now: datetime) -> str:
    """At most seven characters, six in English: ``10 Oct``, ``Mar’20`` where it is long ago."""
    near = abs(now - at) < timedelta(days=300)
    if spoken() == "zh":
        return f"{at.month}/{at.day}" if near else f"{at.year}/{at.month}"
    name = format_date(at, "MMM", locale=locale())[:3]
    return f"{at.day} {name}" if near else f"{name}’{at:%y}"


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
    if seconds >= 9.95:
        return duration(span)
    return f"{seconds:.1f} s" if spoken() == ENGLISH else _measure(round(seconds, 1), "second")
