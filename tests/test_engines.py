"""Which engine keeps the state is a matter of settings alone; its password is told to nobody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bot.config import Settings, load
from bot.engines import DatabaseSettings
from bot.errors import ConfigError, StorageError
from bot.exchanges import EXCHANGES
from bot.opening import open_store, remove_play
from bot.platforms import Token
from storage.copy_tables import PROGRESS
from storage.postgres import Database
from tests.postgres import GUARDED, PASSWORD, Server

ROOT = Path(__file__).parents[1]
URL = "postgresql://washout@db.example:5432/washout"


def written(folder: Path, storage: str) -> Settings:
    (folder / "config.toml").write_text(f"[storage]\n{storage}", "utf-8")
    return load(folder / "config.toml", EXCHANGES.values())


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "postgres://washout@db.example/washout?sslmode=verify-full&sslrootcert=ca.pem",
        "postgresql://washout@one:5432,two:5432/washout?target_session_attrs=read-write",
        "postgresql://washout@/washout?host=/run/postgresql",
    ],
)
def test_a_database_is_named_by_its_address(tmp_path: Path, url: str) -> None:
    assert written(tmp_path, f'url = "{url}"').database == DatabaseSettings(url)


def test_a_database_beside_a_pooler_with_its_password_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    settings = written(
        tmp_path,
        f'url = "{URL}"\ndirect_url = "{URL}_direct"\npassword_env = "NOT_SET"\n'
        f'password_file = "{tmp_path / "password"}"',
    )
    assert settings.database == DatabaseSettings(
        URL, URL + "_direct", Token("NOT_SET", tmp_path / "password")
    )
    assert PASSWORD in settings.secrets(), "what is known is cut out of logs"
    assert PASSWORD not in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://washout:{PASSWORD}@db.example/washout",
        f"postgresql://washout@db.example/washout?password={PASSWORD}",
        f"mysql://washout:{PASSWORD}@db.example/washout",
        "postgresql://washout@db.example",
        "postgresql:///washout",
        "postgresql://washout@db.example/washout#part",
    ],
)
def test_an_address_that_is_none_or_holds_a_password_is_a_fault_that_does_not_tell_it(
    tmp_path: Path, url: str
) -> None:
    with pytest.raises(ConfigError, match=r"\[storage\] url = .* write, for example") as raised:
        written(tmp_path, f'url = "{url}"')
    assert PASSWORD not in str(raised.value)


def test_an_address_past_a_pooler_needs_the_poolers(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="direct_url needs url"):
        written(tmp_path, f'direct_url = "{URL}"')


def test_check_says_where_things_are_kept(tmp_path: Path) -> None:
    written(tmp_path, f'url = "{URL}"')
    command = [sys.executable, "-m", "bot", "check", "--config", str(tmp_path / "config.toml")]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "storage:   PostgreSQL at db.example:5432/washout\n" in said


def test_without_the_extra_it_is_said_how_to_install_it(tmp_path: Path) -> None:
    """As a machine that has only what the bot needs: no asyncpg can be found there."""
    written(tmp_path, f'url = "{URL}"')
    program = (
        "import sys; sys.modules['asyncpg'] = None\n"
        "from bot.__main__ import main\n"
        f"sys.exit(main(['backfill', '--config', {str(tmp_path / 'config.toml')!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        3,
        "washout: [storage] url needs asyncpg, which is not installed: run  pip install 'washout[scale]'\n",
    )


def settings_for(folder: Path, url: str, direct_url: str | None = None) -> Settings:
    direct = f'direct_url = "{direct_url}"\n' if direct_url else ""
    password = f'password_env = "NOT_SET"\npassword_file = "{folder / "password"}"'
    return written(folder, f'url = "{url}"\n{direct}{password}')


@pytest.fixture(autouse=True)
def password(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("not asked for on the loopback address")


@pytest.mark.parametrize("past_a_pooler", [False, True])
async def test_the_store_of_the_settings_is_opened(
    tmp_path: Path, database: Database, past_a_pooler: bool
) -> None:
    settings = settings_for(tmp_path, database.url, database.url if past_a_pooler else None)
    async with open_store(settings) as store:
        assert (await store.facts())["store"].startswith("PostgreSQL")
        await store.journal.keep("state", b"live")
    async with open_store(settings) as store:
        assert await store.journal.kept("state") == b"live"
    async with open_store(written(tmp_path, f'path = "{tmp_path}/washout.db"')) as store:
        assert (await store.facts())["store"].startswith("SQLite")


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_nothing_played_mixes_with_what_was_seen(
    tmp_path: Path, database: Database, engine: str
) -> None:
    place = f'path = "{tmp_path}/washout.db"'
    settings = settings_for(tmp_path, database.url) if engine == "postgres" else written(tmp_path, place)
    async with open_store(settings) as live, open_store(settings, "october-2025") as played:
        await live.journal.keep("state", b"live")
        assert await played.journal.kept("state") is None
        await played.journal.keep("state", b"played")
        async with live.locks.hold("judge"), played.locks.hold("judge"):
            assert await live.journal.kept("state") == b"live"
    await remove_play(settings, "october-2025")
    async with open_store(settings, "october-2025") as played:
        assert await played.journal.kept("state") is None
    await remove_play(settings, "october-2025")


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_a_store_that_holds_half_a_copy_is_refused(
    tmp_path: Path, database: Database, engine: str
) -> None:
    place = f'path = "{tmp_path}/washout.db"'
    settings = settings_for(tmp_path, database.url) if engine == "postgres" else written(tmp_path, place)
    async with open_store(settings) as store:
        await store.journal.keep(PROGRESS, b"some tables are in it")
    with pytest.raises(StorageError, match="holds a copy that is not done yet"):
        async with open_store(settings):
            raise AssertionError("it opened")


async def test_the_password_opens_and_is_told_to_nobody(tmp_path: Path, postgres: Server) -> None:
    name = "guarded"
    whole = Database(postgres.url())
    await postgres.ask(whole, f"create role {GUARDED} login password '{PASSWORD}'")
    await postgres.ask(whole, f"create database {name} owner {GUARDED}")
    settings = settings_for(tmp_path, postgres.url(name, user=GUARDED))
    password = tmp_path / "password"
    password.write_text("an old one")
    with pytest.raises(StorageError, match="refuses this user or its password") as refused:
        async with open_store(settings):
            raise AssertionError("it opened")
    assert "an old one" not in str(refused.value)
    password.write_text(PASSWORD)
    async with open_store(settings) as store:
        facts = " ".join((await store.facts()).values())
        assert PASSWORD not in facts
        assert GUARDED + "@" not in facts
