"""The board as a page: what runs, which coins are full of leverage, which venues are seen."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.health import SourceState
from bot.domain.market import Group
from bot.domain.waves import Wave
from handlers.cards import wave_title
from handlers.numbers import Scale, duration, number, percent, price, share, usd
from handlers.phrases import sentences
from handlers.speech import N_, _, ngettext
from handlers.web.board import Board, CoinRow, VenueRow
from handlers.web.card_html import mark, stamp
from handlers.web.frame import Frame
from handlers.web.html import Child, Html, el, join
from handlers.web.wave_html import facts_line, tone_of, unknown, waves_table

STATE_WORDS = {
    SourceState.WAITING: N_("not asked yet"),
    SourceState.FRESH: N_("fresh"),
    SourceState.LATE: N_("late"),
    SourceState.LOST: N_("lost"),
    SourceState.THROTTLED: N_("throttled"),
    SourceState.BLOCKED: N_("blocked"),
    SourceState.CHANGED: N_("changed its answers"),
    SourceState.DEAF: N_("connected but silent"),
}
GROUP_WORDS = {
    Group.OFFSHORE: N_("offshore"),
    Group.DEX: N_("decentralised"),
    Group.REGULATED: N_("regulated"),
    Group.REPORT: N_("reports"),
}
LINE_WIDTH, LINE_HEIGHT = 96, 24
A_FALL = -0.03
"""From here on a fall of the day is set in bold."""


def board_page(frame: Frame, board: Board) -> str:
    says = sentences(*map(wave_title, board.running))
    return frame.reading(
        _("Board"),
        el("h1", _("Board")),
        _blind(board),
        _running(board),
        _coins(board),
        _latest(board),
        _venues(board, frame.operator),
        live="beat",
        says=says,
        wide=True,
    )


def _blind(board: Board) -> Child:
    if board.blind_since is None:
        return None
    since = duration(board.at - board.blind_since)
    text = _("I cannot see the market: no venue has answered for {span}. Silence now is not calm.")
    return el("p", text.format(span=since), cls="warning", role="alert")


# --- waves ---------------------------------------------------------------------------------------


def _running(board: Board) -> Html:
    if board.running:
        content: Child = el("ul", map(_running_wave, board.running), cls="running-waves")
    else:
        content = el("p", _("No wave is running."), cls="empty")
    return el(
        "section",
        el("h2", _("Running waves"), id="running"),
        content,
        aria_labelledby="running",
    )


def _running_wave(wave: Wave) -> Html:
    facts = [_("{fall} of coins").format(fall=percent(-wave.fall))] if wave.coins_closed > 0 else []
    if wave.usd_change is not None and wave.coins_closed > 0:
        facts.append(_("positions {usd}").format(usd=usd(wave.usd_change.position_usd, signed=True)))
    if wave.price_move is not None:
        facts.append(_("price {move}").format(move=percent(wave.price_move)))
    edits = wave.revision - 1
    told = ngettext("revised {n} time", "revised {n} times", edits) if edits else _("just told")
    return el(
        "li",
        el("h3", mark(tone_of(wave)), el("a", wave_title(wave), href=f"/wave/{wave.id}"), cls="title"),
        facts_line(facts),
        el("p", told.format(n=edits), " · ", stamp(wave.at), cls="soft"),
        cls=f"card tone-{tone_of(wave)}",
        data_wave=wave.id,
        data_revision=wave.revision,
    )


def _latest(board: Board) -> Child:
    if not board.latest:
        return None
    return el(
        "section",
        el("h2", _("Latest waves"), id="latest"),
        waves_table(board.latest, _("Latest waves")),
        el("p", el("a", _("All waves"), href="/waves"), cls="note"),
        aria_labelledby="latest",
    )


# --- coins ---------------------------------------------------------------------------------------

COIN_HEADS = (
    (N_("Coin"), ""),
    (N_("Heat"), ""),
    (N_("Fall"), "right"),
    (N_("1 h"), "right wide-only"),
    (N_("24 h"), "right"),
    (N_("Course, 24 h"), "wide-only"),
    (N_("Open interest"), "right wide-only"),
    (N_("Price, 24 h"), "right wide-only"),
    (N_("Funding, % a year"), "right wide-only"),
    (N_("Seen"), "right wide-only"),
)


def _coins(board: Board) -> Html:
    about = _(
        "Heat: leverage from 0 to 100, by the coin’s own last year. "
        "Fall: how far coin open interest stands below its highest point of the last 24 hours."
    )
    heads = (el("th", _(head), cls=cls or None, scope="col") for head, cls in COIN_HEADS)
    table = el(
        "table",
        el("caption", _("Coins, those in a wave first, then the hottest"), cls="hidden"),
        el("thead", el("tr", heads)),
        el("tbody", map(_coin, board.coins)),
    )
    if board.coins:
        content: Child = el("div", table, cls="table", role="group", tabindex=0, aria_labelledby="coins")
    else:
        content = el("p", _("No coin has been seen yet."), cls="empty")
    more = ngettext("{n} smaller coin is left out.", "{n} smaller coins are left out.", board.more)
    return el(
        "section",
        el("h2", _("Coins"), id="coins"),
        el("p", about, cls="about"),
        content,
        el("p", more.format(n=board.more), cls="soft") if board.more else None,
        aria_labelledby="coins",
    )


def _coin(row: CoinRow) -> Html:
    now = row.now
    name: Child = el("strong", now.asset)
    if row.wave is not None:
        name = el("a", mark(tone_of(row.wave)), now.asset, href=f"/wave/{row.wave.id}")
    funding = percent(now.funding) if now.funding is not None else unknown()
    held = usd(now.usd) if now.usd is not None else f"{Scale.coins(now.coins).show(now.coins)} {now.asset}"
    return el(
        "tr",
        el("th", name, scope="row", cls=f"tone-{tone_of(row.wave)}" if row.wave else None),
        el("td", _heat(row)),
        el("td", percent(row.fall), cls="right strong" if row.fall <= A_FALL else "right"),
        el("td", _move(row.hour), cls="right wide-only"),
        el("td", _move(row.day), cls="right"),
        el("td", _line(row.line), cls="wide-only"),
        el("td", held, cls="right wide-only"),
        el("td", _price(row), cls="right wide-only"),
        el("td", funding, cls="right wide-only"),
        el("td", share(now.coverage), cls="right wide-only" if not now.missing else "right wide-only partly"),
    )


def _price(row: CoinRow) -> Child:
    if row.now.price_usd is None:
        return unknown()
    move = el("span", " ", percent(row.price_day), cls="soft") if row.price_day is not None else None
    return join((price(row.now.price_usd), move))


def _move(move: float | None) -> Child:
    return percent(move) if move is not None else unknown()


def _heat(row: CoinRow) -> Html:
    """A bar and its number: nothing is told by colour alone."""
    heat, hotter = row.leverage.heat, row.leverage.hotter_than
    if heat is None:
        return el("span", _("too little history"), cls="soft")
    words = _("hotter than on {part} of {days} days").format(
        part=share(hotter or 0.0), days=row.leverage.days
    )
    bar = el(
        "svg",
        el("rect", width=60, height=8, rx=4, cls="ground"),
        el("rect", width=f"{0.6 * heat:.1f}", height=8, rx=4, cls="level") if heat else None,
        viewBox="0 0 60 8",
        width=60,
        height=8,
        aria_hidden="true",
        cls=f"heat heat-{_degree(heat)}",
    )
    return el("span", bar, " ", number(heat), title=words, cls="gauge")


def _degree(heat: float) -> str:
    return "high" if heat >= 90 else "raised" if heat >= 70 else "low"


def _line(values: Sequence[float]) -> Child:
    """The day's course in a word's height. The figures beside it say the same."""
    if len(values) < 2:
        return None
    low, high = min(values), max(values)
    room = max(high - low, 0.01)
    step = LINE_WIDTH / (len(values) - 1)
    points = [
        f"{n * step:.1f} {2 + (LINE_HEIGHT - 4) * (high - value) / room:.1f}"
        for n, value in enumerate(values)
    ]
    return el(
        "svg",
        el("path", d=f"M{'L'.join(points)}", fill="none"),
        viewBox=f"0 0 {LINE_WIDTH} {LINE_HEIGHT}",
        width=LINE_WIDTH,
        height=LINE_HEIGHT,
        aria_hidden="true",
        cls="course",
    )


# --- venues --------------------------------------------------------------------------------------

VENUE_HEADS = (
    (N_("Venue"), ""),
    (N_("State"), ""),
    (N_("Heard"), "right"),
    (N_("Share"), "right"),
    (N_("Coins"), "right wide-only"),
    (N_("Group"), "wide-only"),
)


def _venues(board: Board, operator: bool) -> Html:
    heads = (el("th", _(head), cls=cls or None, scope="col") for head, cls in VENUE_HEADS)
    live = [row for row in board.venues if row.group is not Group.REPORT]
    fresh = sum(row.state is SourceState.FRESH for row in live)
    table = el(
        "table",
        el("caption", _("Venues, those that are not fresh first, then the largest"), cls="hidden"),
        el("thead", el("tr", heads)),
        el("tbody", (_venue(row, board, operator) for row in board.venues)),
    )
    total = _(
        "{fresh} of {venues} fresh. Share: of all open interest seen. "
        "What is not fresh is named, never guessed."
    )
    return el(
        "section",
        el("h2", _("Venues"), id="venues-title"),
        el("p", total.format(fresh=fresh, venues=len(live)), cls="about"),
        el("div", table, cls="table", role="group", tabindex=0, aria_labelledby="venues-title")
        if board.venues
        else None,
        aria_labelledby="venues-title",
    )


def _venue(row: VenueRow, board: Board, operator: bool) -> Html:
    heard: Child = unknown()
    if row.heard is not None:
        ago = _("{span} ago").format(span=duration(board.at - row.heard))
        heard = el("time", ago, datetime=f"{row.heard:%Y-%m-%dT%H:%M:%SZ}")
    why = el("span", " ", row.why, cls="soft why") if operator and row.why else None
    return el(
        "tr",
        el("th", row.title, scope="row"),
        el(
            "td",
            el("span", cls="dot", aria_hidden="true"),
            _(STATE_WORDS[row.state]),
            why,
            cls=f"state state-{'fresh' if row.state is SourceState.FRESH else 'ailing'}",
        ),
        el("td", heard, cls="right"),
        el("td", share(row.share) if row.share is not None else unknown(), cls="right"),
        el("td", str(row.coins), cls="right wide-only"),
        el("td", _(GROUP_WORDS[row.group]), cls="wide-only"),
    )
