"""Pictures of past waves: how often and how badly, and what followed them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bot.domain.assets import Asset
from bot.domain.charts import AfterChart, ResetMark, ResetsChart
from bot.domain.waves import Wave
from handlers.hindsight import COURSE, Alike
from handlers.numbers import dated, duration, moment, number, percent
from handlers.past_cards import KINDS
from handlers.phrases import stopped
from handlers.speech import _, ngettext

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LEAST = 2
"""Of one wave its own picture says more."""


def resets_chart(
    waves: Sequence[Wave], asset: Asset | None, now: datetime, banner: str = ""
) -> ResetsChart | None:
    """Of one coin or of all, in any order; ``None`` where there are fewer than ``LEAST``."""
    if len(waves) < LEAST:
        return None
    rarest = max(waves, key=lambda wave: (wave.magnitude.w, wave.onset))
    since = min(wave.onset for wave in waves).astimezone(UTC)
    text = ngettext(
        "{coin}: {n} reset since {day}, the rarest on {rarest} (W {w})",
        "{coin}: {n} resets since {day}, the rarest on {rarest} (W {w})",
        len(waves),
    )
    marks = tuple(
        ResetMark(
            wave.onset.astimezone(UTC),
            wave.magnitude.w,
            wave.kind,
            wave.fall,
            "" if asset else wave.asset,
        )
        for wave in sorted(waves, key=lambda wave: (wave.onset, wave.id))
    )
    until = now.astimezone(UTC)
    margin = max((until - since) * 0.03, HOUR)
    note = _("As of {time}. The larger the sign, the more of the coins was closed.")
    return ResetsChart(
        title=text.format(
            coin=asset or _("All coins"),
            n=len(waves),
            day=dated(since),
            rarest=dated(rarest.onset.astimezone(UTC)),
            w=number(rarest.magnitude.w, 1),
        ),
        since=since - margin,
        until=until + margin,
        waves=marks,
        note=stopped(note.format(time=moment(until, until)), banner),
    )


def after_chart(alike: Alike, now: datetime, banner: str = "") -> AfterChart | None:
    """Price after resets alike, at the times of ``COURSE`` that are known; ``None`` where none is."""
    if not alike.after:
        return None
    known = {told.after: told for told in alike.course}
    times = [after for after in COURSE if after in known]
    columns = [COURSE.index(after) for after in times]
    shown = known.get(DAY) or alike.after[-1]
    coin = _("all coins") if alike.all_coins else alike.wave.asset
    verdict = _("a difference beyond chance") if shown.edge else _("no clear edge")
    title = ngettext(
        "After one reset of {coin} ({kinds}): {move} in {span}, {verdict}",
        "After {n} {kinds} of {coin}: {move} in {span} at the median, {verdict}",
        shown.n,
    )
    usual = [known[after] for after in times if known[after].usual is not None]
    until = now.astimezone(UTC)
    note = _("As of {time}. What was is no promise.").format(time=moment(until, until))
    return AfterChart(
        title=title.format(
            n=shown.n,
            kinds=_(KINDS[alike.wave.kind]),
            coin=coin,
            move=percent(shown.median),
            span=duration(shown.after),
            verdict=verdict,
        ),
        axis=_("Price since the end"),
        hours=(0.0, *(after / HOUR for after in times)),
        paths=tuple((0.0, *(path[column] for column in columns)) for path in alike.moves),
        median=(0.0, *(known[after].median for after in times)),
        base=(0.0, *(known[after].usual for after in times)) if usual else (),
        base_low=(0.0, *(known[after].usual_low for after in times)) if usual else (),
        base_high=(0.0, *(known[after].usual_high for after in times)) if usual else (),
        base_name=_("19 of 20 medians of as many random times"),
        note=stopped(note, banner),
    )
