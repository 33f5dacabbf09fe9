"""What happened: /resets and /wave."""

from __future__ import annotations

from datetime import UTC, date

from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.cards import Button, Card, Line
from bot.domain.waves import Kind, Stage
from bot.errors import AskError
from bot.known import published
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.known_words import published_card
from handlers.past_cards import (
    group_lines,
    leverage_line,
    marks,
    outcome_lines,
    reset_line,
    resets_of_all_table,
    resets_table,
)
from handlers.past_charts import resets_chart
from handlers.picture_words import pictured
from handlers.speech import N_, _, ngettext
from handlers.words import COIN, COUNT, EVERYTHING, IN_FULL, SINCE, WAVE_ID

ROWS = 5


@command(
    "resets",
    N_("Past waves: how large, how rare, what came next"),
    COIN.optional,
    COUNT.optional,
    SINCE.optional,
    EVERYTHING.optional,
    IN_FULL.optional,
    examples=("/resets", "/resets btc 5", "/resets btc full", "/resets btc all", "/resets since 2020"),
)
async def resets(desk: Desk, ask: Ask) -> Card:
    asset, unwinds = ask.get(COIN), ask.get(EVERYTHING) is not None
    if (since := ask.get(SINCE)) is not None:
        return _published(asset, since, desk.clock().astimezone(UTC).date())
    waves = await desk.resets(asset, ask.get(COUNT) or ROWS, unwinds=unwinds)
    if not waves:
        raise _none(asset, unwinds=unwinds)
    now, whole = desk.now(), ask.get(IN_FULL) is not None
    every = [wave for wave in await desk.past(asset) if unwinds or wave.kind is not Kind.UNWIND]
    chart = resets_chart(every, asset, desk.clock(), desk.banner)
    known = {wave.id: await desk.outcomes(wave) for wave in waves} if asset or whole else {}
    words = ["/resets", *([asset.lower()] if asset else []), str(len(waves)), *(["all"] if unwinds else [])]
    table_or_full = Button(_("In full"), " ".join([*words, "full"]))
    if whole:
        table_or_full = Button(_("As a table"), " ".join(words))
    line = f"/after {asset.lower()}" if asset else "/after"
    card = Card(
        title=_title(asset, len(waves)),
        picture=pictured(chart) if chart else None,
        lines=tuple(Line(reset_line(wave, known[wave.id], now)) for wave in waves) if whole else (),
        footer=_("`/wave {id}` for one in full").format(id=waves[0].id),
        buttons=(
            *(Button(f"/wave {wave.id}", f"/wave {wave.id}") for wave in waves[:3]),
            table_or_full,
            Button(_("What follows"), line),
        ),
    )
    if whole:
        return card
    table = resets_table(waves, known, now) if asset else resets_of_all_table(waves, now)
    hint = _("+24 h: the price a day after the end") if asset else _("`/resets btc` says what came next")
    return replace(card, table=table, footer=f"{card.footer} · {hint} · {marks(waves)}")


def _title(asset: Asset | None, count: int) -> str:
    if asset is None:
        return ngettext("The only wave so far", "The newest {n} waves", count).format(n=count)
    return ngettext("The only wave of {coin} so far", "The newest {n} waves of {coin}", count).format(
        n=count, coin=asset
    )


def _none(asset: Asset | None, *, unwinds: bool) -> AskError:
    text = _("No wave of {coin} has been recorded yet.") if asset else _("No wave has been recorded yet.")
    text = text.format(coin=asset)
    if unwinds:
        return AskError(text)
    line = f"/resets {asset.lower()} all" if asset else "/resets all"
    hint = _("Those that people closed by choice are left out: `{line}`").format(line=line)
    return AskError(f"{text} {hint}", line)


def _published(asset: Asset | None, since: date, today: date) -> Card:
    found = [event for event in published(asset, since) if event.day <= today]
    if not found:
        whose = asset or _("any coin")
        raise AskError(
            _("I know of no published reset of {coin} since {year}. `/resets 2020`").format(
                coin=whose, year=since.year
            ),
            "/resets 2020",
        )
    return published_card(found, since, asset)


@command("wave", N_("One wave in full"), WAVE_ID, examples=("/wave 1a",))
async def wave_in_full(desk: Desk, ask: Ask) -> Card:
    wave = await desk.wave(ask.need(WAVE_ID))
    card = await desk.wave_card(wave, in_full=True)
    lines = [Line(text, 4) for text in group_lines(wave)]
    if wave.stage is not Stage.EARLY and (text := leverage_line(*await desk.hindsight.leverage(wave))):
        lines.append(Line(text, 5))
    lines += [Line(text, 5) for text in outcome_lines(await desk.outcomes(wave))]
    return replace(
        card,
        lines=(*card.lines, *lines),
        buttons=(
            Button(_("Why"), f"/why {wave.id}"),
            Button(_("What follows"), f"/after {wave.id}"),
            Button(_("Other waves of {coin}").format(coin=wave.asset), f"/resets {wave.asset.lower()}"),
        ),
    )
