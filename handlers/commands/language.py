"""The language this chat is spoken to in: /language."""

from __future__ import annotations

from msgspec.structs import replace

from bot.domain.cards import Button, Card, Line, plain
from bot.errors import AskError
from handlers.commands.changes import choose
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.phrases import enumerated
from handlers.speech import LANGUAGES, N_, _, nearest, speaking, spoken
from handlers.words import Parameter, read_text

WHICH = Parameter("language", read_text, rest=True)
NAMES = {
    "en": ("english", "inglés", "ingles", "английский", "英语", "英文", "ingilizce", "i̇ngilizce"),
    "es": ("spanish", "español", "espanol", "castellano", "испанский", "西班牙语", "ispanyolca"),
    "ru": ("russian", "русский", "russkiy", "ruso", "俄语", "俄文", "rusça", "rusca"),
    "zh": ("chinese", "中文", "汉语", "普通话", "mandarin", "chino", "китайский", "çince", "cince"),
    "tr": ("turkish", "türkçe", "turkce", "turco", "турецкий", "土耳其语"),
}
"""What people call each, in small letters."""


@command(
    "language",
    N_("The language I speak here"),
    WHICH.optional,
    examples=("/language", "/language es", "/language Türkçe"),
    configures=True,
)
async def language(desk: Desk, ask: Ask) -> Card:
    said = ask.get(WHICH)
    if not said:
        return _card(back=None)
    code, before = read_language(said), spoken()
    await choose(desk, ask, replace(await desk.settings(ask.destination), language=code))
    with speaking(code):
        return _card(back=before if before != code else None)


def read_language(text: str) -> str:
    """The code of a language by its code or by its name. Raises ``AskError``."""
    name = text.strip().lower()
    for code, names in NAMES.items():
        if name in names:
            return code
    if len(name.replace("_", "-").partition("-")[0]) == 2 and (code := nearest(name) or ""):
        return code
    raise AskError(
        _('I do not speak "{text}". I speak {languages}: `/language en`').format(
            text=plain(text.strip()[:24]), languages=enumerated(LANGUAGES.values())
        ),
        *(f"/language {code}" for code in LANGUAGES),
    )


def _card(back: str | None) -> Card:
    others = [code for code in LANGUAGES if code != spoken()]
    undo = (Button(_("Undo"), f"/language {back}"),) if back else ()
    # For translators: name your own language.
    title = _("I speak English here")
    return Card(
        title=title,
        lines=(Line(_("What you type stays as it is: commands are the same in every language")),),
        footer="`/language en` · `/language es` · `/language ru` · `/language zh` · `/language tr`",
        buttons=(
            *undo,
            *(Button(LANGUAGES[code], f"/language {code}") for code in others if code != back),
            Button(_("All settings"), "/settings"),
        ),
    )
