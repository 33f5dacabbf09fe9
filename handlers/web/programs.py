"""What programs ask: is it well (``/healthz``), and how much of everything (``/metrics``)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from aiohttp import web

from bot.domain.figures import Sample
from handlers.desk import Desk
from handlers.web.door import Door
from handlers.web.figures import exposition, healthz, source_samples

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
MOST_COINS = 50
"""Coins with figures of their own, the largest."""


class Programs:
    """``figures`` are what others count."""

    def __init__(self, desk: Desk, door: Door, figures: Callable[[], Iterable[Sample]]) -> None:
        self.desk, self.door, self.figures = desk, door, figures

    def routes(self) -> Sequence[web.RouteDef]:
        return web.get("/healthz", self._healthz), web.get("/metrics", self._metrics)

    async def _healthz(self, request: web.Request) -> web.Response:
        sources, at, visitor = self.desk.health.sources(), self.desk.clock(), self.door.visitor(request)
        return web.json_response(healthz(sources, at, visitor, self.desk.members(), self.desk.holders()))

    async def _metrics(self, _: web.Request) -> web.Response:
        samples = [sample async for sample in self._samples()]
        return web.Response(body=exposition(samples).encode(), headers={"Content-Type": PROMETHEUS})

    async def _samples(self) -> AsyncIterator[Sample]:
        desk, at = self.desk, self.desk.clock()
        yield Sample("build_info", 1, {"version": desk.about.version})
        yield Sample("start_time_seconds", desk.about.started.timestamp())
        yield Sample("market_time_seconds", at.timestamp())
        for sample in (*source_samples(desk.health.sources(), at), *self.figures()):
            yield sample
        for asset in (await desk.known())[:MOST_COINS]:
            now, own = await desk.store.journal.snapshot(asset), {"coin": str(asset)}
            if now is None:
                continue
            yield Sample("open_interest_coins", now.coins, own)
            if now.usd is not None:
                yield Sample("open_interest_usd", now.usd, own)
            yield Sample("coverage_ratio", now.coverage, own)
            yield Sample("snapshot_age_seconds", (at - now.at).total_seconds(), own)
        running = await desk.store.waves.running()
        yield Sample("waves_running", len(running))
        for wave in running:
            own = {"wave": wave.id, "coin": str(wave.asset), "kind": str(wave.kind)}
            yield Sample("wave_magnitude", wave.magnitude.w, own)
            yield Sample("wave_fall_ratio", wave.fall, own)
            yield Sample("wave_revision", wave.revision, own)
