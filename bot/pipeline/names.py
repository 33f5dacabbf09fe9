"""Names of waves: counted, and short enough to type."""

from __future__ import annotations

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def wave_name(number: int) -> str:
    """A short name people can type: 46 → ``1a``."""
    digits = ""
    while True:
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
        if not number:
            return digits


class Names:
    """Gives each wave its own. ``share`` is the place of whoever names among so many, who all name others."""

    def __init__(self, share: tuple[int, int] = (0, 1)) -> None:
        self._place, self._of = share
        self.given = 0

    def next(self) -> str:
        """The same until it is ``given``."""
        return wave_name(self.given * self._of + self._place + 1)

    def leave(self, name: str) -> None:
        """Give neither this name nor one before it."""
        self.given = max(self.given, (int(name, len(_ALPHABET)) - 1 - self._place) // self._of + 1)
