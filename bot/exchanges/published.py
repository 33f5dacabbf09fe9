"""Dated institutional figures, in a small format of our own.

CME and others publish open interest once a day or week. Whoever has such figures serves them as JSON below
a base address of their own, and they stand beside the live venues with their as-of time::

    GET /reports.json
    {"reports": [{"venue": "cme", "asset": "BTC", "open_interest_coins": "145000",
                  "previous_coins": "145290", "as_of": "2025-10-10T21:00:00Z"}]}

``venue`` is the short name of who published it, ``open_interest_coins`` is in coins and one-sided,
``as_of`` has a zone. ``previous_coins``, the figure of the report before, may be left out, as may
``preliminary`` (false) and ``holds_until``, when the market opened again. Numbers are strings or numbers.
Older reports may stay in the list.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from bot.domain.market import Group, Report, Venue
from bot.errors import SourceChanged
from bot.exchanges.reading import coin, decode, moment, read_all, refusal
from bot.exchanges.spec import (
    HOUR,
    MINUTE,
    SECOND,
    Answer,
    Book,
    BookPoll,
    Budget,
    Exchange,
    Figure,
    Listing,
    Poll,
    Request,
    facts,
    optional,
    required,
)

VENUE = Venue("published")
FACTS = facts(
    """
    /reports.json | open_interest_coins | coins, one-sided | whoever serves it | [2]
    /reports.json | previous_coins | coins of the report before, optional | whoever serves it | [2]
    /reports.json | as_of | time with a zone | whoever serves it | [2]
    /reports.json | holds_until | the market was closed until then, optional | whoever serves it | [2]
    /reports.json | preliminary | true: a final figure is still to come | whoever serves it | [2]
    """
)


class _Row(msgspec.Struct):
    venue: str
    asset: str
    open_interest_coins: Figure
    as_of: str
    previous_coins: Figure | None = None
    preliminary: bool = False
    holds_until: str | None = None


class _Page(msgspec.Struct):
    reports: list[_Row]


_PAGES = msgspec.json.Decoder(_Page)


def parse_reports(body: bytes, book: Book, now: datetime) -> Answer:
    """Every report that can be read; raises ``SourceChanged`` when none can."""

    def read(row: _Row) -> Report:
        if not row.venue:
            raise SourceChanged("a report needs the name of its venue")
        of = f"{row.venue} {row.asset}: "
        previous = optional(row.previous_coins, f"{of}previous_coins")
        return Report(
            Venue(row.venue),
            coin(row.asset)[0],
            float(required(row.open_interest_coins, f"{of}open_interest_coins")),
            moment(row.as_of, f"{of}as_of"),
            now,
            None if previous is None else float(previous),
            source=VENUE,
            preliminary=row.preliminary,
            holds_until=moment(row.holds_until, f"{of}holds_until") if row.holds_until else None,
        )

    reports = read_all(decode(_PAGES, body).reports, read)
    return Answer(reports, unreadable=reports.unreadable)


EXCHANGE = Exchange(
    venue=VENUE,
    title="Published reports",
    group=Group.REPORT,
    base_url="",
    book=BookPoll(HOUR, list, lambda _: Listing()),
    polls=(Poll("reports", MINUTE, lambda _: [Request("/reports.json")], parse_reports),),
    budget=Budget(1, SECOND),
    facts=FACTS,
    read_refusal=refusal,
    by_default=False,
)
