"""The database of every release opens in this one, with all that was in it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.chats import SettingsChange
from bot.domain.posts import ChatMessage
from bot.ports import Store
from storage.sqlite import open_sqlite
from storage.sqlite_schema import known, schema
from tests.local import wave
from tests.storage.make_release import RELEASES, fill
from tests.storage.samples import DAY, GROUP, HOME, NOW, WEEKLY, weekly_of_another_release

DUMPS = sorted(RELEASES.glob("*.sql"))


@pytest.fixture(params=DUMPS, ids=lambda dump: dump.stem)
def released(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "released.db"
    conn = sqlite3.connect(path)
    conn.executescript(request.param.read_text())
    conn.close()
    return path


async def everything(store: Store) -> list[object]:
    btc = Asset("BTC")
    return [
        await store.journal.readings(NOW - DAY, NOW),
        await store.journal.quarantined(NOW - DAY),
        await store.journal.snapshot(btc),
        await store.journal.assets(),
        await store.journal.series(btc, NOW - DAY, NOW, DAY),
        await store.journal.liquidated(btc, NOW - 99 * DAY, NOW + DAY, DAY),
        await store.journal.reports(btc, NOW),
        await store.journal.kept("detector"),
        await store.waves.recent(),
        await store.subscriptions.of(GROUP),
        [replace(post, due_since=None) for post in await store.posts.of("1a")],  # not kept before 0.2.0
        await store.posts.log(NOW - DAY),
        await store.notices.notice("blind"),
        await store.chat.said(),
    ]


def columns(path: Path) -> dict[str, list[object]]:
    conn = sqlite3.connect(path)
    names = [
        name for (name,) in conn.execute("select name from sqlite_master where sql is not null order by 1")
    ]
    found = {name: conn.execute(f"pragma table_xinfo({name})").fetchall() for name in names}
    conn.close()
    return found


async def test_a_released_database_opens_with_all_that_was_in_it(released: Path, tmp_path: Path) -> None:
    async with open_sqlite(released) as old, open_sqlite(tmp_path / "new.db") as new:
        await fill(new)
        assert await everything(old) == await everything(new)
        assert all(await everything(old))


async def test_a_released_database_upgrades_to_the_schema_of_a_new_one(
    released: Path, tmp_path: Path
) -> None:
    async with open_sqlite(released), open_sqlite(tmp_path / "new.db") as new:
        assert columns(released) == columns(tmp_path / "new.db")
        assert (await new.facts())["schema"] == known()[-1]


async def test_an_upgraded_database_goes_on(released: Path) -> None:
    async with open_sqlite(released) as store:
        await store.posts.want("2b", [HOME], revision=1, loud=1, size=1, now=NOW)
        assert len(await store.posts.claim("local", NOW, DAY, 9)) == 1
        await store.chats.leave(GROUP, NOW)
        assert await store.chats.back(GROUP, NOW) == len(await store.subscriptions.of(GROUP)) == 1
    async with open_sqlite(released) as store:
        assert len(await store.posts.of("2b")) == 1


async def test_a_picture_said_before_there_were_kinds_of_them_is_still_there(released: Path) -> None:
    shown = message_with_picture()
    raw = msgspec.msgpack.decode(msgspec.msgpack.encode(shown))
    del raw["card"]["picture"]["chart"]["kind"]
    conn = sqlite3.connect(released)
    conn.execute("insert into chat (number, body) values (99, ?)", [msgspec.msgpack.encode(raw)])
    conn.commit()
    conn.close()
    async with open_sqlite(released) as store:
        assert (await store.chat.said(after=98)) == [replace(shown, number=99)]


async def test_a_digest_chosen_with_another_release_is_due_again_when_it_was_told(tmp_path: Path) -> None:
    change = SettingsChange(destination=GROUP, at=NOW, who="ann", what="digest")
    async with open_sqlite(tmp_path / "washout.db") as store:
        await store.chats.choose(WEEKLY, change)
    with sqlite3.connect(tmp_path / "washout.db") as db:
        db.execute("update chat_settings set body = ?", [weekly_of_another_release()])
    async with open_sqlite(tmp_path / "washout.db") as store:
        [chosen] = await store.chats.digests(NOW + DAY)
        assert chosen == WEEKLY
        await store.chats.digested(chosen, NOW + 2 * DAY)
        assert await store.chats.digests(NOW + DAY) == []
        assert [one.digest_due for one in await store.chats.digests(NOW + 2 * DAY)] == [NOW + 2 * DAY]


def message_with_picture() -> ChatMessage:
    return ChatMessage(number=1, who="bot", at=NOW, card=wave(1, picture=True))


def test_every_migration_has_a_number_in_order_and_a_reason() -> None:
    assert [name[:5] for name in known()] == [f"m{n:04}" for n in range(1, len(known()) + 1)]
    assert schema.name == "washout"
