"""Waves made into cards: what coin, how big, how rare, still going, who, can I trust it.

Figures of one line share one rounding, so that the parts shown add up to the total shown. Venues are
counted only where they were believed at both ends; a total always stands with its coverage or its age.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.domain.cards import Button, Card, Line, Picture, Tone
from bot.domain.market import Missing, Report, ReportKind
from bot.domain.posts import Latency
from bot.domain.units import UsdChange
from bot.domain.verdicts import Verdict
from bot.domain.waves import Kind, Lead, Rank, Stage, Wave
from handlers.core_words import retold, verdict_words
from handlers.forced_words import burst_lines, liquidation_lines
from handlers.institutions import counted, report_lines
from handlers.numbers import (
    Scale,
    clock,
    day,
    duration,
    listed,
    number,
    ordinal,
    percent,
    price,
    return_period,
    share,
    shortly,
)
from handlers.phrases import capital, clauses, sentences, some, titled, unstopped
from handlers.speech import N_, _, ngettext
from handlers.titles import Titles, named, venue_title

KIND_TITLES = {
    # For translators: a wave in which longs were forced out (coins and price fall).
    Kind.FLUSH: N_("{asset} long flush"),
    # For translators: a wave in which shorts were forced out (coins fall, price rises).
    Kind.SQUEEZE: N_("{asset} short squeeze"),
    # For translators: a wave in which people closed by choice (coins fall, price does not).
    Kind.UNWIND: N_("{asset} unwind"),
    Kind.UNPRICED: N_("{asset} fall of open interest, price unknown"),
}
TONES = {
    Kind.FLUSH: Tone.FLUSH,
    Kind.SQUEEZE: Tone.SQUEEZE,
    Kind.UNWIND: Tone.UNWIND,
    Kind.UNPRICED: Tone.WARNING,
}
LEAD_PROVISIONAL = {
    Lead.NATIVE: N_("Native-led (provisional): crypto-native {share} of the fall"),
    Lead.INSTITUTION: N_("Institution-led (provisional): crypto-native {share} of the fall"),
    Lead.MIXED: N_("Native and institutions together (provisional): crypto-native {share} of the fall"),
}
LEAD_CONFIRMED = {
    Lead.NATIVE: N_("Native-led (confirmed): crypto-native {share} of the fall"),
    Lead.INSTITUTION: N_("Institution-led (confirmed): crypto-native {share} of the fall"),
    Lead.MIXED: N_("Native and institutions together (confirmed): crypto-native {share} of the fall"),
}
NAMED_VENUES = 4
"""So many venues are named one by one; the rest share a figure."""
SEES_ENOUGH = 0.6
"""Of the usual open interest: below it, what is early cannot be confirmed."""
HOW_MUCH = 2
"""So many lines say how much was closed: behind them stands how it ranks."""


def wave_card(
    wave: Wave,
    *,
    titles: Titles | None = None,
    picture: Picture | None = None,
    in_full: bool = False,
    latency: Latency | None = None,
    record: str = "",
    leverage: str = "",
) -> Card:
    """The one message of a wave, at whatever stage it is. ``in_full`` names every venue and depth.

    ``latency`` is how soon chats were told of it, where it is over; ``record`` where it stands among what
    was published, ``leverage`` how much was open before and after.
    """
    titles = titles or {}
    match wave.stage:
        case Stage.RETRACTED:
            reason = retold(named(wave.reason, titles)) or _("It was not a fall of open interest")
            lines: Iterable[str] = (
                _("{reason}. Sorry for the false alarm.").format(reason=unstopped(reason)),
            )
        case Stage.EARLY:
            lines = _early_lines(wave, titles)
        case _:
            lines = _wave_lines(wave, titles, in_full)
    told = list(lines)
    footer = _("`/wave {id}` · rev {revision} · {at}").format(
        id=wave.id, revision=wave.revision, at=clock(wave.at)
    )
    return Card(
        title=wave_title(wave),
        tone=_tone(wave),
        lines=(
            *(Line(text) for text in told[:HOW_MUCH]),
            *((Line(record, 2),) if record else ()),
            *(Line(text) for text in told[HOW_MUCH:]),
            *((Line(_(FOUND_LATER), 2),) if wave.from_history else ()),
            *((Line(leverage, 4),) if leverage else ()),
            *((Line(latency_line(latency), 3),) if latency else ()),
        ),
        footer=footer,
        buttons=() if in_full else _buttons(wave),
        picture=picture if wave.stage is not Stage.RETRACTED else None,
    )


FOUND_LATER = N_("From history: found in what venues remember, and nobody was alerted of it")


def kind_title(wave: Wave) -> str:
    """``BTC long flush``."""
    return _(KIND_TITLES[wave.kind]).format(asset=wave.asset)


def wave_title(wave: Wave) -> str:
    """The one line that a phone shows while locked."""
    what, strength = kind_title(wave), f"W {number(wave.magnitude.w, 1)}"
    match wave.stage:
        case Stage.EARLY:
            longs, shorts = wave.liquidated_long_usd or 0.0, wave.liquidated_short_usd or 0.0
            if wave.burst is not None:
                longs, shorts = wave.burst.long_share, 1 - wave.burst.long_share
            if not longs and not shorts:
                return _("{asset}: open interest is falling · early").format(asset=wave.asset)
            if longs >= shorts:
                return _("{asset}: longs are being liquidated · early").format(asset=wave.asset)
            return _("{asset}: shorts are being liquidated · early").format(asset=wave.asset)
        case Stage.BUILDING:
            # For translators: {what} is "BTC long flush", {strength} is "W 3.6" (the magnitude of a wave).
            return _("{what} · {strength} and growing").format(what=what, strength=strength)
        case Stage.PEAK:
            return _("{what} · {strength} · slowing").format(what=what, strength=strength)
        case Stage.OVER:
            lasted = duration(wave.duration)
            return _("{what} · {strength} · over after {time}").format(
                what=what, strength=strength, time=lasted
            )
        case Stage.RETRACTED:
            return _("{asset}: the alert of {at} is taken back").format(
                asset=wave.asset, at=clock(wave.opened)
            )


def _buttons(wave: Wave) -> tuple[Button, ...]:
    more = (Button(_("Details"), f"/wave {wave.id}"), Button(_("Why"), f"/why {wave.id}"))
    return more if wave.stage is Stage.RETRACTED else (*more, Button(_("Mute 4 h"), "/mute 4h"))


def latency_line(latency: Latency) -> str:
    """``First chat told after 1.9 s, all 1,204 after 41 s``."""
    if latency.chats == 1:
        return _("Told after {time}").format(time=shortly(latency.first))
    return ngettext(
        "First chat told after {first}, all {n} after {last}",
        "First chat told after {first}, all {n} after {last}",
        latency.chats,
    ).format(first=shortly(latency.first), n=number(latency.chats), last=shortly(latency.last))


def _tone(wave: Wave) -> Tone:
    if wave.stage is Stage.RETRACTED:
        return Tone.RETRACTED
    return Tone.OVER if wave.stage is Stage.OVER else TONES[wave.kind]


def _early_lines(wave: Wave, titles: Titles) -> Iterable[str]:
    if wave.burst is not None:
        yield from burst_lines(wave.burst, titles)
    else:
        yield from liquidation_lines(wave)
    if wave.coins_closed > 0:
        yield _closed(wave)
    if wave.price_move is not None:
        yield _("Price {move} in {time}").format(
            move=percent(wave.price_move), time=duration(wave.at - wave.onset)
        )
    if wave.coverage < SEES_ENOUGH:
        yield _(
            "**Open interest is not heard: {share} of it since.** "
            "So this is neither confirmed nor taken back yet"
        ).format(share=share(wave.coverage))
    else:
        yield _("Not confirmed yet: the next figures of open interest confirm it or take it back")
    yield coverage_line(wave.coverage, wave.missing, wave.at, titles)


def _wave_lines(wave: Wave, titles: Titles, in_full: bool) -> Iterable[str]:
    yield _closed(wave)
    over = wave.stage is Stage.OVER
    if (change := wave.usd_change) is not None:
        in_dollars = _("In dollars at the low {change}") if over else _("In dollars {change}")
        yield in_dollars.format(change=usd_split(change))
    if wave.price_before_usd and wave.price_now_usd:
        ends = f"{price(wave.price_before_usd)} → {price(wave.price_now_usd)}"
        move = percent(wave.price_now_usd / wave.price_before_usd - 1)
        yield _("Price {ends} ({move})").format(ends=ends, move=move)
    yield sentences(_rank(wave.rank, wave.at), capital(return_period(wave.magnitude)))
    yield _venue_line(wave, titles, len(wave.venues) if in_full else NAMED_VENUES)
    yield from _lead_lines(wave, titles)
    yield from liquidation_lines(wave)
    if wave.with_assets:
        yield _("Fell together: {assets}").format(assets=some([wave.asset, *wave.with_assets]))
    if wave.aftershocks:
        yield ngettext("{n} aftershock since", "{n} aftershocks since", wave.aftershocks).format(
            n=wave.aftershocks
        )
    yield coverage_line(wave.coverage, wave.missing, wave.at, titles)


def shown_ends(wave: Wave) -> tuple[Scale, float, float]:
    """Coins before and now in one rounding, so that what closed is the difference of what is shown."""
    scale = Scale.coins(wave.coins_before)
    before, now = (round(amount / scale.step) * scale.step for amount in (wave.coins_before, wave.coins_now))
    return scale, before, now


def _closed(wave: Wave) -> str:
    scale, before, now = shown_ends(wave)
    ends = f"{scale.show(before)} → {scale.show(now)}"
    facts = {
        "change": f"{scale.show(now - before, signed=True)} {wave.asset}",
        "share": percent(-wave.fall),
        "ends": ends,
        "time": duration(wave.low_at - wave.onset),
    }
    if wave.stage is not Stage.OVER:
        if wave.low_at <= wave.onset:  # all of it from one reading to the next
            return _("**{change} of open interest closed ({share})**, {ends}").format(**facts)
        return _("**{change} of open interest closed ({share})** in {time}, {ends}").format(**facts)
    covering = [r for r in counted(wave) if r.kind is ReportKind.DAILY]
    if not covering:
        return _("**{change} closed ({share})**, {ends} on live venues").format(**facts)
    return _("**{change} closed ({share})**, {ends} on live venues; with {names} {wider_ends}").format(
        **facts, names=_names(covering), wider_ends=_with_reports(wave, covering, scale)
    )


def _names(reports: Sequence[Report]) -> str:
    return listed([venue_title(report.venue, {}) for report in reports])


def _with_reports(wave: Wave, covering: Sequence[Report], scale: Scale) -> str:
    """The totals with the reports of institutions added that cover both ends of the wave."""
    before = wave.coins_before + sum(report.previous_coins or 0.0 for report in covering)
    now = wave.coins_now + sum(report.coins for report in covering)
    return f"{scale.show(before)} → {scale.show(now)}"


def usd_split(change: UsdChange) -> str:
    """``−$8.1 B: positions −$4.7 B, price −$3.4 B``: as shown, the two add up.

    Where they would not, one more digit is told: −$14.72 B is −$8.46 B and −$6.26 B, not −$8.4 B and −$6.3 B.
    Each part is told as everywhere else; the total is that of the parts told.
    """
    scale = Scale.usd(max(abs(change.total_usd), abs(change.position_usd), abs(change.price_usd)))
    if not scale.adds_up((change.position_usd, change.price_usd)):
        scale = scale.finer()
    position, by_price = scale.rounded(change.position_usd), scale.rounded(change.price_usd)
    return _("{total}: positions {position}, price {price}").format(
        total=scale.show(position + by_price, signed=True),
        position=scale.show(position, signed=True),
        price=scale.show(by_price, signed=True),
    )


def _rank(rank: Rank | None, now: datetime) -> str:
    if rank is None or rank.of < 2:
        return ""
    if rank.usd_place is None:
        text = _("{place} of {n} in coins")
    elif rank.usd_place == rank.coins_place:
        text = _("{place} of {n} in coins and in dollars")
    else:
        text = _("{place} of {n} in coins, {usd_place} in dollars")
    text = text.format(
        place=ordinal(rank.coins_place), n=number(rank.of), usd_place=ordinal(rank.usd_place or 1)
    )
    text = f"**{capital(text)}**" if rank.coins_place <= 3 else capital(text)
    return _("{standing} since {day}").format(standing=text, day=day(rank.since, now))


def _venue_line(wave: Wave, titles: Titles, named: int) -> str:
    scale = Scale.coins(wave.coins_before)
    rounded = scale.parts([-venue.coins_closed for venue in wave.venues])
    rows = sorted(zip(rounded, wave.venues, strict=True), key=lambda row: row[0])
    if named + 1 == len(rows):  # "1 more" takes as much room as its name
        named += 1
    texts = [f"{venue_title(v.venue, titles)} {scale.show(c, signed=True)}" for c, v in rows[:named]]
    if rest := rows[named:]:
        left = scale.show(sum(closed for closed, _venue in rest), signed=True)
        texts.append(more_amount(len(rest), left))
    figures = " · ".join(texts)
    return _("**One venue only**: {figures}").format(figures=figures) if wave.one_venue else figures


def more_amount(count: int, amount: str) -> str:
    """``5 more −4,200``: what the venues that are not named have together."""
    return ngettext("{n} more {amount}", "{n} more {amount}", count).format(n=number(count), amount=amount)


def _lead_lines(wave: Wave, titles: Titles) -> Iterable[str]:
    native = sum(v.coins_closed for v in wave.venues if v.group.native)
    part = min(1.0, max(0.0, native / wave.coins_closed)) if wave.coins_closed > 0 else 0.0
    leads = LEAD_PROVISIONAL if wave.provisional else LEAD_CONFIRMED
    text = _(leads[wave.lead]).format(share=share(part))
    regulated = [venue for venue in wave.venues if not venue.group.native]
    if (before := sum(venue.coins_before for venue in regulated)) > 0:
        move = sum(venue.coins_now for venue in regulated) / before - 1
        text = clauses(text, f"{some([venue_title(v.venue, titles) for v in regulated], 2)} {percent(move)}")
    yield text
    yield from report_lines(wave, titles)


def coverage_line(
    coverage: float, missing: Sequence[Missing], now: datetime, titles: Titles | None = None
) -> str:
    """How much of the market the figures stand for, and who is missing since when and why."""
    text = _("Seen: {share} of usual open interest").format(share=share(coverage))
    if not missing:
        return text
    largest = sorted(missing, key=lambda gone: -gone.coins)
    named = [f"{venue_title(gone.venue, titles or {})} ({_since(gone, now)})" for gone in largest]
    return sentences(text, _("Missing: {venues}").format(venues=some(named, 2)))


def _since(gone: Missing, now: datetime) -> str:
    """That a venue has not answered for so long is said by the time alone."""
    span = duration(now - gone.since)
    return span if gone.why is Verdict.STALE else titled(span, verdict_words(gone.why))
