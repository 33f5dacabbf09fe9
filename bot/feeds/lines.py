"""What lines to a venue need beside a network: who is on which, what is missing, and when to open one."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence

from bot.errors import SourceChanged
from bot.exchanges.spec import Book
from bot.feeds.contact import Sleep

_GZIP = 16 + zlib.MAX_WBITS


def spread(before: Sequence[Iterable[str]], book: Book, per_line: int) -> list[Book]:
    """The contracts of ``book`` on lines of at most ``per_line`` (0: all on one), as evenly as can be.

    ``before`` is what each line carried until now. A contract stays on its line and a new one goes where
    there is most room, so that one listing touches one line. A line that is no longer needed is left
    empty at its place, the emptiest first; its contracts go to the others.
    """
    needed = -(-len(book) // (per_line or max(1, len(book))))
    lines: list[dict[str, None]] = [dict.fromkeys(s for s in line if s in book) for line in before]
    in_use = sorted(range(len(lines)), key=lambda place: (-len(lines[place]), place))
    for place in in_use[needed:]:
        lines[place].clear()
    lines += [{} for _ in range(needed - len(lines))]
    open_lines = [*in_use[:needed], *range(len(before), len(lines))]
    carried = {symbol for line in lines for symbol in line}
    for symbol in book:
        if symbol not in carried:
            lines[min(open_lines, key=lambda place: (len(lines[place]), place))][symbol] = None
    return [{symbol: book[symbol] for symbol in line} for line in lines]


def unzipped(raw: bytes, most: int) -> bytes:
    """What was packed with gzip, in one piece or several.

    Raises ``SourceChanged`` where it is not gzip, cut off, or more than ``most`` bytes.
    """
    content = b""
    while raw:
        reader = zlib.decompressobj(_GZIP)
        try:
            content += reader.decompress(raw, most + 1 - len(content))
        except zlib.error as fault:
            raise SourceChanged(f"not gzip ({fault})") from fault
        if len(content) > most:
            raise SourceChanged(f"more than {most // 1024} KiB once unpacked")
        if not reader.eof:
            raise SourceChanged("gzip that is cut off")
        raw = reader.unused_data
    return content


class Numbering:
    """How many messages one connection missed, where the venue numbers them.

    A number that is not above the last of its stream begins the count anew: it is no gap.
    """

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def missed(self, numbered: Iterable[tuple[str, int]]) -> Mapping[str, int]:
        """Messages left out before these, by stream; only streams that miss any."""
        gaps: dict[str, int] = {}
        for stream, number in numbered:
            last = self._last.get(stream)
            if last is not None and number > last + 1:
                gaps[stream] = gaps.get(stream, 0) + number - last - 1
            self._last[stream] = number
        return gaps


class Turnstile:
    """Lets one through every ``pause_s`` seconds of wall time, first come first served."""

    def __init__(self, pause_s: float, monotonic: Callable[[], float], sleep: Sleep) -> None:
        self._pause_s, self._monotonic, self._sleep = pause_s, monotonic, sleep
        self._next = 0.0

    async def go(self) -> None:
        now = self._monotonic()
        turn = max(now, self._next)
        self._next = turn + self._pause_s
        if turn > now:
            await self._sleep(turn - now)
