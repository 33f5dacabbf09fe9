"""Waves as pages: a list of them, and one in full with how it came about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from bot.domain.cards import Card, Tone
from bot.domain.waves import Lead, Stage, Wave
from handlers.cards import TONES, kind_title, wave_title
from handlers.numbers import day_time, duration, number, percent, usd
from handlers.speech import N_, _, ngettext
from handlers.web.card_html import Tap, card_html, figure_html, mark, picture_path, stamp
from handlers.web.frame import Frame
from handlers.web.html import Child, Html, el, join

STAGE_WORDS = {
    Stage.EARLY: N_("early"),
    Stage.BUILDING: N_("building"),
    Stage.PEAK: N_("slowing"),
    Stage.OVER: N_("over"),
    Stage.RETRACTED: N_("taken back"),
}
LEAD_WORDS = {
    Lead.NATIVE: N_("crypto-native"),
    Lead.INSTITUTION: N_("institutions"),
    Lead.MIXED: N_("mixed"),
}


class WavePage(NamedTuple):
    """``card`` is the wave in full, ``why`` how it was computed, ``revisions`` oldest first."""

    wave: Wave
    card: Card
    why: Card
    revisions: Sequence[Wave]


def wave_page(frame: Frame, told: WavePage, tap: Tap) -> str:
    wave = told.wave
    title = wave_title(wave)
    text = replace(told.card, picture=None, buttons=(), banner="")
    card = el(
        "article",
        el("div", card_html(text, "", tap, heading="h1"), cls="in-words"),
        figure_html(told.card.picture, picture_path(wave)) if told.card.picture else None,
        cls=f"card in-full tone-{told.card.tone}",
        aria_label=title,
    )
    timeline = el(
        "section",
        el("h2", _("How it was told"), id="revisions"),
        el("p", _revisions_sum(told.revisions), cls="about"),
        revisions_table(told.revisions),
        aria_labelledby="revisions",
    )
    inputs = replace(told.why, title=_("Inputs and arithmetic"), buttons=(), banner="")
    why = el(
        "section",
        el("h2", _("Why: the figures behind it"), id="why"),
        el("div", card_html(inputs, "", tap, heading="h3"), cls="card"),
        aria_labelledby="why",
    )
    of_coin = _("Waves of {coin}").format(coin=wave.asset)
    back = el(
        "nav",
        el("a", _("All waves"), href="/waves"),
        " · ",
        el("a", of_coin, href=f"/waves?coin={wave.asset}"),
        cls="back",
        aria_label=_("Other waves"),
    )
    return frame.reading(
        title,
        back,
        card,
        el("div", why, timeline, cls="columns"),
        el("form", id="tap", method="post", action="/say") if frame.operator else None,
        live="changed" if not wave.done else "",
        says=title,
        wide=True,
    )


def _revisions_sum(revisions: Sequence[Wave]) -> str:
    first, last = revisions[0], revisions[-1]
    count = len(revisions)
    if count == 1:
        return _("Told once, and never changed.")
    return ngettext("{n} revision in {span}.", "{n} revisions in {span}.", count).format(
        n=count, span=duration(last.at - first.at)
    )


REVISION_HEADS = (
    (N_("Time, UTC"), ""),
    (N_("State"), ""),
    (N_("Coins"), "right"),
    (N_("W"), "right"),
    (N_("Price"), "right"),
)


def revisions_table(revisions: Sequence[Wave]) -> Html:
    """Newest first: what a person looks for is what is true now."""
    heads = (el("th", _(head), cls=cls or None, scope="col") for head, cls in REVISION_HEADS)
    table = el(
        "table",
        el("caption", _("Revisions, the newest first"), cls="hidden"),
        el("thead", el("tr", heads)),
        el("tbody", (_revision(wave, revisions[0].at) for wave in reversed(revisions))),
        cls="timeline",
    )
    return el("div", table, cls="table", role="group", tabindex=0, aria_labelledby="revisions")


def _revision(wave: Wave, first: datetime) -> Html:
    """Its day is told where it is another than the first one's."""
    rang = el("span", _("rang"), cls="rang") if wave.loud == wave.revision else None
    taken_back = wave.stage is Stage.RETRACTED
    price = percent(wave.price_move) if wave.price_move is not None else unknown()
    return el(
        "tr",
        el("th", _time(wave.at, first), scope="row"),
        el(
            "td",
            _(STAGE_WORDS[wave.stage]),
            " ",
            el("span", _("rev {n}").format(n=wave.revision), cls="soft"),
            rang,
        ),
        el("td", unknown() if taken_back or not wave.coins_before else percent(-wave.fall), cls="right"),
        el("td", unknown() if taken_back else number(wave.magnitude.w, 1), cls="right"),
        el("td", unknown() if taken_back else price, cls="right"),
    )


def _time(at: datetime, first: datetime) -> Html:
    text = f"{at:%H:%M}" if at.date() == first.date() else day_time(at)
    return el("time", text, datetime=f"{at:%Y-%m-%dT%H:%M:%SZ}")


def facts_line(facts: Sequence[str]) -> Html:
    """Each unbroken, with a dot between."""
    return el("p", join((el("span", fact, cls="sum") for fact in facts), " · "), cls="facts")


# --- the list ------------------------------------------------------------------------------------


def waves_page(
    frame: Frame, waves: Sequence[Wave], *, coin: str, coins: Sequence[str], everything: bool
) -> str:
    """``coin`` is the one chosen (or empty), ``coins`` those to choose from."""
    title = _("Waves of {coin}").format(coin=coin) if coin else _("Waves")
    shown = (
        waves_table(waves, title) if waves else el("p", _("No such wave has been recorded yet."), cls="empty")
    )
    return frame.reading(
        title,
        el("h1", title),
        el(
            "p",
            _(
                "A wave is a fall of open interest, counted in coins, far outside a coin's own normal. "
                "Each has a page of its own that stays where it is."
            ),
            cls="about",
        ),
        _chooser(coin, coins, everything),
        shown,
        live="changed",
        says=wave_title(waves[0]) if waves else "",
        wide=True,
    )


def _chooser(coin: str, coins: Sequence[str], everything: bool) -> Html:
    options = [el("option", _("All coins"), value="", selected=not coin)]
    options += [el("option", name, value=name, selected=name == coin) for name in coins]
    return el(
        "form",
        el("label", _("Coin"), " ", el("select", options, name="coin")),
        el(
            "label",
            el("input", type="checkbox", name="all", value="1", checked=everything),
            " ",
            _("also those that people closed by choice"),
        ),
        el("button", _("Show")),
        cls="chooser",
        method="get",
        action="/waves",
    )


HEADS = (
    (N_("Wave"), ""),
    (N_("W"), "right"),
    (N_("Coins"), "right"),
    (N_("Positions"), "right"),
    (N_("Price"), "right wide-only"),
    (N_("Led by"), "wide-only"),
    (N_("State"), "wide-only"),
)


def waves_table(waves: Sequence[Wave], name: str) -> Html:
    heads = (el("th", _(head), cls=cls or None, scope="col") for head, cls in HEADS)
    table = el(
        "table",
        el("caption", name, cls="hidden"),
        el("thead", el("tr", heads)),
        el("tbody", map(_row, waves)),
    )
    return el("div", table, cls="table", role="group", tabindex=0, aria_label=name)


def _row(wave: Wave) -> Html:
    tone = tone_of(wave)
    change = wave.usd_change
    price = percent(wave.price_move) if wave.price_move is not None else None
    return el(
        "tr",
        el("th", wave_head(wave), scope="row", cls=f"tone-{tone}"),
        el("td", number(wave.magnitude.w, 1), cls="right"),
        el("td", percent(-wave.fall), cls="right"),
        el("td", usd(change.position_usd, signed=True) if change else unknown(), cls="right"),
        el("td", price or unknown(), cls="right wide-only"),
        el("td", _(LEAD_WORDS[wave.lead]), cls="wide-only"),
        el("td", _state(wave), cls="wide-only"),
    )


def wave_head(wave: Wave) -> Html:
    """Its link, and below it when it began."""
    link = el("a", mark(tone_of(wave)), kind_title(wave), href=f"/wave/{wave.id}")
    return join((link, el("span", stamp(wave.onset, year=True), cls="when")))


def _state(wave: Wave) -> Child:
    if not wave.done:
        return el("strong", _(STAGE_WORDS[wave.stage]), cls="running")
    return _("over after {span}").format(span=duration(wave.duration))


def unknown() -> Html:
    return el("span", el("span", "–", aria_hidden="true"), el("span", _("unknown"), cls="hidden"))


def tone_of(wave: Wave) -> Tone:
    return Tone.RETRACTED if wave.stage is Stage.RETRACTED else TONES[wave.kind]
