"""What a chat gets, in words."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.assets import Asset
from bot.domain.posts import Measure, Subscription, Threshold
from bot.domain.waves import Kind, Magnitude, Wave
from bot.pipeline.route import wants
from handlers.numbers import coins, day, duration, many, percent, return_period, usd


def told(subscriptions: Sequence[Subscription], wave: Wave) -> bool:
    """Whether any of them is for the wave."""
    return any(wants(subscription, wave) for subscription in subscriptions)


def would_have_told(past: Sequence[Wave], subscriptions: Sequence[Subscription]) -> str:
    """How much a chat would have heard; ``past`` is newest first."""
    if not past:
        return "No wave is recorded yet to try it on"
    count = sum(told(subscriptions, wave) for wave in past)
    since = day(past[-1].onset, past[0].onset)
    return f"Of {many(len(past), 'wave')} recorded since {since} it would have told {count}"


def coins_words(assets: frozenset[Asset] | None) -> str:
    """``BTC, ETH`` or ``every coin``."""
    return ", ".join(sorted(assets)) if assets else "every coin"


def kinds_words(subscription: Subscription) -> str:
    """``long flushes and short squeezes``."""
    names = {Kind.FLUSH: "long flushes", Kind.SQUEEZE: "short squeezes", Kind.UNWIND: "unwinds"}
    return " and ".join(name for kind, name in names.items() if kind in subscription.kinds)


def subscription_words(subscription: Subscription) -> str:
    """``BTC, ETH · about weekly (W 2.2 and more) · institution-led left out``."""
    native = " · institution-led left out" if subscription.native_only else ""
    return f"{coins_words(subscription.assets)} · {threshold_words(subscription.threshold)}{native}"


def threshold_words(threshold: Threshold) -> str:
    """``about weekly (W 2.2 and more)``, ``−5.0 % or more within 1 h``, ``5,000 coins or more closed``."""
    value = threshold.value
    match threshold.measure:
        case Measure.W:
            a_week = 168 / 10**value
            often = return_period(Magnitude(value, value, value))
            often = f"about {a_week:.2g} a week" if 1.25 < a_week < 5.5 else often
            return f"{often} (W {value:.1f} and more)"
        case Measure.FALL:
            within = f"within {duration(threshold.horizon)}" if threshold.horizon else "over the whole wave"
            return f"{percent(-value)} or more {within}"
        case Measure.USD:
            return f"{usd(value)} or more of positions closed"
        case Measure.COINS:
            return f"{coins(value, 'coins')} or more closed"


def typed(subscription: Subscription) -> str:
    """Its threshold as a person would type it, so that it is read back as the same."""
    threshold = subscription.threshold
    match threshold.measure:
        case Measure.W:
            return f"W {threshold.value!r}"
        case Measure.FALL:
            over = f"{threshold.horizon.total_seconds() / 60:g}m" if threshold.horizon else "whole"
            return f"{threshold.value * 100:.6g}% {over}"
        case Measure.USD:
            return f"${threshold.value:.0f}"
        case Measure.COINS:
            return f"{threshold.value:.12g} {coins_words(subscription.assets).lower()}"
