"""The pages to read, the feeds and the figures, as programs see them."""

from __future__ import annotations

import asyncio
import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.figures import BUCKETS_S, FIGURES, Delivered, FigureKind, Histogram, Sample
from bot.domain.posts import Destination
from bot.domain.waves import Kind, Stage, Wave
from bot.running import running
from handlers.web.figures import exposition
from handlers.web.html import Html, el
from handlers.web.reading import FRESH_S, Kept
from tests.handlers.october import (
    ETH,
    MINUTE,
    NOW,
    ONSET,
    snapshots,
    wave,
)
from tests.handlers.pages import got, october, visiting, words

ATOM = "{http://www.w3.org/2005/Atom}"


# --- markup


@given(st.text(), st.text())
def test_whatever_is_not_markup_already_is_escaped(text: str, value: str) -> None:
    made = el("p", text, el("b", Html("&amp;")), title=value)
    inner = made.removeprefix("<p").removesuffix("<b>&amp;</b></p>")
    assert not re.search(r"<|>(?=.*>)", inner.partition('">')[2])
    assert inner.count('"') == 2


def test_attributes_that_are_not_there_are_left_out() -> None:
    assert el("input", cls="a", hidden=True, value=None, checked=False, aria_label="x") == (
        '<input class="a" hidden aria-label="x">'
    )


# --- waves


async def test_a_wave_has_its_card_its_revisions_and_its_reasons() -> None:
    told = [
        wave(Stage.BUILDING, revision=1, loud=1, at=ONSET + 12 * MINUTE),
        wave(Stage.PEAK, revision=2, loud=1, at=ONSET + 30 * MINUTE),
        wave(Stage.OVER, revision=3, loud=3),
    ]
    async with visiting(await october(*told)) as session:
        page = await got(session, "/wave/1a")
        async with session.get("/wave/1a/3.svg") as response:
            assert response.content_type == "image/svg+xml"
            assert "sandbox" in response.headers["Content-Security-Policy"]
        async with session.get("/wave/1a/3.svg", headers={"Accept-Language": "ru"}) as response:
            picture = await response.text()
            assert "вынос лонгов" in picture
            assert 'lang="ru"' in picture, "its labels too, which are drawn by a process of its own"
    text = words(page)
    assert "BTC long flush · W 4.7 · over after 41 min" in text
    assert "3 revisions in 29 min" in text
    rows = re.findall(r"<tr>(.*?)</tr>", page.partition('class="timeline"')[2], re.DOTALL)
    assert [words(row).split()[1] for row in rows[1:4]] == ["over", "slowing", "building"]
    assert ["rang" in row for row in rows[1:4]] == [True, False, True]
    assert "Inputs and arithmetic" in text
    assert "Hyperliquid" in text.partition("Inputs and arithmetic")[2], "each venue at both ends"
    assert '<img src="/wave/1a/3.svg" alt="' in page
    assert "data-live" not in page, "what is over does not change"


@pytest.mark.parametrize("path", ["/wave/zz", "/wave/zz/1.svg", "/nothing"])
async def test_what_is_not_there_is_said_on_a_page_of_ours(path: str) -> None:
    async with visiting(await october()) as session:
        async with session.get(path, headers={"Accept": "text/html"}) as response:
            assert response.status == 404
            assert 'href="/board"' in await response.text()
        async with session.get(path) as response:
            assert response.status == 404


async def test_waves_are_listed_by_coin_and_those_closed_by_choice_only_when_asked_for() -> None:
    site = await october(
        wave(),
        wave(id="1b", asset="ETH", onset=ONSET + MINUTE),
        wave(id="1c", kind=Kind.UNWIND, onset=ONSET + 2 * MINUTE),
    )
    await site.desk.store.journal.snap(snapshots(NOW - MINUTE, NOW, MINUTE, asset=ETH))
    async with visiting(site) as session:
        listed = {
            query: re.findall(r'href="/wave/(\w+)"', await got(session, f"/waves{query}"))
            for query in ("", "?coin=btc", "?coin=BTC&all=1", "?coin=nonsense")
        }
    assert listed == {
        "": ["1b", "1a"],
        "?coin=btc": ["1a"],
        "?coin=BTC&all=1": ["1c", "1a"],
        "?coin=nonsense": ["1b", "1a"],
    }


async def test_the_scorecard_tells_what_became_of_alerts() -> None:
    site = await october(wave(), wave(Stage.RETRACTED, id="1b"), wave(id="1c", onset=ONSET + MINUTE))
    posts, here = site.desk.store.posts, Destination("telegram", "1")
    for wave_id, at in (("1a", ONSET + 12 * MINUTE), ("1b", ONSET + 13 * MINUTE)):
        await posts.want(wave_id, [here], revision=1, loud=1, size=4.0, now=at)
        [post] = await posts.claim("telegram", at, MINUTE, 1)
        await posts.shown(post, revision=1, message=wave_id, loud=True, now=at)
    async with visiting(site) as session:
        page = await got(session, "/scorecard?period=7d")
    sums = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert sums == {"Alerts": "2", "Confirmed": "1", "Taken back": "1", "Missed": "0", "Still running": "0"}
    rows = [words(row) for row in re.findall(r"<tr>(.*?)</tr>", page.partition('id="scored"')[2])][1:]
    assert ["taken back" in row for row in rows] == [True, False]
    assert ["confirmed" in row for row in rows] == [False, True]
    assert '<a href="?period=7d" aria-current="true">' in page
    assert "half within" in page


# --- feeds


async def test_the_feeds_are_whole_and_agree() -> None:
    site = await october(
        wave(),
        wave(Stage.RETRACTED, id="1b", reason="okx counted in other units", at=NOW - MINUTE),
        wave(id="1c", kind=Kind.UNWIND),
        wave(id="h-1"),
    )
    async with visiting(site) as session:
        base = str(session._base_url).rstrip("/")
        async with session.get("/feed.atom") as response:
            assert response.content_type == "application/atom+xml"
            atom = ET.fromstring(await response.text())  # noqa: S314 - our own
        async with session.get("/feed.json") as response:
            assert response.content_type == "application/feed+json"
            told = json.loads(await response.text())
    entries = atom.findall(f"{ATOM}entry")
    for parent in (atom, *entries):
        for name in ("id", "title", "updated"):
            assert len(parent.findall(f"{ATOM}{name}")) == 1
            assert parent.findtext(f"{ATOM}{name}")
    assert atom.find(f"{ATOM}author/{ATOM}name") is not None
    links = {link.get("rel"): link.get("href") for link in atom.findall(f"{ATOM}link")}
    assert links == {"self": f"{base}/feed.atom", "alternate": f"{base}/waves"}
    contents = [entry.findtext(f"{ATOM}content") or "" for entry in entries]
    addresses = {address for text in contents for address in re.findall(r'(?:href|src)="([^"]*)"', text)}
    assert f"{base}/wave/1a/{wave().revision}.svg" in addresses
    assert all(address.startswith(f"{base}/") for address in addresses)
    assert not any("Mute" in text for text in contents), "a reader of feeds has nothing to tap"
    assert told["version"] == "https://jsonfeed.org/version/1.1"
    assert told["feed_url"] == f"{base}/feed.json"
    as_atom = [
        (
            entry.findtext(f"{ATOM}id"),
            entry.findtext(f"{ATOM}title"),
            entry.findtext(f"{ATOM}updated"),
            entry.findtext(f"{ATOM}published"),
            entry.findtext(f"{ATOM}content"),
        )
        for entry in entries
    ]
    as_json = [
        (i["id"], i["title"], i["date_modified"], i["date_published"], i["content_html"])
        for i in told["items"]
    ]
    assert as_atom == as_json
    assert [item["_washout"]["wave"] for item in told["items"]] == ["1b", "1a"], "newest revision first"
    assert "is taken back" in told["items"][0]["title"]
    assert all(item["url"].startswith(f"{base}/wave/") for item in told["items"])
    assert 'href="/' not in told["items"][1]["content_html"]
    assert [datetime.fromisoformat(item["date_modified"]) for item in told["items"]] == [
        NOW - MINUTE,
        wave().at,
    ]


async def test_a_revision_updates_an_entry_and_keeps_its_id() -> None:
    first = json.loads(await fed(wave(Stage.BUILDING, revision=1, at=ONSET + 20 * MINUTE)))["items"][0]
    later = json.loads(await fed(wave(Stage.OVER, revision=2)))["items"][0]
    assert first["id"] == later["id"]
    assert (
        first["url"].rpartition(":")[2].partition("/")[2] == later["url"].rpartition(":")[2].partition("/")[2]
    )
    assert first["date_modified"] < later["date_modified"]
    assert first["date_published"] == later["date_published"]


async def fed(*waves: Wave) -> str:
    async with visiting(await october(*waves)) as session:
        return await got(session, "/feed.json")


@pytest.mark.parametrize("path", ["/feed.atom", "/feed.json", "/page/page.css"])
async def test_a_reader_is_told_where_nothing_has_changed(path: str) -> None:
    async with visiting(await october(wave())) as session:
        async with session.get(path) as response:
            tag = response.headers["ETag"]
        async with session.get(path, headers={"If-None-Match": tag}) as response:
            assert (response.status, await response.read()) == (304, b"")


async def test_every_page_leads_to_the_feeds() -> None:
    async with visiting(await october(wave())) as session:
        for path in ("/", "/board", "/waves", "/wave/1a"):
            page = await got(session, path)
            assert '<link rel="alternate" type="application/atom+xml"' in page
            assert '<link rel="alternate" type="application/feed+json"' in page


# --- figures


async def test_figures_are_of_waves_coins_and_sources() -> None:
    async with visiting(await october(wave(Stage.BUILDING))) as session:
        text = await got(session, "/metrics")
    assert "washout_waves_running 1\n" in text
    assert 'washout_wave_magnitude{wave="1a",coin="BTC",kind="flush"} 4.7\n' in text
    assert 'washout_open_interest_coins{coin="BTC"} 336000\n' in text
    assert 'washout_build_info{version="0.4.0"} 1\n' in text
    described = re.findall(r"^# (HELP|TYPE) washout_(\w+) (.*)$", text, re.MULTILINE)
    for name in {name for _, name, _ in described}:
        assert [what for what, told, _ in described if told == name] == ["HELP", "TYPE"]
        assert ("TYPE", name, str(FIGURES[name].kind)) in described


@given(st.lists(st.floats(0, 1000), max_size=50))
def test_a_histogram_counts_each_once_and_adds_up(seen: list[float]) -> None:
    histogram = Histogram()
    for seconds in seen:
        histogram.see(seconds)
    samples = list(histogram.samples("first_told_seconds", {"platform": "x"}))
    below = {s.labels["le"]: s.value for s in samples if s.name.endswith("_bucket")}
    for bound in BUCKETS_S:
        assert below[str(bound)] == sum(seconds <= bound for seconds in seen)
    assert below["+Inf"] == len(seen)
    assert samples[-1] == Sample("first_told_seconds_count", len(seen), {"platform": "x"})
    assert all(sample.family == "first_told_seconds" for sample in samples)


def test_a_label_is_escaped_and_a_strange_figure_is_refused() -> None:
    text = exposition([Sample("source_fresh", 1, {"venue": 'a"b\\c\nd', "source": ""})])
    assert text.endswith('washout_source_fresh{venue="a\\"b\\\\c\\nd",source=""} 1\n')
    with pytest.raises(KeyError):
        exposition([Sample("nonsense", 1)])


def test_counters_are_called_so() -> None:
    for figure in FIGURES.values():
        assert figure.name.endswith("_total") is (figure.kind is FigureKind.COUNTER)


def test_what_was_delivered_is_told_by_platform() -> None:
    delivered = Delivered()
    delivered.steps["telegram", "send"] += 2
    delivered.faults["telegram", "TryLater"] += 1
    delivered.first_told["telegram"].see(0.3)
    text = exposition(delivered.samples())
    assert 'washout_posts_settled_total{platform="telegram",step="send"} 2\n' in text
    assert 'washout_post_faults_total{platform="telegram",fault="TryLater"} 1\n' in text
    assert 'washout_first_told_seconds_bucket{platform="telegram",le="0.25"} 0\n' in text
    assert 'washout_first_told_seconds_bucket{platform="telegram",le="0.5"} 1\n' in text


# --- shared by many


async def test_what_many_ask_for_at_once_is_made_once_and_a_slow_page_delays_no_other() -> None:
    at, made, slow = [0.0], Counter[str](), asyncio.Event()
    kept = Kept(lambda: at[0])

    async def get(key: str) -> str:
        async def make() -> str:
            made[key] += 1
            if key == "slow":
                await slow.wait()
            return f"{key} {made[key]}"

        return await kept.get(key, make)

    waiting = asyncio.gather(*(get("slow") for _ in range(2)))
    assert await asyncio.gather(*(get("quick") for _ in range(5))) == ["quick 1"] * 5
    slow.set()
    assert await waiting == ["slow 1", "slow 1"]
    at[0] += FRESH_S
    assert await get("quick") == "quick 2"


# --- staying true


async def test_open_pages_are_told_to_look_when_a_wave_was_revised() -> None:
    site = await october(wave(Stage.BUILDING))
    async with visiting(site) as session, running(site.watch()), session.get("/live") as response:
        assert await response.content.readline() == b"retry: 1000\n"
        site.news.set()
        async for line in response.content:
            if line == b"event: changed\n":
                break
        assert await response.content.readline() == b"data: look\n"
