"""The waves as feeds: Atom (RFC 4287) and JSON Feed 1.1. An entry is a wave; a revision updates it.

Ids are UUIDs made of the wave's own id, so they stay whatever the address of the page becomes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from msgspec.structs import replace

from bot.domain.cards import Card
from bot.domain.waves import Wave
from handlers.speech import _, spoken
from handlers.web.card_html import card_html, linked, picture_path, unmarked
from handlers.web.html import Html, el

ATOM = "http://www.w3.org/2005/Atom"
VERSION = "https://jsonfeed.org/version/1.1"
_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NAMESPACE = uuid5(NAMESPACE_URL, "washout:wave")


class Entry(NamedTuple):
    wave: Wave
    card: Card


class Feed(NamedTuple):
    """``base`` is the address of the page without a slash at its end; ``since`` when it began."""

    base: str
    title: str
    since: datetime
    entries: Sequence[Entry]

    @property
    def updated(self) -> datetime:
        return max((entry.wave.at for entry in self.entries), default=self.since)


def wave_uri(wave_id: str) -> str:
    """The id of a wave in every feed, for ever."""
    return uuid5(NAMESPACE, wave_id).urn


def atom(feed: Feed) -> str:
    root = el(
        "feed",
        el("id", uuid5(NAMESPACE, feed.base).urn),
        el("title", feed.title),
        el("updated", _time(feed.updated)),
        el("author", el("name", "Washout")),
        _link(f"{feed.base}/feed.atom", "self", "application/atom+xml"),
        _link(f"{feed.base}/waves", "alternate", "text/html"),
        (_atom_entry(feed.base, entry) for entry in feed.entries),
        xmlns=ATOM,
        xml_lang=spoken(),
    ).replace(" xml-lang=", " xml:lang=", 1)
    return _NOT_XML.sub("", f'<?xml version="1.0" encoding="utf-8"?>\n{root}\n')


def _atom_entry(base: str, entry: Entry) -> Html:
    wave, card = entry
    url = f"{base}/wave/{wave.id}"
    return el(
        "entry",
        el("id", wave_uri(wave.id)),
        el("title", unmarked(card.title)),
        el("published", _time(wave.opened)),
        el("updated", _time(wave.at)),
        _link(url, "alternate", "text/html"),
        el("category", term=wave.asset),
        el("category", term=wave.kind),
        el("summary", _summary(card)),
        el("content", str(_content(base, entry)), type="html"),
    )


def _link(href: str, rel: str, kind: str) -> Html:
    return Html(el("link", href=href, rel=rel, type=kind).removesuffix(">") + "/>")


def json_feed(feed: Feed) -> str:
    items = [
        {
            "id": wave_uri(wave.id),
            "url": f"{feed.base}/wave/{wave.id}",
            "title": unmarked(card.title),
            "summary": _summary(card),
            "content_html": str(_content(feed.base, entry)),
            "date_published": _time(wave.opened),
            "date_modified": _time(wave.at),
            "tags": [wave.asset, wave.kind],
            "_washout": {
                "about": f"{feed.base}/waves",
                "wave": wave.id,
                "revision": wave.revision,
                "stage": wave.stage,
                "w": round(wave.magnitude.w, 2),
                "fall": round(wave.fall, 6),
                "coverage": round(wave.coverage, 4),
            },
        }
        for entry in feed.entries
        for wave, card in (entry,)
    ]
    whole = {
        "version": VERSION,
        "title": feed.title,
        "description": _("Waves of closing in crypto futures, each revised until it is over."),
        "home_page_url": f"{feed.base}/waves",
        "feed_url": f"{feed.base}/feed.json",
        "icon": f"{feed.base}/page/icon.svg",
        "authors": [{"name": "Washout"}],
        "language": spoken(),
        "items": items,
    }
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _summary(card: Card) -> str:
    return unmarked(card.lines[0].text) if card.lines else unmarked(card.title)


def _content(base: str, entry: Entry) -> Html:
    """The card with its picture, and addresses that hold wherever the feed is read; nothing there to tap."""
    told = card_html(replace(entry.card, buttons=()), picture_path(entry.wave), linked)
    return Html(re.sub(r'\b(href|src)="/', rf'\1="{base}/', told))


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
