"""Reading what people want to hear: of which coins, how often or how large, led by whom.

Every mistake is an ``AskError`` that says what was expected. What it proposes differs from what was said in
the mistaken word alone, so that a tap never asks for more than the person did.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log10

from rapidfuzz import fuzz, process

from bot.domain.assets import Asset, parse_asset
from bot.domain.cards import plain
from bot.domain.posts import MONTHLY_W, WEEKLY_W, YEARLY_W, Measure, Threshold
from bot.errors import AskError
from bot.pipeline.horizons import HORIZONS
from handlers.numbers import duration, percent, share
from handlers.phrases import enumerated
from handlers.speech import _
from handlers.words import NUMBER, PERIOD_LIKE, amount, read_coin, read_period

FILLERS = {"", "coins", "coin", "about", "only", "from", "and", "alerts", "for", "or", "more", "than", "at"}
FILLERS |= {"least", "over", "above", "a", "an", "per", "in", "me", "to", "of", "please", ">", "≥", ">=", "+"}
"""Words and signs between the others that change nothing."""
NOTHING = {"off", "none", "nothing", "stop", "never"}
EVERY_HOURS = {
    "hour": 1.0,
    "day": 24.0,
    "week": 168.0,
    "wk": 168.0,
    "fortnight": 336.0,
    "month": 730.5,
    "year": 8766.0,
    "yr": 8766.0,
}
TIMES = {"once": "1", "one": "1", "twice": "2", "two": "2", "three": "3", "four": "4", "five": "5"}
"""Counts that people write as words: "twice a month"."""
OFTEN = {"daily": log10(24), "weekly": WEEKLY_W, "monthly": MONTHLY_W, "yearly": YEARLY_W}
OFTEN |= {"notable": WEEKLY_W, "big": MONTHLY_W, "historic": YEARLY_W}
"""Magnitude W behind a word for how often."""
LEAST_FALL = 0.001
MOST = 1e15
"""Dollars or coins; all open interest there is is some 1e11 dollars."""

_POWER = r"(k|mn|million|m|bn|billion|b)?"
_EVERY = re.compile(r"\b(?:every|each)\s+(day|week|month|year)\b")
_IN_A = re.compile(r"(%|percent|pct)\s*(?:in|within|per)?\s*(?:an?|one)\s+(hour|day)\b")
_TIMES = re.compile(rf"\b({'|'.join(TIMES)})(?=\s+(?:times\s+)?(?:an?|per)\b)")
_COUNTED = re.compile(
    rf"(?:about\s+|[~≈]\s*)?{NUMBER}\s*(?:x|times)?\s*(?:/|an?\b|per\b)\s*({'|'.join(EVERY_HOURS)})s?\b"
)
_NAMED = re.compile(rf"\b({'|'.join(OFTEN)})\b")
_MAGNITUDE = re.compile(rf"\b(?:w|magnitude)\s*[:=>≥]*\s*{NUMBER}(?![\w.])")
_SHARE = re.compile(
    rf"[-−]?{NUMBER}\s*(?:%|percent\b|pct\b)(?:\s*(?:in|within|per|/)?\s*(?:{PERIOD_LIKE}|(whole|wave))\b)?"
)
_ANY_GROUP = re.compile(r"\bany[ -](?:group|leader)\b|\bwhoever leads\b")
_NO_COIN = r"(?!(?:usd|native|all|every|everything|any|only|from|and|alerts|or|per|an?|million|billion)\b)"
_COINS = re.compile(rf"(?<![\d.,$])(?<!\$ )\b{NUMBER}\s*{_POWER}\s+{_NO_COIN}([a-z]+)")
_DOLLARS = re.compile(
    rf"\$\s*{NUMBER}\s*{_POWER}\b|\b{NUMBER}\s*{_POWER}\s*usd\b|\b{NUMBER}(k|mn?|bn?|\s*[mb]illion)\b"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants to hear: coins (empty: every coin) and from which size; ``None`` is not said.

    ``native_only`` leaves out waves that institutions led.
    """

    assets: frozenset[Asset] | None
    threshold: Threshold | None
    native_only: bool | None = None


def read_wanted(text: str, known: Sequence[Asset], command: str) -> Wanted:
    """``btc eth 3/week``, ``all monthly native``, ``5% 1h any group``, ``W 3.2``, ``$800m``, ``5000 btc``.

    Raises ``AskError`` with examples for ``command``.
    """
    text = _TIMES.sub(lambda said: TIMES[said[1]], " ".join(text.lower().split()))
    text = _IN_A.sub(r"\1 1\2", _EVERY.sub(r"1/\1", text))
    text, any_group = _ANY_GROUP.subn(" ", text)
    assets: set[Asset] = set()
    everything, native = False, False if any_group else None
    threshold, rest = _read_threshold(text, command)
    for word in re.split(r"[\s,]+", rest):
        if word in ("all", "every", "everything", "any"):
            everything = True
        elif word in ("native", "native-only"):
            native = True
        elif word not in FILLERS:
            assets.add(_coin_or_how_often(word, known, f"/{command} {text}", threshold))
    if threshold and threshold.measure is Measure.COINS and len(assets) != 1:
        line = f"/{command} 5000 btc"
        raise AskError(_("An amount of coins needs one coin: `{line}`").format(line=line), line)
    return Wanted(frozenset(assets) if assets or everything else None, threshold, native)


def says_how_often(text: str) -> bool:
    """Does it ask to be told from some size on, whatever else stands in it?"""
    return any(pattern.search(text.lower()) for pattern in (_SHARE, _COUNTED, _NAMED, _MAGNITUDE))


def _coin_or_how_often(word: str, known: Sequence[Asset], line: str, threshold: Threshold | None) -> Asset:
    """``line`` is all that was said: what is proposed differs from it in the word alone."""

    def instead(other: str) -> str:
        return re.sub(rf"(?<!\S){re.escape(word)}(?![^\s,])", other, line, count=1)

    if word in NOTHING:
        raise AskError(_("To hear nothing more: `/unsubscribe all`"), "/unsubscribe all")
    near = process.extractOne(word, list(OFTEN), scorer=fuzz.ratio, score_cutoff=75)
    if near and word.upper() not in known:
        if threshold:
            first = " ".join(instead("").split())
            text = _("One subscription has one size: `{line}`, then one more for the other")
            raise AskError(text.format(line=first), first)
        line = instead(near[0])
        raise AskError(_('Did you mean "{word}"? `{line}`').format(word=near[0], line=line), line)
    if word[0].isdigit() and parse_asset(word)[0] not in known:
        raise AskError(
            _(
                'I cannot read "{word}". Say how often (`3/week`, `monthly`) or how large '
                "(`W 3`, `5% 1h`, `$800m`, `5000 btc`)."
            ).format(word=plain(word[:24])),
            instead("weekly"),
        )
    return read_coin(word, known, f"{line.split()[0]} {{coin}} weekly")


def _read_threshold(text: str, command: str) -> tuple[Threshold | None, str]:
    """The first threshold in the text, and the text without it."""
    readers: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Threshold]], ...] = (
        (_SHARE, lambda match: _share(match, f"/{command} {text}")),
        (_COUNTED, lambda match: _counted(match, command)),
        (_NAMED, lambda match: Threshold(Measure.W, OFTEN[match[1]])),
        (_MAGNITUDE, lambda match: _magnitude(match, command)),
        (_COINS, lambda match: Threshold(Measure.COINS, amount(match[1], match[2]))),
        (_DOLLARS, lambda match: Threshold(Measure.USD, _dollars(match))),
    )
    for pattern, read in readers:
        if match := pattern.search(text):
            threshold = _sensible(read(match), command)
            coin = f" {match[3]}" if pattern is _COINS else ""
            return threshold, text[: match.start()] + coin + " " + text[match.end() :]
    return None, text


def _sensible(threshold: Threshold, command: str) -> Threshold:
    """Raises ``AskError`` for what every wave would reach, or none ever."""
    if threshold.measure is Measure.FALL and threshold.value < LEAST_FALL:
        line, text = f"/{command} 5% 1h", _("Falls of less than {share} are noise: `{line}`")
        raise AskError(text.format(share=percent(LEAST_FALL, signed=False), line=line), line)
    if threshold.value <= 0:
        line = f"/{command} weekly"
        raise AskError(_("A threshold must be above zero, like `{line}`.").format(line=line), line)
    if threshold.value > MOST:
        line = f"/{command} $800m"
        raise AskError(_("No market is as large as that. `{line}`").format(line=line), line)
    return threshold


def _share(match: re.Match[str], line: str) -> Threshold:
    """``line`` is all that was said: what is proposed differs from it in the share alone."""
    said = match[0].strip()
    bare = f"{match[1]}%"

    def instead(other: str) -> str:
        return line.replace(said, other, 1)

    fall = amount(match[1], None) / 100
    if fall >= 1:
        text = _("No more than {share} can close. `{line}`")
        raise AskError(text.format(share=share(1.0), line=instead("5% 1h")), instead("5% 1h"))
    if match[4]:
        return Threshold(Measure.FALL, fall)
    if not match[2]:
        with_period, often = instead(f"{bare} 1h"), instead("3/week")
        text = _("`{line}` needs a period: `{with_period}`. Or say how often: `{often}`")
        raise AskError(
            text.format(line=instead(bare), with_period=with_period, often=often), with_period, often
        )
    horizon = read_period(match[2] + match[3])
    if horizon not in HORIZONS:
        known = enumerated(duration(h) for h in HORIZONS)
        text = _("I measure falls over {periods}, or over the `whole` wave: `{line}`")
        hour = instead(f"{bare} 1h")
        raise AskError(text.format(periods=known, line=hour), hour, instead(f"{bare} whole"))
    return Threshold(Measure.FALL, fall, horizon)


def _counted(match: re.Match[str], command: str) -> Threshold:
    times = amount(match[1], None)
    every = EVERY_HOURS[match[2]] / times if times else 0.0
    if not every >= 1:
        line, text = (
            f"/{command} 1/day",
            _("More than one an hour is noise. The most is about `24/day`: `{line}`"),
        )
        raise AskError(text.format(line=line), line)
    return Threshold(Measure.W, log10(every) if every > 1 else 0.01)


def _magnitude(match: re.Match[str], command: str) -> Threshold:
    w = amount(match[1], None)
    if not 0 < w <= 8:
        line = f"/{command} W 2.9"
        text = _("W runs from 0 to about 6: 2.2 weekly, 2.9 monthly, 3.9 yearly. `{line}`")
        raise AskError(text.format(line=line), line)
    return Threshold(Measure.W, w)


def _dollars(match: re.Match[str]) -> float:
    digits, power = next((match[i], match[i + 1]) for i in (1, 3, 5) if match[i])
    return amount(digits, power)
