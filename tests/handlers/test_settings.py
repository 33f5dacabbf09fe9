from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest

from bot.domain.cards import Card, Tone
from bot.domain.chats import QuietHours, RolePing
from bot.domain.posts import MONTHLY_W, WEEKLY_W, Destination, Measure, Threshold
from handlers.commands import COMMANDS, Ask, answer
from handlers.commands.changes import change_words
from handlers.desk import Desk
from storage.memory import MemoryStore
from tests.handlers.conftest import HERE
from tests.handlers.october import NOW
from tests.handlers.test_cards import words

GROUP = Ask(HERE, "12", "Ann", is_group=True)
DISCORD = replace(GROUP, destination=Destination("discord", "77", "8"))
CHANGES = [
    "/subscribe btc weekly",
    "/unsubscribe all",
    "/threshold monthly",
    "/quiet 23-7",
    "/quiet off",
    "/quiet breakthrough on",
    "/mute 2h",
    "/mute off",
    "/followups 1h off",
    "/digest weekly mon 08:00",
    "/timezone Berlin",
    "/threshold native",
    "/test",
    "/start btc-weekly",
]
PINGS = ["/ping 4242 monthly", "/ping 4242 off", "/settings managers 4242"]


async def no() -> bool:
    return False


async def said(desk: Desk, line: str, ask: Ask = GROUP) -> str:
    return words(await answer(desk, ask, line))


def commands(card: Card) -> list[str]:
    return [button.command for button in card.buttons]


async def everything(store: MemoryStore) -> tuple[object, ...]:
    """All that a command about settings might change."""
    places = (HERE, DISCORD.destination)
    return (
        [await store.chats.settings(place) for place in places],
        [list(await store.subscriptions.of(place)) for place in places],
        [list(await store.chats.changes(place)) for place in places],
        [list(await store.posts.claim(place.platform, NOW, timedelta(0), 9)) for place in places],
    )


@pytest.mark.parametrize(
    ("line", "ask"), [(line, GROUP) for line in CHANGES] + [(line, DISCORD) for line in CHANGES + PINGS]
)
async def test_who_may_not_change_a_group_changes_nothing_and_is_told_why(
    desk: Desk, store: MemoryStore, line: str, ask: Ask
) -> None:
    for chosen in ("/subscribe btc 3/week", "/quiet 22-6", "/mute 1h", "/ping 4242 weekly"):
        await answer(desk, ask, chosen)
    if line == "/test":
        await answer(desk, ask, "/quiet off")
        await answer(desk, ask, "/mute off")
    before = await everything(store)
    card = await answer(desk, replace(ask, may_configure=no, private_chat="t.me/washout_bot"), line)
    assert await everything(store) == before
    assert card.private
    who = "those with the permission Manage Server" if ask is DISCORD else "administrators"
    assert f"Only {who} change alerts in this group. You can subscribe yourself: t.me/washout_bot" in (
        words(card).replace("\n", " ")
    )
    await answer(desk, ask, line)
    assert await everything(store) != before


@pytest.mark.parametrize("line", ["/alerts", "/oi btc", "/settings", "/settings log", "/threshold try W 3"])
async def test_anyone_may_ask_and_rights_are_not_even_looked_up(desk: Desk, line: str) -> None:
    async def asked() -> bool:
        raise AssertionError("a question needs no rights")

    await answer(desk, GROUP, "/subscribe btc monthly")
    card = await answer(desk, replace(GROUP, may_configure=asked), line)
    assert card.tone is not Tone.WARNING


@pytest.mark.parametrize("line", [*CHANGES[:-1], "/settings", "/oi bct", "/nonsense"])
async def test_settings_and_mistakes_are_answered_privately(desk: Desk, line: str) -> None:
    await answer(desk, GROUP, "/subscribe btc monthly")
    assert (await answer(desk, GROUP, line)).private


@pytest.mark.parametrize("line", ["/oi btc", "/alerts", "/start", "/help"])
async def test_answers_to_questions_are_for_all(desk: Desk, line: str) -> None:
    assert not (await answer(desk, GROUP, line)).private


def test_commands_that_configure_are_marked_for_menus() -> None:
    marked = {name for name, command in COMMANDS.items() if command.configures}
    changed = {line.split()[0].removeprefix("/") for line in CHANGES + PINGS}
    assert marked == changed - {"start"} | {"language"}


async def test_quiet_hours_are_kept_with_their_clock(desk: Desk, store: MemoryStore) -> None:
    told = await said(desk, "/quiet 23:00-07:00 Europe/Berlin")
    kept = await store.chats.settings(HERE)
    assert (kept.quiet, kept.zone) == (QuietHours(time(23), time(7)), "Europe/Berlin")
    assert "Quiet from 23:00 to 07:00" in told
    assert "By the clock of Berlin (CEST), now 01:50" in told
    assert "W 3.9 and more (about yearly) are held as well" in told


async def test_quiet_hours_without_a_clock_keep_the_one_that_was_chosen(
    desk: Desk, store: MemoryStore
) -> None:
    await answer(desk, GROUP, "/timezone tokyo")
    await answer(desk, GROUP, "/quiet 22-6")
    assert (await store.chats.settings(HERE)).zone == "Asia/Tokyo"


async def test_undo_brings_the_old_quiet_hours_back(desk: Desk, store: MemoryStore) -> None:
    await answer(desk, GROUP, "/quiet 23-7 Berlin")
    before = await store.chats.settings(HERE)
    for line in ("/quiet 21:30-6 Tokyo", "/quiet off"):
        card = await answer(desk, GROUP, line)
        assert card.buttons[0].label == "Undo"
        await answer(desk, GROUP, card.buttons[0].command)
        assert await store.chats.settings(HERE) == before


async def test_quiet_hours_in_an_unknown_zone_are_proposed_whole(desk: Desk) -> None:
    card = await answer(desk, GROUP, "/quiet 23-7 Berln")
    assert commands(card) == ["/quiet 23:00-07:00 Europe/Berlin"]


async def test_how_the_largest_waves_may_break_through_is_shown_where_they_are_held(desk: Desk) -> None:
    held = await answer(desk, GROUP, "/quiet 23-7")
    assert "are held as well; /quiet breakthrough on lets them through" in words(held)
    assert ("Let W ≥ 3.9 through", "/quiet breakthrough on") in [(b.label, b.command) for b in held.buttons]
    assert "That is on or off" in await said(desk, "/quiet breakthrough W 3.5")


async def test_the_largest_waves_may_break_through_when_the_chat_says_so(
    desk: Desk, store: MemoryStore
) -> None:
    await answer(desk, GROUP, "/quiet 23-7")
    for line, through in (("/quiet breakthrough on", True), ("/quiet breakthrough off", False)):
        await answer(desk, GROUP, line)
        assert (await store.chats.settings(HERE)).break_through is through


@pytest.mark.parametrize(("said_", "hours"), [("2h", 2.0), ("90m", 1.5), ("1d", 24.0), ("30d", 720.0)])
async def test_a_mute_is_counted_in_real_time(
    desk: Desk, store: MemoryStore, said_: str, hours: float
) -> None:
    desk.clock = lambda: NOW + timedelta(days=9)
    card = await answer(desk, GROUP, f"/mute {said_}")
    assert (await store.chats.settings(HERE)).muted_until == NOW + timedelta(hours=hours)
    assert card.title.startswith("Muted until ")
    await answer(desk, GROUP, "/mute off")
    assert (await store.chats.settings(HERE)).muted_until is None


async def test_nobody_is_muted_for_ever(desk: Desk, store: MemoryStore) -> None:
    assert "30 days at most" in await said(desk, "/mute 31d")
    assert (await store.chats.settings(HERE)).muted_until is None


async def test_a_chat_is_answered_by_its_own_clock(desk: Desk) -> None:
    assert "rev 4 · 21:31 UTC" in await said(desk, "/wave 1a")
    assert "The clock here: Kolkata (IST), now 05:20" in await said(desk, "/timezone Asia/Kolkata")
    told = await said(desk, "/wave 1a")
    assert "Worst minute 02:45" in told
    assert "CME 0.0 % on 10 Oct" in told, "a trading day has one name everywhere"
    assert "rev 4 · 03:01 IST" in told
    assert "over after 41 min" in told
    assert "Market time 05:20 IST, 11 Oct 2025" in await said(desk, "/status")
    assert "live venues only · 05:20 IST" in await said(desk, "/oi btc")
    other = replace(GROUP, destination=Destination("local", "other"))
    assert "rev 4 · 21:31 UTC" in await said(desk, "/wave 1a", other)


async def test_a_topic_has_the_clock_of_its_chat(desk: Desk) -> None:
    await answer(desk, DISCORD, "/timezone Berlin")
    whole = replace(DISCORD, destination=Destination("discord", "77", "other"))
    assert "23:31 CEST" in await said(desk, "/wave 1a", whole)


async def test_an_alert_is_told_by_the_clock_of_its_chat_and_its_picture_by_utc(
    desk: Desk, store: MemoryStore
) -> None:
    await answer(desk, DISCORD, "/timezone Berlin")
    there, here = await desk.present("1a", DISCORD.destination), await desk.present("1a", HERE)
    assert there is not None
    assert here is not None
    assert there.card.footer == "`/wave 1a` · rev 4 · 23:31 CEST"
    assert here.card.footer == "`/wave 1a` · rev 4 · 21:31 UTC"
    assert there.card.picture is here.card.picture
    assert there.w == 4.7


async def test_settings_shows_all_that_was_chosen(desk: Desk) -> None:
    for line in ("/subscribe btc weekly", "/subscribe all $800m native", "/quiet 23-7 Berlin", "/mute 2h"):
        await answer(desk, DISCORD, line)
    for line in ("/ping <@&42> monthly", "/settings managers 7"):
        await answer(desk, DISCORD, line)
    told = await said(desk, "/settings", DISCORD)
    assert "Alerts 1: BTC · about weekly (W 2.2 and more)" in told
    assert "Alerts 2: every coin · $800 M or more of positions closed · institution-led left out" in told
    assert "Quiet hours: 23:00–07:00; waves of W 3.9 and more are held as well" in told
    assert "Muted: until 03:50 CEST" in told
    assert "Clock: Berlin (CEST), now 01:50" in told
    assert "Role pings: <@&42> about monthly (W 2.9 and more); <@&7> may change this too" in told


@pytest.mark.parametrize(
    "chosen", [[], ["/subscribe"], ["/subscribe", "/quiet 23-7", "/mute 2h", "/ping 42 weekly"]]
)
async def test_every_button_of_settings_works(desk: Desk, chosen: list[str]) -> None:
    for line in chosen:
        await answer(desk, DISCORD, line)
    buttons = (await answer(desk, DISCORD, "/settings")).buttons
    assert len(buttons) <= 25
    for button in buttons:
        assert len(button.command.encode()) <= 64
        if button.command == "/test":  # the buttons before it may have made the chat quiet
            await answer(desk, DISCORD, "/quiet off")
            await answer(desk, DISCORD, "/mute off")
        assert (await answer(desk, DISCORD, button.command)).tone is not Tone.WARNING, button.command


async def test_a_choice_of_how_often_is_marked(desk: Desk) -> None:
    await answer(desk, GROUP, "/subscribe btc monthly")
    marked = [b.label for b in (await answer(desk, GROUP, "/settings")).buttons if b.label.startswith("✓")]
    assert marked == ["✓ Big"]


async def test_the_choice_that_stands_is_marked_where_one_subscription_is_edited(desk: Desk) -> None:
    for line in ("/subscribe btc monthly", "/subscribe eth 3/week"):
        await answer(desk, GROUP, line)
    labels = [b.label for b in (await answer(desk, GROUP, "/threshold #1")).buttons]
    assert labels == ["Only historic, ~1 a year", "✓ Big, ~1 a month", "Notable, ~1 a week", "Native only"]
    assert not any("✓" in b.label for b in (await answer(desk, GROUP, "/threshold")).buttons)


async def test_before_any_wave_nothing_is_compared(desk: Desk) -> None:
    desk.store = MemoryStore()
    await answer(desk, GROUP, "/subscribe btc monthly")
    card = await answer(desk, GROUP, "/threshold")
    assert card.table is None
    assert "No wave is recorded yet to try others on" in words(card)


async def test_native_only_is_set_for_every_subscription(desk: Desk, store: MemoryStore) -> None:
    await answer(desk, GROUP, "/subscribe btc monthly")
    await answer(desk, GROUP, "/subscribe all weekly native")
    for line, native in (("/threshold native", True), ("/threshold any group", False)):
        await answer(desk, GROUP, line)
        assert [s.native_only for s in await store.subscriptions.of(HERE)] == [native, native]
    assert [s.threshold.value for s in await store.subscriptions.of(HERE)] == [MONTHLY_W, WEEKLY_W]


async def test_one_subscription_alone_is_for_native_led_waves_and_back(
    desk: Desk, store: MemoryStore
) -> None:
    for line in ("/subscribe btc monthly", "/subscribe eth weekly"):
        await answer(desk, GROUP, line)
    tap = (await answer(desk, GROUP, "/threshold #2")).buttons[-1]
    assert (tap.label, tap.command) == ("Native only", "/threshold #2 native")
    undo = (await answer(desk, GROUP, tap.command)).buttons[0]
    assert [s.native_only for s in await store.subscriptions.of(HERE)] == [False, True]
    assert "institution-led left out" in await said(desk, "/alerts")
    await answer(desk, GROUP, undo.command)
    assert [s.native_only for s in await store.subscriptions.of(HERE)] == [False, False]


async def test_the_log_says_who_changed_what_newest_first(desk: Desk, store: MemoryStore) -> None:
    assert "Nobody has changed anything here yet" in await said(desk, "/settings log")
    lines = (
        "/subscribe btc weekly",
        "/threshold #1 monthly",
        "/quiet 23-7 Berlin",
        "/quiet breakthrough on",
        "/mute 2h",
        "/unsubscribe btc",
    )
    for minute, line in enumerate(lines):
        desk.wall = lambda minute=minute: NOW + timedelta(minutes=minute)  # type: ignore[misc]
        await answer(desk, replace(GROUP, person_name="*Bob*", person=str(minute)), line)
    told = (await said(desk, "/settings log")).splitlines()
    weekly, monthly = "about weekly (W 2.2 and more)", "about monthly (W 2.9 and more)"
    assert told[1:7] == [
        f"01:55 CEST · ∗Bob∗ (5): alerts 1 ended: BTC · {monthly}",
        "01:54 CEST · ∗Bob∗ (4): mute no → until 03:54 CEST",
        "01:53 CEST · ∗Bob∗ (3): waves of W 3.9 and more in quiet hours held → let through",
        "01:52 CEST · ∗Bob∗ (2): quiet hours none → 23:00–07:00; clock UTC → Berlin (CEST)",
        f"01:51 CEST · ∗Bob∗ (1): alerts 1, BTC: {weekly} → {monthly}",
        f"01:50 CEST · ∗Bob∗ (0): alerts 1 on: BTC · {weekly}",
    ]


async def test_the_log_holds_no_line_of_what_changed_nothing(desk: Desk, store: MemoryStore) -> None:
    for line in ("/quiet off", "/mute off", "/timezone UTC", "/quiet breakthrough off"):
        await answer(desk, GROUP, line)
    await answer(desk, GROUP, "/subscribe btc weekly")
    await answer(desk, GROUP, "/subscribe btc weekly")
    assert [change_words(c).split(":")[0] for c in await store.chats.changes(HERE)] == ["alerts 1 on"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("/ping 42 W 3.5", "role pings none → <@&42> about once in 4 months (W 3.5 and more)"),
        ("/settings managers 7", "managers Manage Server only → <@&7>"),
        ("/settings managers off", ""),
    ],
)
async def test_the_log_tells_roles_as_well(desk: Desk, store: MemoryStore, line: str, what: str) -> None:
    await answer(desk, DISCORD, line)
    assert [change_words(c) for c in await store.chats.changes(DISCORD.destination)] == (
        [what] if what else []
    )


async def test_roles_are_pinged_from_the_size_that_was_chosen(desk: Desk, store: MemoryStore) -> None:
    for line in ("/ping <@&42> weekly", "/ping 43 W 3.5", "/ping 44", "/ping 42 monthly"):
        await answer(desk, DISCORD, line)
    assert (await store.chats.settings(DISCORD.destination)).pings == (
        RolePing("43", 3.5),
        RolePing("44", MONTHLY_W),
        RolePing("42", MONTHLY_W),
    )
    await answer(desk, DISCORD, "/ping 43 off")
    assert [p.role for p in (await store.chats.settings(DISCORD.destination)).pings] == ["44", "42"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("/ping @everyone weekly", "is no role"),
        ("/ping 42 $800m", "Pings go by how often or by W"),
        ("/ping 42 often", "Pings go by how often or by W: /ping 42 monthly"),
        ("/settings managers all", "is no role"),
        ("/settings colour red", "I know no setting"),
    ],
)
async def test_a_mistaken_role_or_setting_is_explained(
    desk: Desk, store: MemoryStore, line: str, why: str
) -> None:
    before = await store.chats.settings(DISCORD.destination)
    assert why in await said(desk, line, DISCORD)
    assert await store.chats.settings(DISCORD.destination) == before


async def test_only_so_many_roles_are_pinged(desk: Desk, store: MemoryStore) -> None:
    for role in range(1, 7):
        await answer(desk, DISCORD, f"/ping {role} weekly")
    assert len((await store.chats.settings(DISCORD.destination)).pings) == 5


@pytest.mark.parametrize("line", ["/ping", *PINGS])
async def test_where_there_are_no_roles_the_answer_says_so(desk: Desk, line: str) -> None:
    assert "There are no roles here" in await said(desk, line)


async def test_one_subscription_is_edited_by_its_number(desk: Desk, store: MemoryStore) -> None:
    await answer(desk, GROUP, "/subscribe btc weekly")
    await answer(desk, GROUP, "/subscribe eth weekly")
    assert commands(await answer(desk, GROUP, "/alerts"))[:4] == [
        "/threshold #1",
        "/unsubscribe 1",
        "/threshold #2",
        "/unsubscribe 2",
    ]
    assert commands(await answer(desk, GROUP, "/threshold #2"))[1] == "/threshold #2 big"
    changed = await answer(desk, GROUP, "/threshold #2 monthly")
    by_w = [Threshold(Measure.W, w) for w in (WEEKLY_W, MONTHLY_W)]
    assert [s.threshold for s in await store.subscriptions.of(HERE)] == by_w
    (line,) = await store.chats.changes(HERE, 1)
    assert (
        change_words(line) == "alerts 2, ETH: about weekly (W 2.2 and more) → about monthly (W 2.9 and more)"
    )
    await answer(desk, GROUP, changed.buttons[0].command)
    assert [s.threshold for s in await store.subscriptions.of(HERE)] == [by_w[0], by_w[0]]
    for number in ("9", "", "x"):
        assert f"no subscription #{number} here" in await said(desk, f"/threshold #{number} monthly")
    assert [s.threshold for s in await store.subscriptions.of(HERE)] == [by_w[0], by_w[0]]
    assert "`/threshold #2 5% 1h`".strip("`") in await said(desk, "/threshold #2 5%")
