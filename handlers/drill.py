"""A drill: a post that goes the whole way of an alert, with an invented wave.

There is no task behind it. Which revision it has come to follows from when it began, as its subject says,
and from what the chat shows: delivery asks for the newest revision until it has seen the last.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from bot.domain.posts import Post, Shown
from bot.domain.waves import Stage
from handlers.cards import wave_card
from handlers.example import example_picture, example_wave
from handlers.numbers import clock
from handlers.speech import N_, _
from handlers.zones import in_zone

STAGES = (Stage.EARLY, Stage.BUILDING, Stage.OVER)
EACH = timedelta(seconds=6)
"""A revision stands so long before the next."""
TOO_LATE = timedelta(minutes=10)
"""A drill that nobody saw by then is not shown any more."""
MARK = N_("Drill")
BANNER = N_("Drill: nothing happened. The figures are those of 10 October 2025")
LAST_REVISION = len(STAGES)
_SUBJECT = re.compile(r"drill-(\d{1,12})")


def drill_subject(wall: datetime) -> str:
    """The subject of a drill that begins now (real time)."""
    return f"drill-{int(wall.timestamp())}"


def drill_begun(subject: str) -> datetime | None:
    """When the drill began, real time; ``None`` where the subject is something else."""
    found = _SUBJECT.fullmatch(subject)
    return datetime.fromtimestamp(int(found[1]), UTC) if found else None


def drill_shown(
    begun: datetime, post: Post | None, wall: datetime, zone: ZoneInfo, banner: str = ""
) -> Shown | None:
    """The revision it has come to in the chat that shows ``post``; ``None`` when it is too late to begin.

    The first is loud, the others are edits. None is skipped, so that a chat sees it sent, revised and ended
    however busy the platform is. ``banner`` is the program's own.
    """
    shown = post.shown if post else 0
    if not shown and wall - begun > TOO_LATE:
        return None
    revision = min(1 + max(0, (wall - begun) // EACH), shown + 1, LAST_REVISION)
    stage = STAGES[revision - 1]
    wave = in_zone(example_wave(stage, begun), zone)
    picture = None if stage is Stage.EARLY else example_picture(stage, begun, mark=_(MARK), note=_(BANNER))
    like = wave_card(wave, picture=picture)
    card = replace(
        like,
        title=f"{_(MARK)} · {like.title}",
        footer=_("drill, revision {revision} of {last} · {at}").format(
            revision=revision, last=LAST_REVISION, at=clock(in_zone(begun + (revision - 1) * EACH, zone))
        ),
        buttons=(),
        banner=f"{_(BANNER)} · {banner}" if banner else _(BANNER),
    )
    return Shown(revision=revision, loud=1, over=revision == LAST_REVISION, card=card)
