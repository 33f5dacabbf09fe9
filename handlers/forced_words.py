"""What was liquidated in a wave, in words: seen, likely, and how much of the fall was forced."""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.waves import Burst, Forced, Wave
from handlers.numbers import listed, number, percent, share_range, usd, usd_range
from handlers.phrases import enumerated, sentences, sided
from handlers.speech import _
from handlers.titles import Titles, venue_title

FORCED_ALL = 0.995


def burst_lines(burst: Burst, titles: Titles) -> Iterable[str]:
    longs = burst.long_share >= 0.5
    side = percent(burst.long_share if longs else 1 - burst.long_share, signed=False, digits=0)
    yield _("**{usd} in the last minute**, {times} × this hour's normal, {side}").format(
        usd=usd(burst.usd), times=number(round(burst.multiple)), side=sided(side, longs=longs)
    )
    told = enumerated(venue_title(venue, titles) for venue in burst.venues)
    floors = listed([venue_title(venue, titles) for venue in burst.floors])
    if floors:
        told = _("{venues} ({floors}: only the largest of each second, so a floor)").format(
            venues=told, floors=floors
        )
    yield told


def liquidation_lines(wave: Wave) -> Iterable[str]:
    """What was seen is a floor; what is likely, and what part of the fall that is, stands with it."""
    if wave.liquidated_long_usd is None or wave.liquidated_short_usd is None:
        return
    total = wave.liquidated_long_usd + wave.liquidated_short_usd
    if total <= 0:
        yield _("Liquidations seen: none")
        return
    longs = wave.liquidated_long_usd >= wave.liquidated_short_usd
    part = (wave.liquidated_long_usd if longs else wave.liquidated_short_usd) / total
    side = sided(percent(part, signed=False, digits=0), longs=longs)
    likely = _likely(wave.forced, total)
    seen = (
        _("Liquidations seen ≥ {usd}, likely {likely}, {side}")
        if likely
        else _("Liquidations seen ≥ {usd}, {side}")
    )
    yield sentences(seen.format(usd=usd(total), likely=likely, side=side), _worst_minute(wave))
    yield from _forced_lines(wave)


def _worst_minute(wave: Wave) -> str:
    if not wave.worst_minute_at or not wave.worst_minute_usd:
        return ""
    return _("Worst minute {at}: {usd}").format(
        at=f"{wave.worst_minute_at:%H:%M}", usd=usd(wave.worst_minute_usd, fine=True)
    )


def _forced_lines(wave: Wave) -> Iterable[str]:
    if (part := wave.forced_share) is not None and wave.forced and wave.forced.likely_high_usd is not None:
        low, high = part
        if low >= FORCED_ALL:
            yield _("Forced: all of what closed, as far as can be told")
        else:
            shown = share_range(low, high)
            yield _("Forced: {share} of the coins closed; the rest closed by choice").format(share=shown)
    if wave.forced and wave.forced.deleveraged_usd > 0:
        yield deleveraged_line(wave.forced.deleveraged_usd)


def deleveraged_line(amount_usd: float) -> str:
    return _("Auto-deleveraged besides: {usd} of winners' positions").format(usd=usd(amount_usd))


def _likely(forced: Forced | None, seen_usd: float) -> str:
    """Empty where the estimate adds nothing to what was seen."""
    if forced is None or forced.likely_low_usd is None or forced.likely_high_usd is None:
        return ""
    low, high = max(forced.likely_low_usd, seen_usd), forced.likely_high_usd
    if usd(high) == usd(seen_usd):
        return ""
    return usd(high) if usd(low) == usd(high) else usd_range(low, high)
