"""Cuts the bundled fonts from whole ones, to what pictures say: ``make fonts`` (needs fontTools).

    python -m handlers.fonts.cut [FOLDER]

FOLDER holds DejaVuSans.ttf and NotoSansCJK-Regular.ttc, with their bold ones, somewhere below it, as Debian's
fonts-dejavu-core and fonts-noto-cjk put them into /usr/share/fonts. Of Chinese only the signs are kept that
the catalogue uses, so it is called again when that has changed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from babel.messages.pofile import read_po
from fontTools.subset import Options, Subsetter, load_font, save_font

HERE = Path(__file__).parent
CATALOGUE = HERE.parent / "locale" / "zh" / "LC_MESSAGES" / "washout.po"
LATIN = (
    *range(0x20, 0x7F),
    *range(0xA0, 0x180),
    *range(0x400, 0x460),
    *(0x490, 0x491, 0x2009, 0x202F, *range(0x2010, 0x2016), *range(0x2018, 0x201F), 0x2022, 0x2026, 0x20AC),
    *(*range(0x2190, 0x2194), 0x2212, 0x2217, 0x2248, 0x2264, 0x2265, 0x25B2, 0x25BC, 0x25CB),
)
"""Latin with its accents, Cyrillic, and the signs that pictures use."""
HAN = "万亿年月日时分秒天周个小钟星期上下午一二三四五六七八九十、。，：；（）％"
"""What numbers and dates are written with, whatever the catalogue says."""
CUTS = (
    ("DejaVuSans.ttf", "DejaVuSans.ttf", 0),
    ("DejaVuSans-Bold.ttf", "DejaVuSans-Bold.ttf", 0),
    ("NotoSansCJK-Regular.ttc", "NotoSansSC-subset.otf", 2),  # the third face of the collection is SC
    ("NotoSansCJK-Bold.ttc", "NotoSansSC-Bold-subset.otf", 2),
)


def main(folder: Path) -> None:
    for whole, cut, face in CUTS:
        found = next(folder.rglob(whole), None)
        if found is None:
            raise SystemExit(f"no {whole} below {folder}: install fonts-dejavu-core and fonts-noto-cjk")
        _cut(found, HERE / cut, face)


def _cut(whole: Path, cut: Path, face: int) -> None:
    options = Options(
        hinting=False,
        layout_features=[] if face else ["kern"],
        name_IDs=["*"],
        font_number=face,
        desubroutinize=True,
    )
    font = load_font(str(whole), options)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=sorted(_han()) if face else LATIN)
    subsetter.subset(font)
    save_font(font, str(cut), options)


def _han() -> set[int]:
    """Signs of the catalogue that no Latin font has."""
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="zh")
    forms = [
        form
        for message in catalogue
        if message.id
        for form in (message.string if isinstance(message.string, (tuple, list)) else (message.string,))
    ]
    return {ord(sign) for text in (*forms, HAN) for sign in text or "" if ord(sign) >= 0x2E80}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("/usr/share/fonts"))
