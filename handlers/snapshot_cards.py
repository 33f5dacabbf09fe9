"""Open interest at one instant and what changed since an earlier one, made into cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import exp

from bot.domain.cards import Button, Card, Line, Picture, Table
from bot.domain.market import Report, Snapshot, Venue, usd_change
from handlers.cards import coverage_line, usd_split
from handlers.institutions import beside_lines
from handlers.numbers import (
    Scale,
    clock,
    duration,
    number,
    percent,
    price,
    tight,
    usd,
    usd_cell,
)
from handlers.phrases import enumerated
from handlers.speech import _, ngettext
from handlers.titles import (
    TABLE_WIDTH,
    Titles,
    narrowed,
    venue_title,
    width,
)

OLD_AFTER = timedelta(minutes=5)
"""A snapshot older than this is said to be old."""
LIKE_WITH_LIKE = 0.005
"""While plain sums and the index differ by no more than this fraction, they tell the same change."""
NAMED_VENUES = 8
BOTH = "both"
"""So begins what is said of a venue that is known to count both sides."""


def snapshot_card(
    now: Snapshot,
    before: Snapshot | None,
    period: timedelta,
    *,
    at: datetime,
    titles: Titles,
    reports: Sequence[Report] = (),
    history: timedelta | None = None,
    counted: Mapping[Venue, str] | None = None,
    picture: Picture | None = None,
) -> Card:
    """One coin: total, change split into positions and price, groups, venues, coverage and age.

    ``history`` is how long the coin has been watched, where that is too short to say how rare a fall is.
    ``counted`` are venues that count otherwise than one side of each position.
    """
    scale = Scale.coins(now.coins)
    title = _("{asset} open interest {coins} · {usd}")
    if now.usd is None:
        title = _("{asset} open interest {coins}, dollars unknown")
    title = title.format(
        asset=now.asset, coins=f"{scale.show(now.coins)} {now.asset}", usd=usd(now.usd or 0.0)
    )
    lines = [Line(text, 9) for text in _change(now, before, period, scale)]
    if before and _other_contracts(now, before):
        before = None  # the lines below compare sums
    lines.append(Line(_groups(now, before, scale), 8))
    lines += [Line(text) for text in beside_lines(reports, now, at, titles)]
    if now.price_usd is not None:
        text = _("Price {price}").format(price=price(now.price_usd))
        if now.funding is not None:
            text += " · " + _("funding {share} a year").format(share=percent(now.funding))
        lines.append(Line(text, 4))
    seen = (coverage_line(now.coverage, now.missing, at, titles), age_line(now, at))
    lines.append(Line(" · ".join(text for text in (*seen, _counted(now, counted or {}, titles)) if text), 8))
    if history is not None:
        lines.append(
            Line(
                _(
                    "I have {time} of {asset} history, so I cannot say how rare a fall is yet "
                    "(from 14 days on)"
                ).format(time=duration(history), asset=now.asset),
                4,
            )
        )
    coin = now.asset.lower()
    return Card(
        title=title,
        lines=tuple(lines),
        table=_venues(now, before, period, at, titles),
        picture=picture,
        footer=_("live venues only · {at}").format(at=clock(now.at)),
        buttons=(
            Button(_("Leverage"), f"/leverage {coin}"),
            Button(_("Price and liquidations"), f"/chart {coin}"),
            Button(_("Past resets"), f"/resets {coin}"),
        ),
    )


def _change(now: Snapshot, before: Snapshot | None, period: timedelta, scale: Scale) -> list[str]:
    """One headline. Where plain sums would not say what the market did, that is the index's move."""
    span = duration(period)
    if before is None:
        return [_("{time}: nothing was recorded then, so I cannot say what changed").format(time=span)]
    moved = {"time": span, "move": percent(like_with_like(now, before))}
    if _other_contracts(now, before):
        text = _(
            "{time}: **{move}** like with like: contracts that expired, began or count anew are left out"
        )
        return [text.format(**moved)]
    every = _by_venue(before).keys() | _by_venue(now).keys()
    both = _by_venue(before).keys() & _by_venue(now).keys()
    if not both:
        return [_("{time}: **{move}** like with like: no venue was seen at both ends").format(**moved)]
    old, new = _both(before, now)
    change = f"{scale.show(new - old, signed=True)} {now.asset}"
    in_usd = usd_change(before, now)
    agrees = _agrees(now, before)
    text = _("{time}: **{change} ({move})**") if agrees else _("Of that {change}")
    if both != every:
        text = ngettext(
            "Of that {change} on the {both} of {n} venue seen at both ends",
            "Of that {change} on the {both} of {n} venues seen at both ends",
            len(every),
        )
        if agrees:
            text = ngettext(
                "{time}: **{change} ({move})** on the {both} of {n} venue seen at both ends",
                "{time}: **{change} ({move})** on the {both} of {n} venues seen at both ends",
                len(every),
            )
    told = text.format(
        time=span, change=change, move=percent(new / old - 1), both=number(len(both)), n=number(len(every))
    )
    told += f" · {usd_split(in_usd)}" if in_usd is not None else ""
    if agrees:
        return [told]
    return [_("{time}: **{move}** like with like, each venue only while it was seen").format(**moved), told]


def told_move(now: Snapshot, before: Snapshot) -> float:
    """The change as the headline tells it: of plain sums where they say what the index says."""
    old, new = _both(before, now)
    return new / old - 1 if _agrees(now, before) else like_with_like(now, before)


def like_with_like(now: Snapshot, before: Snapshot) -> float:
    """The change of coin OI as a fraction: every step compares only venues seen at both of its ends."""
    return exp(now.index - before.index) - 1


def _agrees(now: Snapshot, before: Snapshot) -> bool:
    """Do the coins of the venues seen at both ends change as the index does?"""
    old, new = _both(before, now)
    return old > 0 and abs(new / old - 1 - like_with_like(now, before)) <= LIKE_WITH_LIKE


def _other_contracts(now: Snapshot, before: Snapshot) -> bool:
    """With the same venues at both ends, sums and index differ only where contracts are not the same."""
    return _by_venue(before).keys() == _by_venue(now).keys() and not _agrees(now, before)


def _both(before: Snapshot, now: Snapshot) -> tuple[float, float]:
    """Coins before and now over the venues seen at both ends."""
    old, new = _by_venue(before), _by_venue(now)
    both = old.keys() & new.keys()
    return sum(old[venue] for venue in both), sum(new[venue] for venue in both)


def _by_venue(snapshot: Snapshot) -> Mapping[Venue, float]:
    return {v.venue: v.coins for v in snapshot.venues}


def _groups(now: Snapshot, before: Snapshot | None, scale: Scale) -> str:
    """Both sides of the market; as shown they add up to the total shown.

    A side's change is told where all of its venues were seen at both ends.
    """
    shown = scale.parts((now.group_coins(native=True), now.group_coins(native=False)))
    texts = []
    for native, amount in zip((True, False), shown, strict=True):
        if not any(v.group.native is native for v in now.venues):
            texts.append(_("Crypto-native: none seen") if native else _("Institutional live: none seen"))
            continue
        text = _("Crypto-native {coins}") if native else _("Institutional live {coins}")
        change = _side_change(now, before, native=native) if before else ""
        texts.append(f"{text.format(coins=scale.show(amount))}{change}")
    return " · ".join(texts)


def _side_change(now: Snapshot, before: Snapshot, *, native: bool) -> str:
    then, here = (
        {v.venue for v in snapshot.venues if v.group.native is native} for snapshot in (before, now)
    )
    old = before.group_coins(native=native)
    return f" ({percent(now.group_coins(native=native) / old - 1)})" if old and then == here else ""


def _venues(now: Snapshot, before: Snapshot | None, period: timedelta, at: datetime, titles: Titles) -> Table:
    """Largest first: share (all add up to 100 %), change where it was seen at both ends, age."""
    old = _by_venue(before) if before else {}
    rows = sorted(now.venues, key=lambda venue: -venue.coins)
    shares = Scale(0.01, 1.0).parts([venue.coins / now.coins for venue in rows]) if now.coins else []
    named = len(rows) if len(rows) <= NAMED_VENUES + 1 else NAMED_VENUES
    cells = []
    for venue, part in zip(rows[:named], shares, strict=False):
        was = old.get(venue.venue)
        move = tight(percent(venue.coins / was - 1)) if was else "–"
        cells.append((_part(part), move, tight(duration(at - venue.at))))
    names = [venue_title(venue.venue, titles) for venue in rows[:named]]
    if rest := rows[named:]:
        names.append(ngettext("{n} more", "{n} more", len(rest)).format(n=len(rest)))
        oldest = duration(at - min(venue.at for venue in rest))
        cells.append((_part(sum(shares[named:])), "", tight(oldest)))
    heads = (_("venue"), _("share"), tight(duration(period)), _("age"))
    widths = [max(width(row[place]) for row in (heads[1:], *cells)) for place in range(3)]
    room = max(6, TABLE_WIDTH - sum(widths) - 2 * len(widths))
    told = zip(narrowed(names, room), cells, strict=True)
    return Table(heads, tuple((name, *row) for name, row in told), right=(1, 2, 3))


def _part(fraction: float) -> str:
    return tight(percent(fraction, signed=False, digits=0))


def _counted(now: Snapshot, counted: Mapping[Venue, str], titles: Titles) -> str:
    """Which venues count otherwise: those are comparable with themselves alone."""
    others = [venue.venue for venue in now.venues if venue.venue in counted]
    if not others:
        return ""
    told = [
        venue_title(venue, titles) + ("" if counted[venue].startswith(BOTH) else " (?)") for venue in others
    ]
    return _("one-sided counts except {venues}").format(venues=enumerated(told))


def age_line(now: Snapshot, at: datetime) -> str:
    if at - now.at > OLD_AFTER:
        return _("**these figures are {age} old**").format(age=duration(at - now.at))
    oldest = min((v.at for v in now.venues), default=now.at)
    return _("oldest figure {age}").format(age=duration(at - oldest))


def market_card(
    pairs: Sequence[tuple[Snapshot, Snapshot | None]], period: timedelta, *, at: datetime, more: int = 0
) -> Card:
    """The largest coins by dollars, each with its change in coins over ``period``."""
    rows = []
    for now, before in pairs:
        rows.append(
            (now.asset[:8], usd_cell(now.usd), tight(percent(like_with_like(now, before))) if before else "–")
        )
    total = [now.usd for now, _ in pairs if now.usd is not None]
    least = min(pairs, key=lambda pair: pair[0].coverage)[0]
    oldest = min(now.at for now, _ in pairs)
    together = _("Together {usd} of open interest on live venues").format(usd=usd(sum(total)))
    seen = _("{seen} ({asset}, the least) · {age}").format(
        seen=coverage_line(least.coverage, (), at), asset=least.asset, age=_old(oldest, at)
    )
    footer = _("`{line}` for one coin").format(line=f"/oi {pairs[0][0].asset.lower()}")
    if more:
        left = ngettext("{n} smaller one not shown", "{n} smaller ones not shown", more)
        footer += f" · {left.format(n=number(more))}"
    span = duration(period)
    heads = (_("coin"), _("now"), _("{time} coins").format(time=tight(span)))
    return Card(
        title=_("Open interest, change of coins in {time}").format(time=span),
        lines=(*((Line(together, 6),) if total else ()), Line(seen, 6)),
        table=Table(heads, tuple(rows), right=(1, 2)),
        footer=footer,
        buttons=tuple(Button(f"/oi {now.asset.lower()}", f"/oi {now.asset.lower()}") for now, _ in pairs[:3]),
    )


def _old(oldest: datetime, at: datetime) -> str:
    age = _("{age} old").format(age=duration(at - oldest))
    return f"**{age}**" if at - oldest > OLD_AFTER else age
