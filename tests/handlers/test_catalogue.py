from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.catalog import Message

from handlers import catalogue
from handlers.speech import ENGLISH, FOLDER, LANGUAGES

COMPLETE = ("es", "ru", "tr", "zh")
"""Languages in which every text must be translated."""
OTHERS = sorted(set(LANGUAGES) - {ENGLISH})
PLACE = re.compile(r"\{[^{}]*\}")
MARK = re.compile(r"\*\*|`[^`]*`")
"""What must stand in a translation as it stands in English: marks, and whatever is typed."""


def translated(catalog: Catalog) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each translated form with the English ones of which it must agree with one.

    The first form of a plural may name no number where English names none for one ("the only wave").
    """
    for message in catalog:
        if not message.id:
            continue
        for place, form in enumerate(forms(message)):
            english = (message.id,) if isinstance(message.id, str) else message.id[place > 0 :]
            if form:
                yield tuple(english), form


def forms(message: Message) -> list[str]:
    if isinstance(message.string, str) or message.string is None:
        return [message.string or ""]
    return list(message.string)


def test_a_text_is_found_with_its_plural_its_context_and_its_remark(tmp_path: Path) -> None:
    code = '# For translators: a button.\n_("Open")\nN_("Named {at}")\n'
    code += 'ngettext("{n} wave", "{n} waves", 2)\npgettext("tone", "open")\n_(f"{not_a_text}")\n'
    (tmp_path / "face.py").write_text(code)
    found = {message.id: message for message in catalogue.extracted(tmp_path) if message.id}
    assert set(found) == {"Open", "Named {at}", ("{n} wave", "{n} waves"), "open"}
    assert found["Open"].auto_comments == ["For translators: a button."]
    assert found["open"].context == "tone"


def test_every_text_is_found() -> None:
    """Python before 3.12 shows no text that stands within an f-string."""
    found = {m.id if isinstance(m.id, str) else m.id[0] for m in catalogue.extracted() if m.id}
    lost = [
        f"{file.name}:{call.lineno}"
        for file in sorted(FOLDER.parent.rglob("*.py"))
        for call in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in catalogue.KEYWORDS
        and isinstance(text := call.args[call.func.id == "pgettext"], ast.Constant)
        and text.value not in found
    ]
    assert not lost


def test_a_changed_text_begins_anew_and_a_kept_one_stays(tmp_path: Path) -> None:
    def template(*texts: str) -> Catalog:
        catalog = Catalog()
        for text in texts:
            catalog.add(text)
        return catalog

    file = tmp_path / "es" / "LC_MESSAGES" / "washout.po"
    file.parent.mkdir(parents=True)
    first = catalogue.renewed("es", template("Price {move}", "Quiet hours"), tmp_path)
    first["Price {move}"].string = "Precio {move}"
    first["Quiet hours"].string = "Horas de silencio"
    file.write_bytes(catalogue.written(first))
    second = catalogue.renewed("es", template("Price: {move}", "Quiet hours"), tmp_path)
    assert {m.id: (m.string, m.fuzzy) for m in second if m.id} == {
        "Price: {move}": (None, False),
        "Quiet hours": ("Horas de silencio", False),
    }


@pytest.mark.parametrize("language", COMPLETE)
def test_the_catalogue_is_what_the_code_says(language: str) -> None:
    wanted = {file.relative_to(FOLDER).as_posix(): content for file, content in catalogue.files()}
    stale = [
        name
        for name in ("washout.pot", f"{language}/LC_MESSAGES/washout.po")
        if (FOLDER / name).read_bytes() != wanted[name]
    ]
    assert not stale, "say: make words"


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_keeps_places_marks_and_what_is_typed(language: str) -> None:
    def kept(text: str) -> tuple[Counter[str], Counter[str]]:
        return Counter(PLACE.findall(text)), Counter(MARK.findall(text))

    wrong = [
        (english, form)
        for english, form in translated(catalogue.of(language))
        if kept(form) not in [kept(text) for text in english]
    ]
    assert not wrong


@pytest.mark.parametrize("language", COMPLETE)
def test_a_language_has_every_text(language: str) -> None:
    catalog = catalogue.of(language)
    lacking = [
        message.id
        for message in catalogue.extracted()
        if message.id
        and (
            (known := catalog.get(message.id, message.context)) is None
            or known.fuzzy
            or not all(forms(known))
        )
    ]
    assert not lacking


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_its_forms_of_a_plural(language: str) -> None:
    count, rule = catalogue.PLURALS[language]
    header = (FOLDER / language / "LC_MESSAGES" / "washout.po").read_text("utf-8")
    assert f"Plural-Forms: nplurals={count}; plural={rule};" in header.replace("\\n", "")
