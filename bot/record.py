"""``washout record``: keep what venues send, as it comes, to look at or to replay."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.config import Settings
from bot.domain.assets import Asset
from bot.domain.market import Observation, Quarantined
from bot.errors import UsageError
from bot.exchanges import EXCHANGES
from bot.feeds.contact import Setting
from bot.feeds.sources import Sources, VenueSource
from bot.feeds.tape import Tape
from bot.health import Health
from bot.running import running
from bot.stage import keyed


class Nowhere:
    """What is recorded is not judged."""

    async def put(self, batch: Sequence[Observation]) -> None:
        return

    async def quarantine(self, rejected: Sequence[Quarantined]) -> None:
        return


def now() -> datetime:
    return datetime.now(UTC)


async def record(
    settings: Settings, venues: Sequence[str] | None, last: timedelta | None, folder: Path
) -> int:
    """Until a signal, or for as long as ``last``; then 0. Raises ``UsageError``."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if last is not None:
        loop.call_later(last.total_seconds(), stop.set)
    chosen = chosen_sources(settings, venues)
    try:
        tape = Tape(folder, now())
        await keep(tape, chosen, settings.assets, stop)
    except OSError as fault:
        raise UsageError(f"{folder}: cannot be written ({fault.strerror})") from fault
    for line in summary(tape):
        sys.stdout.write(f"{line}\n")
    return 0


async def keep(
    tape: Tape, venues: Sequence[VenueSource], watched: frozenset[Asset] | None, stop: asyncio.Event
) -> None:
    nowhere = Nowhere()
    setting = Setting(nowhere, nowhere, Health(now), now, tap=tape)
    sources = Sources(venues, setting, watched=watched)
    try:
        async with running(tape.run()):
            await sources.run(stop)
    finally:
        await tape.write()


def chosen_sources(settings: Settings, venues: Sequence[str] | None) -> Sequence[VenueSource]:
    """The configured venues, or those named. Raises ``UsageError`` for one that does not exist."""
    addresses = {venue.venue: venue for venue in settings.venues}
    names = list(addresses) if venues is None else [name.strip().lower() for name in venues if name.strip()]
    unknown = [name for name in names if name not in EXCHANGES]
    if unknown or not names:
        raise UsageError(f"--venues: {', '.join(unknown) or 'none'}; there are: {', '.join(EXCHANGES)}")
    known = {str(name): exchange for name, exchange in EXCHANGES.items()}
    given = {str(name): venue for name, venue in addresses.items()}
    return [
        VenueSource(keyed(known[name], given[name]), given[name].base_url, given[name].ws_url)
        if name in given
        else VenueSource(known[name])
        for name in names
    ]


def summary(tape: Tape) -> Sequence[str]:
    lines = [f"{venue} {source}: {count:,}" for (venue, source), count in sorted(tape.pieces.items())]
    if tape.left_out:
        lines.append(f"left out because the disk was too slow: {tape.left_out:,}")
    return lines or ["nothing came"]
