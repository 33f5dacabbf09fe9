"""The program as a user starts it: a process of its own, seen through its page."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import TypeVar
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[1]
T = TypeVar("T")

_ARTICLE = re.compile(
    r'<article class="message (?P<kind>[^"]*)" id="m(?P<number>\d+)".*?data-revision="(?P<edits>\d+)"'
    r".*?>(?P<body>.*?)</article>",
    re.DOTALL,
)


def _words(html: str) -> str:
    blocks = re.sub(r"</?(p|h2|div|figure|figcaption|table|tr|td|th|footer|button)\b[^>]*>", " ", html)
    return " ".join(unescape(re.sub(r"<[^>]+>", "", blocks)).split())


@dataclass(frozen=True)
class Message:
    """A message on the page: ``edits`` counts how often it was revised in place."""

    number: int
    edits: int
    kind: str
    text: str


@dataclass
class Program:
    """A running ``python -m bot``; ``said`` are its lines on standard output."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    _lines: Queue[str] = field(default_factory=Queue)
    _reader: Thread = field(init=False)

    def __post_init__(self) -> None:
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self._lines.put(line)

    def line(self, word: str, within_s: float = 30) -> str:
        """The first line with ``word``; fails when none comes in time."""
        until = time.monotonic() + within_s
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                raise AssertionError(f"no line with {word!r} within {within_s} s: {self.said}") from None
            self.said.append(line)
            if word in line:
                return line

    @property
    def address(self) -> str:
        known = next((line for line in self.said if "http://" in line), "")
        found = re.search(r"http://[\d.:]+", known or self.line("http://"))
        assert found
        return found[0]

    def get(self, path: str = "/") -> str:
        with urllib.request.urlopen(self.address + path, timeout=10) as answer:  # noqa: S310
            return str(answer.read().decode())

    def ask(self, text: str) -> str:
        """Type ``text`` into the page; returns the words of the answer."""
        form = urlencode({"text": text}).encode()
        request = urllib.request.Request(self.address + "/say", form, {"Accept": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            return self.messages()[-1].text

    def messages(self) -> list[Message]:
        return [
            Message(
                int(found["number"]),
                int(found["edits"]),
                found["kind"],
                _words(found["body"]),
            )
            for found in _ARTICLE.finditer(self.get())
        ]

    def alerts(self, words: str) -> list[Message]:
        """Messages of the bot whose title has ``words``, without the answers to people."""
        return [m for m in self.messages() if words in m.text and "bot" in m.kind]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> tuple[int, float]:
        """Ctrl-C, or another signal; returns the exit code and how many seconds the stop took."""
        begun = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(20), time.monotonic() - begun

    def output(self) -> str:
        """All it ever said, once it has ended."""
        self._reader.join(10)
        while not self._lines.empty():
            self.said.append(self._lines.get())
        return "".join(self.said)


@contextmanager
def program(*arguments: str, at: Path) -> Iterator[Program]:
    """``python -m bot run …`` in the folder ``at``, killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "run", "--port", "0", *arguments],
        cwd=at,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Program(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        if process.stdout:
            process.stdout.close()


def eventually(look: Callable[[], T | None], within_s: float, what: str) -> T:
    """Look again and again until there is something; fails with ``what`` when there never is."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"never seen within {within_s} s: {what}")
