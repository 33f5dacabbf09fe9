"""What came of past waves: /after and /scorecard."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from bot.domain.cards import Card
from bot.domain.posts import WEEKLY_W
from bot.domain.waves import Kind, Stage
from bot.errors import AskError
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.hindsight import Alike, scorecard
from handlers.past_cards import aftermath_card, scorecard_card
from handlers.past_charts import after_chart
from handlers.picture_words import pictured
from handlers.speech import N_, _
from handlers.words import COIN, PERIOD, WAVE_ID

A_MONTH = timedelta(days=30)
SOME = 50


@command(
    "after",
    N_("What followed resets like this one, beside random times"),
    COIN.optional,
    WAVE_ID.optional,
    examples=("/after btc", "/after 1a", "/after"),
)
async def after(desk: Desk, ask: Ask) -> Card:
    asset, wave_id = ask.get(COIN), ask.get(WAVE_ID)
    if wave_id is not None:
        wave = await desk.wave(wave_id)
        return _told(desk, await desk.hindsight.alike(wave, desk.clock()))
    waves = [wave for wave in await desk.resets(asset, SOME) if wave.stage is not Stage.EARLY]
    newest = next((wave for wave in waves if wave.kind is not Kind.UNPRICED), None)
    if newest is None:
        whose = asset or _("any coin")
        raise AskError(_("No reset of {coin} has been recorded yet. `/resets`").format(coin=whose), "/resets")
    found = await desk.hindsight.alike(newest, desk.clock(), least_w=min(WEEKLY_W, newest.magnitude.w))
    return _told(desk, found)


def _told(desk: Desk, found: Alike) -> Card:
    chart = after_chart(found, desk.clock(), desk.banner)
    card = aftermath_card(desk.here(found), desk.now())
    return replace(card, picture=pictured(chart)) if chart else card


@command(
    "scorecard",
    N_("How the alerts did: confirmed, taken back, missed, how soon"),
    PERIOD.optional,
    examples=("/scorecard", "/scorecard 7d"),
)
async def how_alerts_did(desk: Desk, ask: Ask) -> Card:
    now = desk.clock()
    found = await scorecard(desk.store, now - (ask.get(PERIOD) or A_MONTH), now, desk.about.speed)
    return scorecard_card(desk.here(found), desk.now())
