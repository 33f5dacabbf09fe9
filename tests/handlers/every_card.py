"""Every kind of card there is, made in the language that is spoken: for tests of words and of limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace as changed
from datetime import date, datetime, time, timedelta

from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.cards import Card
from bot.domain.chats import ChatSettings, Digest, QuietHours, RolePing, SettingsChange
from bot.domain.market import Missing, ReportKind, Venue
from bot.domain.posts import Destination, Latency, Notice, digest_subject
from bot.domain.verdicts import Verdict
from bot.domain.waves import AFTER, Burst, FollowUp, Forced, Kind, Lead, Magnitude, Rank, Stage, Wave
from bot.errors import CardRefused, DestinationGone, PlaceClosed
from bot.known import published
from handlers.cards import wave_card
from handlers.commands import COMMANDS, Ask, answer
from handlers.desk import Desk
from handlers.discord_face.views import severities
from handlers.drill import LAST_REVISION, drill_shown
from handlers.known_words import published_card
from handlers.own_cards import notice_card
from handlers.play_cards import begin_card, end_card
from handlers.speech import speaking
from handlers.summary import summary_card
from handlers.telegram.owners import closed_card
from handlers.zones import UTC_ZONE
from tests.handlers.october import CME_AFTER, LOW, MINUTE, NOW, ONSET, TITLES, source, wave

HERE = Destination("telegram", "42")
THERE = Destination("discord", "43")
ASK = Ask(HERE, person="7", person_name="@ana")
LINES = (
    *("/oi eth 7d", "/oi btc 5y", "/chart eth", "/chart btc 30d funding", "/chart btc 7d liquidations"),
    *("/leverage eth", "/funding eth", "/top 30d", "/compare btc", "/compare btc eth sol", "/after eth"),
    *("/liquidations btc 90d", "/liquidations eth", "/resets eth", "/resets all", "/resets btc 1 full"),
    *("/resets btc 2021", "/resets sol 2025", "/wave 19", "/wave 2b", "/wave 2r", "/why 19", "/why 2e"),
    *("/why 2b", "/why 2r", "/after 1a", "/scorecard", "/help start", "/venues okx", "/venues gate"),
    *(
        "/subscribe btc eth 5% 1h native",
        "/subscribe sol 5000",
        "/subscribe sol 5000 sol",
        "/subscribe 5% whole",
    ),
    *("/subscribe all W 3.3", "/subscribe eth 17/month", "/subscribe all yearly", "/alerts", "/settings"),
    *("/threshold", "/threshold #1", "/threshold #1 try 3/week", "/threshold W 2.9", "/threshold any group"),
    *("/threshold #77", "/threshold #1 weekly native", "/unsubscribe", "/unsubscribe 77", "/unsubscribe sol"),
    *(
        "/unsubscribe doge",
        "/unsubscribe 1",
        "/quiet",
        "/quiet 22-6 Tokyo",
        "/quiet",
        "/quiet breakthrough on",
    ),
    *("/quiet breakthrough maybe", "/quiet off", "/quiet 25-7", "/quiet 13pm-7", "/quiet 7-7", "/quiet soon"),
    *("/mute", "/mute 2h", "/mute", "/settings", "/test", "/mute off", "/mute 90d", "/test", "/timezone"),
    *(
        "/timezone berlin",
        "/timezone nowhere-at-all",
        "/timezone parris",
        "/timezone +5:20",
        "/ping",
        "/ping x",
    ),
    *("/settings log", "/settings colour", "/settings managers 4242", "/language", "/language klingon"),
    *(
        "/oi bct",
        "/oi xyzxyz",
        "/oi btc soon",
        "/oi btc 1m",
        "/resets btc 99",
        "/resets btc 1999",
        "/wave zz",
    ),
    *(
        "/wave",
        "/wave ö",
        "/chart btc 1x",
        "/compare",
        "/compare btc btc",
        "/liq",
        "/liquidatoins",
        "",
        "/xyz",
    ),
    *("/resets btc since", "/subscribe weekli", "/subscribe none", "/subscribe 5%", "/subscribe 500% 1h"),
    *(
        "/subscribe 5% 2h",
        "/subscribe 0.01% 1h",
        "/subscribe $0",
        "/subscribe $9999999999m",
        "/subscribe W 99",
    ),
    *(
        "/subscribe 99/hour",
        "/subscribe 12",
        "/subscribe weekly monthli",
        "/venues nowhere",
        "/start btc-weekly",
    ),
    *(
        "/start btc-5-percent",
        "/scorecard 1x",
        "/unsubscribe all",
        "/unsubscribe all",
        "/threshold",
        "/export",
    ),
    *("/export waves", "/digest", "/digest daily", "/digest weekly", "/digest off", "/followups"),
    *("/followups off", "/followups 24h off", "/settings"),
)
PINGS = (
    *("/ping", "/ping 4242 monthly", "/ping 4242 W 3.5", "/ping", "/ping 4242 5% 1h", "/ping 4242 off"),
    *("/settings managers 4242", "/settings", "/settings managers off", "/settings log", "/start"),
    *(
        "/ping 1 weekly",
        "/ping 2 weekly",
        "/ping 3 weekly",
        "/ping 4 weekly",
        "/ping 5 weekly",
        "/ping 6 weekly",
    ),
)
BURST = Burst(
    at=NOW,
    usd=412e6,
    multiple=61.2,
    long_share=0.84,
    venues=(Venue("bybit"), Venue("okx"), Venue("binance_usdm")),
    magnitude=Magnitude(2.4, 2.0, 2.8),
    floors=(Venue("okx"), Venue("binance_usdm")),
)
REASONS = (
    "okx counted less open interest for 6 min and then as before; no positions were closed",
    "Longs were liquidated, but no positions were closed: open interest stood as before 4 min later, so new "
    "ones took the place of the forced",
    "Shorts were liquidated, but no positions were closed: open interest stood as before 4 min later, so new "
    "ones took the place of the forced",
    "No fresh open interest for 2 h, so nobody can tell",
    "",
)
FORCED = Forced(2.9e9, 3e4, likely_low_usd=4.1e9, likely_high_usd=6e9, deleveraged_usd=7e7)


def waves() -> Iterator[Wave]:
    """A wave at every stage, of every kind, and with everything that may be said of one."""
    for kind in Kind:
        for stage in (Stage.BUILDING, Stage.PEAK, Stage.OVER):
            yield wave(stage, kind=kind)
    for lead in Lead:
        yield wave(Stage.BUILDING, lead=lead, provisional=True, reports=())
        yield wave(Stage.OVER, lead=lead)
    for share in (0.84, 0.1):
        burst = replace(BURST, long_share=share)
        yield wave(Stage.EARLY, burst=burst, venues=(), coverage=0.4 if share < 0.5 else 0.95)
    yield wave(Stage.EARLY, liquidated_long_usd=None, liquidated_short_usd=None)
    yield wave(Stage.EARLY, liquidated_long_usd=1e6, liquidated_short_usd=5e6)
    yield wave(Stage.OVER, liquidated_long_usd=0.0, liquidated_short_usd=0.0, one_venue=True, aftershocks=1)
    for reason in REASONS:
        yield wave(Stage.RETRACTED, reason=reason)
    forced = wave(Stage.BUILDING, forced=FORCED, liquidated_long_usd=2.5e9, liquidated_short_usd=0.4e9)
    yield replace(forced, aftershocks=3, with_assets=tuple(Asset(f"C{n}") for n in range(9)))
    yield replace(forced, forced=replace(FORCED, likely_low_usd=9e12, likely_high_usd=9e12))
    for verdict in Verdict:
        yield wave(missing=(Missing(Venue("gate"), LOW - 4 * MINUTE, verdict, 3e4),) * 3)
    for places in ((1, None), (1, 1), (2, 1), (14, 3)):
        yield wave(rank=Rank(datetime(2020, 3, 12, tzinfo=NOW.tzinfo), 14, *places))
    for w in (0.01, 0.4, 1.38, 1.7, 2.6, 2.88, 3.3, 3.95, 5.0, 8.0):
        yield wave(magnitude=Magnitude(w, w - 0.4, w + 0.4))
    fallen = replace(CME_AFTER, coins=120_000.0)
    for report in (
        replace(CME_AFTER, preliminary=True),
        fallen,
        replace(CME_AFTER, kind=ReportKind.WEEKLY, as_of=LOW + timedelta(days=4)),
        replace(CME_AFTER, kind=ReportKind.RETOLD),
        replace(CME_AFTER, as_of=ONSET - timedelta(days=1)),
        replace(CME_AFTER, previous_as_of=CME_AFTER.as_of - timedelta(days=9)),
    ):
        yield wave(Stage.OVER, reports=(report,))
        yield wave(Stage.BUILDING, reports=(report,))


def told_cards() -> Iterator[tuple[str, Card]]:
    """What is said without being asked: waves, notices, summaries, drills, and what owners are told."""
    for n, each in enumerate(waves()):
        yield f"wave {n}", wave_card(each, titles=TITLES)
        yield f"wave {n} in full", wave_card(each, titles=TITLES, in_full=True)
    for chats in (1, 1204):
        latency = Latency(timedelta(seconds=1.9), timedelta(seconds=41), chats)
        yield f"told to {chats}", wave_card(wave(), titles=TITLES, latency=latency)
    yield "from history", wave_card(wave(id="h-1"))
    for title, text in (
        ("I cannot see the market", "No venue has answered for 6 min. You will be told when I see again. "
         "Silence now is not calm."),
        ("I see the market again", "I was blind for about 9 min. A fall in that time shows when the venues "
         "are back."),
    ):  # fmt: skip
        yield title, notice_card(Notice(id="n", revision=1, loud=1, at=NOW, title=title, text=text))
    chosen = ChatSettings(destination=HERE)
    every = [wave(kind=kind) for kind in Kind]
    for n, settings in enumerate(
        (chosen, replace(chosen, quiet=QuietHours(time(23), time(7))), replace(chosen, muted_until=NOW))
    ):
        yield f"summary {n}", summary_card(every * 3, settings, NOW)
        yield f"summary of one {n}", summary_card(every[:1], settings, NOW)
    for revision in range(LAST_REVISION):
        shown = drill_shown(NOW, None, NOW + timedelta(seconds=6.5 * revision), UTC_ZONE)
        assert shown is not None
        yield f"drill {revision}", shown.card
    for why in (PlaceClosed("topic_closed"), DestinationGone("Forbidden: bot was kicked", topic_only=True)):
        yield f"closed {why}", closed_card("News", why)
    yield "gone", closed_card("News", DestinationGone("peer_id_invalid"))
    yield "refused", closed_card("News", CardRefused("chat_restricted"))
    yield "severities", severities("4242")
    quotes = [("1", "Glassnode")]
    yield "a play begins", begin_card("1", ONSET, NOW, 60, quotes)
    yield "a play ends", end_card()
    for since in (2020, 2025):
        yield (
            f"published {since}",
            published_card(published(None, date(since, 1, 1)), date(since, 1, 1), None),
        )


async def answered_cards(desk: Desk, language: str) -> AsyncIterator[tuple[str, Card]]:
    """What is answered in a chat of that language: every example, and mistakes of every kind."""
    for stage, name in ((Stage.EARLY, "2e"), (Stage.BUILDING, "2b"), (Stage.RETRACTED, "2r")):
        await desk.store.waves.save(wave(stage, id=name, reason=REASONS[0], rank=None))
    for ask, lines in ((ASK, LINES), (changed(ASK, destination=THERE, is_group=True), PINGS)):
        settings = ChatSettings(destination=ask.destination, language=language)
        change = SettingsChange(destination=ask.destination, at=NOW, who="", what="")
        settings = replace(settings, pings=(RolePing("77", 2.2),), digest=Digest(time(8), weekday=0))
        await desk.store.chats.choose(settings, change)
        for subject in (*(FollowUp(NOW, "1a", after).subject for after in AFTER), digest_subject(NOW)):
            if (shown := await desk.present(subject, ask.destination)) is not None:
                yield subject, shown.card
        examples = [line for command in COMMANDS.values() for line in command.examples]
        for line in (*examples, *lines):
            if line.startswith("/language ") and "klingon" not in line:
                continue
            yield line, await answer(desk, ask, line)

        async def no() -> bool:
            return False

        for link in ("", "https://t.me/washout_bot"):
            refused = changed(ask, may_configure=no, private_chat=link)
            yield f"refused {link}", await answer(desk, refused, "/mute 1h")
        yield "welcome back", await answer(desk, changed(ask, restored=3), "/start")


async def every_card(desk: Desk, language: str) -> AsyncIterator[tuple[str, Card]]:
    with speaking(language):
        for name, card in told_cards():
            yield name, replace(card, language=language)
    async for name, card in answered_cards(desk, language):
        yield name, card


__all__ = ["answered_cards", "every_card", "source", "told_cards"]
