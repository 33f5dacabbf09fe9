"""The language of whom a text is for. Every text that a person reads goes through here.

``_("Price {move}").format(move=…)``: whole sentences with named places, so that a translator may turn them
round; ``ngettext`` where a count decides the form. What is named before anybody asks (a command's help line)
is marked with ``N_`` and goes through ``_`` when it is shown. English is written in the code, the others lie
in ``locale/<language>/LC_MESSAGES/washout.po`` and are read when first spoken.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = {"en": "English", "es": "Español", "ru": "Русский", "zh": "中文", "tr": "Türkçe"}
"""What can be chosen, each by its own name."""
ENGLISH = "en"
FOLDER = Path(__file__).parent / "locale"

_drafts: dict[str, NullTranslations] = {}
_spoken: ContextVar[str] = ContextVar("spoken", default=ENGLISH)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Texts within the block are in ``language``; in English where it is none of ``LANGUAGES``."""
    token = _spoken.set(nearest(language) or ENGLISH)
    try:
        yield
    finally:
        _spoken.reset(token)


def nearest(code: str) -> str | None:
    """The language spoken for a platform's code (``pt-BR``, ``zh-hans``, ``zh_TW``); ``None`` for none."""
    language = code.replace("_", "-").partition("-")[0].lower()
    return language if language in LANGUAGES else None


def spoken() -> str:
    """The language of the texts made here and now."""
    return _spoken.get()


def locale() -> Locale:
    """How that language writes numbers and dates."""
    return _locale(_spoken.get())


@contextmanager
def taught(language: str, texts: NullTranslations) -> Iterator[None]:
    """Within the block the language speaks from other texts than its catalogue's: a draft's, or a test's."""
    _drafts[language] = texts
    try:
        yield
    finally:
        del _drafts[language]


def _(message: str) -> str:
    """The text in the language spoken; nothing stays nothing (to gettext it is the catalogue's head)."""
    return _texts(_spoken.get()).gettext(message) if message else ""


def ngettext(singular: str, plural: str, count: float) -> str:
    """The form for ``count``: ``ngettext("{n} wave", "{n} waves", n).format(n=n)``."""
    return _texts(_spoken.get()).ngettext(singular, plural, int(count))


def pgettext(context: str, message: str) -> str:
    """For a word that is one in English and several elsewhere: ``pgettext("button", "Open")``."""
    return _texts(_spoken.get()).pgettext(context, message)


def N_(message: str) -> str:  # noqa: N802 - gettext's usual name
    """Marks a text for the catalogue; it is translated by ``_`` when it is shown."""
    return message


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(language)


def _texts(language: str) -> NullTranslations:
    return _drafts.get(language) or _catalogue(language)


@cache
def _catalogue(language: str) -> NullTranslations:
    if language == ENGLISH:
        return NullTranslations()
    with (FOLDER / language / "LC_MESSAGES" / "washout.po").open("rb") as file:
        catalog = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return GNUTranslations(compiled)
