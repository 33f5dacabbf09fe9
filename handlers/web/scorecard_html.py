"""How the alerts did, as a page: the sums, how soon chats were told, and every wave that counts."""

from __future__ import annotations

from collections.abc import Sequence

from bot.pipeline.score import Fate, Scorecard, Scored, Soon
from handlers.numbers import dated, duration, number, shortly
from handlers.speech import N_, _, ngettext
from handlers.web.card_html import stamp
from handlers.web.frame import Frame
from handlers.web.html import Child, Html, el, join
from handlers.web.wave_html import tone_of, unknown, wave_head

PERIODS = {"7d": N_("7 days"), "30d": N_("30 days"), "90d": N_("90 days"), "365d": N_("a year")}
"""How long, as an address says it and as a person reads it."""
FATE_WORDS = {
    Fate.CONFIRMED: N_("confirmed"),
    Fate.RETRACTED: N_("taken back"),
    Fate.RUNNING: N_("running"),
    Fate.LATE: N_("told after its low"),
    Fate.MISSED: N_("missed"),
}


def scorecard_page(frame: Frame, found: Scorecard, period: str) -> str:
    title = _("Scorecard")
    return frame.reading(
        title,
        el("h1", title),
        el(
            "p",
            _(
                "Every wave that was told, and every one that should have been. Confirmed: told by its low, "
                "and over without being taken back. Missed: nobody was told, or only after the low."
            ),
            cls="about",
        ),
        _periods(period),
        _sums(found),
        _waits(found),
        _waves(found.scored),
        live="changed",
        wide=True,
    )


def _periods(chosen: str) -> Html:
    ways = (
        el("li", el("a", _(name), href=f"?period={key}", aria_current="true" if key == chosen else None))
        for key, name in PERIODS.items()
    )
    return el("nav", el("ul", ways), cls="periods", aria_label=_("Period"))


def _sums(found: Scorecard) -> Html:
    told = (
        (_("Alerts"), found.sent, ""),
        (_("Confirmed"), found.count(Fate.CONFIRMED), "good"),
        (_("Taken back"), found.count(Fate.RETRACTED), "bad" if found.count(Fate.RETRACTED) else ""),
        (_("Missed"), found.missed, "bad" if found.missed else ""),
        (_("Still running"), found.count(Fate.RUNNING), ""),
    )
    return el(
        "section",
        el("h2", _("Since {day}").format(day=dated(found.since)), id="sums"),
        el("dl", (_sum(name, count, cls) for name, count, cls in told), cls="sums"),
        aria_labelledby="sums",
    )


def _sum(name: str, count: int, cls: str) -> Html:
    return el("div", el("dt", name), el("dd", number(count)), cls=cls or None)


def _waits(found: Scorecard) -> Child:
    if found.from_onset is None and found.from_alarm is None:
        return None
    rows = (
        (_("from the first minute that fell"), found.from_onset),
        (_("from when the wave was declared"), found.from_alarm),
    )
    first, *rest = (_("To the first message in a chat"), _("half within"), _("99 of 100 within"))
    table = el(
        "table",
        el("caption", _("How soon chats were told"), cls="hidden"),
        el(
            "thead",
            el("tr", el("th", first, scope="col"), (el("th", h, scope="col", cls="right") for h in rest)),
        ),
        el("tbody", (_wait(name, soon) for name, soon in rows if soon is not None)),
    )
    over = ngettext(
        "Counted over {n} first message to a chat",
        "Counted over {n} first messages to chats",
        found.deliveries,
    )
    return el(
        "section",
        el("h2", _("How soon chats were told"), id="waits"),
        el("div", table, cls="table", role="group", tabindex=0, aria_labelledby="waits"),
        el("p", over.format(n=number(found.deliveries)), cls="soft note"),
        aria_labelledby="waits",
    )


def _wait(name: str, soon: Soon) -> Html:
    return el(
        "tr",
        el("th", name, scope="row"),
        el("td", shortly(soon.p50), cls="right"),
        el("td", shortly(soon.p99), cls="right"),
    )


HEADS = (
    (N_("Wave"), ""),
    (N_("W"), "right"),
    (N_("What became of it"), ""),
    (N_("First told"), "wide-only"),
    (N_("After the onset"), "right wide-only"),
    (N_("Chats"), "right wide-only"),
)


def _waves(scored: Sequence[Scored]) -> Html:
    if scored:
        heads = (el("th", _(head), cls=cls or None, scope="col") for head, cls in HEADS)
        table = el(
            "table",
            el("caption", _("Waves, the newest first"), cls="hidden"),
            el("thead", el("tr", heads)),
            el("tbody", map(_row, scored)),
        )
        content: Child = el("div", table, cls="table", role="group", tabindex=0, aria_labelledby="scored")
    else:
        content = el("p", _("No wave was told, and none was missed."), cls="empty")
    return el("section", el("h2", _("Waves"), id="scored"), content, aria_labelledby="scored")


def _row(one: Scored) -> Html:
    wave, first = one.wave, one.first
    good = one.fate in (Fate.CONFIRMED, Fate.RUNNING)
    dot = el("span", cls="dot", aria_hidden="true")
    return el(
        "tr",
        el("th", wave_head(wave), scope="row", cls=f"tone-{tone_of(wave)}"),
        el("td", number(wave.magnitude.w, 1), cls="right"),
        el("td", join((dot, _(FATE_WORDS[one.fate]))), cls=f"state state-{'fresh' if good else 'ailing'}"),
        el("td", stamp(first) if first else unknown(), cls="wide-only"),
        el("td", duration(first - wave.onset) if first else unknown(), cls="right wide-only"),
        el("td", number(one.chats) if one.chats else unknown(), cls="right wide-only"),
    )
