"""Open interest at one instant and what changed since an earlier one, made into cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import exp

from bot.domain.cards import Button, Card, Line, Table
from bot.domain.market import Report, Snapshot, Venue, usd_change
from handlers.cards import coverage_line, usd_split
from handlers.institutions import beside_lines
from handlers.numbers import Scale, clock, duration, percent, price, tight, usd
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
    total = f"{now.asset} open interest {scale.show(now.coins)} {now.asset}"
    title = total + (f" · {usd(now.usd)}" if now.usd is not None else ", dollars unknown")
    lines = [Line(text, 9) for text in _change(now, before, period, scale)]
    if before and _other_contracts(now, before):
        before = None  # the lines below compare sums
    lines.append(Line(_groups(now, before, scale), 8))
    lines += [Line(text) for text in beside_lines(reports, now, at, titles)]
    lines.append(Line(_venues(now, before, scale, titles)))
    if now.price_usd is not None:
        funding = f" · funding {percent(now.funding)} a year" if now.funding is not None else ""
        lines.append(Line(f"Price {price(now.price_usd)}{funding}", 4))
    lines.append(Line(f"{coverage_line(now.coverage, now.missing, at, titles)} · {age_line(now, at)}", 8))
    if history is not None:
        lines.append(
            Line(
                f"I have {duration(history)} of {now.asset} history, so I cannot say how rare a fall is yet "
                "(from 14 days on)",
                4,
            )
        )
    coin = now.asset.lower()
    return Card(
        title=title,
        lines=tuple(lines),
        footer=f"live venues only · {clock(now.at)}",
        buttons=(Button("Picture", f"/chart {coin}"), Button("Past resets", f"/resets {coin}")),
    )


def _change(now: Snapshot, before: Snapshot | None, period: timedelta, scale: Scale) -> list[str]:
    """One headline. Where plain sums would not say what the market did, that is the index's move."""
    span = duration(period)
    if before is None:
        return [f"{span}: nothing was recorded then, so I cannot say what changed"]
    moved = f"{span}: **{percent(like_with_like(now, before))}** like with like"
    if _other_contracts(now, before):
        return [f"{moved}: contracts that expired, began or count anew are left out"]
    every = _by_venue(before).keys() | _by_venue(now).keys()
    both = _by_venue(before).keys() & _by_venue(now).keys()
    if not both:
        return [f"{moved}: no venue was seen at both ends"]
    old, new = _both(before, now)
    change = f"{scale.show(new - old, signed=True)} {now.asset}"
    in_usd = usd_change(before, now)
    rest = f" on the {len(both)} of {len(every)} venues seen at both ends" if both != every else ""
    rest += f" · {usd_split(in_usd)}" if in_usd is not None else ""
    if _agrees(now, before):
        return [f"{span}: **{change} ({percent(new / old - 1)})**{rest}"]
    return [f"{moved}, each venue only while it was seen", f"Of it {change}{rest}"]


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
    for name, native, amount in (("Crypto-native", True, shown[0]), ("Institutional live", False, shown[1])):
        if not any(v.group.native is native for v in now.venues):
            texts.append(f"{name}: none seen")
            continue
        change = _side_change(now, before, native=native) if before else ""
        texts.append(f"{name} {scale.show(amount)}{change}")
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
        texts.append(f"{len(rest)} more {scale.show(sum(amount for amount, _ in rest))}")
    return " · ".join(texts)


def age_line(now: Snapshot, at: datetime) -> str:
    if at - now.at > OLD_AFTER:
        return f"**these figures are {duration(at - now.at)} old**"
    oldest = min((v.at for v in now.venues), default=now.at)
    return f"oldest figure {duration(at - oldest)}"


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
    lines = [Line(f"Together {usd(sum(total))} of open interest on live venues", 6)] if total else []
    lines.append(
        Line(f"{coverage_line(least.coverage, (), at)} ({least.asset}, the least) · {_old(oldest, at)}", 6)
    )
    first = pairs[0][0].asset.lower()
    return Card(
        title=f"Open interest, change of coins in {duration(period)}",
        lines=tuple(lines),
        table=Table(("coin", "now", f"{tight(duration(period))} coins"), tuple(rows), right=(1, 2)),
        footer=f"`/oi {first}` for one coin" + (f" · {more} smaller ones not shown" if more else ""),
        buttons=tuple(Button(f"/oi {now.asset.lower()}", f"/oi {now.asset.lower()}") for now, _ in pairs[:3]),
    )


def _old(oldest: datetime, at: datetime) -> str:
    age = f"{duration(at - oldest)} old"
    return f"**{age}**" if at - oldest > OLD_AFTER else age
