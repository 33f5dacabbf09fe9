"""One local chat with pages in several processes."""

from __future__ import annotations

from handlers.web import LOCAL
from storage.memory import MemoryStore
from tests.handlers.test_web_chat import reading, visiting
from tests.local import local_chat, wave


async def test_a_page_shows_what_another_process_says_and_amends() -> None:
    store = MemoryStore()
    sends, shows = local_chat(store), local_chat(store)
    looks: list[str] = []
    sends.changed = lambda: looks.append("look")
    await sends.send(LOCAL, wave(1))
    async with visiting(shows) as session:
        await shows.look()
        async with reading(session) as stream:
            number = await sends.send(LOCAL, wave(2))
            await shows.look()
            assert "W 3.2 and growing" in (await stream.next("message"))[1]
            await sends.edit(LOCAL, number, wave(3))
            await shows.send(LOCAL, wave(4))
            await shows.look()
            seen = [(await stream.next("message"))[1] for _ in range(2)]
            assert ["W 3.4 " in seen[0], "W 3.3 " in seen[1]] == [True, True], "each is shown once"
            await shows.look()
            await shows.send(LOCAL, wave(5))
            assert "W 3.5 " in (await stream.next("message"))[1]
    assert looks == ["look"] * 3
