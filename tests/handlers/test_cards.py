from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.cards import Card, Tone
from bot.domain.market import Group, Missing, Report, Venue
from bot.domain.posts import Latency, Notice
from bot.domain.units import UsdChange
from bot.domain.verdicts import Verdict
from bot.domain.waves import Kind, Lead, Stage, VenueChange
from bot.errors import AskError
from handlers.cards import usd_split, wave_card
from handlers.own_cards import error_card, notice_card
from handlers.series import wave_finding
from handlers.snapshot_cards import snapshot_card
from handlers.titles import TABLE_WIDTH
from tests.handlers.october import (
    CME_AFTER,
    CME_BEFORE,
    MINUTE,
    NOW,
    ONSET,
    TITLES,
    snapshot,
    wave,
)

LONGEST_LINE = 190
DAY = timedelta(hours=24)


def words(card: Card) -> str:
    """All a person reads, without the marks."""
    table = [" ".join(row) for row in card.table.rows] if card.table else []
    text = "\n".join([card.title, *(line.text for line in card.lines), *table, card.footer])
    return re.sub(r"\*\*|`", "", text)


def amounts(text: str) -> list[float]:
    """Signed amounts such as −25,000 or −$8.5 B, in the unit they are shown in."""
    found = re.findall(r"−?\d[\d,.]*\d|−?\d", text.replace("$", ""))
    return [float(number.replace("−", "-").replace(",", "")) for number in found]


def test_the_wave_of_october_is_told_with_its_published_figures() -> None:
    told = words(wave_card(wave(), titles=TITLES))
    assert "BTC long flush · W 4.7 · over after 41 min" in told
    assert "−79,000 BTC closed (−19.0 %), 415,000 → 336,000 on live venues" in told
    assert "with CME 560,000 → 481,000" in told
    assert "−$14.7 B: positions −$8.5 B, price −$6.2 B" in told
    assert "Price $122,000 → $107,000 (−12.3 %)" in told
    assert "Second largest of 14 in coins, largest in dollars since 12 Mar 2020" in told
    assert "About once in 6 years (2–20)" in told
    assert "Liquidations seen ≥ $9.5 B, 84 % longs. Worst minute 21:15: $3.21 B" in told
    assert "Native-led (confirmed): crypto-native 100 % of the fall, Coinbase Derivatives +0.3 %" in told
    assert "Seen: 93 % of usual open interest. Missing: Gate (4 min)" in told
    assert "/wave 1a · rev 4 · 21:31 UTC" in told


def test_the_venues_named_and_the_rest_add_up_to_what_was_closed() -> None:
    told = words(wave_card(wave(), titles=TITLES))
    line = next(line for line in told.splitlines() if line.startswith("Binance"))
    assert line.endswith("2 more −8,000")
    assert sum(float(n.replace(",", "")) for n in re.findall(r"−([\d,]+)", line)) == 79_000


def test_a_report_from_before_the_wave_leaves_the_verdict_provisional() -> None:
    told = words(wave_card(wave(Stage.BUILDING, provisional=True, reports=(CME_BEFORE,)), titles=TITLES))
    assert "Native-led (provisional)" in told
    assert "CME: no figure since the onset, 145,000 BTC as of 9 Oct close" in told
    assert "560,000" not in told


def test_a_total_never_counts_a_report_from_before_the_wave() -> None:
    old = replace(CME_BEFORE, previous_coins=145_290.0)
    assert "with CME" not in words(wave_card(wave(reports=(old,)), titles=TITLES))


def test_a_total_never_counts_a_report_without_the_figure_before() -> None:
    report = Report(Venue("cme"), Asset("BTC"), 145_000.0, ONSET + MINUTE, NOW)
    assert "with CME" not in words(wave_card(wave(reports=(report,)), titles=TITLES))


@pytest.mark.parametrize(
    ("stage", "title", "tone"),
    [
        (Stage.EARLY, "BTC: longs are being liquidated · early", Tone.FLUSH),
        (Stage.BUILDING, "BTC long flush · W 4.7 and growing", Tone.FLUSH),
        (Stage.PEAK, "BTC long flush · W 4.7 · slowing", Tone.FLUSH),
        (Stage.OVER, "BTC long flush · W 4.7 · over after 41 min", Tone.OVER),
        (Stage.RETRACTED, "BTC: the alert of 21:02 UTC is taken back", Tone.RETRACTED),
    ],
)
def test_each_stage_says_in_its_title_whether_it_still_goes_on(stage: Stage, title: str, tone: Tone) -> None:
    card = wave_card(wave(stage), titles=TITLES)
    assert (card.title, card.tone) == (title, tone)


def test_an_early_wave_without_liquidations_speaks_of_open_interest() -> None:
    card = wave_card(wave(Stage.EARLY, liquidated_long_usd=None, liquidated_short_usd=None))
    assert card.title == "BTC: open interest is falling · early"
    assert "Liquidations" not in words(card)


def test_a_retraction_says_why_with_the_venues_title() -> None:
    reason = "binance_usdm counted less open interest for 6 min and then as before; no positions were closed"
    card = wave_card(wave(Stage.RETRACTED, reason=reason), titles=TITLES)
    assert card.lines[0].text.startswith("Binance counted less open interest for 6 min")
    assert card.picture is None


@pytest.mark.parametrize(
    ("kind", "said"),
    [(Kind.SQUEEZE, "short squeeze"), (Kind.UNWIND, "unwind"), (Kind.UNPRICED, "price unknown")],
)
def test_each_kind_has_its_words(kind: Kind, said: str) -> None:
    assert said in wave_card(wave(Stage.BUILDING, kind=kind)).title


def test_a_wave_without_prices_says_nothing_of_dollars() -> None:
    told = words(wave_card(wave(price_before_usd=None, price_now_usd=None, kind=Kind.UNPRICED)))
    assert "In dollars" not in told
    assert "Price $" not in told


def test_who_led_is_said_with_the_share_of_the_fall() -> None:
    half = (
        VenueChange(Venue("okx"), Group.OFFSHORE, 70_000.0, 60_000.0),
        VenueChange(Venue("coinbase_cde"), Group.REGULATED, 50_000.0, 40_000.0),
    )
    told = words(wave_card(wave(venues=half, lead=Lead.MIXED, provisional=True), titles=TITLES))
    assert "Native and institutions together (provisional): crypto-native 50 % of the fall" in told
    assert "Coinbase Derivatives −20.0 %" in told


def test_one_venue_alone_is_said() -> None:
    alone = (VenueChange(Venue("okx"), Group.OFFSHORE, 70_000.0, 57_000.0),)
    assert "One venue only: OKX −13,000" in words(
        wave_card(wave(venues=alone, one_venue=True), titles=TITLES)
    )


def test_coins_that_fell_together_are_named() -> None:
    together = tuple(Asset(f"C{n}") for n in range(8))
    assert "Fell together: BTC, C0, C1, C2, C3, C4 and 3 more" in words(wave_card(wave(with_assets=together)))


def test_a_venue_without_a_title_is_named_by_its_short_name() -> None:
    assert "Binance Usdm −25,000" in words(wave_card(wave(), titles={}))


def test_a_snapshot_gives_the_change_in_parts_and_both_sides_of_the_market() -> None:
    before, now = snapshot(NOW - DAY, fallen=0.0), snapshot(NOW, fallen=1.0)
    card = snapshot_card(now, before, DAY, at=NOW, titles=TITLES, reports=[CME_AFTER])
    told = words(card)
    assert card.title == "BTC open interest 336,000 BTC · $36.0 B"
    assert "24 h: −79,000 BTC (−19.0 %) · −$14.7 B: positions −$8.5 B, price −$6.2 B" in told
    assert "Crypto-native 323,600 (−19.6 %) · Institutional live 12,400 (+0.3 %)" in told
    assert "Beside them: CME 145,000 BTC as of 10 Oct close" in told
    assert "Seen: 97 % of usual open interest · oldest figure 48 s" in told


def test_the_venues_of_a_snapshot_add_up_to_all_of_it_on_a_phone() -> None:
    one = snapshot(NOW, fallen=0.37)
    more = tuple(replace(one.venues[0], venue=Venue(f"v{n}"), coins=1_000.0 + n) for n in range(9))
    now = replace(one, venues=(*one.venues, *more), coins=one.coins + sum(v.coins for v in more))
    before = replace(now, at=NOW - DAY, venues=now.venues[1:])
    table = snapshot_card(now, before, DAY, at=NOW, titles=TITLES).table
    assert table is not None
    assert sum(int(row[1].rstrip("%")) for row in table.rows) == 100
    assert table.rows[0] == ("Binance", "31%", "–", "48s")
    assert table.rows[1][2] == "0.0%"
    assert table.rows[-1][0] == "7 more"
    widths = [max(len(row[place]) for row in (table.heads, *table.rows)) for place in range(4)]
    assert sum(widths) + 6 <= TABLE_WIDTH


def test_venues_that_count_both_sides_are_named() -> None:
    counted = {Venue("okx"): "both sides, by its documentation", Venue("bybit"): "probably both sides"}
    told = words(snapshot_card(snapshot(NOW, fallen=0.0), None, DAY, at=NOW, titles=TITLES, counted=counted))
    assert "oldest figure 48 s · one-sided counts except Bybit (?), OKX" in told


def test_a_venue_that_went_is_no_fall() -> None:
    before = snapshot(NOW - DAY, fallen=0.0)
    now = replace(before, at=NOW, venues=before.venues[1:], coins=before.coins - before.venues[0].coins)
    assert "24 h: 0 BTC (0.0 %)" in words(snapshot_card(now, before, DAY, at=NOW, titles=TITLES))


def test_a_change_of_counting_is_told_apart_from_a_fall() -> None:
    before = snapshot(NOW - DAY, fallen=0.0)
    halved = replace(before.venues[0], coins=before.venues[0].coins / 2)
    now = replace(before, at=NOW, venues=(halved, *before.venues[1:]), coins=before.coins - halved.coins)
    told = words(snapshot_card(now, before, DAY, at=NOW, titles=TITLES))
    assert "24 h: 0.0 % like with like" in told
    table = snapshot_card(now, before, DAY, at=NOW, titles=TITLES).table
    assert table is not None
    assert {row[2] for row in table.rows} == {"–"}


def test_coins_of_venues_seen_at_both_ends_stand_below_the_one_headline() -> None:
    then, now = snapshot(NOW - DAY, fallen=0.0), snapshot(NOW, fallen=1.0)
    before = replace(then, venues=then.venues[:4])
    told = words(snapshot_card(now, before, DAY, at=NOW, titles=TITLES)).splitlines()
    assert told[1] == "24 h: −19.0 % like with like, each venue only while it was seen"
    assert told[2].startswith(
        "Of that −69,000 BTC on the 4 of 6 venues seen at both ends · −$12.7 B: positions"
    )
    assert told[3] == "Crypto-native 323,600 · Institutional live 12,400", "no change of half a side"


def test_old_figures_are_called_old() -> None:
    now = snapshot(NOW - timedelta(minutes=20), fallen=1.0)
    assert "these figures are 20 min old" in words(snapshot_card(now, None, DAY, at=NOW, titles=TITLES))


def test_missing_venues_are_named_largest_first() -> None:
    gone = (
        Missing(Venue("htx"), NOW - 9 * MINUTE, Verdict.FROZEN, 1_000.0),
        Missing(Venue("okx"), NOW - 4 * MINUTE, Verdict.STALE, 9_000.0),
    )
    now = replace(snapshot(NOW, fallen=1.0), missing=gone)
    told = words(snapshot_card(now, None, DAY, at=NOW, titles=TITLES))
    assert "Missing: OKX (4 min), HTX (9 min: the same number for longer" in told


def test_a_notice_warns_until_it_is_over() -> None:
    notice = Notice(
        id="blind-1", revision=1, loud=1, at=NOW, title="I cannot see the market", text="No venue."
    )
    assert notice_card(notice).tone is Tone.WARNING
    assert notice_card(replace(notice, over=True)).tone is Tone.OVER


def test_an_error_offers_what_would_work() -> None:
    card = error_card(AskError('I know no coin "bct". Did you mean **BTC**? `/oi btc`', "/oi btc"))
    assert (card.title, card.lines[0].text) == ('I know no coin "bct".', "Did you mean **BTC**? `/oi btc`")
    assert [button.command for button in card.buttons] == ["/oi btc"]


@given(st.floats(-1e11, 1e11, allow_subnormal=False), st.floats(-1e11, 1e11, allow_subnormal=False))
def test_the_dollar_parts_shown_add_up_to_the_dollars_shown(position: float, by_price: float) -> None:
    shown = usd_split(UsdChange(position, by_price))
    unit = {"T": 1e12, "B": 1e9, "M": 1e6, "k": 1e3}
    total, *parts = (
        float(sign + number.replace(",", "")) * unit.get(suffix, 1.0)
        for sign, number, suffix in re.findall(r"([-+]?)\$([\d,.]+)(?: ([TBMk]))?", shown.replace("−", "-"))
    )
    assert sum(parts) == pytest.approx(total)


def test_no_dollar_part_is_told_as_what_it_is_not() -> None:
    assert usd_split(UsdChange(-8.459e9, -6.262e9)) == "−$14.72 B: positions −$8.46 B, price −$6.26 B"
    assert usd_split(UsdChange(-8.464e9, -6.252e9)) == "−$14.71 B: positions −$8.46 B, price −$6.25 B"
    assert usd_split(UsdChange(-8.459e9, -6.23e9)) == "−$14.7 B: positions −$8.5 B, price −$6.2 B"


closed = st.floats(-0.2, 0.6)
venue_lists = st.lists(st.tuples(st.floats(1.0, 1e6), closed), min_size=1, max_size=30).map(
    lambda rows: tuple(
        VenueChange(Venue(f"venue{n}"), list(Group)[n % 3], was, was * (1 - part))
        for n, (was, part) in enumerate(rows)
    )
)


@given(
    venue_lists,
    st.sampled_from(list(Stage)),
    st.sampled_from(list(Kind)),
    st.sampled_from(list(Lead)),
    st.booleans(),
)
def test_every_wave_makes_a_card_of_short_lines_without_shouting(
    venues: tuple[VenueChange, ...], stage: Stage, kind: Kind, lead: Lead, in_full: bool
) -> None:
    card = wave_card(wave(stage, venues=venues, kind=kind, lead=lead), titles=TITLES, in_full=in_full)
    told = words(card)
    assert "!" not in told
    assert "-" not in re.sub(r"[a-z]-[a-z]", "", told), "a minus is a real one"
    if not in_full:
        assert max(map(len, told.splitlines())) <= LONGEST_LINE


@given(venue_lists)
def test_the_coins_shown_before_and_now_differ_by_those_closed(
    venues: tuple[VenueChange, ...],
) -> None:
    line = words(wave_card(wave(Stage.BUILDING, venues=venues))).splitlines()[1]
    found = re.match(r"([−+]?[\d,.]+).*, ([\d,.]+)(?: M)? → ([\d,.]+)(?: M)?$", line)
    assert found, line
    change, before, now = (amounts(part)[0] for part in found.groups())
    assert now - before == pytest.approx(change, abs=1e-6)
    pictured = amounts(wave_finding(wave(Stage.BUILDING, venues=venues)))[0]
    assert abs(pictured) == abs(change), "the picture says the same"


@pytest.mark.parametrize(
    ("latency", "text"),
    [
        (
            Latency(timedelta(seconds=1.9), timedelta(seconds=41), 1204),
            "First chat told after 1.9 s, all 1,204 after 41 s",
        ),
        (
            Latency(timedelta(seconds=0.2), timedelta(seconds=150), 2),
            "First chat told after 0.2 s, all 2 after 2 min",
        ),
        (Latency(timedelta(seconds=3), timedelta(seconds=3), 1), "Told after 3.0 s"),
    ],
)
def test_the_last_revision_says_how_soon_chats_were_told(latency: Latency, text: str) -> None:
    assert text in words(wave_card(wave(), latency=latency)).splitlines()


def test_an_alert_can_be_muted_with_a_tap() -> None:
    assert [b.command for b in wave_card(wave()).buttons] == ["/wave 1a", "/why 1a", "/mute 4h"]
    assert "/mute 4h" not in [b.command for b in wave_card(wave(Stage.RETRACTED)).buttons]
