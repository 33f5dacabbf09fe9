"""The catalogue of texts, made from the code: ``make words`` writes it, translators fill it in.

``locale/washout.pot`` is what the code says; each language has its own copy. A text that changed begins
anew there: nothing is guessed from one that looks like it. No dates and no line numbers, so that two people's
changes merge.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from handlers.speech import ENGLISH, FOLDER, LANGUAGES

KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
REMARKS = ("For translators:",)
"""A comment that begins so, above a text, is shown to who translates it."""
PLURALS = {
    "es": (2, "(n != 1)"),
    "ru": (
        3,
        "(n % 10 == 1 && n % 100 != 11 ? 0 : "
        "n % 10 >= 2 && n % 10 <= 4 && (n % 100 < 12 || n % 100 > 14) ? 1 : 2)",
    ),
    "zh": (1, "0"),
    "tr": (2, "(n != 1)"),
}
"""Forms of a noun beside a number, and which goes with ``n`` (GNU gettext's own table)."""
HEADER = "# {language} for Washout: see docs/languages.md."
KEPT_HEADERS = ("Project-Id-Version", "Language:", "Plural-Forms", "MIME-Version", "Content-")


def extracted(root: Path = FOLDER.parent) -> Catalog:
    """Every marked text under ``root``, with the files that say it."""
    catalog = Catalog(project="Washout", version="1", header_comment=HEADER.format(language="Texts"))
    catalog.fuzzy = False
    for file in sorted(root.rglob("*.py")):
        name = file.relative_to(root.parent).as_posix()
        found = extract_from_file("python", file, KEYWORDS, REMARKS)
        for _, message, remarks, context in found:
            catalog.add(message, None, [(name, 0)], auto_comments=remarks, context=context)
    return catalog


def written(catalog: Catalog) -> bytes:
    """The catalogue as a .po file, one line a text."""
    file = BytesIO()
    write_po(file, catalog, width=0, include_lineno=False, ignore_obsolete=True)
    header, gap, texts = file.getvalue().decode().partition("\n\n")
    kept = [line for line in header.splitlines() if line[:1] != '"' or line[1:].startswith(KEPT_HEADERS)]
    return ("\n".join(kept) + gap + texts).encode()


def of(language: str, folder: Path = FOLDER) -> Catalog:
    """A language's own catalogue; an empty one where there is none yet."""
    file = folder / language / "LC_MESSAGES" / "washout.po"
    if file.exists():
        with file.open("rb") as opened:
            return read_po(opened, locale=language)
    title = HEADER.format(language=LANGUAGES[language])
    catalog = Catalog(language, project="Washout", version="1", header_comment=title)
    catalog.fuzzy = False
    count, rule = PLURALS[language]
    catalog.mime_headers = [("Plural-Forms", f"nplurals={count}; plural={rule};")]
    return catalog


def renewed(language: str, template: Catalog, folder: Path = FOLDER) -> Catalog:
    """A language's catalogue with the texts of ``template``: known ones keep their translation."""
    catalog = of(language, folder)
    catalog.update(template, no_fuzzy_matching=True)
    return catalog


def files(folder: Path = FOLDER) -> Iterator[tuple[Path, bytes]]:
    """Every file of the catalogue as it should be."""
    template = extracted()
    yield folder / "washout.pot", written(template)
    for language in sorted(set(LANGUAGES) - {ENGLISH}):
        catalog = renewed(language, template, folder)
        yield folder / language / "LC_MESSAGES" / "washout.po", written(catalog)


def main() -> None:
    for file, content in files():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


if __name__ == "__main__":
    main()
