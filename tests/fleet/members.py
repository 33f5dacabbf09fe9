"""One process of a fleet under test: its settings, and the network it has to itself.

A supervisor starts every process again that ends, as systemd or compose do.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.discord_face.records import TOKEN as DISCORD_TOKEN
from tests.postgres import Proxy
from tests.telegram.rules import TOKEN as TELEGRAM_TOKEN

SCENARIO, SPEED = "october-2025", 100.0
ROOT = Path(__file__).resolve().parents[2]
STOPS_WITHIN_S = 10.0


def settings_at(folder: Path, database: str, streams: Sequence[str], name: str, more: str = "") -> Path:
    file = folder / "config.toml"
    folder.mkdir(exist_ok=True)
    servers = ", ".join(f'"{server}"' for server in streams)
    file.write_text(
        f'[storage]\nurl = "{database}"\n[streams]\nurl = [{servers}]\nname = "{name}"\n'
        f'[log]\nformat = "text"\nlevel = "debug"\n{more}'
    )
    return file


@dataclass
class Member:
    """One process, started again whenever it ends, until it is stopped."""

    name: str
    words: Sequence[str]
    folder: Path
    config: Path
    process: asyncio.subprocess.Process | None = None
    starts: int = 0

    async def supervise(self) -> None:
        with (self.folder / f"{self.name}.log").open("ab") as log:
            while True:
                self.process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "bot", "run", *self.words, "--config", str(self.config)),
                    *("--scenario", SCENARIO, "--speed", str(SPEED), "--port", "0"),
                    cwd=self.folder,
                    env=os.environ
                    | {
                        "PYTHONPATH": str(ROOT),
                        "TELEGRAM_BOT_TOKEN": TELEGRAM_TOKEN,
                        "DISCORD_TOKEN": DISCORD_TOKEN,
                    },
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
                self.starts += 1
                await self.process.wait()
                await asyncio.sleep(0.5)

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None else 0

    def kill(self) -> None:
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.kill()

    async def stop(self) -> int:
        """As a supervisor stops it; its exit code."""
        assert self.process is not None
        self.process.terminate()
        async with asyncio.timeout(STOPS_WITHIN_S):
            return await self.process.wait()

    @property
    def log(self) -> str:
        return (self.folder / f"{self.name}.log").read_text("utf-8", "replace")


@dataclass(frozen=True)
class Lines:
    """A network of one member, which can stop forwarding without telling anybody."""

    postgres: Proxy
    nats: Proxy

    def cut(self) -> None:
        self.postgres.cut()
        self.nats.cut()

    def mend(self) -> None:
        self.postgres.mend()
        self.nats.mend()
