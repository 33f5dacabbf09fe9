"""Open interest at one instant and what changed since an earlier one, made into cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import exp

from bot.domain.cards import Button, Card, Line, Table
from bot.domain.market import Report, Snapshot, Venue, usd_change
from handlers.cards import coverage_line, more_amount, usd_split
from handlers.institutions import beside_lines
from handlers.numbers import Scale, clock, duration, number, percent, price, tight, usd
from handlers.speech import _, ngettext
from handlers.titles import Titles, venue_title

OLD_AFTER = timedelta(minutes=5)
"""A snapshot older than this is said to be old."""
LIKE_WITH_LIKE = 0.005
"""While plain sums and the index differ by no more than this fraction, they tell the same change."""
NAMED_VENUES = 4


def snapshot_card(
    now: Snapshot,
    before: Snapshot | None,
    period: timedelta,
    *,
    at: datetime,
    titles: Titles,
    reports: Sequence[Report] = (),
    history: timedelta | None = None,
) -> Card:
    """One coin: total, change split into positions and price, groups, venues, coverage and age.

    ``history`` is how long the coin has been watched, where that is too short to say how rare a fall is.
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
    lines.append(Line(_venues(now, before, scale, titles)))
    if now.price_usd is not None:
        text = _("Price {price}").format(price=price(now.price_usd))
        if now.funding is not None:
            text += f" · {_('funding {share} a year').format(share=percent(now.funding))}"
        lines.append(Line(text, 4))
    lines.append(Line(f"{coverage_line(now.coverage, now.missing, at, titles)} · {age_line(now, at)}", 8))
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
        footer=_("live venues only · {at}").format(at=clock(now.at)),
        buttons=(Button(_("Picture"), f"/chart {coin}"), Button(_("Past resets"), f"/resets {coin}")),
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
    text = _("{time}: **{change} ({move})**") if agrees else _("Of it {change}")
    if both != every:
        text = ngettext(
            "Of it {change} on the {both} of {n} venue seen at both ends",
            "Of it {change} on the {both} of {n} venues seen at both ends",
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


def _venues(now: Snapshot, before: Snapshot | None, scale: Scale, titles: Titles) -> str:
    old = _by_venue(before) if before else {}
    shown = scale.parts([v.coins for v in now.venues])
    rows = sorted(zip(shown, now.venues, strict=True), key=lambda row: -row[0])
    named = NAMED_VENUES + 1 if len(rows) == NAMED_VENUES + 1 else NAMED_VENUES
    texts = []
    for amount, venue in rows[:named]:
        text = f"{venue_title(venue.venue, titles)} {scale.show(amount)}"
        if was := old.get(venue.venue):
            text += f" {percent(venue.coins / was - 1, digits=0)}"
        texts.append(text)
    if rest := rows[named:]:
        texts.append(more_amount(len(rest), scale.show(sum(amount for amount, _venue in rest))))
    return " · ".join(texts)


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
        amount = tight(usd(now.usd)) if now.usd is not None else "?"
        rows.append((now.asset[:8], amount, tight(percent(like_with_like(now, before))) if before else "–"))
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
