from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest

from bot.domain.charts import Chart
from bot.errors import ConfigError, MessageGone
from handlers.speech import ENGLISH, _, speaking
from handlers.web import LOCAL, LocalChat, Site
from handlers.web.chat import HISTORY
from handlers.web.chat_html import LONGEST_LINE
from handlers.web.tabs import REMEMBERED
from storage.memory import MemoryStore
from tests.local import BANNER, Health, draw, local_chat, site, wave


@asynccontextmanager
async def visiting(seen: LocalChat | Site) -> AsyncIterator[aiohttp.ClientSession]:
    page = site(seen) if isinstance(seen, LocalChat) else seen
    async with page.listen(port=0) as url, aiohttp.ClientSession(url) as session:
        yield session


class Stream:
    """Reads server-sent events off an open response."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self, name: str = "message") -> tuple[str, str]:
        """Id and data of the next event called ``name``; others are passed over."""
        async with asyncio.timeout(5):
            while True:
                fields: dict[str, list[str]] = {}
                while line := (await self.response.content.readline()).decode().rstrip("\n"):
                    field, _, value = line.partition(": ")
                    fields.setdefault(field, []).append(value)
                if not fields:
                    raise EOFError
                if fields.get("event") == [name]:
                    return fields.get("id", [""])[0], "\n".join(fields["data"])


@asynccontextmanager
async def reading(
    session: aiohttp.ClientSession, last_id: str | None = None, *, language: str = ENGLISH
) -> AsyncIterator[Stream]:
    headers = {"Accept-Language": language} | ({"Last-Event-ID": last_id} if last_id else {})
    async with session.get("/events", headers=headers) as response:
        assert response.content_type == "text/event-stream"
        yield Stream(response)


async def text(session: aiohttp.ClientSession, path: str = "/") -> str:
    async with session.get(path) as response:
        assert response.status == 200
        return await response.text()


# --- the page


async def test_the_page_reads_without_javascript() -> None:
    chat = local_chat()
    await chat.send(LOCAL, wave(1))
    async with visiting(chat) as session:
        page = await text(session)
    assert "BTC long flush · W 3.1 and growing" in page
    assert "2 of 3 venues fresh, not Gate" in page
    assert "10 Oct 2025 21:05:00 UTC" in page
    assert f'<p class="banner" role="note">{BANNER}</p>' in page
    assert '<option value="/oi" label="Open interest of one coin">' in page


async def test_a_form_posts_a_line_and_leads_back_to_the_page_with_the_answer() -> None:
    async with (
        visiting(local_chat()) as session,
        session.post("/say", data={"text": "  /oi   BTC 24h "}) as response,
    ):
        assert response.url.path == "/"
        page = await response.text()
    assert page.index(">/oi BTC 24h<") < page.index("Answer to /oi BTC 24h")


async def test_a_script_is_told_in_json_and_an_empty_line_says_nothing() -> None:
    store = MemoryStore()
    empty, headers = {"text": "  "}, {"Accept": "application/json"}
    async with (
        visiting(local_chat(store)) as session,
        session.post("/say", data=empty, headers=headers) as reply,
    ):
        assert await reply.json() == {"said": ""}
    assert await store.chat.said() == []


async def test_the_page_keeps_its_newest_messages_across_a_restart() -> None:
    store = MemoryStore()
    for number in range(HISTORY + 5):
        await local_chat(store).send(LOCAL, wave(number))
    async with visiting(local_chat(store)) as session:
        page = await text(session)
    assert page.count("<article") == HISTORY
    assert f'id="m{HISTORY + 5}"' in page


# --- speaking


async def test_an_edit_changes_the_message_in_place() -> None:
    store = MemoryStore()
    chat = local_chat(store)
    message = await chat.send(LOCAL, wave(1))
    await chat.edit(LOCAL, message, wave(2))
    [said] = await store.chat.said()
    assert (str(said.number), said.revision, said.card) == (message, 1, wave(2))


async def test_an_edit_of_a_message_that_is_gone_says_so() -> None:
    with pytest.raises(MessageGone):
        await local_chat().edit(LOCAL, "77", wave(1))


async def test_a_reply_quotes_the_message_it_follows() -> None:
    chat = local_chat()
    first = await chat.send(LOCAL, wave(1))
    async with visiting(chat) as session, reading(session, "unknown") as stream:
        await stream.next("history")
        await chat.send(LOCAL, wave(2), reply_to=first)
        _, fragment = await stream.next()
        page = await text(session)
    assert f'<a class="quote" href="#m{first}">' in fragment
    assert fragment in page


# --- the stream


async def test_every_tab_sees_new_messages_and_edits_with_their_revision() -> None:
    chat = local_chat()
    async with visiting(chat) as session, reading(session) as one, reading(session) as other:
        for stream in (one, other):
            await stream.next("history")
        message = await chat.send(LOCAL, wave(1))
        await chat.edit(LOCAL, message, wave(2))
        for stream in (one, other):
            _, new = await stream.next()
            _, edited = await stream.next()
            assert f'id="m{message}"' in new
            assert 'data-revision="0"' in new
            assert f'id="m{message}"' in edited
            assert 'data-revision="1"' in edited
            assert "W 3.2" in edited


async def test_each_tab_is_told_in_its_own_language_also_what_it_missed() -> None:
    chat = local_chat()
    with speaking("es"):
        spanish = _("revised {time} · edit {count}").partition("{time}")[0]
    assert spanish != "revised "
    async with visiting(chat) as session:
        message = await chat.send(LOCAL, wave(1))
        async with reading(session) as here, reading(session, language="es") as there:
            last_id, _told = await there.next("history")
            await here.next("history")
            with speaking("tr"):  # whoever revises it
                await chat.edit(LOCAL, message, wave(2))
            assert f">{spanish}<" in (await there.next())[1]
            assert ">revised <" in (await here.next())[1]
        async with reading(session, last_id, language="es") as back, reading(session, last_id) as other:
            assert f">{spanish}<" in (await back.next())[1]
            assert ">revised <" in (await other.next())[1]


async def test_a_tab_that_comes_back_is_told_exactly_what_it_missed() -> None:
    chat = local_chat()
    async with visiting(chat) as session:
        async with reading(session) as stream:
            await stream.next("history")
            await chat.send(LOCAL, wave(1))
            last_id, _ = await stream.next()
        await chat.send(LOCAL, wave(2))
        await chat.send(LOCAL, wave(3))
        async with reading(session, last_id) as stream:
            assert "W 3.2" in (await stream.next())[1]
            assert "W 3.3" in (await stream.next())[1]
            await chat.send(LOCAL, wave(4))
            assert "W 3.4" in (await stream.next())[1]


async def test_a_page_is_told_what_came_between_its_making_and_its_stream() -> None:
    chat = local_chat()
    async with visiting(chat) as session:
        page = await text(session)
        last_id = page.partition('data-last-id="')[2].partition('"')[0]
        await chat.send(LOCAL, wave(1))
        async with reading(session, last_id) as stream:
            assert "W 3.1" in (await stream.next())[1]


@pytest.mark.parametrize("last_id", ["", "0badcafe:1", "nonsense", ":", "x:-1"])
async def test_a_tab_of_another_life_is_given_the_whole_history(last_id: str) -> None:
    chat = local_chat()
    await chat.send(LOCAL, wave(1))
    async with visiting(chat) as session, reading(session, last_id) as stream:
        event_id, history = await stream.next("history")
        assert "W 3.1" in history
        await chat.send(LOCAL, wave(2))
        next_id, _ = await stream.next()
    assert event_id.rpartition(":")[0] == next_id.rpartition(":")[0]


async def test_a_tab_that_missed_more_than_is_remembered_is_given_the_whole_history() -> None:
    chat = local_chat()
    async with visiting(chat) as session:
        async with reading(session) as stream:
            last_id, _ = await stream.next("history")
        for _ in range(REMEMBERED + 1):
            await chat.send(LOCAL, wave(1))
        async with reading(session, last_id) as stream:
            assert (await stream.next("history"))[1].count("<article") == HISTORY


async def test_the_status_comes_again_and_again() -> None:
    beating = site(heartbeat=timedelta(milliseconds=5))
    async with visiting(beating) as session, reading(session) as stream:
        for _ in range(3):
            _, status = await stream.next("status")
            assert '"state": "stale"' in status
            assert '"speed": 60' in status


async def test_a_page_that_does_not_read_is_dropped_and_the_others_do_not_notice() -> None:
    chat = local_chat()
    async with visiting(chat) as session, reading(session) as quick:
        await quick.next("history")
        address = session._base_url
        assert address is not None
        deaf = socket.create_connection((address.host, address.port))
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(f"GET /events HTTP/1.1\r\nHost: {address.host}:{address.port}\r\n\r\n".encode())
        async with asyncio.timeout(5):
            while "local_pages 2" not in await text(session, "/metrics"):
                pass
        async with asyncio.timeout(20):
            while "local_pages 2" in await text(session, "/metrics"):
                sent = [await chat.send(LOCAL, wave(1)) for _ in range(REMEMBERED // 2)]
                for message in sent:
                    assert f'id="m{message}"' in (await quick.next())[1]
        deaf.close()


async def test_stopping_ends_open_streams_at_once() -> None:
    chat = local_chat()
    async with aiohttp.ClientSession() as session:
        async with site(chat).listen(port=0) as url:
            streams = [await session.get(f"{url}/events") for _ in range(3)]
            begun = time.monotonic()
        assert time.monotonic() - begun < 1
        for stream in streams:
            await asyncio.wait_for(stream.content.read(), 1)
            stream.close()


# --- pictures and figures


async def test_a_picture_is_drawn_once_in_a_thread_and_never_runs_scripts() -> None:
    drawn: list[tuple[str, int]] = []

    def noting(chart: Chart) -> str:
        drawn.append((chart.title, threading.get_ident()))
        return draw(chart)

    chat = local_chat()
    chat.draw = noting
    message = await chat.send(LOCAL, wave(1, picture=True))
    async with visiting(chat) as session:
        assert f'<img src="/picture/{message}-0.svg" alt="Coin OI fell to 336,000"' in await text(session)
        pictures = await asyncio.gather(*(text(session, f"/picture/{message}-0.svg") for _ in range(4)))
        await chat.edit(LOCAL, message, wave(2, picture=True))
        async with session.get(f"/picture/{message}-1.svg") as response:
            revised = await response.text()
            assert response.content_type == "image/svg+xml"
            assert "sandbox" in response.headers["Content-Security-Policy"]
    assert "rev 1" in pictures[0]
    assert "rev 2" in revised
    assert [title for title, _ in drawn] == ["rev 1", "rev 2"]
    assert threading.get_ident() not in {thread for _, thread in drawn}


@pytest.mark.parametrize("path", ["/picture/9-0.svg", "/picture/1-0.svg", "/page/index.html", "/nothing"])
async def test_what_is_not_there_is_not_found(path: str) -> None:
    chat = local_chat()
    await chat.send(LOCAL, wave(1))
    async with visiting(chat) as session, session.get(path) as response:
        assert response.status == 404


async def test_health_is_told_to_programs() -> None:
    chat = local_chat()
    async with visiting(chat) as session:
        async with session.get("/healthz") as response:
            told = await response.json()
        figures = await text(session, "/metrics")
    assert (told["seeing"], told["venues_fresh"], told["venues"]) == (True, 2, 3)
    assert told["sources"][2]["why"] == "no answer"
    assert 'washout_source_fresh{venue="gate",source="tickers"} 0\n' in figures
    assert 'washout_source_missed{venue="gate",source="tickers"} 0\n' in figures
    assert 'washout_source_age_seconds{venue="binance",source="tickers"} 30\n' in figures
    assert "washout_observations_waiting 7\n" in figures


async def test_a_bot_that_sees_nothing_says_so() -> None:
    async with visiting(site(health=Health())) as session:
        assert 'data-state="blind"' in await text(session)
        assert '"seeing": false' in await text(session, "/healthz")


# --- who may ask


@pytest.mark.parametrize("path", ["/", "/events", "/healthz", "/metrics", "/page/chat.js"])
async def test_a_rebound_name_reaches_nothing(path: str) -> None:
    async with (
        visiting(local_chat()) as session,
        session.get(path, headers={"Host": "evil.example:8080"}) as response,
    ):
        assert response.status == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
async def test_words_are_only_taken_from_the_page_itself(origin: str) -> None:
    store = MemoryStore()
    async with (
        visiting(local_chat(store)) as session,
        session.post("/say", data={"text": "/oi"}, headers={"Origin": origin}) as response,
    ):
        assert response.status == 403
    assert await store.chat.said() == []


async def test_the_page_itself_may_speak_under_every_loopback_name() -> None:
    async with visiting(local_chat()) as session:
        assert session._base_url is not None
        for name in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]"):
            host = f"{name}:{session._base_url.port}"
            headers = {"Host": host, "Origin": f"http://{host.lower()}", "Accept": "application/json"}
            async with session.post("/say", data={"text": "/oi"}, headers=headers) as response:
                assert response.status == 200


async def test_no_answer_lets_a_foreign_script_or_frame_in() -> None:
    async with visiting(local_chat()) as session:
        for path in ("/", "/page/page.css", "/healthz", "/nothing"):
            async with session.get(path) as response:
                policy = response.headers["Content-Security-Policy"]
                assert "unsafe" not in policy
                assert "default-src 'none'" in policy
                assert "frame-ancestors 'none'" in policy
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert "Server" not in response.headers


async def test_lines_and_bodies_have_a_limit() -> None:
    async with visiting(local_chat()) as session:
        for size in (LONGEST_LINE + 1, 100_000):
            async with session.post("/say", data={"text": "x" * size}) as response:
                assert response.status == 413


async def test_an_occupied_port_is_one_clear_sentence() -> None:
    async with site().listen(port=0) as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(ConfigError, match=f"Port {port} on 127.0.0.1 is already in use.*--port"):
            async with site().listen(port=port):
                pass
