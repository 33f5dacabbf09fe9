"""A wave that was found in what venues remember is found again, byte for byte."""

from __future__ import annotations

from bot.recompute import recompute
from storage.memory import MemoryStore
from tests.feeds.acme import Server
from tests.test_past import GROUPS, Life
from tests.test_past import server as server  # its venues remember


async def test_a_wave_from_history_is_computed_again(server: Server) -> None:
    store = MemoryStore()
    await Life(server, store).run()
    [wave] = [one for one in await store.waves.recent() if one.from_history]
    again = await recompute(store, wave.id, GROUPS)
    assert list(again.told) == [wave.revision]
    assert again.same(wave.revision)
    assert "what venues remember of PEPE from" in again.inputs
