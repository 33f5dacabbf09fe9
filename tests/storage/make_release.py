"""``python -m tests.storage.make_release 0.1.0``: keep the schema of a release, with a row in every table.

Run once, when the release is made; afterwards the file is never changed. The tests upgrade each of them.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
from pathlib import Path

from bot.domain.cards import Card
from bot.domain.posts import Notice
from bot.ports import Store
from storage.sqlite import open_sqlite
from storage.sqlite_schema import APPLICATION_ID
from tests.storage.samples import (
    BTC_SWAP,
    DAY,
    GROUP,
    HOME,
    NOW,
    liquidation,
    quarantined,
    reading,
    report,
    snapshot,
    subscription,
    wave,
)

RELEASES = Path(__file__).with_name("releases")


async def fill(store: Store) -> None:
    """One of everything."""
    await store.journal.hear([liquidation(NOW - 40 * DAY)])
    await store.journal.trim(NOW)
    await store.journal.record([reading(), reading(instrument=BTC_SWAP)])
    await store.journal.quarantine([quarantined()])
    await store.journal.snap([snapshot()])
    await store.journal.hear([liquidation()])
    await store.journal.report([report()])
    await store.journal.keep("detector", b"\x00\xff")
    await store.waves.save(wave())
    await store.subscriptions.add(subscription(GROUP))
    await store.posts.want("1a", [HOME, GROUP], revision=1, loud=1, size=4.1)
    (post,) = await store.posts.claim("local", NOW, DAY, 1)
    await store.posts.shown(post, revision=1, message="m1", loud=True, now=NOW)
    await store.notices.tell(Notice(id="blind", revision=1, loud=1, at=NOW, title="Blind", text="No answer."))
    await store.chat.say("bot", NOW, text="hello", card=Card(title="BTC: a flush"))


async def dump() -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "washout.db"
        async with open_sqlite(path) as store:
            await fill(store)
        conn = sqlite3.connect(path)
        lines = "\n".join(conn.iterdump())
        conn.close()
    return f"pragma application_id = {APPLICATION_ID};\n{lines}\n"


if __name__ == "__main__":
    (RELEASES / f"{sys.argv[1]}.sql").write_text(asyncio.run(dump()))
