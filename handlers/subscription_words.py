"""What a chat gets, in words."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import NamedTuple

from bot.domain.assets import Asset
from bot.domain.cards import Button
from bot.domain.chats import ChatSettings
from bot.domain.posts import MONTHLY_W, WEEKLY_W, YEARLY_W, Measure, Subscription, Threshold
from bot.domain.waves import AFTER, Magnitude, Wave
from bot.pipeline.route import wants
from handlers.numbers import Scale, day, duration, number, percent, return_period, usd
from handlers.phrases import clauses, enumerated
from handlers.speech import N_, _, ngettext


class Choice(NamedTuple):
    """One tap: how it is typed, what it is called and about how often that is (marked), and the magnitude."""

    word: str
    label: str
    often: str
    w: float


CHOICES = (
    # For translators: buttons: alerts of which waves (by size and frequency) a chat wants.
    Choice("historic", N_("Only historic"), N_("~1 a year"), YEARLY_W),
    Choice("big", N_("Big"), N_("~1 a month"), MONTHLY_W),
    Choice("notable", N_("Notable"), N_("~1 a week"), WEEKLY_W),
)
"""Offered wherever it is asked how often to speak."""


def choice_taps(subscriptions: Sequence[Subscription], line: str, *, shortly: bool = False) -> list[Button]:
    """The choices behind ``line``; the one that all ``subscriptions`` have is marked."""
    standing = {s.threshold for s in subscriptions}
    taps = []
    for choice in CHOICES:
        mark = "✓ " if standing == {Threshold(Measure.W, choice.w)} else ""
        often = "" if shortly else _(choice.often)
        taps.append(Button(mark + clauses(_(choice.label), often), f"{line} {choice.word}"))
    return taps


def group_tap(subscriptions: Sequence[Subscription], number: str = "") -> Button:
    """Turns round whether institution-led waves are left out; of subscription ``number`` (``#2``) alone."""
    native = all(s.native_only for s in subscriptions)
    line = f"/threshold {number} ".replace("  ", " ")
    return Button(_("Any group"), f"{line}any group") if native else Button(_("Native only"), f"{line}native")


def told(subscriptions: Sequence[Subscription], wave: Wave) -> bool:
    """Whether any of them is for the wave."""
    return any(wants(subscription, wave) for subscription in subscriptions)


def would_have_told(past: Sequence[Wave], subscriptions: Sequence[Subscription]) -> str:
    """How much a chat would have heard; ``past`` is newest first."""
    if not past:
        return _("No wave is recorded yet to try it on")
    count = sum(told(subscriptions, wave) for wave in past)
    return ngettext(
        "Of {n} wave recorded since {day} it would have told {told}",
        "Of {n} waves recorded since {day} it would have told {told}",
        len(past),
    ).format(n=number(len(past)), day=day(past[-1].onset, past[0].onset), told=number(count))


def coins_words(assets: frozenset[Asset] | None) -> str:
    """``BTC, ETH`` or ``every coin``."""
    return enumerated(sorted(assets)) if assets else _("every coin")


def subscription_words(subscription: Subscription) -> str:
    """``BTC, ETH · about weekly (W 2.2 and more) · institution-led left out``."""
    return f"{coins_words(subscription.assets)} · {terms_words(subscription)}"


def terms_words(subscription: Subscription) -> str:
    """The same without the coins."""
    terms = threshold_words(subscription.threshold)
    return terms + " · " + _("institution-led left out") if subscription.native_only else terms


def threshold_words(threshold: Threshold) -> str:
    """``about weekly (W 2.2 and more)``, ``−5.0 % or more within 1 h``, ``5,000 coins or more closed``."""
    value = threshold.value
    match threshold.measure:
        case Measure.W:
            often = _how_often(value)
            # For translators: {often} is "about weekly".
            return _("{often} (W {w} and more)").format(often=often, w=number(value, 1))
        case Measure.FALL if threshold.horizon:
            return _("{share} or more within {time}").format(
                share=percent(-value), time=duration(threshold.horizon)
            )
        case Measure.FALL:
            return _("{share} or more over the whole wave").format(share=percent(-value))
        case Measure.USD:
            return _("{usd} or more of positions closed").format(usd=usd(value))
        case Measure.COINS:
            return ngettext("{n} coins or more closed", "{n} coins or more closed", value).format(
                n=Scale.coins(value).show(value)
            )


def _how_often(w: float) -> str:
    """``about 3 a week`` where that is the usual way to say it."""
    a_week = 168 / 10**w
    if not 1.25 < a_week < 5.5:
        return return_period(Magnitude(w, w, w))
    digits = f"{a_week:.2g}"
    count = number(float(digits), len(digits.partition(".")[2]))
    form = int(digits) if digits.isdecimal() else 2
    return ngettext("about {n} a week", "about {n} a week", form).format(n=count)


def pings_words(chosen: ChatSettings) -> str:
    """Each role's mention as Discord writes it, and from which size on: ``<@&42> about monthly (…)``."""
    pings = [f"<@&{p.role}> {threshold_words(Threshold(Measure.W, p.from_w))}" for p in chosen.pings]
    return enumerated(pings) or _("none")


def typed(subscription: Subscription) -> str:
    """From which size on, as a person would type it, so that it is read back as the same."""
    threshold = subscription.threshold
    match threshold.measure:
        case Measure.W:
            for times in range(2, 6):
                if threshold.value == log10(168 / times):
                    return f"{times}/week"
            return f"W {threshold.value!r}"
        case Measure.FALL:
            over = f"{threshold.horizon.total_seconds() / 60:g}m" if threshold.horizon else "whole"
            return f"{threshold.value * 100:.6g}% {over}"
        case Measure.USD:
            return f"${threshold.value:.0f}"
        case Measure.COINS:
            return f"{threshold.value:.12g} {', '.join(sorted(subscription.assets or ())).lower()}"


def typed_whole(subscription: Subscription) -> str:
    """All of it, as it stands behind ``/subscribe``."""
    coins = " ".join(sorted(subscription.assets)).lower() if subscription.assets else "all"
    beside = "" if subscription.threshold.measure is Measure.COINS else f"{coins} "
    return f"{beside}{typed(subscription)}{' native' if subscription.native_only else ''}"


def followed_words(chosen: ChatSettings) -> str:
    """``1 h, 24 h, 7 days``: when a wave's message is answered later."""
    times = [duration(after) for after in AFTER if after not in chosen.unfollowed]
    return enumerated(times) if times else _("none")
