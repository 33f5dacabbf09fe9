"""What is said of the time before live figures began."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.health import Remembered
from handlers.core_words import retold
from handlers.numbers import number, percent
from handlers.phrases import semicolons
from handlers.speech import _, ngettext

NAMED = 6


def history_line(venues: Sequence[Remembered]) -> str:
    """``History: Bybit 61 %, 9 of 14 days; OKX known``; empty where no venue with a memory is watched."""
    asked = [one for one in venues if one.contracts or not one.over or one.why]
    if not asked:
        return ""
    unknown = sorted(
        (one for one in asked if not one.over or one.why), key=lambda one: (one.share, one.venue)
    )
    if not unknown:
        known = ngettext(
            "History: known, from {n} venue", "History: known, from {n} venues", len(asked)
        ).format(n=len(asked))
        return f"{known}{_skipped(asked)}"
    parts = [how_far(one) for one in unknown[:NAMED]]
    if more := len(unknown) - NAMED:
        parts += [ngettext("{n} more", "{n} more", more).format(n=number(more))] if more > 0 else []
    done = len(asked) - len(unknown)
    return ngettext(
        "History: {parts}; {done} of {n} venue known",
        "History: {parts}; {done} of {n} venues known",
        len(asked),
    ).format(parts=semicolons(parts), done=done, n=len(asked))


def how_far(one: Remembered) -> str:
    """``Bybit 61 %, 9 of 14 days`` with what it waits for."""
    if not one.contracts:
        standing = _("{venue} left out") if one.over else _("{venue} not asked yet")
        return f"{standing.format(venue=one.title)}{_why(one)}"
    days = one.asked_days / one.contracts
    left_out = one.over and one.why
    far = ngettext("{venue} {share}, {known} of {n} day", "{venue} {share}, {known} of {n} days", round(days))
    if left_out:
        far = ngettext(
            "{venue} {share}, {known} of {n} day (left out)",
            "{venue} {share}, {known} of {n} days (left out)",
            round(days),
        )
    told = far.format(
        venue=one.title,
        share=percent(int(100 * one.share) / 100, signed=False, digits=0),
        known=round(days) if one.share >= 1 else int(days * one.share),
        n=round(days),
    )
    return f"{told}{_why(one)}"


def _why(one: Remembered) -> str:
    return f" ({retold(one.why)})" if one.why else ""


def _skipped(venues: Sequence[Remembered]) -> str:
    count = sum(one.skipped for one in venues)
    if not count:
        return ""
    return ngettext("; {n} contract could not be read", "; {n} contracts could not be read", count).format(
        n=number(count)
    )
