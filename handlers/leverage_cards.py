"""Leverage, funding and the coins beside each other, made into cards: figures, what is normal, no advice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from bot.domain.cards import Button, Card, Line, Picture, Table
from bot.domain.statistics import LARGEST
from bot.pipeline.leverage import Leverage, Measure, Standing
from handlers.cards import coverage_line
from handlers.leverage import Seen, yearly
from handlers.numbers import (
    clock,
    coins,
    day,
    listed,
    number,
    percent,
    share,
    tight,
    usd_cell,
)
from handlers.phrases import stopped
from handlers.snapshot_cards import age_line
from handlers.speech import (
    N_,
    _,
    ngettext,
    pgettext,
)
from handlers.titles import Titles

A_YEAR = 350
"""Days of history that may be called a year."""
TURNED = 15.0
"""A heat of lately that differs by as much is told beside that of now."""
LATELY = 7
NEARLY_ALL = 0.95
MIDDLE = 50.0
MEASURES = {
    Measure.OI: N_("open interest"),
    Measure.FUNDING: N_("funding"),
    Measure.OI_TO_CAP: N_("market cap"),
    Measure.OI_TO_VOLUME: N_("volume"),
    Measure.BASIS: N_("basis"),
}


def leverage_card(seen: Seen, *, at: datetime, titles: Titles, picture: Picture | None = None) -> Card:
    """One screen: heat, each figure with what is normal, one plain line, what it rests on."""
    told, now = seen.leverage, seen.now
    coin = seen.asset.lower()
    figures = (_open_interest(told), [*_carry(told), *_crowd(told)], _shape(told))
    lines = [
        *(Line(" · ".join(parts), 8) for parts in figures if parts),
        Line(plain_line(seen), 9),
        Line(history_line(told), 5),
        *(Line(text, 4) for text in _rests_on(seen, at)),
        Line(f"{coverage_line(now.coverage, now.missing, at, titles)} · {age_line(now, at)}", 6),
    ]
    return Card(
        title=_title(seen),
        lines=tuple(lines),
        footer=_("compared with its own past only, no advice · {time}").format(time=clock(now.at)),
        picture=picture,
        buttons=(
            Button(_("Funding"), f"/funding {coin}"),
            Button(_("By venue"), f"/oi {coin}"),
            Button(_("Past resets"), f"/resets {coin}"),
        ),
    )


def _title(seen: Seen) -> str:
    told = seen.leverage
    if told.heat is None:
        return ngettext(
            "{coin} leverage: {n} day of history, too few for a heat",
            "{coin} leverage: {n} days of history, too few for a heat",
            told.days,
        ).format(coin=seen.asset, n=told.days)
    if (turned := _turned(told, seen.now.at)) is not None:
        before, days = turned
        return ngettext(
            "{coin} leverage: {heat} of 100 (a day ago {before})",
            "{coin} leverage: {heat} of 100 ({n} days ago {before})",
            days,
        ).format(coin=seen.asset, heat=number(told.heat), n=days, before=number(before))
    return _("{coin} leverage: {heat} of 100").format(coin=seen.asset, heat=number(told.heat))


def _turned(told: Leverage, at: datetime) -> tuple[float, int] | None:
    """The heat of lately that differs most from that of now, and how many days ago it was."""
    heat, today = told.heat or 0.0, at.date()
    lately = [(abs(was - heat), was, (today - when).days) for when, was in told.heats[-LATELY:]]
    lately = [one for one in lately if one[0] >= TURNED and one[2] <= LATELY]
    if not lately:
        return None
    _difference, before, days = max(lately)
    return before, days


def plain_line(seen: Seen) -> str:
    """What the heat means, and who pays whom."""
    told = seen.leverage
    texts = [text for text in (_how_hot(told), _who_pays(told)) if text]
    return stopped(*texts) or _("I cannot say yet what is normal for {coin}.").format(coin=seen.asset)


def _how_hot(told: Leverage) -> str:
    hotter = told.hotter_than
    if hotter is None:
        return ""
    if hotter in (0.0, 1.0):
        return (
            _("**More leveraged than on every one of these days.**")
            if hotter
            else _("**Less leveraged than on every one of these days.**")
        )
    if hotter >= NEARLY_ALL:
        return _("**More leveraged than on nearly every one of these days.**")
    if hotter <= 1 - NEARLY_ALL:
        return _("**Less leveraged than on nearly every one of these days.**")
    if hotter >= 0.5:
        return _("**More leveraged than on {n} days in 10.**").format(n=max(1, min(9, round(10 * hotter))))
    return _("**Less leveraged than on {n} days in 10.**").format(n=max(1, min(9, round(10 * (1 - hotter)))))


def _who_pays(told: Leverage) -> str:
    funding = told.standings.get(Measure.FUNDING)
    if funding is None:
        return ""
    if funding.value < 0:
        return _("Shorts pay longs to hold.")
    if funding.high is None or funding.low is None:
        return _("Longs pay shorts to hold.")
    if funding.value > funding.high:
        return _("Longs pay more than usual to hold.")
    if funding.value < funding.low:
        return _("Longs pay less than usual to hold.")
    return _("Longs pay what they usually do to hold.")


def _open_interest(told: Leverage) -> list[str]:
    texts = []
    standing = told.standings[Measure.OI]
    if standing.rank is not None:
        texts.append(_among_days(standing))
    if (cap := told.standings.get(Measure.OI_TO_CAP)) is not None:
        digits = 2 if cap.value < 0.1 else 1
        texts.append(
            _beside_normal(
                _("{share} of market cap").format(share=percent(cap.value, signed=False, digits=digits)),
                cap,
                lambda value: number(100 * value, digits),
            )
        )
    if (volume := told.standings.get(Measure.OI_TO_VOLUME)) is not None:
        texts.append(
            _beside_normal(
                _("{times} × a day's volume").format(times=number(volume.value, 2)),
                volume,
                lambda value: number(value, 2),
            )
        )
    return texts


def _among_days(standing: Standing) -> str:
    if standing.above == 0:
        return _("Open interest: less than on each of the last {n} days").format(n=standing.days)
    if standing.above == standing.days:
        return _("Open interest: more than on each of the last {n} days").format(n=standing.days)
    return _("Open interest: more than on {above} of the last {n} days").format(
        above=standing.above, n=standing.days
    )


def _carry(told: Leverage) -> list[str]:
    """What it costs to hold."""
    texts = []
    if (funding := told.standings.get(Measure.FUNDING)) is not None:
        texts.append(
            _beside_normal(_("Funding {rate} a year").format(rate=yearly(funding.value)), funding, _signed)
        )
    if (basis := told.standings.get(Measure.BASIS)) is not None:
        texts.append(
            _beside_normal(
                _("basis of dated contracts {rate} a year").format(rate=yearly(basis.value)), basis, _signed
            )
        )
    return texts


def _crowd(told: Leverage) -> list[str]:
    if (accounts := told.standings.get(Measure.ACCOUNTS)) is None:
        return []
    return [
        _beside_normal(
            _("long/short accounts {ratio}").format(ratio=number(accounts.value, 2)),
            accounts,
            lambda value: number(value, 2),
        )
    ]


def _shape(told: Leverage) -> list[str]:
    texts = []
    if (inverse := told.standings.get(Measure.INVERSE)) is not None:
        texts.append(
            _beside_normal(
                _("Margined in the coin {share}").format(share=share(inverse.value)), inverse, _whole
            )
        )
    if (top := told.standings.get(Measure.TOP)) is not None:
        texts.append(
            _beside_normal(_("top {n} venues {share}").format(n=LARGEST, share=share(top.value)), top, _whole)
        )
    return texts


def _signed(fraction: float) -> str:
    shown = number(abs(100 * fraction), 1 if abs(fraction) < 0.0995 else 0)
    return f"−{shown}" if fraction < 0 and any(digit in "123456789" for digit in shown) else shown


def _whole(fraction: float) -> str:
    return number(100 * fraction)


def _beside_normal(figure: str, standing: Standing, show: Callable[[float], str]) -> str:
    """``1.76 % of market cap (normal 1.5–2.3)``; the figure alone while what is normal is not known."""
    if standing.low is None or standing.high is None:
        return figure
    low, high = show(standing.low), show(standing.high)
    between = " … " if "−" in low + high else "–"
    return _("{figure} (normal {range})").format(
        figure=figure, range=low if low == high else f"{low}{between}{high}"
    )


def history_line(told: Leverage) -> str:
    """How much history that is, where it is less than meant, and what the heat has to do without."""
    texts = []
    if told.since is not None and told.days < A_YEAR:
        texts.append(
            ngettext(
                "Compared with {n} day, since {since}: not yet a year",
                "Compared with {n} days, since {since}: not yet a year",
                told.days,
            ).format(n=told.days, since=day(told.since))
        )
    missing = [_(MEASURES[measure]) for measure in told.missing]
    if missing and told.heat is not None:
        texts.append(_("Not in the heat for want of history: {names}").format(names=listed(missing)))
    return " · ".join(texts) or _("Normal: the middle 8 days in 10 of the last {days}").format(days=told.days)


def _rests_on(seen: Seen, at: datetime) -> Iterable[str]:
    if seen.told is None:
        yield _("Of funding, volume, basis and accounts nothing was recorded lately")
        return
    if seen.told.supply is not None and seen.told.supply_at is not None:
        yield _("Market cap from {supply} in circulation as of {date}").format(
            supply=coins(seen.told.supply, seen.asset), date=day(seen.told.supply_at, at)
        )
    else:
        yield _("How many coins circulate is not known, so nothing is said of market cap")


def compare_card(
    rows: Sequence[tuple[Seen, float | None]], *, at: datetime, picture: Picture | None = None
) -> Card:
    """Coins side by side, each with its change of coin OI over a day; at most 34 characters a line."""
    names = listed([seen.asset for seen, _change in rows])
    hottest = max(
        (seen for seen, _change in rows if seen.leverage.heat is not None),
        key=lambda seen: seen.leverage.heat or 0.0,
        default=None,
    )
    lines = []
    if hottest is not None and hottest.leverage.heat is not None and hottest.leverage.heat < MIDDLE:
        lines.append(Line(_("**None of them is above the middle of its own history**"), 8))
    elif hottest is not None and hottest.leverage.heat is not None:
        lines.append(
            Line(
                _("**{coin} is the most leveraged by its own history: {heat} of 100**").format(
                    coin=hottest.asset, heat=number(hottest.leverage.heat)
                ),
                8,
            )
        )
    lines.append(Line(_heat_means(rows), 5))
    least = min((seen.now for seen, _change in rows), key=lambda now: now.coverage)
    lines.append(Line(f"{coverage_line(least.coverage, (), at)} ({least.asset}) · {age_line(least, at)}", 6))
    table = Table(
        (_("coin"), _("OI"), _("24 h"), _("heat"), pgettext("column", "a year")),
        tuple(_compared(seen, change) for seen, change in rows),
        right=(1, 2, 3, 4),
    )
    return Card(
        title=_("{coins}: leverage side by side").format(coins=names),
        lines=tuple(lines),
        table=table,
        picture=picture,
        footer=_("24 h: coins, like with like · a year: funding · {time}").format(time=clock(at)),
        buttons=tuple(
            Button(f"/leverage {seen.asset.lower()}", f"/leverage {seen.asset.lower()}")
            for seen, _change in rows[:3]
        ),
    )


def _compared(seen: Seen, change: float | None) -> tuple[str, ...]:
    heat, funding = seen.leverage.heat, seen.sums.funding if seen.sums else None
    return (
        seen.asset[:7],
        usd_cell(seen.now.usd),
        tight(percent(change)) if change is not None else "–",
        number(heat) if heat is not None else "–",
        tight(yearly(funding)) if funding is not None else "?",
    )


def _heat_means(rows: Sequence[tuple[Seen, float | None]]) -> str:
    days = [seen.leverage.days for seen, _change in rows]
    if max(days) < A_YEAR:
        return _("Heat: 0 to 100 among each coin's own days, at most {days} so far").format(days=max(days))
    return _("Heat: 0 to 100 among each coin's own days of the last year")
