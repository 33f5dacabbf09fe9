"""Canary tokens: whatever goes well or wrong, no secret is found in anything the program says or keeps."""

from __future__ import annotations

import asyncio
import base64
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

import pytest
from aiohttp import web

from bot.clusters import StreamsSettings
from bot.errors import StorageError
from bot.platforms import Token
from storage.jetstream import open_cluster
from tests.nats_cluster import guarded, refusing_once
from tests.postgres import GUARDED, Server
from tests.program import Program, eventually, program

TELEGRAM, DISCORD, HOOK, PAGE, DATABASE, STREAMS = (
    "987654321:AA-canary_of+telegram/never%seen",
    "MTIzNDU2.canary.of-discord_never-seen",
    "canary-of-the-webhook_never-seen",
    "canary+of/the-page_never%seen",
    "canary of the+database/never%seen",
    "canary of the+streams/never%seen",
)
SECRETS = {
    "TELEGRAM_BOT_TOKEN": TELEGRAM,
    "DISCORD_TOKEN": DISCORD,
    "TELEGRAM_WEBHOOK_SECRET": HOOK,
    "WASHOUT_PAGE_TOKEN": PAGE,
    "WASHOUT_DATABASE_PASSWORD": DATABASE,
    "WASHOUT_STREAMS_PASSWORD": STREAMS,
}
PAGES = ("/", "/board", "/waves", "/scorecard", "/feed.atom", "/feed.json", "/login", "/healthz", "/metrics")

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def refused(request: web.Request) -> web.StreamResponse:
    said = {"ok": False, "error_code": 401, "description": f"Unauthorized: {request.path}", "message": "401"}
    return web.json_response(said, status=401)


async def page(request: web.Request) -> web.StreamResponse:
    """A proxy's page that repeats what was asked of it, as they do."""
    seen = f"{request.path} {request.raw_path} {request.headers.get('Authorization')}"
    return web.Response(status=502, text=f"<html><h1>Bad gateway</h1>{seen}</html>", content_type="text/html")


async def elsewhere(request: web.Request) -> web.StreamResponse:
    """Round and round, with the token in the address."""
    raise web.HTTPFound(f"{request.path}?again={quote(TELEGRAM)}&and={DISCORD}")


async def nonsense(request: web.Request) -> web.StreamResponse:
    """A success that no library can read, and that repeats what was asked."""
    said = {"ok": True, "result": [request.path, request.headers.get("Authorization")]}
    return web.json_response(said)


async def cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that answers everything so; yields its address and what it was asked."""
    asked: list[str] = []

    async def noted(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", noted)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


def forms(secret: str) -> set[bytes]:
    """How a secret may look where it leaks: as it is, in an address, in base64 at each of three offsets."""
    texts = {secret, quote(secret), quote(secret, safe=""), repr(secret)[1:-1]}
    found = {text.encode() for text in texts}
    for before in (b"", b"x", b"xx", b"Bot ", b"bot"):
        coded = base64.b64encode(before + secret.encode())
        found.add(coded[8:-8])
    return found


def leaks(said: bytes) -> list[str]:
    """The names of secrets that are in it."""
    return [name for name, secret in SECRETS.items() if any(form in said for form in forms(secret))]


def kept(folder: Path) -> bytes:
    """Everything on disk: the log, the traces, the database with its journal."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def settings(folder: Path, base: str, *, more: str = "", log: str = "text") -> None:
    (folder / "config.toml").write_text(
        f'[telegram]\napi_base = "{base}"\n{more}\n'
        f'[discord]\napi_base = "{base}/api/v10"\ngateway = "{base.replace("http", "ws", 1)}/gateway"\n'
        f'[log]\nformat = "{log}"\n'
    )


def shows(running: Program) -> bytes:
    """All that its pages, its health and its metrics tell the operator, with their headers, and what it
    tells whoever guesses and signs in. A refused token ends it while it runs.
    """
    try:
        bearing = {"Authorization": f"Bearer {PAGE}"}
        asked = [Request(running.address + path, headers=bearing) for path in PAGES]  # noqa: S310
        for token in ("a wrong one", PAGE):
            form = urlencode({"token": token}).encode()
            asked += [Request(f"{running.address}/login", form)]  # noqa: S310
        return b"".join(answer_to(request) for request in asked)
    except URLError:
        assert running.process.wait(20) == 3
        return b""


def answer_to(request: Request) -> bytes:
    try:
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            told: bytes = answer.read()
            return str(answer.headers).encode() + told
    except HTTPError as refused:
        return str(refused.headers).encode() + refused.read()


ANSWERS = {"401": refused, "502": page, "redirects": elsewhere, "nonsense": nonsense, "cut": cut}


@pytest.mark.parametrize(
    ("how", "log"), [(how, "json" if how in ("502", "cut") else "text") for how in ANSWERS]
)
async def test_no_answer_of_a_platform_makes_the_program_tell_a_secret(
    tmp_path: Path, how: str, log: str
) -> None:
    async with answering(ANSWERS[how]) as (base, asked):
        settings(tmp_path, base, log=log)
        with program("--scenario", "october-2025", "--debug", at=tmp_path, env=SECRETS) as running:

            def busy() -> object:
                """Both were spoken to; whoever refuses a token ends the program."""
                both = any("bot987" in path for path in asked) and any("api/v10" in path for path in asked)
                return both or running.process.poll() is not None

            await asyncio.to_thread(eventually, busy, 30, "both platforms asked")
            assert leaks(await asyncio.to_thread(shows, running)) == []
            _, took_s = await asyncio.to_thread(running.interrupt)
        written = running.output().encode() + kept(tmp_path)
    assert asked
    assert took_s < 8, "a stop waits for no platform"
    assert leaks(written) == [], leaks(written)


@pytest.mark.parametrize("base", ["http://127.0.0.1:1", "http://no such host", "nonsense"])
def test_no_address_makes_the_program_tell_a_secret(tmp_path: Path, base: str) -> None:
    settings(tmp_path, base, more='mode = "webhook"\nwebhook_url = "https://bot.example/telegram"')
    with program("--scenario", "october-2025", "--debug", at=tmp_path, env=SECRETS) as running:
        eventually(lambda: ended(running) or "not answer" in running.so_far(), 30, "what is wrong")
        if not ended(running):
            assert leaks(shows(running)) == []
            running.interrupt()
    written = running.output().encode() + kept(tmp_path)
    assert written
    assert leaks(written) == []


async def test_a_refusing_database_names_the_fault_and_not_the_password(
    postgres: Server, tmp_path: Path
) -> None:
    url = (await postgres.database()).url.replace("washout@", f"{GUARDED}@")
    (tmp_path / "config.toml").write_text(f'[storage]\nurl = "{url}"\n[log]\nformat = "json"\n')
    with program("--debug", at=tmp_path, env=SECRETS) as running:
        assert await asyncio.to_thread(running.process.wait, 30) == 4
    written = running.output().encode() + kept(tmp_path)
    assert b"refuses this user or its password" in written
    assert leaks(written) == []


async def test_a_refusing_cluster_names_the_fault_and_not_the_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    secret = tmp_path / "password"
    secret.write_text(STREAMS)
    with guarded(tmp_path) as url:
        options = StreamsSettings(servers=(url,), user="washout", password=Token("NOT_SET", secret))
        with pytest.raises(StorageError, match="does not let this program in") as refused:
            async with open_cluster(options, patience_s=2):
                raise AssertionError("it is open")
    told = "".join(traceback.format_exception(refused.value)) + caplog.text
    assert leaks(told.encode()) == []


async def test_a_cluster_that_refuses_and_then_hangs_up_is_told_as_one_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(STREAMS)
    async with refusing_once() as (url, done):
        secret = Token("NOT_SET", tmp_path / "password")
        options = StreamsSettings(servers=(url,), user="washout", password=secret)
        with pytest.raises(StorageError, match="does not let this program in"):
            async with open_cluster(options, patience_s=1):
                raise AssertionError("it is open")
    assert done[:2] == ["refused", "cut"]


def ended(running: Program) -> bool:
    return running.process.poll() is not None


def test_a_token_that_cannot_be_one_is_refused_without_being_told(tmp_path: Path) -> None:
    for name, secret in zip(SECRETS, (TELEGRAM, DISCORD, HOOK, PAGE), strict=False):
        spoilt = {**SECRETS, name: f"{secret}\tbroken é"}
        with program("--scenario", "october-2025", at=tmp_path, env=spoilt) as running:
            eventually(lambda: ended(running) or "http://" in running.so_far(), 30, "a word")
            running.interrupt()
        assert leaks(running.output().encode() + kept(tmp_path)) == []


def test_every_form_of_a_secret_is_looked_for() -> None:
    for name, secret in SECRETS.items():
        for shown in (
            secret,
            quote(secret, safe=""),
            base64.b64encode(secret.encode()).decode(),
            base64.b64encode(f"Bot {secret} and more".encode()).decode(),
        ):
            assert leaks(f"so {shown} there".encode()) == [name]
