"""The tables, as migrations: forward only, named, and never edited once released.

Times are whole microseconds since the Unix epoch. ``body`` columns hold domain types as MessagePack.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

APPLICATION_ID = 0x57415348
"""Marks a file as ours ("WASH") in SQLite's own header field."""

schema = Migrations("washout")


@schema()
def m0001_market(db: Database) -> None:
    """What was recorded of the market. Clustered as it is read: narrow rows apart from wide ones."""
    statements = (
        # One row per version of a contract: a contract whose size changes is another market.
        """create table markets (
            id integer primary key, venue text not null, symbol text not null, body blob not null unique)""",
        """create table readings (
            received integer not null, market integer not null references markets (id),
            lag integer not null, coins real not null, price_usd real, new_beginning integer not null,
            primary key (received, market)) without rowid""",
        """create table quarantine (
            at integer not null, venue text not null, what text not null, verdict text not null,
            detail text not null, raw text not null,
            primary key (at, venue, what, verdict, detail)) without rowid""",
        """create table assets (asset text primary key, at integer not null, usd real) without rowid""",
        """create table snapshots (
            asset text not null, tier integer not null, at integer not null,
            coins real not null, price_usd real, coverage real not null, log_index real not null,
            primary key (asset, tier, at)) without rowid""",
        """create table snapshot_details (
            asset text not null, at integer not null, body blob not null, primary key (asset, at))""",
        """create table liquidations (
            asset text not null, at integer not null, market text not null, number text not null,
            position text not null, amount text not null, unit text not null, price text not null,
            long_usd real, short_usd real,
            primary key (asset, at, market, number, position, amount, unit, price)) without rowid""",
        """create table liquidation_sums (
            asset text not null, at integer not null,
            long_usd real not null, short_usd real not null, count integer not null,
            primary key (asset, at)) without rowid""",
        """create table reports (
            asset text not null, venue text not null, as_of integer not null, received integer not null,
            coins real not null, previous_coins real,
            primary key (asset, venue, as_of, received)) without rowid""",
    )
    for statement in statements:
        db.execute(statement)
    db.table("states").create({"name": str, "state": bytes}, pk="name", not_null={"state"})
    # Liquidations before this instant are summed already, so a repeat could no longer be told.
    db.table("borders").create({"name": str, "at": int}, pk="name", not_null={"at"})


@schema()
def m0002_people(db: Database) -> None:
    """Waves, and who is told of them."""
    db.table("waves").create(
        {"id": str, "asset": str, "onset": int, "revision": int, "done": int, "retracted": int},
        pk="id",
        not_null={"asset", "onset", "revision", "done", "retracted"},
    )
    db.table("waves").create_index(["onset"])
    db.table("wave_revisions").create(
        {"id": str, "revision": int, "body": bytes}, pk=("id", "revision"), not_null={"body"}
    )
    db.execute(
        """create table subscriptions (
            id integer primary key autoincrement, platform text not null, chat text not null,
            topic text not null, assets text not null, body blob not null,
            unique (platform, chat, topic, assets))"""
    )
    db.execute(
        """create table posts (
            subject text not null, platform text not null, chat text not null, topic text not null,
            wanted integer not null, loud integer not null, shown integer not null default 0,
            message text, not_before integer not null, size real not null,
            tries integer not null default 0, first_shown_at integer,
            primary key (subject, platform, chat, topic)) without rowid"""
    )
    db.execute("create index posts_due on posts (platform, not_before) where wanted > shown")
    db.execute(
        """create table alert_log (
            id integer primary key autoincrement, subject text not null, platform text not null,
            chat text not null, topic text not null, revision integer not null, message text not null,
            sent integer not null, loud integer not null)"""
    )
    db.execute("create index alert_log_sent on alert_log (sent)")
    db.table("notices").create(
        {"id": str, "revision": int, "body": bytes}, pk="id", not_null={"revision", "body"}
    )
    db.execute("create table chat (number integer primary key autoincrement, body blob not null)")


@schema()
def m0003_chats(db: Database) -> None:
    """What chats chose and were spared, and posts that wait in the order in which they are claimed."""
    statements = (
        """create table chat_settings (
            platform text not null, chat text not null, body blob not null,
            primary key (platform, chat)) without rowid""",
        """create table settings_log (
            id integer primary key autoincrement, platform text not null, chat text not null,
            topic text not null, at integer not null, who text not null, what text not null)""",
        "create index settings_log_chat on settings_log (platform, chat, at)",
        # Subscriptions of chats that the bot was removed from, for when it is back.
        """create table left_subscriptions (
            id integer primary key, platform text not null, chat text not null,
            topic text not null, assets text not null, body blob not null, left_at integer not null,
            unique (platform, chat, topic, assets))""",
        """create table held (
            platform text not null, chat text not null, topic text not null, subject text not null,
            at integer not null, primary key (platform, chat, topic, subject)) without rowid""",
        "create table latencies (subject text primary key, first integer, last integer, chats integer)"
        " without rowid",
        "alter table posts add column silent_until integer not null default 0",
        "alter table posts add column due_since integer",
        "drop index posts_due",
        # As ``claim`` orders them, so that it takes the first few of very many without sorting.
        """create index posts_urgent on posts (
            platform, (message is not null and loud <= shown), size desc, not_before, subject, chat, topic,
            silent_until) where wanted > shown""",
        "create index posts_chat on posts (platform, chat)",
        "create index alert_log_chat on alert_log (platform, chat, sent)",
    )
    for statement in statements:
        db.execute(statement)


@schema()
def m0004_calls(db: Database) -> None:
    """How large a wave was when each chat last heard a sound of it."""
    db.execute("alter table posts add column rung_w real not null default 0")


@schema()
def m0005_reports(db: Database) -> None:
    """Reports by who told them, whole: holders, preliminary or final, as of when the one before was.

    ``body`` is MessagePack with ``received`` left at the as-of time, so that one figure is one text.
    """
    db.execute(
        """create table told_reports (
            asset text not null, venue text not null, source text not null,
            as_of integer not null, received integer not null, body blob not null,
            primary key (asset, venue, source, as_of, received)) without rowid"""
    )
    old = db.execute("select asset, venue, as_of, received, coins, previous_coins from reports").fetchall()
    for asset, venue, as_of, received, coins, previous in old:
        at = datetime.fromtimestamp(as_of // 1_000_000, UTC) + timedelta(microseconds=as_of % 1_000_000)
        body = {"type": "report", "venue": venue, "asset": asset, "coins": coins, "as_of": at, "received": at}
        kept = msgspec.msgpack.encode(body | {"previous_coins": previous})
        row = (asset, venue, venue, as_of, received, kept)
        db.execute("insert into told_reports values (?, ?, ?, ?, ?, ?)", row)
    db.execute("drop table reports")


@schema()
def m0006_archive(db: Database) -> None:
    """What venues remember of the time before live figures began, in pieces, and what was learnt from it."""
    db.execute(
        """create table past (
            venue text not null, symbol text not null, since integer not null, until integer not null,
            asset text not null, body blob not null, primary key (venue, symbol, since))"""
    )
    db.execute("create index past_asset on past (asset, since)")
    db.execute("create table lessons (asset text primary key, body blob not null) without rowid")


@schema()
def m0007_liquidations(db: Database) -> None:
    """Liquidations in coins too, and whether it was auto-deleveraging. Of older ones neither is known."""
    db.execute("alter table liquidations add column coins real")
    db.execute("alter table liquidations add column deleveraged integer not null default 0")


@schema()
def m0008_past_liquidations(db: Database) -> None:
    """What venues remember of liquidations, in sums, in the same pieces as ``past``."""
    db.execute(
        """create table past_liquidations (
            venue text not null, symbol text not null, since integer not null, until integer not null,
            asset text not null, body blob not null, primary key (venue, symbol, since))"""
    )
    db.execute("create index past_liquidations_asset on past_liquidations (asset, since)")


@schema()
def m0009_kinds_of_pictures(db: Database) -> None:
    """There is more than one kind of picture: those said before were all of one market."""
    for number, body in db.execute("select number, body from chat").fetchall():
        said = msgspec.msgpack.decode(body)
        picture = (said["card"] or {}).get("picture")
        if picture:
            picture["chart"]["kind"] = "market"
            db.execute("update chat set body = ? where number = ?", [msgspec.msgpack.encode(said), number])


@schema()
def m0010_statistics(db: Database) -> None:
    """Funding, volume, basis, accounts and margin of each asset: totals, and every venue beside them."""
    db.execute(
        """create table statistics (
            asset text not null, tier integer not null, at integer not null,
            coins real not null, usd real, funding real, basis real, volume_usd real, oi_to_volume real,
            accounts real, inverse_share real, top_share real, supply real,
            primary key (asset, tier, at)) without rowid"""
    )
    db.execute(
        """create table statistic_details (
            asset text not null, tier integer not null, at integer not null, body blob not null,
            primary key (asset, tier, at))"""
    )


@schema()
def m0011_later(db: Database) -> None:
    """What is said later: follow-ups of waves and digests. When each liquidation was heard."""
    statements = (
        """create table follow_ups (
            wave text not null, after integer not null, due integer not null, done integer not null default 0,
            body blob, primary key (wave, after)) without rowid""",
        "create index follow_ups_due on follow_ups (due) where not done",
        "alter table chat_settings add column digest_due integer",
        "create index chat_settings_digest on chat_settings (digest_due) where digest_due is not null",
        "alter table liquidations add column received integer",
        # In which order those of one message were heard: sums of floats are told by it.
        "alter table liquidations add column place integer not null default 0",
    )
    for statement in statements:
        db.execute(statement)


@schema()
def m0012_claims(db: Database) -> None:
    """Who answers what a person said: its holder until then, or for good once it is settled."""
    db.execute(
        """create table claims (
            name text primary key, holder text not null, until integer not null,
            settled integer not null default 0) without rowid"""
    )
    db.execute("create index claims_until on claims (until)")


def known() -> list[str]:
    """The names of every migration of this release, in order."""
    nothing = Database(memory=True, execute_plugins=False)
    try:
        return [step.name for step in schema.pending(nothing)]
    finally:
        nothing.close()
