"""Commands: each written once, words in and a card out. No platform is known here."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from msgspec import structs
from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.domain.assets import Asset
from bot.domain.cards import Card, plain
from bot.domain.chats import Changed, SettingsChange
from bot.domain.posts import Destination
from bot.errors import AskError
from handlers.desk import Desk
from handlers.own_cards import error_card
from handlers.phrases import enumerated
from handlers.questions import ALSO_WORDS, is_question, nearest_lines
from handlers.speech import ENGLISH, _, nearest, speaking
from handlers.words import COIN, Parameter, read_coin

T = TypeVar("T")


NEAR = {True: 0.5, False: 0.65}
"""How like a command a word is that was meant for it, with a slash and without (``what`` is no ``chart``)."""
MANAGED = "discord"
"""Where those with the permission Manage Server change settings; elsewhere administrators do."""


async def anyone() -> bool:
    """Where a chat has no administrators, everybody in it may change its settings."""
    return True


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks, where, and what: ``words`` are the command's parameters, read.

    ``person`` is the platform's id of who asks and ``person_name`` what people call them. ``may_configure``
    may cost the face a call, so it is only asked when something is about to change. ``private_chat`` is where
    the person can speak with the bot alone (``t.me/…``), where the face knows. ``restored`` is how many
    subscriptions came back with the bot, where it was just let in again. ``language`` is the platform's code
    for the chat: of the person in a private one, of who let the bot in or of the server elsewhere.
    """

    destination: Destination
    person: str = ""
    person_name: str = ""
    may_configure: Callable[[], Awaitable[bool]] = anyone
    is_group: bool = False
    private_chat: str = ""
    restored: int = 0
    language: str = ""
    words: Mapping[str, object] = field(default_factory=dict)

    def get(self, parameter: Parameter[T]) -> T | None:
        """The word, or ``None`` where it was not said."""
        return cast("T | None", self.words.get(parameter.name))

    def need(self, parameter: Parameter[T]) -> T:
        """A word that is required, so it is there."""
        return cast("T", self.words[parameter.name])

    @property
    def who(self) -> str:
        """As ``/settings log`` names them: a name can be imitated, an id cannot."""
        return f"{self.person_name} ({self.person})" if self.person_name else self.person

    @property
    def is_managed(self) -> bool:
        return self.destination.platform == MANAGED

    async def may_change(self) -> None:
        """Raises ``AskError`` for a person who may not change what this chat gets."""
        if await self.may_configure():
            return
        if self.is_managed:
            refused = _("Only those with the permission Manage Server change alerts in this group.")
        else:
            refused = _("Only administrators change alerts in this group.")
        if self.private_chat:
            instead = _("You can subscribe yourself: {link}").format(link=self.private_chat)
        else:
            instead = _("You can subscribe yourself, in a private chat with me")
        raise AskError(f"{refused} {instead}")


Run = Callable[[Desk, Ask], Awaitable[Card]]


@dataclass(frozen=True, slots=True)
class Command:
    """``about`` is one line of the help, marked for the catalogue; ``examples`` are whole lines that work.

    ``configures`` marks what is for those who may change settings; its answers are for them alone, as are
    those of what is ``discreet``, wherever a platform can show something to one person.
    """

    name: str
    about: str
    parameters: tuple[Parameter[Any], ...]
    examples: tuple[str, ...]
    run: Run
    configures: bool = False
    discreet: bool = False

    @property
    def usage(self) -> str:
        """``/oi [coin] [period]``."""
        return " ".join((f"/{self.name}", *(parameter.shown for parameter in self.parameters)))


COMMANDS: dict[str, Command] = {}


def command(
    name: str,
    about: str,
    *parameters: Parameter[Any],
    examples: tuple[str, ...],
    configures: bool = False,
    discreet: bool = False,
) -> Callable[[Run], Run]:
    """Enters the function into the registry."""

    def enter(run: Run) -> Run:
        COMMANDS[name] = Command(name, about, parameters, examples, run, configures, discreet)
        return run

    return enter


def in_order(names: str) -> None:
    """As helps and menus list them: what is asked most comes first. Raises ``KeyError`` for one not there."""
    entered = {**COMMANDS}
    COMMANDS.clear()
    COMMANDS.update({name: entered.pop(name) for name in names.split()}, **entered)


async def answer(desk: Desk, ask: Ask, text: str) -> Card:
    """The card for a line such as ``/oi btc 24h``; a mistake is a card as well.

    The slash may be missing and the command may carry the bot's name (``/oi@washout_bot``). Settings and
    mistakes are answered privately, where the platform can do that.
    """
    await _first_heard(desk, ask)
    desk = await desk.at_home(ask.destination)
    with speaking(desk.language):
        return await _answered(desk, ask, text)


async def _first_heard(desk: Desk, ask: Ask) -> None:
    """Take the platform's language for the chat's, until another is chosen: alerts are spoken in it too."""
    heard = nearest(ask.language) or ENGLISH
    if heard == ENGLISH or (before := await desk.settings(ask.destination)).language:
        return
    after = structs.replace(before, language=heard)
    change = SettingsChange(
        destination=before.destination,
        at=desk.wall(),
        who=ask.destination.platform.title(),
        what=Changed(settings=(before, after)).written(),
    )
    await desk.store.chats.choose(after, change)


async def _answered(desk: Desk, ask: Ask, text: str) -> Card:
    try:
        called, read = read_line(text, await desk.known())
        card = await called.run(desk, replace(ask, words=read))
        if called.configures:
            card = structs.replace(card, private=True)
            desk = await desk.at_home(ask.destination)  # another language may have been chosen
    except AskError as error:
        card = structs.replace(error_card(error), private=True)
    with speaking(desk.language):
        return desk.sign(card)


def read_line(text: str, known: Sequence[Asset]) -> tuple[Command, dict[str, object]]:
    """A line's command and what its words say. Raises ``AskError`` with what the line comes nearest to."""
    try:
        called, words = find(text)
        return called, read_words(called, words, known)
    except AskError:
        if _is_typed(text):
            raise
        lines = nearest_lines(text, known, lambda line: _works(line, known))
        if not lines and len(text.split()) < 2:
            raise
    if not lines:
        nothing = _(
            "I answer commands, not whole sentences. For example `/oi btc`, `/liquidations btc 24h`"
            " or `/resets`. Everything: `/help`"
        )
        raise AskError(nothing, "/oi btc", "/resets", "/help")
    near = _("I answer commands, not whole sentences. Nearest to what you said: {lines}")
    raise AskError(near.format(lines=enumerated(f"`{line}`" for line in lines)), *lines)


def _is_typed(text: str) -> bool:
    """Is it a command with a mistake in it, rather than a sentence?"""
    name, surely = _said(text)
    if surely or is_question(text):
        return surely
    if name in COMMANDS and name not in ALSO_WORDS:
        return True
    return len(text.split()) < 3 and _nearest(name, surely) is not None


def _works(line: str, known: Sequence[Asset]) -> bool:
    try:
        read_words(*find(line), known)
    except AskError:
        return False
    return True


def find(text: str) -> tuple[Command, list[str]]:
    """The command a line names, and its words. Raises ``AskError`` with the nearest command."""
    said, *words = text.split() or [""]
    name, surely = _said(text)
    if name in COMMANDS:
        return COMMANDS[name], words
    if not name:
        raise AskError(
            _("Say what you would like to know, for example `/oi btc`. Everything: `/help`"), "/help"
        )
    near = _nearest(name, surely)
    example = COMMANDS[near or "help"].examples[0]
    if not near:
        text = _('I know no command "{said}". Everything: `/help`')
    elif example == f"/{near}":
        text = _('I know no command "{said}". Did you mean `{near}`?')
    else:
        text = _('I know no command "{said}". Did you mean `{near}`? For example `{example}`')
    raise AskError(text.format(said=plain(said[:24]), near=f"/{near}", example=example), example)


def _said(text: str) -> tuple[str, bool]:
    """The first word as a command's name, and whether it was surely meant for one."""
    said = next(iter(text.split()), "")
    return said.removeprefix("/").partition("@")[0].lower(), said.startswith("/")


def _nearest(name: str, surely: bool) -> str | None:
    """The command that begins so, or the one with the fewest slips (``/io`` is one: a swap)."""
    begun = [known for known in COMMANDS if len(name) > 2 and known.startswith(name)]
    if begun:
        return begun[0]
    names = list(COMMANDS)
    near = process.extractOne(name, names, scorer=OSA.normalized_similarity, score_cutoff=NEAR[surely])
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
        if _names_the_next(left, words[place : place + 2], known):
            continue
        taker, value = _taker(called, left, word, known)
        read[taker.name] = value
        left.remove(taker)
    if missing := next((parameter for parameter in left if parameter.required), None):
        example = called.examples[0]
        works = "/resets" if missing.name == "id" else example
        raise AskError(_needs(missing.name).format(line=f"/{called.name}", example=example), works)
    return read


def _taker(
    called: Command, left: Sequence[Parameter[Any]], word: str, known: Sequence[Asset]
) -> tuple[Parameter[Any], object]:
    """Whoever reads the word; else the complaint of the first that it looks meant for."""
    complaints: list[AskError] = []
    for parameter in left:
        try:
            return parameter, _read(called, parameter, word, known)
        except AskError as error:
            if re.fullmatch(parameter.looks, word):
                complaints.append(error)
    if not complaints:
        example = called.examples[0]
        text = _('I do not know what "{word}" is for here. Try `{example}`')
        raise AskError(text.format(word=plain(word[:24]), example=example), example)
    complaint = complaints[0]
    raise complaint if complaint.suggestions else AskError(complaint.text, *called.examples[:2])


def _read(called: Command, parameter: Parameter[T], word: str, known: Sequence[Asset]) -> T | Asset:
    """A coin nobody knows is answered with the nearest one in the command that was typed."""
    if parameter.name == called.parameters[0].name == COIN.name:
        return read_coin(word, known, f"/{called.name} {{coin}}")
    return parameter.read(word, known)


def _names_the_next(left: Sequence[Parameter[object]], words: Sequence[str], known: Sequence[Asset]) -> bool:
    """``since 2020``: a word may say which parameter the next one is for.

    Raises ``AskError`` for a value it cannot read, where the word can be nothing else.
    """
    name, *value = words
    named = next((parameter for parameter in left if parameter.name == name.lower()), None)
    if named is None or not value or name.upper() in known:
        return False
    try:
        named.read(value[0], known)
    except AskError:
        if not re.fullmatch(named.looks, name):
            raise
        return False
    return True


def _needs(name: str) -> str:
    match name:
        case "coin":
            return _("`{line}` needs a coin: `{example}`")
        case "id":
            return _("`{line}` needs an id, such as `{example}`. They are listed by `/resets`")
        case _:
            return _("`{line}` needs more words: `{example}`")
