"""Every command of the registry as a slash command, with suggestions while it is typed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from functools import partial
from itertools import chain, combinations
from typing import Any

import discord
from discord import app_commands

from handlers.cards import wave_title
from handlers.commands import COMMANDS, Command
from handlers.desk import Desk
from handlers.discord_face.answers import language_of, place_of
from handlers.discord_face.render import cut, unmarked
from handlers.speech import ENGLISH, LANGUAGES, N_, _, nearest, speaking
from handlers.words import SHOWN, Parameter
from handlers.zones import with_cities

# Discord developer documentation, "Application command structure" and "Autocomplete".
MOST_ABOUT = 100
MOST_CHOICES = 25
MOST_CHOICE = 100
MOST_WORDS = 300
"""Characters in one option: far more than any command needs."""

PICKED: dict[str, Any] = {"role": discord.Role}
"""Parameters that Discord lets people pick instead of type."""
MOST_TOGETHER = 4
"""Of so many of the largest coins every two and three are offered to be compared."""
LISTED: dict[str, Collection[str]] = {
    "period": ("1h", "4h", "24h", "7d", "30d", "90d"),
    "what": SHOWN,
    "n": ("3", "5", "10", "20"),
    "since": ("2020", "2023", "2025"),
    "command": COMMANDS,
}
"""What these parameters are suggested, whoever asks."""

Respond = Callable[[discord.Interaction, str], Awaitable[None]]
"""Answers an interaction as if the text had been typed."""


def add_commands(tree: app_commands.CommandTree[Any], desk: Desk, respond: Respond) -> None:
    for command in COMMANDS.values():
        tree.add_command(slash_command(command, desk, respond))


def slash_command(command: Command, desk: Desk, respond: Respond) -> app_commands.Command[Any, ..., None]:
    """Offered in servers and in direct messages, installed for a server or for oneself.

    Settings are offered to everybody as well: hiding them from all without Manage Server
    (``default_member_permissions``) would hide them from the chat's own manager role. Who may change
    something is asked when it is about to change.
    """
    options = {option_name(parameter): parameter for parameter in command.parameters}

    async def callback(interaction: discord.Interaction, **words: str | discord.Role | None) -> None:
        said = (words[option] for option in options if words.get(option))
        texts = (word.mention if isinstance(word, discord.Role) else str(word) for word in said)
        await respond(interaction, " ".join((f"/{command.name}", *texts)))

    _declare(callback, options)
    app_commands.describe(**{name: _locale_str(partial(_about, command, p)) for name, p in options.items()})(
        callback
    )
    suggestions = {n: suggester(desk, command, p) for n, p in options.items() if p.name not in PICKED}
    app_commands.autocomplete(**suggestions)(callback)
    return app_commands.Command(
        name=command.name,
        description=_locale_str(lambda: cut(unmarked(_(command.about)), MOST_ABOUT)),
        callback=callback,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
    )


def _declare(callback: Callable[..., Any], options: dict[str, Parameter[Any]]) -> None:
    """The library reads a command's options from its signature: required ones first."""
    first = inspect.Parameter(
        "interaction", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=discord.Interaction
    )
    rest = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=_kind(parameter) if parameter.required else _kind(parameter) | None,
            default=inspect.Parameter.empty if parameter.required else None,
        )
        for name, parameter in sorted(options.items(), key=lambda option: not option[1].required)
    ]
    callback.__signature__ = inspect.Signature([first, *rest])  # type: ignore[attr-defined]


def _kind(parameter: Parameter[Any]) -> Any:
    return PICKED.get(parameter.name, app_commands.Range[str, 1, MOST_WORDS])


def option_name(parameter: Parameter[Any]) -> str:
    """Its name where that is one word; Discord takes no other."""
    return parameter.name if re.fullmatch(r"[a-z]{1,32}", parameter.name) else "what"


ABOUT = {
    "n": N_("How many"),
    "all": N_("With all kinds, unwinds too"),
    "id": N_("The wave, as its message names it"),
    "coin": N_("Coin"),
    "period": N_("Period"),
    "since": N_("Since"),
    "what": N_("What"),
    "venue": N_("Venue"),
    "command": N_("Command"),
    "choice": N_("Choice"),
    "role": N_("Role"),
    "language": N_("Language"),
    "city": N_("City"),
    "how often|off": N_("How often or off"),
    "hours|off": N_("Hours or off"),
    "period|off": N_("Period or off"),
    "log|managers": N_("Log or managers"),
    "coin|id|all": N_("Coin or id or all"),
    "coins… how often": N_("Coins… how often"),
    "how often or how large": N_("How often or how large"),
}
"""What each parameter is for, where nothing else is to be seen; one without a text says its name."""


def _about(command: Command, parameter: Parameter[Any]) -> str:
    """``Coin``; of free words also an example."""
    name = _(ABOUT[parameter.name]) if parameter.name in ABOUT else parameter.name.replace("|", " / ")
    if examples := [said for _shown, said in _examples(command, parameter)] if parameter.rest else []:
        name = _("{name}, such as {example}").format(name=name, example=examples[0])
    return cut(name, MOST_ABOUT)


def _locale_str(say: Callable[[], str]) -> app_commands.locale_str:
    """A text that Discord is given in every language; ``say`` says it in the one spoken."""
    return app_commands.locale_str(say(), say=say)


class Words(app_commands.Translator):
    """Descriptions in the languages we speak; names are typed, so they stay."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        say, language = string.extras.get("say"), nearest(str(locale))
        if say is None or language in (None, ENGLISH):
            return None
        with speaking(str(language)):
            said = str(say())
        return said if said != string.message else None


Suggest = Callable[[discord.Interaction[Any], str], Coroutine[Any, Any, list[app_commands.Choice[str]]]]


def suggester(desk: Desk, command: Command, parameter: Parameter[Any]) -> Suggest:
    async def suggest(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        home = await desk.settings(place_of(interaction))
        with speaking(home.language or language_of(interaction)):
            return [
                app_commands.Choice(name=cut(name, MOST_CHOICE), value=value)
                for name, value in matching(typed, await candidates(desk, command, parameter))
            ]

    return suggest


async def candidates(desk: Desk, command: Command, parameter: Parameter[Any]) -> Iterable[tuple[str, str]]:
    """What may be meant, as (shown, said), the likeliest first."""
    match parameter.name:
        case "coin":
            return [(coin, coin.lower()) for coin in await desk.known()]
        case "coins":
            largest = [coin.lower() for coin in list(await desk.known())[:MOST_TOGETHER]]
            several = (combinations(largest, many) for many in (3, 2))
            return [(" ".join(coins), " ".join(coins)) for coins in chain.from_iterable(several)]
        case "id":
            waves = await desk.store.waves.recent(limit=MOST_CHOICES)
            return [(f"{wave.id} · {unmarked(wave_title(wave))}", wave.id) for wave in waves]
        case "venue":
            titles = desk.titles()
            return [(title, str(venue)) for venue, title in titles.items()]
        case "language":
            return [(title, code) for code, title in LANGUAGES.items()]
        case "city":
            zones = [(zone.replace("_", " "), zone) for zone in with_cities()]
            return [*_examples(command, parameter), *zones]
        case name if name in LISTED:
            return [(word, word) for word in LISTED[name]]
        case name if parameter.looks == f"(?i){name}":  # one word, said or not
            return [(name, name)]
        case _:
            return _examples(command, parameter)


def _examples(command: Command, parameter: Parameter[Any]) -> list[tuple[str, str]]:
    """What the command's examples say for this parameter and the ones after it."""
    before = command.parameters.index(parameter)
    tails = (" ".join(example.split()[1 + before :]) for example in command.examples)
    return [(tail, tail) for tail in dict.fromkeys(tails) if tail]


def matching(typed: str, among: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those that begin with what was typed, then those that hold it; what was typed itself stays possible."""
    sought = typed.strip().casefold()
    fitting = [(n, v) for n, v in among if sought in n.casefold() or sought in v.casefold()]
    fitting = [(n, v) for n, v in fitting if len(v) <= MOST_CHOICE]
    fitting.sort(key=lambda one: not (one[0].casefold().startswith(sought) or one[1].startswith(sought)))
    return list(dict.fromkeys(fitting))[:MOST_CHOICES]
