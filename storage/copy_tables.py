"""The tables that hold the state, as both databases have them: what is copied, and by which key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

from storage.rules import MICROSECOND, micros, moment


class Kind(NamedTuple):
    """How a column of one meaning stands in SQLite; in PostgreSQL it is what Python makes of it."""

    read: Callable[[Any], Any]
    write: Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _span(value: int) -> timedelta:
    return value * MICROSECOND


def _spanned(value: timedelta) -> int:
    return value // MICROSECOND


def _raw(value: bytes) -> str:
    return value.decode("utf-8", "surrogatepass")


PLAIN = Kind(_same, _same)
TIME = Kind(moment, micros)
SPAN = Kind(_span, _spanned)
FLAG = Kind(bool, int)
RAW = Kind(lambda text: text.encode("utf-8", "surrogatepass"), _raw)
"""Text that PostgreSQL keeps as bytes."""
BODY = Kind(bytes, _same)
PROGRESS = "copy"
"""Under this name the target's own states keep how far a copy has come."""
_STATES = f"select * from states where name <> '{PROGRESS}'"  # noqa: S608


class Table(NamedTuple):
    """``columns`` in the order of the rows; the first ``key`` of them tell rows apart and order them.

    ``sqlite`` and ``postgres`` are what is read in its place there; ``counter`` is the column whose numbers
    are never given twice.
    """

    name: str
    key: int
    columns: dict[str, Kind]
    sqlite: str = ""
    postgres: str = ""
    counter: str = ""


_PLACE = {"platform": PLAIN, "chat": PLAIN, "topic": PLAIN}
_LATER = {"asset": PLAIN, "body": BODY}
_FIGURES = (
    *("coins", "usd", "funding", "basis", "volume_usd", "oi_to_volume", "accounts"),
    *("inverse_share", "top_share", "supply"),
)
_PIECE = {"venue": PLAIN, "symbol": PLAIN, "since": TIME, "until": TIME, "asset": PLAIN, "body": BODY}

TABLES = (
    Table("markets", 1, {"id": PLAIN, "venue": PLAIN, "symbol": PLAIN, "body": BODY}, counter="id"),
    # PostgreSQL has both from the beginning, before any time there is.
    Table(
        "borders", 1, {"name": PLAIN, "at": TIME}, postgres="select * from borders where at > '0002-01-01'"
    ),
    Table(
        "readings",
        2,
        {"received": TIME, "market": PLAIN, "lag": PLAIN}
        | {"coins": PLAIN, "price_usd": PLAIN, "new_beginning": FLAG},
        postgres="select * from readings where received >= (select at from borders where name = 'readings')",
    ),
    Table(
        "quarantine",
        5,
        {"at": TIME, "venue": PLAIN, "what": RAW, "verdict": PLAIN, "detail": RAW, "raw": RAW},
    ),
    Table("assets", 1, {"asset": PLAIN, "at": TIME, "usd": PLAIN}),
    Table(
        "snapshots",
        2,
        {"asset": PLAIN, "at": TIME, "tier": PLAIN, "coins": PLAIN, "price_usd": PLAIN}
        | {"coverage": PLAIN, "log_index": PLAIN, "body": BODY},
        # The key of the whole ones leads: that of the narrow ones has the tier before the time.
        sqlite="select * from snapshot_details cross join snapshots using (asset, at)"
        " where tier in (0, 1, 2)",
    ),
    Table(
        "liquidations",
        8,
        dict.fromkeys(("asset",), PLAIN)
        | {"at": TIME}
        | dict.fromkeys(("market", "number", "position", "amount", "unit", "price"), PLAIN)
        | dict.fromkeys(("long_usd", "short_usd", "coins"), PLAIN)
        | {"deleveraged": FLAG, "received": TIME, "place": PLAIN},
        # When it was heard is not known of those from before 0.4.0.
        sqlite="select asset, at, market, number, position, amount, unit, price, long_usd, short_usd, coins,"
        " deleveraged, coalesce(received, at) as received, place from liquidations",
        postgres="select * from liquidations"
        " where at >= (select at from borders where name = 'liquidations')",
    ),
    Table(
        "liquidation_sums",
        2,
        {"asset": PLAIN, "at": TIME, "long_usd": PLAIN, "short_usd": PLAIN, "count": PLAIN},
    ),
    Table("statistics", 2, {"asset": PLAIN, "at": TIME, "tier": PLAIN} | dict.fromkeys(_FIGURES, PLAIN)),
    Table("statistic_details", 2, {"asset": PLAIN, "at": TIME, "tier": PLAIN, "body": BODY}),
    Table(
        "reports",
        5,
        {"asset": PLAIN, "venue": PLAIN, "source": PLAIN, "as_of": TIME, "received": TIME, "body": BODY},
        sqlite="select * from told_reports",
    ),
    Table("states", 1, {"name": PLAIN, "state": BODY}, sqlite=_STATES, postgres=_STATES),
    Table("past", 3, _PIECE),
    Table("past_liquidations", 3, _PIECE),
    Table("lessons", 1, _LATER),
    Table(
        "waves",
        1,
        {"id": PLAIN, "asset": PLAIN, "onset": TIME, "revision": PLAIN, "done": FLAG, "retracted": FLAG},
    ),
    Table("wave_revisions", 2, {"id": PLAIN, "revision": PLAIN, "body": BODY}),
    Table("follow_ups", 2, {"wave": PLAIN, "after": SPAN, "due": TIME, "done": FLAG, "body": BODY}),
    Table("subscriptions", 1, {"id": PLAIN} | _PLACE | {"assets": PLAIN, "body": BODY}, counter="id"),
    Table(
        "left_subscriptions",
        1,
        {"id": PLAIN} | _PLACE | {"assets": PLAIN, "body": BODY, "left_at": TIME},
    ),
    Table(
        "posts",
        4,
        {"subject": PLAIN}
        | _PLACE
        | {"wanted": PLAIN, "loud": PLAIN, "shown": PLAIN, "message": PLAIN, "not_before": TIME}
        | {"size": PLAIN, "tries": PLAIN, "first_shown_at": TIME, "silent_until": TIME}
        | {"due_since": TIME, "rung_w": PLAIN},
    ),
    Table("latencies", 1, {"subject": PLAIN, "first": SPAN, "last": SPAN, "chats": PLAIN}),
    Table(
        "alert_log",
        1,
        {"id": PLAIN, "subject": PLAIN}
        | _PLACE
        | {"revision": PLAIN, "message": PLAIN, "sent": TIME, "loud": FLAG},
        counter="id",
    ),
    Table("chat_settings", 2, {"platform": PLAIN, "chat": PLAIN, "body": BODY, "digest_due": TIME}),
    Table(
        "settings_log",
        1,
        {"id": PLAIN} | _PLACE | {"at": TIME, "who": PLAIN, "what": PLAIN},
        counter="id",
    ),
    Table("held", 4, _PLACE | {"subject": PLAIN, "at": TIME}),
    Table("notices", 1, {"id": PLAIN, "revision": PLAIN, "body": BODY}),
    Table("chat", 1, {"number": PLAIN, "body": BODY}, counter="number"),
)
