"""Commands: each written once, words in and a card out. No platform is known here."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.domain.assets import Asset
from bot.domain.cards import Card, plain
from bot.domain.posts import Destination
from bot.errors import AskError
from handlers.cards import error_card
from handlers.desk import Desk
from handlers.words import Parameter

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks, where, and what: ``words`` are the command's parameters, read."""

    destination: Destination
    person: str = ""
    may_configure: bool = True
    words: Mapping[str, object] = field(default_factory=dict)

    def get(self, parameter: Parameter[T]) -> T | None:
        """The word, or ``None`` where it was not said."""
        return cast("T | None", self.words.get(parameter.name))

    def need(self, parameter: Parameter[T]) -> T:
        """A word that is required, so it is there."""
        return cast("T", self.words[parameter.name])

    def may_change(self) -> None:
        """Raises ``AskError`` for a person who may not change what this chat gets."""
        if not self.may_configure:
            raise AskError(
                "Only administrators change alerts in this group. You can subscribe yourself, "
                "in a private chat with me."
            )


Run = Callable[[Desk, Ask], Awaitable[Card]]


@dataclass(frozen=True, slots=True)
class Command:
    """``about`` is one line of the help; ``examples`` are whole lines that work."""

    name: str
    about: str
    parameters: tuple[Parameter[Any], ...]
    examples: tuple[str, ...]
    run: Run

    @property
    def usage(self) -> str:
        """``/oi [coin] [period]``."""
        return " ".join((f"/{self.name}", *(parameter.shown for parameter in self.parameters)))


COMMANDS: dict[str, Command] = {}


def command(
    name: str, about: str, *parameters: Parameter[Any], examples: tuple[str, ...]
) -> Callable[[Run], Run]:
    """Enters the function into the registry."""

    def enter(run: Run) -> Run:
        COMMANDS[name] = Command(name, about, parameters, examples, run)
        return run

    return enter


async def answer(desk: Desk, ask: Ask, text: str) -> Card:
    """The card for a line such as ``/oi btc 24h``; a mistake is a card as well.

    The slash may be missing and the command may carry the bot's name (``/oi@washout_bot``).
    """
    try:
        called, words = find(text)
        read = read_words(called, words, await desk.known())
        card = await called.run(desk, replace(ask, words=read))
    except AskError as error:
        card = error_card(error)
    return desk.sign(card)


def find(text: str) -> tuple[Command, list[str]]:
    """The command a line names, and its words. Raises ``AskError`` with the nearest command."""
    said, *words = text.split() or [""]
    name = said.removeprefix("/").partition("@")[0].lower()
    if name in COMMANDS:
        return COMMANDS[name], words
    if not name:
        raise AskError("Say what you would like to know, for example `/oi btc`. Everything: `/help`", "/help")
    near = _nearest(name)
    example = COMMANDS[near or "help"].examples[0]
    guess = f"Did you mean `/{near}`?" if near else "Everything: `/help`"
    if near and example != f"/{near}":
        guess += f" For example `{example}`"
    raise AskError(f'I know no command "{plain(said[:24])}". {guess}', example)


def _nearest(name: str) -> str | None:
    """The command that begins so, or the one with the fewest slips (``/io`` is one: a swap)."""
    begun = [known for known in COMMANDS if len(name) > 2 and known.startswith(name)]
    if begun:
        return begun[0]
    near = process.extractOne(name, list(COMMANDS), scorer=OSA.normalized_similarity, score_cutoff=0.5)
    return near[0] if near else None


def read_words(called: Command, words: Sequence[str], known: Sequence[Asset]) -> dict[str, object]:
    """Each word goes to the first parameter that can read it. Raises ``AskError`` for one nobody can read."""
    read: dict[str, object] = {}
    left = list(called.parameters)
    for place, word in enumerate(words):
        if left and left[0].rest:
            rest = left.pop(0)
            read[rest.name] = rest.read(" ".join(words[place:]), known)
            break
        taker, value = _taker(called, left, word, known)
        read[taker.name] = value
        left.remove(taker)
    if missing := next((parameter for parameter in left if parameter.required), None):
        example = called.examples[0]
        raise AskError(f"`/{called.name}` needs {_article(missing.name)}: `{example}`", example)
    return read


def _taker(
    called: Command, left: Sequence[Parameter[Any]], word: str, known: Sequence[Asset]
) -> tuple[Parameter[Any], object]:
    """Whoever reads the word; else the complaint of the first that it looks meant for."""
    complaints: list[AskError] = []
    for parameter in left:
        try:
            return parameter, parameter.read(word, known)
        except AskError as error:
            if re.fullmatch(parameter.looks, word):
                complaints.append(error)
    if not complaints:
        example = called.examples[0]
        raise AskError(f'I do not know what "{plain(word[:24])}" is for here. Try `{example}`', example)
    raise complaints[0]


def _article(name: str) -> str:
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"
