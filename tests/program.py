"""The program as a user starts it: a process of its own, seen through its page."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import TypeVar
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[1]
LAST_WORDS = 5000
"""So many characters of what a program said stand under a failure."""
NOTHING: Mapping[str, str] = {}
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
        """As the machine would; fails when something that it started lives on."""
        self.process.kill()
        self.process.wait(10)
        self.close()

    def close(self) -> None:
        """Whatever still can write there holds the line open, and closing it would wait for that."""
        self._reader.join(10)
        assert not self._reader.is_alive(), "something that the program started has outlived it"
        if self.process.stdout:
            self.process.stdout.close()

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> tuple[int, float]:
        """Ctrl-C, or another signal; returns the exit code and how many seconds the stop took."""
        begun = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(20), time.monotonic() - begun

    def so_far(self) -> str:
        """What it has said until now."""
        while not self._lines.empty():
            self.said.append(self._lines.get())
        return "".join(self.said)

    def output(self) -> str:
        """All it ever said, once it has ended."""
        self._reader.join(10)
        return self.so_far()


@contextmanager
def program(*arguments: str, at: Path, env: Mapping[str, str] = NOTHING) -> Iterator[Program]:
    """``python -m bot run …`` in the folder ``at``, killed at the end if it still runs.

    What fails within the block is raised with the last lines that the program said.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "run", "--port", "0", *arguments],
        cwd=at,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    started = Program(process)
    try:
        yield started
    except BaseException as failed:
        process.kill()
        failed.add_note(f"The program said:\n{started.output()[-LAST_WORDS:]}")
        raise
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        started.close()


def eventually(look: Callable[[], T | None], within_s: float, what: str) -> T:
    """Look again and again until there is something; fails with ``what`` when there never is."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"never seen within {within_s} s: {what}")
