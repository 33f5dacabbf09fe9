"""Waves as pages: a list of them, and one in full with how it came about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from bot.domain.cards import Card, Tone
from bot.domain.waves import Lead, Stage, Wave
from handlers.cards import KIND_WORDS, TONES, wave_title
from handlers.numbers import duration, percent, usd
from handlers.speech import N_, _, ngettext
from handlers.web.card_html import Tap, card_html, mark, stamp
from handlers.web.frame import Frame
from handlers.web.html import Child, Html, el

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
    Lead.MIXED: N_("both"),
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
    picture = f"/wave/{wave.id}/{wave.revision}.svg"
    card = el(
        "article",
        card_html(told.card, picture, tap, heading="h1"),
        cls=f"card tone-{told.card.tone}",
        aria_label=title,
    )
    timeline = el(
        "section",
        el("h2", _("How it was told"), id="revisions-title"),
        el("p", _revisions_sum(told.revisions), cls="about"),
        el("ol", _steps(told.revisions), cls="timeline"),
        aria_labelledby="revisions-title",
    )
    inputs = replace(told.why, title=_("Inputs and arithmetic"), buttons=(), banner="")
    why = el(
        "section",
        el("h2", _("Why: the figures behind it"), id="why"),
        el("div", card_html(inputs, "", tap, heading="h3"), cls="card"),
        aria_labelledby="why",
    )
    back = el("p", el("a", _("All waves"), href="/waves"), cls="back")
    return frame.reading(
        title,
        back,
        card,
        el("div", timeline, why, cls="columns"),
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


def _steps(revisions: Sequence[Wave]) -> Sequence[Html]:
    """Newest first: what a person looks for is what is true now."""
    return [_step(wave) for wave in reversed(revisions)]


def _step(wave: Wave) -> Html:
    facts = [_("W {w}").format(w=f"{wave.magnitude.w:.1f}")]
    if wave.coins_before:
        facts.insert(0, percent(-wave.fall))
    if wave.price_move is not None:
        facts.append(_("price {move}").format(move=percent(wave.price_move)))
    facts.append(_("{part} seen").format(part=percent(wave.coverage, signed=False, digits=0)))
    rang = el("span", _("rang"), cls="rang") if wave.loud == wave.revision else None
    return el(
        "li",
        el(
            "p",
            el("strong", _(STAGE_WORDS[wave.stage])),
            " ",
            el("span", _("rev {n}").format(n=wave.revision), cls="soft"),
            " ",
            rang,
        ),
        el("p", stamp(wave.at), cls="soft"),
        el("p", " · ".join(facts) if wave.stage is not Stage.RETRACTED else None, cls="facts"),
        cls=f"stage-{wave.stage}",
    )


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
    (N_("Began"), ""),
    (N_("Wave"), ""),
    (N_("W"), "right"),
    (N_("Coins"), "right"),
    (N_("Positions"), "right"),
    (N_("Price"), "right wide-only"),
    (N_("Led by"), "wide-only"),
    (N_("State"), ""),
)


def waves_table(waves: Sequence[Wave], name: str) -> Html:
    heads = (el("th", _(head), cls=cls or None, scope="col") for head, cls in HEADS)
    table = el(
        "table",
        el("caption", name, cls="hidden"),
        el("thead", el("tr", heads)),
        el("tbody", map(_row, waves)),
    )
    return el("div", table, cls="table", role="region", tabindex=0, aria_label=name)


def _row(wave: Wave) -> Html:
    tone = tone_of(wave)
    change = wave.usd_change
    price = percent(wave.price_move) if wave.price_move is not None else None
    return el(
        "tr",
        el("td", stamp(wave.onset, year=True), cls="when"),
        el(
            "th",
            el("a", mark(tone), kind_title(wave), href=f"/wave/{wave.id}"),
            scope="row",
            cls=f"tone-{tone}",
        ),
        el("td", f"{wave.magnitude.w:.1f}", cls="right"),
        el("td", percent(-wave.fall), cls="right"),
        el("td", usd(change.position_usd, signed=True) if change else unknown(), cls="right"),
        el("td", price or unknown(), cls="right wide-only"),
        el("td", _(LEAD_WORDS[wave.lead]), cls="wide-only"),
        el("td", _state(wave)),
    )


def _state(wave: Wave) -> Child:
    if not wave.done:
        return el("strong", _(STAGE_WORDS[wave.stage]), cls="running")
    return _("over after {span}").format(span=duration(wave.duration))


def unknown() -> Html:
    return el("span", el("span", "–", aria_hidden="true"), el("span", _("unknown"), cls="hidden"))


def tone_of(wave: Wave) -> Tone:
    return Tone.RETRACTED if wave.stage is Stage.RETRACTED else TONES[wave.kind]


def kind_title(wave: Wave) -> str:
    return f"{wave.asset} {_(KIND_WORDS[wave.kind])}"
