"""Who may see what: the operator, guests of a public page, nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.web import LOCAL, Door, Site
from handlers.web.door import SIGNED_IN
from handlers.web.limits import Limit, network
from handlers.web.site import MOST_OF_ONE, TRIES, preferred
from storage.memory import MemoryStore
from tests.handlers.october import wave as october
from tests.local import AT, BANNER, local_chat, site, wave

TOKEN = "a-token-of-sixteen"
HTML = {"Accept": "text/html"}
READ = ("/board", "/waves", "/wave/1a", "/scorecard", "/feed.atom", "/feed.json")
OPEN_TO_GUESTS = (*READ, "/healthz", "/page/page.css")
FOR_THE_OPERATOR = ("/", "/events", "/metrics", "/picture/1-0.svg")


class Now:
    """Real time, and the seconds of a clock that only advances."""

    def __init__(self) -> None:
        self.passed = timedelta(0)

    def wall(self) -> datetime:
        return AT + self.passed

    def seconds(self) -> float:
        return self.passed.total_seconds()


async def a_site(now: Now | None = None, **door: Any) -> Site:
    store, now = MemoryStore(), now or Now()
    await store.waves.save(october())
    found = site(
        local_chat(store),
        store=store,
        door=Door(wall=now.wall, **door),
        seconds=now.seconds,
    )
    await found.chat.send(LOCAL, wave(1, picture=True))
    return found


@asynccontextmanager
async def visiting(page: Site) -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an IP address
    async with page.listen(port=0) as url, aiohttp.ClientSession(url, cookie_jar=jar) as session:
        yield session


async def status(session: aiohttp.ClientSession, path: str, **asked: str) -> int:
    async with session.get(path, headers=asked, allow_redirects=False) as response:
        return response.status


async def sign_in(session: aiohttp.ClientSession, token: str, to: str = "/board") -> aiohttp.ClientResponse:
    return await session.post("/login", data={"token": token, "to": to}, allow_redirects=False)


# --- a token


@pytest.mark.parametrize("path", [*READ, *FOR_THE_OPERATOR])
async def test_with_a_token_nobody_else_sees_anything(path: str) -> None:
    async with visiting(await a_site(token=TOKEN)) as session:
        async with session.get(path, headers=HTML, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, f"/login?to={path}")
        async with session.get(path) as response:
            assert response.status == 401
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert await status(session, path, Authorization="Bearer another-token-than") == 401


async def test_a_stranger_is_told_nothing_but_where_to_sign_in() -> None:
    async with visiting(await a_site(token=TOKEN)) as session, session.get("/login") as response:
        page = await response.text()
    assert "venues" not in page
    assert BANNER not in page
    assert "<script" not in page
    assert "/feed" not in page


async def test_a_stranger_is_told_that_it_lives_a_guest_what_it_sees_the_operator_why_not() -> None:
    told = []
    for door in ({"token": TOKEN}, {"public": True}, {}):
        async with visiting(await a_site(**door)) as session, session.get("/healthz") as response:
            told.append(await response.json())
    assert told[0] == {"ok": True}
    assert told[1]["venues_fresh"] == 2
    assert "sources" not in told[1]
    assert told[2]["sources"][2]["why"] == "no answer"


@pytest.mark.parametrize("path", ["/metrics", "/feed.atom", "/feed.json", "/board", "/healthz"])
async def test_a_program_bears_the_token(path: str) -> None:
    async with visiting(await a_site(token=TOKEN)) as session:
        assert await status(session, path, Authorization=f"Bearer {TOKEN}") == 200


async def test_a_person_signs_in_once_and_out() -> None:
    async with visiting(await a_site(token=TOKEN)) as session:
        reply = await sign_in(session, f" {TOKEN} ", to="/waves")
        assert (reply.status, reply.headers["Location"]) == (303, "/waves")
        said = reply.headers["Set-Cookie"]
        assert "HttpOnly" in said
        assert "SameSite=Strict" in said
        assert TOKEN not in said
        assert await status(session, "/") == 200
        await session.post("/logout", allow_redirects=False)
        assert await status(session, "/") == 401


async def test_a_cookie_ends_with_its_time_and_with_its_token() -> None:
    now = Now()
    async with visiting(await a_site(now, token=TOKEN)) as session:
        cookie = (await sign_in(session, TOKEN)).cookies["washout"].value
    until, _, proof = cookie.partition(".")
    async with visiting(await a_site(now, token=TOKEN)) as session:
        assert await status(session, "/board", Cookie=f"washout={cookie}") == 200
        assert await status(session, "/board", Cookie=f"washout={int(until) + 1}.{proof}") == 401
        assert await status(session, "/board", Cookie="washout=٣.é") == 401
        now.passed = SIGNED_IN
        assert await status(session, "/board", Cookie=f"washout={cookie}") == 401
    now.passed = timedelta(0)
    async with visiting(await a_site(now, token="another-token-of-ours")) as session:
        assert await status(session, "/board", Cookie=f"washout={cookie}") == 401


async def test_the_cookie_is_for_tls_alone_where_the_page_is_known_by_it() -> None:
    async with visiting(await a_site(token=TOKEN, public_url="https://washout.example")) as session:
        for host, secure in (("washout.example", True), ("localhost", False)):
            headers = {"Host": host}
            async with session.post(
                "/login", data={"token": TOKEN}, headers=headers, allow_redirects=False
            ) as r:
                assert ("Secure" in r.headers["Set-Cookie"]) is secure


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\nb", ""])
async def test_signing_in_leads_nowhere_else(to: str) -> None:
    async with visiting(await a_site(token=TOKEN)) as session:
        assert (await sign_in(session, TOKEN, to)).headers["Location"] == "/"


async def test_guessing_is_slow_and_the_token_is_in_no_answer() -> None:
    now = Now()
    async with visiting(await a_site(now, token=TOKEN)) as session:
        for _ in range(TRIES):
            wrong = await sign_in(session, "not the token at all")
            assert wrong.status == 403
            assert "That is not the token" in await wrong.text()
        late = await sign_in(session, TOKEN)
        assert late.status == 429
        assert int(late.headers["Retry-After"]) == 12
        assert TOKEN not in await late.text()
        now.passed += timedelta(seconds=12)
        assert (await sign_in(session, TOKEN)).status == 303


async def test_programs_guess_as_slowly_as_people_and_the_right_token_costs_no_try() -> None:
    now = Now()
    async with visiting(await a_site(now, token=TOKEN)) as session:
        right, wrong = {"Authorization": f"Bearer {TOKEN}"}, {"Authorization": "Bearer not-the-token-at-all"}
        answers = [await status(session, "/metrics", **right) for _ in range(2 * TRIES)]
        assert answers == [200] * 2 * TRIES
        answers = [await status(session, "/metrics", **wrong) for _ in range(TRIES + 1)]
        assert answers == [401] * TRIES + [429]
        assert await status(session, "/metrics", **right) == 429, "it may be a guess too"
        assert (await sign_in(session, TOKEN)).status == 429
        now.passed += timedelta(seconds=12)
        assert await status(session, "/metrics", **right) == 200


# --- a public page


@pytest.mark.parametrize("token", [None, TOKEN])
async def test_a_public_page_is_read_without_a_token_and_the_chat_is_not(token: str | None) -> None:
    async with visiting(await a_site(public=True, token=token)) as session:
        for path in OPEN_TO_GUESTS:
            assert await status(session, path) == 200, path
        for path in FOR_THE_OPERATOR[1:]:
            assert await status(session, path) == 401, path
        async with session.get("/", allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, "/board")
        async with session.post("/say", data={"text": "/oi"}) as response:
            assert response.status == 401


async def test_a_guest_is_told_no_operators_details() -> None:
    async with visiting(await a_site(public=True)) as session:
        for path in OPEN_TO_GUESTS:
            async with session.get(path) as response:
                said = await response.text()
            assert "no answer" not in said, path
            assert 'form="tap"' not in said, path
            assert 'href="/"' not in said, path
    async with visiting(await a_site()) as session, session.get("/board") as response:
        assert "no answer" in await response.text(), "the operator is told why"


async def test_the_operator_of_a_public_page_has_the_chat() -> None:
    async with visiting(await a_site(public=True, token=TOKEN)) as session:
        await sign_in(session, TOKEN)
        assert await status(session, "/") == 200
        assert await status(session, "/metrics") == 200


async def test_a_guest_who_asks_too_much_waits_and_others_do_not() -> None:
    now = Now()
    public = await a_site(now, public=True, public_url="https://washout.example")
    async with visiting(public) as session:
        one, other = ({"X-Forwarded-For": f"198.51.100.7, 203.0.113.{n}"} for n in (1, 2))
        answers = [await status(session, "/healthz", **one) for _ in range(61)]
        assert answers == [200] * 60 + [429]
        assert await status(session, "/healthz", **other) == 200
        now.passed += timedelta(seconds=0.5)
        assert await status(session, "/healthz", **one) == 200


async def test_a_guest_cannot_take_every_place_of_the_stream() -> None:
    public = await a_site(public=True, token=TOKEN)
    async with visiting(public) as session:
        held = [await session.get("/live") for _ in range(MOST_OF_ONE)]
        assert {response.status for response in held} == {200}
        assert await status(session, "/live") == 503
        async with session.get("/live", headers={"Authorization": f"Bearer {TOKEN}"}) as operators:
            assert operators.status == 200
        for response in held:
            response.close()


async def test_a_page_without_a_token_asks_for_none() -> None:
    async with visiting(await a_site(public=True)) as session, session.get("/login") as response:
        assert response.url.path == "/board"
        assert 'href="/login"' not in await response.text()


# --- names and proxies


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("washout.example", True),
        ("WASHOUT.example", True),
        ("washout.example:8080", False),
        ("localhost:8080", True),
        ("192.0.2.7", False),
        ("evil.example", False),
        ("washout.example.evil.example", False),
        ("", False),
    ],
)
async def test_the_page_is_served_under_its_own_names_alone(host: str, known: bool) -> None:
    door = await a_site(token=TOKEN, host="0.0.0.0", public_url="https://washout.example")
    assert door.door.known(host) is known


def test_an_address_that_is_listened_on_is_a_name_of_the_page() -> None:
    door = Door(wall=lambda: AT, host="2001:db8::7", token=TOKEN)
    assert door.known("[2001:db8::7]:8080")
    assert not door.known("[2001:db8::8]:8080")


@pytest.mark.parametrize(
    ("origin", "fine"),
    [
        ("https://washout.example", True),
        ("http://washout.example", False),
        ("https://evil.example", False),
        ("null", False),
    ],
)
async def test_behind_a_proxy_words_come_from_the_page_as_people_know_it(origin: str, fine: bool) -> None:
    async with visiting(await a_site(token=TOKEN, public_url="https://washout.example")) as session:
        headers = {"Host": "washout.example", "Origin": origin, "Authorization": f"Bearer {TOKEN}"}
        async with session.post(
            "/say", data={"text": "/oi"}, headers=headers, allow_redirects=False
        ) as reply:
            assert reply.status == (303 if fine else 403)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via"])
async def test_an_open_page_that_a_proxy_shows_to_others_is_refused(header: str) -> None:
    async with visiting(await a_site()) as session:
        assert await status(session, "/", **{header: "203.0.113.1"}) == 403
        assert await status(session, "/") == 200


def test_the_token_is_in_no_text_that_is_made_of_the_door() -> None:
    assert TOKEN not in repr(Door(wall=lambda: AT, token=TOKEN))


# --- limits and languages


@given(st.lists(st.floats(0, 3), max_size=60), st.integers(1, 5), st.floats(0.1, 2))
def test_a_limit_lets_through_a_burst_and_then_one_each_time(
    pauses: list[float], burst: int, every_s: float
) -> None:
    at = 0.0
    limit = Limit(burst, every_s, lambda: at)
    let: list[float] = []
    for pause in pauses:
        at += pause
        if not limit.wait_s("one"):
            let.append(at)
    for n, first in enumerate(let):
        within = sum(time < first + every_s * 3 - 1e-6 for time in let[n:])
        assert within <= burst + 3


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nobody", "unknown"),
    ],
)
def test_a_client_is_an_address_or_a_network(address: str, whose: str) -> None:
    assert network(address) == whose


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("es-MX,es;q=0.9,en;q=0.8", ["es-MX", "es", "en"]),
        ("en;q=0.2, tr", ["tr", "en"]),
        ("ru;q=0, zh-Hant", ["zh-Hant"]),
        ("en;q=x", []),
        ("", [""]),
    ],
)
def test_languages_are_wanted_in_their_order(header: str, wanted: list[str]) -> None:
    assert preferred(header) == wanted


@pytest.mark.parametrize(
    ("path", "asked", "lang"),
    [
        ("/board", {"Accept-Language": "fr, zh-TW;q=0.5"}, "zh"),
        ("/board", {"Accept-Language": "fr"}, "en"),
        ("/board?lang=tr", {"Accept-Language": "zh"}, "tr"),
        ("/board?lang=xx", {"Accept-Language": "zh"}, "zh"),
        ("/", {"Accept-Language": "ru-RU"}, "ru"),
    ],
)
async def test_a_page_is_in_the_readers_language(path: str, asked: dict[str, str], lang: str) -> None:
    async with visiting(await a_site()) as session, session.get(path, headers=asked) as response:
        assert f'<html lang="{lang}">' in await response.text()


async def test_a_language_that_was_chosen_stays() -> None:
    async with visiting(await a_site()) as session:
        await session.get("/board?lang=es")
        async with session.get("/waves") as response:
            assert '<html lang="es">' in await response.text()
