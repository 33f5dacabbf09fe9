"""What is said of the time before live figures began."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.health import Remembered

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
        return f"History: known, from {len(asked)} venue{'' if len(asked) == 1 else 's'}{_skipped(asked)}"
    parts = [how_far(one) for one in unknown[:NAMED]]
    if more := len(unknown) - NAMED:
        parts += [f"{more} more"] if more > 0 else []
    done = len(asked) - len(unknown)
    return f"History: {'; '.join(parts)}; {done} of {len(asked)} venues known"


def how_far(one: Remembered) -> str:
    """``Bybit 61 %, 9 of 14 days`` with what it waits for."""
    if not one.contracts:
        return f"{one.title} {'left out' if one.over else 'not asked yet'}{_why(one)}"
    days = one.asked_days / one.contracts
    far = f"{one.title} {int(100 * one.share)} %, {int(days * one.share)} of {round(days)} days"
    return f"{far}{' (left out)' if one.over and one.why else ''}{_why(one)}"


def _why(one: Remembered) -> str:
    return f" ({one.why})" if one.why else ""


def _skipped(venues: Sequence[Remembered]) -> str:
    count = sum(one.skipped for one in venues)
    return f"; {count} contracts could not be read" if count else ""
